"""`eqstream predict`: where questions may come from, and what becomes of those that are refused."""

import dataclasses
import functools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from eqstream import cli, prompt
from eqstream.commands import models
from eqstream.commands.errors import RefusedError
from eqstream.data.recipe import Recipe
from eqstream.data.reference.membership import read_question
from eqstream.data.space_recipe import Operands, Terms
from eqstream.pipelines.build import build
from eqstream.prompt import answer_questions, describe_questions, open_questions, read_lines
from eqstream.seq2seq.predict import Prediction, Predictor
from tests.recipes import SUMS
from tests.untrained_run import make_untrained_run

ROOT = Path(__file__).parents[2]
RECIPE = {
    **SUMS,
    "model": {"kind": "mlp-regression"},
}
SPACE = Recipe.from_dict(RECIPE).space


def read(text):
    return read_question(text, SPACE)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("prediction")
    recipe = Recipe.from_dict(RECIPE)
    build(recipe, place / "data")
    make_untrained_run(recipe, place / "data", place / "run")
    with pytest.MonkeyPatch.context() as patch:
        # Loaded and traced once, for all the commands.
        patch.setattr(Predictor, "load", functools.cache(Predictor.load))
        yield str(place / "run")


def call(*arguments, typed=None):
    """Returns exit status, output and errors; `typed` is standard input."""
    result = CliRunner().invoke(cli.commands, ["predict", *arguments], input=typed, standalone_mode=False)
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.return_value, result.stdout, result.stderr


def asked(output):
    return [json.loads(line)["question"] for line in output.splitlines()]


def test_arguments_are_answered_in_order(run):
    status, output, errors = call(run, "--json", "3+4", " 5 +  6")
    assert (status, errors) == (0, "")
    assert asked(output) == ["3 + 4", "5 + 6"]
    assert [json.loads(line)["expected"] for line in output.splitlines()] == ["7", "11"]


def test_a_bad_argument_is_named_and_the_others_are_answered(run):
    status, output, errors = call(run, "3+4", "3+13", "1+1")
    assert status == 1
    assert [line.partition(" = ")[0] for line in output.splitlines() if "=" in line] == ["☒ 3 + 4", "☒ 1 + 1"]
    assert errors == "question 2: the space does not contain `3 + 13`: operand 13 is not from 0 to 12\n"


def test_json_has_an_object_for_each_question_also_for_a_refused_one(run):
    status, output, errors = call(run, "--json", "--file", "-", typed="1+1\n\n1+13 # too large\n")
    assert (status, errors) == (1, "")
    answered, refused = map(json.loads, output.splitlines())
    assert answered.keys() == {"line", "question", "predicted", "expected", "is_correct"}
    assert (answered["line"], answered["expected"]) == (1, "2")
    reason = "the space does not contain `1 + 13`: operand 13 is not from 0 to 12"
    assert refused == {"line": 3, "question": "1+13", "error": reason}


def test_no_model_is_loaded_for_questions_that_are_all_refused(run):
    program = (
        "import sys; from eqstream import cli\n"
        f"try: cli.main(['predict', {run!r}, '12+'])\n"
        "except SystemExit as ended: print(ended.code, 'tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == "1 False False\n"
    assert ended.stderr == "question 1: '12+' is not an equation: a number is missing at position 4\n"


def test_bad_lines_of_a_file_are_named_and_the_others_answered(run, tmp_path):
    file = tmp_path / "questions.txt"
    file.write_bytes(b"\xef\xbb\xbf1+2\r\n\r\n  \n3 + 13\n\xff\n 4+ 5 \nsix")
    status, output, errors = call(run, "--file", str(file))
    assert status == 1
    assert [line.split(" = ")[0][2:] for line in output.splitlines()] == ["1 + 2", "4 + 5"]
    refusals = errors.splitlines()
    assert [line.removeprefix(f"{file}:").split(":")[0] for line in refusals] == ["4", "5", "7"]
    assert "operand 13 is not from 0 to 12" in refusals[0]
    assert "unknown character '\ufffd' at position 1" in refusals[1]
    assert "unknown character 's'" in refusals[2]


@pytest.mark.parametrize("arguments", [(), ("-",), ("--file", "-")])
def test_standard_input_is_read_where_no_question_is_given(run, arguments):
    status, output, errors = call(run, *arguments, typed="1+1\n2+2+2\n")
    assert status == 1
    assert output.startswith("☒ 1 + 1 = ")
    assert errors == "<stdin>:2: the space does not contain `2 + 2 + 2`: it has 3 terms, not 2\n"


def test_nothing_asked_is_nothing_answered(run):
    assert call(run, typed="\n  \n") == (0, "", "")


def test_a_missing_file_and_two_places_of_questions_are_refused(run, tmp_path, capsys):
    for arguments, message in (
        (["--file", str(tmp_path / "none.txt")], "none.txt cannot be read: No such file"),
        (["--file", str(tmp_path)], "cannot be read: Is a directory"),
        (["--file", "x", "1+1"], "from arguments or from --file, not from both"),
    ):
        with pytest.raises(SystemExit, match="2"):
            cli.main(["predict", run, *arguments])
        assert message in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["", "quit\n1+2\n", "exit\n", "q\n"])
