"""Evaluation and prediction: what a trained model is said to be able to do."""

import csv
import functools
import io
import json
import math
import re
import shutil
import subprocess
import sys
from collections import Counter
from itertools import zip_longest
from typing import Any, cast

import numpy as np
import pytest

from eqstream import cli
from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.errors import UserError
from eqstream.data.formats.columns import NUMBER_COLUMNS, EquationColumns
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.loading.codec_fit import check_codec, fit_codec_to_dataset
from eqstream.data.loading.split_source import load_tokens
from eqstream.data.loading.token_alphabet import END, PAD
from eqstream.data.recipe import Recipe
from eqstream.data.reference.membership import read_question
from eqstream.data.space_recipe import SpaceRecipe
from eqstream.pipelines.build import build
from eqstream.seq2seq import evaluate as evaluate_module
from eqstream.seq2seq.analysis.examples import Examples
from eqstream.seq2seq.analysis.report_contents import wilson_interval
from eqstream.seq2seq.analysis.report_text import render_brief_report, render_report
from eqstream.seq2seq.analysis.share_text import share_text
from eqstream.seq2seq.evaluate import evaluate, evaluate_all
from eqstream.seq2seq.plot import plot
from eqstream.seq2seq.predict import Predictor
from eqstream.seq2seq.runs.compatibility import check_fits
from eqstream.seq2seq.runs.trained_model import load_trained_model
from eqstream.seq2seq.train import train
from tests.loaded_models import load_models_once
from tests.recipes import fake_manifest
from tests.untrained_run import make_untrained_run

