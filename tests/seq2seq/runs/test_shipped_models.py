"""The models that come with eqstream, judged for real, and what makes a run one of them."""

import itertools
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from eqstream.cli import commands, main
from eqstream.commands import models
from eqstream.data.errors import UserError
from eqstream.data.loading.token_alphabet import PAD
from eqstream.data.recipe_files import load_recipe
from eqstream.data.reference.parsing import parse
from eqstream.data.reference.solution import line_text, solution
from eqstream.data.space_recipe import Operands, SpaceRecipe, Terms
from eqstream.pipelines.build import build
from eqstream.seq2seq.evaluate import evaluate
from eqstream.seq2seq.predict import ShippedPredictor
from eqstream.seq2seq.runs.run_directory import RunDirectory
from eqstream.seq2seq.runs.shipped_models import (
    DIRECTORY,
    ShippedModel,
    choose_model,
    find_run,
    list_shipped_models,
    read_shipped_question,
    ship,
)
from eqstream.seq2seq.runs.trained_model import load_trained_model

MODELS = list_shipped_models()
# A few for each, hard ones among them.
QUESTIONS = {
    "addition-10digits": ["9999999999+1", "1111111111+1111111111", "5000000000+5000000000", "1234+9876543210"],
    "addition-60digits": [f"{'9' * 60}+1", f"{'5' * 60}+{'5' * 59}", f"{'12' * 20}+{'98' * 25}"],
    "arithmetic-4": ["131+83-744*33", "847/7-12", "(12+30)*(7-15)/6", "7*8", "999/27", "(1-2)*(3-4)", "100-9*9+5"],
    "addition-subtraction-3digit": ["999+1", "1000-1", "0-999", "500+500", "123-124", "7-7", "909+91", "999-0"],
}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_shipped_model_is_small_and_says_how_it_was_judged(model):
    files = [path for path in model.run.path.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 3_200_000
    assert model.verdict
    assert model.run.read_recipe().name == model.name == model.run.path.name
    # Where it was trained is nobody's business.
    assert not any(b"/tmp" in path.read_bytes() for path in files if path.suffix == ".json")


def test_a_shipped_model_is_found_by_its_name_unless_a_run_has_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_run("arithmetic-4") == DIRECTORY / "arithmetic-4"
    for other in ("./arithmetic-4/x", "out/arithmetic-5", str(tmp_path / "arithmetic-4")):
        assert find_run(other) == Path(other)
    (tmp_path / "arithmetic-4").mkdir()
    assert find_run("arithmetic-4") == Path("arithmetic-4")


@pytest.mark.parametrize("command", [["evaluate"], ["predict"]], ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("aritmetic-4", "; did you mean `arithmetic-4`?"),
        ("x", f"; there are {', '.join(f'`{each.name}`' for each in sorted(MODELS, key=lambda each: each.name))}"),
    ],
)
def test_a_misspelt_model_is_refused_with_the_nearest_or_with_all(command, name, hint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"^2$"):
        main([*command, name])
    line = f"there is neither a run nor a model that comes with eqstream called `{name}`"
    if command == ["predict"]:
        line += ", and it is no question: a question has no letters"
    assert capsys.readouterr() == ("", f"eqstream: error: {line}{hint}\n")


def test_a_shipped_model_writes_each_character_of_every_line_when_it_is_given_those_before():
    (model,) = [each for each in MODELS if each.name == "arithmetic-4"]
    trained = load_trained_model(model.run.path)
    division, codec = trained.recipe.space.division, trained.codec
    lines = [solution(parse(question), division) for question in QUESTIONS["arithmetic-4"]]
    texts = [[line_text(line, division) for line in each] for each in lines]
    questions, answers = zip(*(pair for each in texts for pair in itertools.pairwise(each)), strict=True)
    expected = codec.encode_answers(answers).astype(np.int32)
    question = codec.encode_questions(questions).astype(np.int32)
    written = np.asarray(trained.model({"question": question, "answer": expected}, training=False)).argmax(axis=-1)
    assert len(expected) > 20
    assert np.array_equal(np.where(expected == PAD, PAD, written), expected)


