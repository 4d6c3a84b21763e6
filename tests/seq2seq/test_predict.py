"""`eqstream predict`: where questions may come from, and what becomes of those that are refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from eqstream import cli, tensorflow_startup
from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build
from eqstream.questions import open_questions, read_batches
from eqstream.seq2seq.train import train

ROOT = Path(__file__).parents[2]
RECIPE = {
    "name": "sums",
    "space": {"operands": {"min": 0, "max": 12}},
    "splits": [{"name": "train", "count": 100}, {"name": "test", "rest": True}],
    "model": {"kind": "mlp-regression"},
    "training": {"epochs": 1, "batch_size": 20, "validation_examples": 20},
}
SPACE = Recipe.from_dict(RECIPE).space


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("prediction")
    recipe = Recipe.from_dict(RECIPE)
    build(recipe, place / "data")
    train(recipe, place / "data", place / "run", report=lambda line: None)
    return str(place / "run")


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


def test_one_bad_argument_leaves_all_unanswered(run, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["predict", run, "3+4", "3+13"])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "eqstream: error: the model's space does not contain `3 + 13`: operand 13 is not from 0 to 12\n"
    )


def test_bad_lines_of_a_file_are_named_and_the_others_answered(run, tmp_path):
    file = tmp_path / "questions.txt"
    file.write_bytes(b"\xef\xbb\xbf1+2\r\n\r\n  \n3 + 13\n\xff\n 4+ 5 \nsix")
    status, output, errors = call(run, "--json", "--file", str(file))
    assert status == 1
    assert asked(output) == ["1 + 2", "4 + 5"]
    refusals = errors.splitlines()
    assert [line.removeprefix(f"{file}:").split(":")[0] for line in refusals] == ["4", "5", "7"]
    assert "operand 13 is not from 0 to 12" in refusals[0]
    assert "unknown character '\ufffd' at position 1" in refusals[1]
    assert "unknown character 's'" in refusals[2]


@pytest.mark.parametrize("arguments", [(), ("-",), ("--file", "-")])
def test_standard_input_is_read_where_no_question_is_given(run, arguments):
    status, output, errors = call(run, "--json", *arguments, typed="1+1\n2+2+2\n")
    assert status == 1
    assert asked(output) == ["1 + 1"]
    assert errors == "<stdin>:2: the model's space does not contain `2 + 2 + 2`: it has 3 terms, not 2\n"


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


def test_the_prompt_goes_on_after_a_bad_question_until_the_input_ends(run, monkeypatch):
    monkeypatch.setattr(cli, "_is_at_terminal", lambda: True)
    status, output, errors = call(run, "--json", typed="1+1\n\nfour\n2 + 2\n")
    assert status == 0
    assert asked("\n".join(line.strip() for line in output.splitlines() if "{" in line)) == ["1 + 1", "2 + 2"]
    assert "'four' is not an equation: unknown character 'f' at position 1" in errors


def test_json_shows_what_was_rounded_if_it_is_to_explain(run):
    _, output, _ = call(run, "--json", "--explain", "1+1")
    explained = json.loads(output)
    assert explained.keys() == {"question", "predicted", "expected", "is_correct", "estimate"}
    assert abs(max(explained["estimate"], 0) - int(explained["predicted"])) <= 0.5
    assert json.loads(call(run, "--json", "1+1")[1]).keys() == {"question", "predicted", "expected", "is_correct"}


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_batches_hold_every_line_once_whatever_their_size(size):
    lines = ["1+1\n", "\n", "x\n", "2+2\n", "13+1\n", "3+3"]
    batches = list(read_batches(iter(lines), "name", SPACE, size))
    assert [each.question for batch in batches for each in batch.known] == ["1 + 1", "2 + 2", "3 + 3"]
    assert [line.split(":")[1] for batch in batches for line in batch.refused] == ["3", "5"]
    assert len(batches) == -(-len(lines) // size)


def test_comments_are_no_questions():
    lines = ["# sums of small numbers\n", "1+1 # two\n", "  #\n", "99+1 # too large\n"]
    (batch,) = read_batches(lines, "name", SPACE)
    assert [each.question for each in batch.known] == ["1 + 1"]
    assert [line.split(":")[1] for line in batch.refused] == ["4"]


def test_lines_are_read_only_as_batches_are_asked_for():
    lines = iter(["1+1\n"] * 10)
    next(read_batches(lines, "name", SPACE, 4))
    assert len(list(lines)) == 6


def test_a_file_is_closed_after_use(tmp_path):
    (tmp_path / "questions").write_text("1+1\n")
    with open_questions(str(tmp_path / "questions")) as file:
        assert file.read() == "1+1\n"
    assert file.closed


def test_noise_of_a_start_is_removed_and_warnings_and_errors_are_kept():
    noise = [
        b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n",
        b"I0000 00:00:1795253067.917114   21599 port.cc:153] oneDNN custom operations are on.\n",
        b"2025-09-17 14:44:05.157831: I external/cudart_stub.cc:32] Could not find cuda drivers on your machine\n",
        b"E0000 00:00:1.5   9 cuda_platform.cc:52] failed call to cuInit: INTERNAL: x: UNKNOWN ERROR (303)\n",
    ]
    kept = [
        b"W0000 00:00:1.5 9 gpu_device.cc:1] Cannot dlopen some GPU libraries.\n",
        b"E0000 00:00:1.5 9 cuda_platform.cc:52] failed call to cuInit: CUDA_ERROR_NO_DEVICE\n",
        b"F0000 00:00:1.5 9 x.cc:1] compiled to use AVX instructions, but these aren't available\n",
        b"Traceback (most recent call last):\n",
    ]
    assert list(tensorflow_startup.remove_noise([*noise, *kept, *noise])) == kept


def test_a_start_says_nothing_but_what_went_wrong():
    program = (
        "import os, sys; sys.modules['keras'] = None\n"
        "from eqstream.tensorflow_startup import load_tensorflow\n"
        "try: load_tensorflow()\n"
        "except ModuleNotFoundError: os.write(2, b'I0000 is shown again\\n')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stderr == "I0000 is shown again\n"


@pytest.mark.slow
def test_predict_writes_nothing_but_its_answer_in_a_clean_environment(run):
    command = [sys.executable, "-m", "eqstream", "predict", run, "1+1", "--json"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env={})
    assert ended.stderr == ""
    assert asked(ended.stdout) == ["1 + 1"]
