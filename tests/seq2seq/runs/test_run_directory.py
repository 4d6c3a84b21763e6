"""What is said of a `run.json` that was cut or changed."""

import json

import pytest

from eqstream.data.errors import UserError
from eqstream.seq2seq.runs.run_directory import RunDirectory
from eqstream.seq2seq.runs.shipped_models import DIRECTORY

CURE = "put an undamaged copy in its place or train again"
DESCRIPTION = json.loads((DIRECTORY / "addition-10digits" / "run.json").read_text())


def refuse(tmp_path, text: str) -> str:
    """Returns what the error says of a run whose `run.json` holds `text`, behind the file's name."""
    run = RunDirectory(tmp_path)
    run.run_json.write_text(text)
    with pytest.raises(UserError) as refused:
        run.read_recipe()
    return str(refused.value).replace(str(run.run_json), "run.json")


@pytest.mark.parametrize("key", sorted(DESCRIPTION.keys() - {"is_finished", "validation_split"}))
def test_a_missing_key_is_named(tmp_path, key):
    left = {name: value for name, value in DESCRIPTION.items() if name != key}
    assert refuse(tmp_path, json.dumps(left)) == f"run.json is damaged: the key `{key}` is missing; {CURE}"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "it is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[]", "it must hold a mapping, got a list"),
        ("null", "it must hold a mapping, got nothing"),
        ('{"run_version": "x"}', "`run_version` must be a whole number of at least 1, got the text 'x'"),
        (json.dumps(DESCRIPTION | {"recipe": {}}), "in its recipe, `name` is missing"),
        (json.dumps(DESCRIPTION | {"recipe": 3}), "in its recipe, the top level must be a mapping, got 3"),
    ],
)
def test_what_is_no_description_of_a_run_is_refused_in_words(tmp_path, text, fault):
    assert refuse(tmp_path, text) == f"run.json is damaged: {fault}; {CURE}"


def test_a_newer_run_asks_for_a_newer_eqstream_whatever_its_keys_are(tmp_path):
    message = refuse(tmp_path, '{"run_version": 2}')
    assert message == f"{tmp_path} has run version 2, known are up to 1: update eqstream"


def test_of_a_directory_that_holds_a_run_the_run_is_named(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    with pytest.raises(UserError) as refused:
        RunDirectory(tmp_path).read_description()
    assert str(refused.value) == f"{tmp_path} is not a run: it has no run.json; did you mean {tmp_path / 'run'}?"
    with pytest.raises(UserError) as refused:
        RunDirectory(tmp_path / "none").read_description()
    assert str(refused.value) == f"{tmp_path / 'none'} does not exist"


def test_a_place_that_cannot_be_written_is_refused_and_left_alone(tmp_path, monkeypatch):
    run, wanted = RunDirectory(tmp_path / "above" / "run"), "; choose another directory"
    with monkeypatch.context() as patched:
        # Whoever runs the tests may be allowed everything.
        patched.setattr("os.access", lambda *_: False)
        with pytest.raises(UserError) as refused:
            run.create(overwrite=False)
    assert str(refused.value) == f"{run.path} cannot be written: {tmp_path} is not writable{wanted}"
    (tmp_path / "above").write_text("mine")
    with pytest.raises(UserError) as refused:
        run.create(overwrite=True)
    assert str(refused.value) == f"{run.path} cannot be written: {tmp_path / 'above'} is a file{wanted}"
    assert [path.name for path in tmp_path.iterdir()] == ["above"]