RECIPE = {
    "name": "sums",
    "space": {"operands": {"min": 0, "max": 12}, "operators": "+-"},
    "splits": [{"name": "train", "count": 200}, {"name": "test", "count": 50}, {"name": "unseen", "rest": True}],
    "model": {"kind": "repeat-vector", "encoder_width": 16, "decoder_width": 16},
    "training": {"epochs": 6, "batch_size": 8, "validation_examples": 20, "optimizer": {"learning_rate": 0.02}},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("evaluation")
    recipe = Recipe.from_dict(RECIPE)
    build(recipe, place / "data")
    train(recipe, place / "data", place / "run", report=lambda line: None)
    with pytest.MonkeyPatch.context() as patch:
        load_models_once(patch, place, evaluate_module)
        yield place


@pytest.fixture(scope="module")
def predictor(place):
    return Predictor.load(place / "run")


@pytest.fixture(scope="module")
def examples_of(place, predictor):
    """The examples of a split as (question, answer, expected, carries), in plain Python."""

    @functools.cache
    def read(split):
        table = load_tokens(place / "data", split, predictor.trained.codec)
        questions = predictor.trained.codec.decode_questions(table.questions)
        predictions = predictor.predict(questions)
        carries = table.numbers["carries"].tolist()
        return [
            (each.question, each.predicted, each.expected, number)
            for each, number in zip(predictions, carries, strict=True)
        ]

    return read


def test_the_report_is_on_a_split_that_the_best_epoch_was_not_chosen_on(place):
    assert evaluate(place / "run", limit=3).split == "unseen"


def test_questions_are_asked_in_several_orders(place, predictor, examples_of):
    examples = examples_of("test")
    evaluation = evaluate(place / "run", split="test", orders=2)
    predictions = predictor.predict([each[0] for each in examples], orders=2)
    assert evaluation.num_right == sum(each.is_correct for each in predictions)
    assert (evaluation.name, evaluation.orders) == ("test-in-2-orders", 2)
    assert evaluation.decoded_by.endswith(", the likeliest of up to 2 orders of each question")
    for prediction in predictions:
        left, operator, right = prediction.question.split()
        assert prediction.vote is not None
        assert prediction.vote.num_orders == (2 if operator == "+" and left != right else 1)
        assert prediction.vote.asked in (prediction.question, f"{right} + {left}")
    # With one order nothing changes, and a difference has no other.
    assert [each.predicted for each in predictor.predict([each[0] for each in examples])] == [
        each[1] for each in examples
    ]
    for example, prediction in zip(examples, predictions, strict=True):
        assert "-" not in example[0] or example[1] == prediction.predicted
    groups = {group.value: group.num_examples for group in evaluation.tables["orders"]}
    alike = Counter(vote.num_agreeing / vote.num_orders for each in predictions if (vote := each.vote))
    assert groups["there is one order"] == sum(each.vote.num_orders == 1 for each in predictions)
    assert groups["half or fewer agree"] == alike[0.5]


def group_by(examples, key):
    groups = {}
    for example in examples:
        groups.setdefault(str(key(example)), []).append(example[1] == example[2])
    return {value: (len(rights), sum(rights)) for value, rights in groups.items()}


def test_the_report_counts_what_plain_python_counts(place, examples_of):
    examples = examples_of("test")
    evaluation = evaluate(place / "run", split="test")
    wrong = [example for example in examples if example[1] != example[2]]
    assert 0 < evaluation.num_right == 50 - len(wrong) < evaluation.num_examples == 50
    keys = {
        "carries": lambda each: each[3],
        "lengths": lambda each: " x ".join(str(len(number)) for number in each[0].split()[::2]),
        "operators": lambda each: each[0].split()[1],
        "answer length": lambda each: len(each[2]),
        "answer sign": lambda each: ["zero", "positive", "negative"][(int(each[2]) > 0) - (int(each[2]) < 0)],
    }
    assert set(evaluation.tables) == set(keys)
    for name, key in keys.items():
        counted = {each.value: (each.num_examples, each.num_right) for each in evaluation.tables[name]}
        assert counted == group_by(examples, key), name


def test_right_characters_are_counted_with_ends_and_pads(place, predictor):
    trained = predictor.trained
    table = load_tokens(place / "data", "test", trained.codec)
    tokens = np.asarray(trained.model.greedy_logits(table.questions.astype(np.int32))).argmax(axis=-1)
    is_after_end = np.cumsum(tokens == END, axis=1) - (tokens == END) > 0
    share = (np.where(is_after_end, PAD, tokens) == table.answers).mean()
    assert evaluate(place / "run", split="test").characters_right == pytest.approx(share)
    assert 0.5 < share < 1


def test_the_mistakes_are_what_plain_python_finds(place, examples_of):
    examples = examples_of("test")
    evaluation = evaluate(place / "run", split="test")
    wrong = [example[:3] for example in examples if example[1] != example[2]]
    errors = [int(answer) - int(right) for _, answer, right, _ in examples if re.fullmatch("-?[0-9]+", answer)]
    assert evaluation.num_unreadable == 50 - len(errors)
    assert evaluation.rmse == pytest.approx(math.sqrt(sum(error**2 for error in errors) / len(errors)))
    num_readable_wrong = len(wrong) - evaluation.num_unreadable
    assert sum(error.num_answers for error in evaluation.errors) == num_readable_wrong
    tens = [error for error in errors if 10 <= -error < 100]
    counted = {error.value: (error.num_answers, error.num_off_by_one) for error in evaluation.errors}
    assert counted.get("-10…-99", (0, 0)) == (len(tens), tens.count(-10))
    pairs = [zip_longest(answer[::-1], right[::-1]) for _, answer, right in wrong]
    assert evaluation.wrong_characters == dict(sorted(Counter(sum(a != b for a, b in pair) for pair in pairs).items()))
    for place_count in evaluation.places:
        behind = int(place_count.value)
        there = [(answer, right) for _, answer, right, _ in examples if len(right) >= behind]
        assert place_count.num_examples == len(there)
        assert place_count.num_right == sum(
            len(answer) >= behind and answer[-behind] == right[-behind] for answer, right in there
        )
    assert {(each.question, each.predicted, each.expected) for each in evaluation.worst} <= set(wrong)
    sizes = [
        abs(int(each.predicted) - int(each.expected))
        for each in evaluation.worst
        if each.predicted.lstrip("-").isdigit()
    ]
    assert sizes == sorted(map(abs, errors), reverse=True)[: len(sizes)]


def test_every_equation_that_was_not_trained_on_is_evaluated_once(place, examples_of, tmp_path):
    trained_on = {example[0] for example in examples_of("train")}
    evaluation = evaluate(place / "run", unseen=True, wrong_file=tmp_path / "wrong.csv")
    unseen = {f"{a} {sign} {b}" for a in range(13) for sign in "+-" for b in range(13)} - trained_on
    assert evaluation.split == "all-unseen"
    assert evaluation.num_examples == len(unseen) == 2 * 13 * 13 - 200
    assert evaluation.interval is None
    for groups in evaluation.tables.values():
        assert sum(group.num_examples for group in groups) == evaluation.num_examples
        assert sum(group.num_right for group in groups) == evaluation.num_right
    rows = list(csv.DictReader(io.StringIO((tmp_path / "wrong.csv").read_text())))
    assert len(rows) == evaluation.num_wrong == len({row["question"] for row in rows})
    assert {row["question"] for row in rows} <= unseen
    assert all(row["expected"] == read_question(row["question"], space_of()).answer for row in rows)
    assert not list(tmp_path.glob("*.partial"))


def test_edge_cases_say_whether_they_were_trained_on(place, examples_of):
    trained_on = {example[0] for example in examples_of("train")}
    evaluation = evaluate(place / "run", split="test")
    assert (
        {"trained", "unseen"} <= {case.seen for case in evaluation.edge_cases} <= {"trained", "twin trained", "unseen"}
    )
    for case in evaluation.edge_cases:
        left, sign, right = case.question.split()
        assert case.is_right == (case.predicted == case.expected)
        assert int(case.expected) == (int(left) + int(right) if sign == "+" else int(left) - int(right))
        assert (case.seen == "trained") == (case.question in trained_on)
        # Twins are in one split, unless they are left out of all.
        if case.seen == "twin trained":
            assert f"{right} {sign} {left}" in trained_on
    for group, unseen in evaluation.edge_groups():
        cases = [case for case in evaluation.edge_cases if case.kind == group.value]
        assert (group.num_examples, group.num_right) == (len(cases), sum(case.is_right for case in cases))
        mine = [case for case in cases if case.seen == "unseen"]
        assert (unseen.num_examples if unseen else 0) == len(mine)


def test_swapped_sides_are_compared_pair_by_pair(place, predictor, examples_of):
    examples = [each for each in examples_of("test") if "+" in each[0]]
    pairs = [each for each in examples if each[0].split()[0] != each[0].split()[2]]
    twins = [" ".join(each[0].split()[::-1]) for each in pairs]
    others = [each.predicted for each in predictor.predict(twins)]
    commuting = evaluate(place / "run", split="test").commuting
    assert commuting.num_pairs == len(pairs) > 0
    assert commuting.num_same == sum(each[1] == other for each, other in zip(pairs, others, strict=True))
    assert commuting.num_both_right == sum(
        each[1] == other == each[2] for each, other in zip(pairs, others, strict=True)
    )


def test_text_json_and_csv_tell_the_same_and_are_saved(place):
    evaluation = evaluate(place / "run", split="unseen")
    mapping = json.loads(evaluation.to_json())
    rows = list(csv.DictReader(io.StringIO(evaluation.to_csv())))
    assert mapping["num_right"] == int(rows[0]["num_right"]) == evaluation.num_right
    assert mapping["exact_match"] == float(rows[0]["exact_match"]) == evaluation.exact_match
    assert mapping["rmse"] == float(rows[0]["rmse"]) == evaluation.rmse
    assert "greedy" in mapping["decoded_by"]
    assert str(evaluation) == render_brief_report(evaluation)
    text = render_report(evaluation)
    assert f"{evaluation.num_right:,} of {evaluation.num_examples:,} right" in text
    lines = {" ".join(line.split()) for line in text.splitlines()}
    for name, groups in mapping["tables"].items():
        of_table = {row["value"]: row for row in rows if row["table"] == name}
        assert list(of_table) == [group["value"] for group in groups]
        for group in groups:
            row = of_table[group["value"]]
            assert (int(row["num_examples"]), int(row["num_right"])) == (group["num_examples"], group["num_right"])
            share = share_text(group["num_right"] / group["num_examples"])
            num_wrong = group["num_examples"] - group["num_right"]
            assert f"{group['value']} {group['num_examples']} {num_wrong} {share}" in lines
    edges = [row["value"] for row in rows if row["table"].startswith("edge case")]
    assert edges == [case["question"] for case in mapping["edge_cases"]]
    errors = {row["value"]: int(row["num_examples"]) for row in rows if row["table"] == "error"}
    errors.pop("no number", None)
    assert errors == {error["value"]: error["num_answers"] for error in mapping["errors"]}
    saved = {path.name: path.read_text() for path in (place / "run" / "reports").glob("unseen.*")}
    names = [f"unseen.{kind}" for kind in ("txt", "json", "csv")]
    assert evaluation.files == tuple(str(place / "run" / "reports" / name) for name in names)
    assert saved == {
        "unseen.txt": text + "\n",
        "unseen.json": evaluation.to_json() + "\n",
        "unseen.csv": evaluation.to_csv(),
    }


def test_the_report_says_what_its_examples_are(place, tmp_path):
    assert "`train`, which the model was TRAINED on" in render_report(evaluate(place / "run", split="train"))
    assert "`test`, on which the best epoch was chosen" in render_report(evaluate(place / "run", split="test"))
    run = place / "run"
    limited = evaluate(run, split="unseen", limit=7)
    assert "the first 7 of `unseen`" in render_report(limited)
    assert limited.interval == wilson_interval(limited.num_right, 7)
    assert (run / "reports" / "unseen-first-7.json").is_file()
    build(Recipe.from_dict({**RECIPE, "seed": 9, "name": "others"}), tmp_path / "other")
    other = evaluate(run, data_directory=tmp_path / "other", split="test")
    assert "a dataset that may share equations" in render_report(other)
    assert (run / "reports" / "others-1.0.0-test.txt").is_file()


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        pytest.param({"terms": 3}, "terms.max", marks=pytest.mark.slow),
        ({"operators": "+*"}, "operators"),
        pytest.param({"terms": {"min": 1, "max": 2}}, "terms.min", marks=pytest.mark.slow),
        ({"brackets": True}, "brackets"),
    ],
)
def test_a_dataset_of_another_kind_of_equations_is_refused_with_the_reason(place, tmp_path, changes, key):
    space = {**RECIPE["space"], "operands": {"min": 0, "max": 3}, **changes}
    splits = [{"name": "train", "count": 5}, {"name": "test", "count": 5}]
    build(Recipe.from_dict({**RECIPE, "space": space, "splits": splits}), tmp_path / "data")
    for command in (evaluate, plot):
        with pytest.raises(
            UserError, match=rf"does not fit the model: `space\.{re.escape(key)}` is [^{{}}]* in the dataset"
        ):
            command(place / "run", data_directory=tmp_path / "data", split="test")