# Another test asks the smallest one.
@pytest.mark.slow
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_shipped_model_answers(name):
    (model,) = [each for each in MODELS if each.name == name]
    trained, lines = load_trained_model(model.run.path), []
    known = [trained.read_question(question) for question in QUESTIONS[name] if model.holds(question)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eqstream.seq2seq.predict.load_trained_model", {model.run.path: trained}.__getitem__)
        predictions = ShippedPredictor(lines.append).answer(known)
    assert [each.question for each in predictions if not each.is_correct] == []
    assert any(line.startswith(f"{name} answers (") for line in lines)


def test_questions_without_a_run_are_answered_in_order_by_the_smallest_model_that_has_them():
    result = CliRunner().invoke(commands, ["predict", "12+30", "300 - 5"])
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["☑ 12 + 30 = 42", "☑ 300 - 5 = 295"]
    assert "addition-subtraction-3digit answers (0 wrong of 1,899,999 equations" in result.stderr


REFUSAL = (
    "no model that comes with eqstream has `0.5 - 1` in its space: operand 0.5 is not a whole number "
    "(arithmetic-4); `eqstream models` lists what they can be asked, `eqstream run RECIPE --out DIR` trains another one"
)


@pytest.mark.parametrize(
    ("arguments", "output", "errors"),
    [
        (["0.5 - 1"], "", f"question 1: {REFUSAL}\n"),
        (["--json", "0.5 - 1"], json.dumps({"line": 1, "question": "0.5 - 1", "error": REFUSAL}) + "\n", ""),
        (["1 +"], "", "question 1: '1 +' is not an equation: a number is missing at position 4\n"),
        (["1 / 0"], "", "question 1: `1 / 0` has no value: 1 is divided by zero\n"),
    ],
)
def test_a_question_that_no_shipped_model_has_is_refused_once_with_the_reason_of_the_nearest(arguments, output, errors):
    refused = CliRunner().invoke(commands, ["predict", *arguments], standalone_mode=False)
    assert (refused.return_value, refused.stdout, refused.stderr) == (1, output, errors)


def test_a_model_of_steps_may_be_asked_beyond_what_it_was_judged_by_unless_another_one_was():
    divided = choose_model(MODELS, "84138 / 37")
    assert (divided.name, divided.was_judged_by("84138 / 37")) == ("arithmetic-4", False)
    added = choose_model(MODELS, "84138 + 37")
    assert (added.name, added.was_judged_by("84138 + 37")) == ("addition-10digits", True)


def make_model(name: str, operators: str, *, max_terms: int, most: int) -> ShippedModel:
    """Returns a model without weights."""
    space = SpaceRecipe(
        operands=Operands(min=0, max=most), operators=operators, terms=Terms(min=1, max=max_terms), brackets=False
    )
    return ShippedModel(name=name, run=RunDirectory(name), spaces=(space,), judged=(space,), verdict="")


MADE_UP = [
    make_model("sums", "+-", max_terms=2, most=999),
    make_model("all", "+-*/", max_terms=32, most=999),
    make_model("long", "+", max_terms=2, most=10**9 - 1),
    make_model("longest", "+", max_terms=2, most=10**60 - 1),
]


@pytest.mark.parametrize(
    ("text", "question", "reasons"),
    [
        ("1.5+2", "1.5 + 2", "operand 1.5 is not a whole number (all, longest)"),
        ("1000-1", "1000 - 1", "operand 1000 is not from 0 to 999 (all)"),
        (
            "1000+1000+1\x1f=",
            "1000 + 1000 + 1",
            "operand 1000 is not from 0 to 999 (all); it has 3 terms, not from 1 to 2 (longest)",
        ),
        (
            f"{'1' * 61}+1",
            f"{'1' * 61} + 1",
            "operand 1111111111…1111111111 (61 digits) is not from 0 to 999 (all); operand 1111111111…1111111111 "
            "(61 digits) is not from 0 to 9999999999…9999999999 (60 digits) (longest)",
        ),
        (
            f"{'1+' * 40}1",
            "1 + 1 + 1 … 1 + 1 + 1 (161 characters)",
            "it has 41 terms, not from 1 to 32 (all); it has 41 terms, not from 1 to 2 (longest)",
        ),
        ("7/2", "7 / 2", "7 / 2 is not a whole number (`space.division` is exact) (all)"),
    ],
    ids=["decimals", "operators", "control character", "digits", "terms", "exact division"],
)
def test_the_refusal_is_short_and_names_the_models_that_come_nearest(text, question, reasons):
    with pytest.raises(UserError) as refused:
        read_shipped_question(text, MADE_UP)
    assert str(refused.value) == (
        f"no model that comes with eqstream has `{question}` in its space: {reasons}; "
        "`eqstream models` lists what they can be asked, `eqstream run RECIPE --out DIR` trains another one"
    )


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        (
            "x + 1",
            "there is neither a run nor a model that comes with eqstream called `x + 1`, and it is no question: "
            "a question has no letters; there are `addition-10digits`, `addition-60digits`, "
            "`addition-subtraction-3digit`, `arithmetic-4`",
        ),
        ("-5 + 3", 'a question that begins with a minus sign comes after --: eqstream predict -- "-5 + 3"'),
    ],
)
def test_an_argument_that_is_neither_a_run_nor_a_question_is_refused_with_the_rule(argument, line, capsys):
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["predict", argument])
    assert capsys.readouterr() == ("", f"eqstream: error: {line}\n")