def test_the_prompt_goes_on_after_a_bad_question_until_it_is_ended(run, monkeypatch, ending):
    monkeypatch.setattr(models, "is_typed", lambda: True)
    status, output, errors = call(run, typed=f"1+1\n\nfour\n?\n2 + 2\n{ending}")
    assert status == 0
    assert [line.split(" = ")[0][2:] for line in output.splitlines() if " = " in line] == ["1 + 1", "2 + 2"]
    about = "ask for 2 numbers from 0 to 12, joined by +; `quit` or Ctrl-D ends"
    lines = errors.replace("question: ", "").splitlines()
    assert [line for line in lines if line] == [
        "loading the model …",
        about,
        "'four' is not an equation: unknown character 'f' at position 1",
        about,
    ]


def test_json_shows_what_was_rounded_if_it_is_to_explain(run):
    _, output, _ = call(run, "--json", "--explain", "1+1")
    explained = json.loads(output)
    assert explained.keys() == {"line", "question", "predicted", "expected", "is_correct", "estimate"}
    assert abs(max(explained["estimate"], 0) - int(explained["predicted"])) <= 0.5


def test_a_model_that_estimates_numbers_is_asked_in_one_order(run):
    expected = (
        f"{run}: a model of the kind mlp-regression estimates a number, without a probability, so it can't be asked in "
        "2 orders: ask it in 1"
    )
    with pytest.raises(RefusedError, match=f"^{re.escape(expected)}$"):
        call(run, "--orders", "2", "1+1")


class Parrot:
    """A model that is right, and counts how often it is asked."""

    def __init__(self):
        self.sizes = []

    def answer(self, known, *, orders):
        assert orders == 3
        self.sizes.append(len(known))
        return [Prediction(question=each.question, predicted=each.answer, expected=each.answer) for each in known]


def answer_all(lines, monkeypatch, capsys, size):
    parrot: Any = Parrot()
    refused = []
    monkeypatch.setattr(prompt, "_QUESTIONS_PER_BATCH", size)
    asked = read_lines(lines, read)
    options = {"place": "f:", "explain": False, "steps": False, "orders": 3, "as_json": False}
    answer_questions(asked, lambda: parrot, **options, show=print, refuse=refused.append)
    return capsys.readouterr().out.splitlines(), [line.split(":")[1] for line in refused], parrot.sizes


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_every_line_is_answered_once_and_in_order_whatever_the_size_of_a_batch(size, monkeypatch, capsys):
    lines = ["1+1\n", "\n", "x\n", "2+2 # four\n", "  #\n", "13+1\n", "3+3"]
    answered, refused, sizes = answer_all(iter(lines), monkeypatch, capsys, size)
    assert answered == ["☑ 1 + 1 = 2", "☑ 2 + 2 = 4", "☑ 3 + 3 = 6"]
    assert refused == ["3", "6"]
    assert max(sizes) <= size


def test_lines_are_read_only_as_they_are_asked_for():
    lines = iter(["1+1\n"] * 10)
    next(read_lines(lines, read))
    assert len(list(lines)) == 9


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "2 numbers from 0 to 12, joined by +"),
        (
            {"operators": "+-*", "terms": Terms(min=2, max=4), "brackets": True},
            "2 to 4 numbers from 0 to 12, joined by +, - or *, with or without brackets",
        ),
        (
            {"operands": Operands(min=0, max=10**60 - 1)},
            "2 numbers from 0 to 9999999999…9999999999 (60 digits), joined by +",
        ),
        (
            {"operands": Operands(min=-1, max=1, decimals=2), "terms": Terms(min=1, max=1)},
            "1 number from -1 to 1 with up to 2 decimals, joined by +",
        ),
    ],
)
def test_what_can_be_asked_is_said_in_words(changes, words):
    assert describe_questions(dataclasses.replace(SPACE, **changes)) == words


def test_a_file_is_closed_after_use(tmp_path):
    (tmp_path / "questions").write_text("1+1\n")
    with open_questions(str(tmp_path / "questions")) as file:
        assert file.read() == "1+1\n"
    assert file.closed


@pytest.mark.slow
def test_predict_writes_nothing_but_its_answer_in_a_clean_environment(run):
    command = [sys.executable, "-m", "eqstream", "predict", run, "1+1", "--json"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env={})
    assert ended.stderr == ""
    assert asked(ended.stdout) == ["1 + 1"]