every_way_to_know_places = pytest.mark.parametrize(
    "places", ["relative", pytest.param("absolute", marks=pytest.mark.slow)]
)


def make_run_of_short_numbers(tmp_path, places):
    splits = [
        {"name": "train", "count": 80, "where": {"digits": 1}},
        {"name": "test", "rest": True, "where": {"digits": 1}},
        {"name": "test_length", "count": 30, "where": {"digits": {"min": 2}}},
    ]
    space = {"operands": {"min": 0, "max": 19}, "operators": "+"}
    model = {"kind": "transformer", "width": 8, "heads": 2, "feed_forward": 8, "places": places}
    sections = {"codec": {"reverse_answer": True}, "model": model}
    recipe = Recipe.from_dict({**RECIPE, "space": space, "splits": splits, **sections})
    build(recipe, tmp_path / "data")
    make_untrained_run(recipe, tmp_path / "data", tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.slow
@every_way_to_know_places
def test_longer_numbers_than_any_it_was_trained_on_can_be_asked(tmp_path, places):
    prediction = Predictor.load(make_run_of_short_numbers(tmp_path, places)).predict(["19+19"])[0]
    assert prediction.expected == "38"
    assert all(math.isfinite(share) for _, share in prediction.characters)


@pytest.mark.slow
@every_way_to_know_places
def test_longer_numbers_than_any_it_was_trained_on_can_be_evaluated(tmp_path, places):
    evaluation = evaluate(make_run_of_short_numbers(tmp_path, places), split="test_length")
    assert evaluation.num_examples == 30
    assert any(group.value.endswith("x 2") for group in evaluation.tables["lengths"])


def test_division_must_mean_the_same(tmp_path):
    exact, rounded = manifest_of(division="exact"), manifest_of(division="decimal", places=2)
    check_fits([exact.recipe.space], fit_codec_to_dataset(exact), exact)
    with pytest.raises(UserError, match=r"`space\.division` is quotient in the dataset, and exact where"):
        check_fits([exact.recipe.space], fit_codec_to_dataset(exact), manifest_of(division="quotient"))
    finer = manifest_of(division="decimal", places=3)
    with pytest.raises(UserError, match=r"`space\.places` is 3 in the dataset, and 2 where"):
        check_fits([rounded.recipe.space], fit_codec_to_dataset(finer), finer)


def manifest_of(**changes):
    space = {"operands": {"min": 1, "max": 9}, "operators": "/", **changes}
    recipe = Recipe.from_dict({**RECIPE, "space": space, "splits": [{"name": "train", "count": 5}]})
    return fake_manifest(recipe)


def test_without_its_dataset_nobody_knows_what_was_trained_on(place, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(place / "run", run, ignore=shutil.ignore_patterns("reports"))
    description = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**description, "data_directory": str(tmp_path / "gone")}))
    evaluation = evaluate(run, data_directory=place / "data", limit=5)
    assert {case.seen for case in evaluation.edge_cases} == {"unknown"}
    assert "unseen       wrong" not in render_report(evaluation)
    with pytest.raises(UserError, match=r"gone does not exist$"):
        evaluate(run)
    (run / "run.json").write_text(json.dumps({**description, "data_directory": ""}))
    with pytest.raises(UserError) as refused:
        evaluate(run)
    assert str(refused.value) == f"{run} does not say where its dataset is: name one (--data)"