def test_a_model_that_comes_with_eqstream_is_asked_by_its_name(capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["predict", "addition-10digits", "3 + 4"])
    assert capsys.readouterr().out == "☑ 3 + 4 = 7\n"


def test_a_model_that_comes_with_eqstream_is_evaluated_by_its_name_and_left_as_it_is(tmp_path):
    recipe = load_recipe("addition-10digits", ["splits=[{name: test, count: 40}]"])
    build(recipe, tmp_path / "data")
    files = {path: path.read_bytes() for path in DIRECTORY.rglob("*") if path.is_file()}
    lines = []
    report = evaluate("addition-10digits", data_directory=tmp_path / "data", split="test", report=lines.append)
    assert (report.num_examples, report.num_right, report.files) == (40, 40, ())
    assert lines[-1] == "the report is not saved: addition-10digits comes with eqstream"
    assert {path: path.read_bytes() for path in DIRECTORY.rglob("*") if path.is_file()} == files
    with pytest.raises(UserError, match=r"does not say where its dataset is: name one \(--data\)"):
        evaluate("addition-10digits")


def test_the_models_are_listed_with_what_they_can_be_asked_and_how_they_were_judged():
    listed = json.loads(CliRunner().invoke(commands, ["models", "--json"]).stdout)
    assert {name: row["judged"] for name, row in listed.items()} == {each.name: each.verdict for each in MODELS}
    row = listed["addition-10digits"]
    assert (row["model"], row["questions"]) == ("transformer", ["2 numbers from 0 to 9999999999, joined by +"])
    text = CliRunner().invoke(commands, ["models"]).stdout
    assert f"addition-10digits ({row['model']}, {row['bytes'] / 1e6:.1f} MB)\n  {row['description']}\n" in text
    assert "\n  can be asked: 2 numbers from 0 to 9999999999, joined by +\n  judged: 0 wrong of 10,000" in text


def test_the_examples_of_help_and_demo_are_questions_of_shipped_models():
    examples = re.findall(r'^  eqstream predict "(.*?)"', str(models.predict.epilog), re.MULTILINE)
    makefile = Path(__file__).parents[3].joinpath("Makefile").read_text(encoding="utf-8")
    demo = re.findall(r'"(.*?)"', makefile[makefile.index("\ndemo:") : makefile.index("\ntest:")])
    assert len(examples) == 2
    assert len(demo) == 3
    examples += demo
    assert [example for example in examples if not any(model.holds(example) for model in MODELS)] == []


def test_the_prompt_refuses_what_no_shipped_model_has_in_the_same_words(monkeypatch):
    monkeypatch.setattr("eqstream.commands.models.is_typed", lambda: True)
    ended = CliRunner().invoke(commands, ["predict"], input="0.5 - 1\n")
    assert REFUSAL in ended.stderr.replace("question: ", "").splitlines()


@pytest.mark.slow
def test_a_run_becomes_a_shipped_model_once_it_is_evaluated(tmp_path):
    run = shutil.copytree(MODELS[0].run.path, tmp_path / "run")
    reports = shutil.move(run / "reports", tmp_path / "reports")
    with pytest.raises(UserError) as raised:
        ship(run, tmp_path / "models")
    assert str(raised.value) == f"{run} has no report: run `eqstream evaluate {run}` first"
    shutil.move(reports, run / "reports")
    first = next((run / "reports").glob("*.json"))
    for ending in ("in-5-orders", "greedy", "first-500-in-2-orders-greedy"):
        shutil.copy(first, first.with_name(f"{first.stem}-{ending}.json"))
    path = ship(run, tmp_path / "models")
    (model,) = list_shipped_models(tmp_path / "models")
    assert model.run.path == path == tmp_path / "models" / MODELS[0].name
    assert model.verdict == MODELS[0].verdict
    before, after = (load_trained_model(each).model.get_weights() for each in (run, path))
    assert all(np.array_equal(*each) for each in zip(before, after, strict=True))
    assert model.run.model_keras.stat().st_size < 4 * sum(map(np.size, after))
    assert [model.holds(question) for question in ("998-999", "1000 + 1", "one")] == [True, False, False]


def test_the_directory_of_shipped_models_is_part_of_the_package():
    assert DIRECTORY.name == "trained"
    assert {model.run.path.parent for model in MODELS} == {DIRECTORY}
    assert all(model.run.model_keras.stat().st_size <= 3_000_000 for model in MODELS)