def test_the_other_format_gives_the_same_report(place, tmp_path):
    build(Recipe.from_dict({**RECIPE, "storage": {"formats": ["tfrecord"]}}), tmp_path / "data")
    one, other = (
        evaluate(place / "run", data_directory=directory, split="unseen")
        for directory in (place / "data", tmp_path / "data")
    )
    assert one == other


@pytest.mark.slow
def test_where_commuted_twins_are_ignored_they_are_distinguished(tmp_path):
    splits = [{"name": "train", "count": 60}, {"name": "test", "rest": True}]
    space = {"operands": {"min": 0, "max": 9}, "operators": "+"}
    changes = {"commuted": "ignore", "splits": splits, "space": space}
    mapping = {**RECIPE, **changes, "model": {"kind": "mlp-regression"}}
    recipe = Recipe.from_dict(mapping)
    build(recipe, tmp_path / "data")
    make_untrained_run(recipe, tmp_path / "data", tmp_path / "run")
    evaluation = evaluate(tmp_path / "run", unseen=True)
    assert evaluation.num_examples == 40
    assert "twins of trained ones included" in render_report(evaluation)
    codec = load_trained_model(tmp_path / "run").codec
    trained_on = set(codec.decode_questions(load_tokens(tmp_path / "data", "train", codec).questions))
    for case in evaluation.edge_cases:
        twin = " ".join(case.question.split()[::-1])
        known = "trained" if case.question in trained_on else "twin trained" if twin in trained_on else "unseen"
        assert case.seen == known
    assert "twin trained" in {case.seen for case in evaluation.edge_cases}


def test_the_command_prints_what_it_saves(place, tmp_path, capsys):
    for option, kind in ((), "txt"), (("--json",), "json"), (("--csv",), "csv"):
        with pytest.raises(SystemExit, match="0"):
            cli.main(["evaluate", str(place / "run"), "--unseen", *option, "--wrong", str(tmp_path / "wrong.csv")])
        saved = (place / "run" / "reports" / f"all-unseen.{kind}").read_text()
        assert capsys.readouterr().out.rstrip("\n") == saved.rstrip("\n")
    assert (tmp_path / "wrong.csv").read_text().startswith("question,predicted,expected\n")
    with pytest.raises(SystemExit, match="2"):
        cli.main(["evaluate", str(place / "run"), "--json", "--csv"])
    assert "choose one of --json and --csv" in capsys.readouterr().err


def test_all_splits_are_evaluated_at_once(place, capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["evaluate", str(place / "run"), "--split", "all", "--limit", "9"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:4]]
    reports = evaluate_all(place / "run", limit=9)
    assert [each.split for each in reports] == ["train", "test", "unseen"]
    assert [(row[0], int(row[2])) for row in rows] == [(each.name, each.num_wrong) for each in reports]
    assert evaluate(place / "run", split="unseen", limit=9) == reports[2]
    with pytest.raises(SystemExit, match="2"):
        cli.main(["evaluate", str(place / "run"), "--split", "all", "--unseen"])
    assert "--split all goes with none of --csv, --unseen and --wrong" in capsys.readouterr().err


def test_a_run_that_cannot_be_written_is_evaluated_all_the_same(place, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(place / "run", run, ignore=shutil.ignore_patterns("reports"))
    (run / "reports").write_text("in the way")
    lines = []
    assert evaluate(run, limit=3, report=lines.append).num_examples == 3
    assert len(lines) == 1
    assert "the report is not saved" in lines[0]


def test_a_file_of_wrong_answers_that_cannot_be_written_is_refused_before_anything_is_loaded(place, tmp_path, capsys):
    nowhere = tmp_path / "nowhere"
    for path, reason in (
        (tmp_path, "it is a directory, name a file"),
        (nowhere / "wrong.csv", f"there is no directory {nowhere}"),
        ("/dev/null", "it is no ordinary file"),
    ):
        with pytest.raises(UserError) as refused:
            evaluate(tmp_path / "no run", wrong_file=path)
        assert str(refused.value) == f"{path} cannot be written: {reason}"
    program = (
        "import sys; from eqstream import cli\n"
        f"try: cli.main(['evaluate', {str(place / 'run')!r}, '--wrong', {str(tmp_path)!r}])\n"
        "except SystemExit as ended: print(ended.code, 'tensorflow' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "2 False\n"
    assert ended.stderr == f"eqstream: error: {tmp_path} cannot be written: it is a directory, name a file\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "question"),
    [
        ("12-3 =", "12 - 3"),
        ("12 \u2212 3", "12 - 3"),
        ("12\u20133", "12 - 3"),
        ("\uff11\uff12 \uff0b \uff13 \uff1d", "12 + 3"),
        ("1\u00a0+ 2", "1 + 2"),
        ("3 \u00d7 4", "3 * 4"),
        ("3\u00b74", "3 * 4"),
        ("8 \u00f7 4", "8 / 4"),
    ],
)
def test_what_people_write_for_the_operators_is_understood(typed, question):
    assert read_question(typed, space_of(operators="+-*/")).question == question


@pytest.mark.parametrize("typed", ["1+1==", "=1+1", "1=1", "2\u00b2"])
def test_what_is_no_question_stays_one(typed):
    with pytest.raises(UserError, match="is not an equation"):
        read_question(typed, space_of())


@pytest.mark.parametrize("sizes", [[5, 70_000, 1, 65_536], [200_000], [0, 3, 0], [1] * 9])
@pytest.mark.parametrize("limit", [None, 1, 65_536, 65_537])
def test_blocks_of_any_size_become_full_ones_in_the_same_order(sizes, limit):
    total = sum(sizes)
    numbers = np.split(np.arange(total), np.cumsum(sizes)[:-1])

    def read():
        for part in numbers:
            rows = ByteRows(
                np.tile(part[:, None] % 251, (1, 1 + len(part) % 2)).astype(np.uint8), np.ones(len(part), int)
            )
            yield EquationColumns(rows, rows, dict.fromkeys(NUMBER_COLUMNS, part))

    examples = Examples(name="test", about="", total=total, is_sample=True, read=read)
    blocks = list(examples.blocks(limit))
    expected = np.arange(total if limit is None else min(limit, total))
    assert [len(block) for block in blocks[:-1]] == [65_536] * (len(blocks) - 1)
    assert np.array_equal(np.concatenate([block.numbers["carries"] for block in blocks]), expected)
    assert np.array_equal(np.concatenate([block.question.matrix[:, 0] for block in blocks]), expected % 251)


def test_examples_that_do_not_come_are_an_error():
    examples = Examples(name="test", about="", total=3, is_sample=True, read=lambda: iter(()))
    with pytest.raises(ValueError, match="3 of the 3 examples of `test` did not come"):
        list(examples.blocks())


def test_a_limit_takes_the_first_examples(place):
    assert evaluate(place / "run", limit=7).num_examples == 7


def test_what_cannot_be_evaluated_is_refused(place, tmp_path):
    with pytest.raises(UserError, match="no split `tests`; did you mean `test`"):
        evaluate(place / "run", split="tests")
    with pytest.raises(UserError, match="choose one of a split and `unseen`"):
        evaluate(place / "run", split="test", unseen=True)
    with pytest.raises(UserError, match="is not a run"):
        evaluate(tmp_path)
    recipe = Recipe.from_dict({**RECIPE, "space": {"operands": {"min": 0, "max": 120}}})
    build(recipe, tmp_path / "wide")
    with pytest.raises(UserError, match="takes questions of up to 7 characters, the dataset has 9"):
        evaluate(place / "run", data_directory=tmp_path / "wide")
    build(Recipe.from_dict({**RECIPE, "seed": 9}), tmp_path / "other")
    with pytest.raises(UserError, match="is known only of the dataset that the model was trained on"):
        evaluate(place / "run", data_directory=tmp_path / "other", unseen=True)


def test_a_damaged_run_is_refused(place, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(place / "run", run)
    (run / "model.keras").write_bytes((run / "model.keras").read_bytes()[:1000])
    with pytest.raises(UserError, match=r"model\.keras is damaged"):
        load_trained_model(run)
    (run / "model.keras").unlink()
    with pytest.raises(UserError, match="has no model yet"):
        load_trained_model(run)
    description = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**description, "run_version": 99}))
    with pytest.raises(UserError, match=r"run version 99.*update eqstream"):
        load_trained_model(run)
    (run / "run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json is damaged"):
        load_trained_model(run)


def test_questions_may_be_written_in_either_spacing(predictor):
    one, other = predictor.predict(["3+4", " 3 +  4"])
    assert one == other
    assert one.question == "3 + 4"
    assert one.expected == "7"


def test_what_is_no_question_or_no_list_of_them_is_refused(predictor):
    model = predictor
    for call, message in (
        (lambda: model(cast("Any", ["3 + 4"])), "`question` must be a text, got a list"),
        (lambda: model.predict("3 + 4"), "`questions` must be a list, got the text '3 + 4'"),
        (lambda: model.predict(cast("Any", ["3 + 4", 7])), "`questions[1]` must be a text, got 7"),
    ):
        with pytest.raises(UserError) as caught:
            call()
        assert str(caught.value) == message


def test_an_explanation_shows_each_character_and_the_end(place, predictor):
    manifest = load_manifest(place / "data")
    codec = predictor.trained.codec
    check_codec(codec, manifest.recipe.space, manifest.space)
    prediction = predictor.predict(["10 + 11"])[0]
    emitted = "".join(character for character, _ in prediction.characters)
    assert emitted.startswith(prediction.predicted.rstrip("?"))
    assert all(0 <= share <= 1 for _, share in prediction.characters)
    lines = prediction.to_text(explain=True).splitlines()
    assert lines[1] == "    as the model writes it: ∎ ends it"
    assert len(lines) == 2 + len(prediction.characters)
    explained = prediction.to_dict(explain=True)["characters"]
    assert [(each["character"], each["probability"]) for each in explained] == list(prediction.characters)
    assert prediction.to_text().startswith("☑ 10 + 11 = 21" if prediction.is_correct else "☒ 10 + 11 = ")


def space_of(**changes):
    recipe = Recipe.from_dict({**RECIPE, "space": {**RECIPE["space"], **changes}})
    assert isinstance(recipe.space, SpaceRecipe)
    return recipe.space


@pytest.mark.parametrize(
    ("changes", "text", "message"),
    [
        ({}, "3 + ", "is not an equation: a number is missing at position 5"),
        ({}, "three", "unknown character 't' at position 1"),
        ({}, "3 + 13", r"does not contain `3 \+ 13`: operand 13 is not from 0 to 12"),
        ({}, "3 + -1", "operand -1 is not from 0 to 12"),
        ({}, "3 + 1.5", "operand 1.5 is not a whole number"),
        ({}, "3 * 4", r"`\*` is none of the operators \+ -"),
        ({}, "3 + 4 + 5", "it has 3 terms, not 2"),
        ({}, "3", "it has 1 term, not 2"),
        ({"operands": {"min": 0, "max": 1, "decimals": 1}}, "0.5 + 0.25", "operand 0.25 has more than 1 decimal$"),
        ({"operands": {"min": 0, "max": 1, "decimals": 1}}, "0.5 + 1.5", "operand 1.5 is not from 0 to 1$"),
        ({"terms": {"min": 2, "max": 3}}, "3 - (4 + 5)", "it has brackets"),
        ({"operators": "/"}, "3 / 0", "3 is divided by zero"),
        ({"operators": "/"}, "3 / 2", "3 / 2 is not a whole number"),
        ({"answer": {"min": 0, "max": None}}, "3 - 4", "its answer -1 is not at least 0"),
    ],
)
def test_questions_outside_the_space_are_refused_with_the_reason(changes, text, message):
    with pytest.raises(UserError, match=message):
        read_question(text, space_of(**changes))


@pytest.mark.parametrize(
    ("changes", "text", "question", "answer"),
    [
        ({}, "12-3", "12 - 3", "9"),
        ({"spacing": False}, "12 - 3", "12-3", "9"),
        ({"operators": "+-/", "division": "quotient"}, "7 / 2", "7 / 2", "3"),
        ({"operators": "/", "division": "fraction"}, "6/4", "6 / 4", "3/2"),
        ({"operators": "/", "division": "decimal"}, "1/8", "1 / 8", "0.12"),
        ({"terms": {"min": 1, "max": 3}, "brackets": True}, "(3)-((4+5))", "3 - (4 + 5)", "-6"),
        ({"operands": {"min": -2, "max": 2, "decimals": 1}}, "1.5--0.5", "1.5 - -0.5", "2"),
    ],
)
def test_questions_of_the_space_are_answered_exactly(changes, text, question, answer):
    assert read_question(text, space_of(**changes)) == (question, answer)
