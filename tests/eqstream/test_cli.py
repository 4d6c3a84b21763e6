import errno
import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from eqstream import cli
from eqstream.data.errors import TrainingInterruptedError, UserError
from eqstream.data.recipe import Recipe
from eqstream.data.recipe_files import load_recipe, shipped_recipes
from eqstream.pipelines import build, preview, verify
from eqstream.seq2seq import train

ROOT = Path(__file__).parents[2]


def call(*arguments, capsys) -> tuple[int, str, str]:
    """Returns exit status, output and errors of a command that is run in this process."""
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    status = ended.value.code or 0
    assert isinstance(status, int)
    return status, captured.out, captured.err


def assert_refused(message: str, *arguments, capsys) -> None:
    status, output, errors = call(*arguments, capsys=capsys)
    assert status == 2
    assert output == ""
    assert message in errors
    assert errors.startswith("eqstream: error: ")
    assert errors.count("\n") == 1


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("dataset") / "ten"
    with pytest.raises(SystemExit, match="0"):
        cli.main(["build", "addition-10", "--out", str(directory)])
    return directory


def test_help_needs_nothing_heavy():
    program = (
        "import sys; from eqstream import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pyarrow', 'apache_beam', 'tensorflow', 'keras', 'matplotlib', 'yaml', 'tqdm'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = ended.stdout.splitlines()
    assert lines[-1] == "[]"
    assert {line.split()[0] for line in lines if line.startswith("  ")} >= set(cli.commands.commands)


def test_commands_import_beam_without_what_it_does_not_need(dataset, tmp_path):
    for arguments in (["build", "addition-10", "--out", str(tmp_path / "ten")], ["verify", str(dataset)]):
        program = (
            "import importlib.util, sys; from eqstream import cli\n"
            f"try: cli.main({arguments})\n"
            "except SystemExit as ended: print(ended.code)\n"
            "print('apache_beam' in sys.modules, 'pandas' in sys.modules, importlib.util.find_spec('pandas') is None)"
        )
        ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
        # Afterwards it is there for whoever needs it.
        is_missing = importlib.util.find_spec("pandas") is None
        assert ended.stdout.splitlines()[-2:] == ["0", f"True False {is_missing}"]


def test_every_command_has_a_help():
    for name in cli.commands.commands:
        result = CliRunner().invoke(cli.commands, [name, "--help"])
        assert result.exit_code == 0
        assert "Usage:" in result.output


def test_version_is_shown(capsys):
    status, output, _ = call("--version", capsys=capsys)
    assert status == 0
    assert output.startswith("eqstream ")


def test_commands_are_listed_in_the_order_of_work_and_none_of_their_helps_is_cut():
    output = CliRunner().invoke(cli.commands, ["--help"], terminal_width=80, prog_name="eqstream").output
    listed = output.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    names = [
        "recipes",
        "preview",
        "build",
        "verify",
        "describe",
        "train",
        "evaluate",
        "models",
        "predict",
        "plot",
        "run",
    ]
    assert [line.split()[0] for line in listed] == names
    assert all(line.endswith(".") and not line.endswith("...") and len(line) <= 80 for line in listed)
    assert "Exit status: 0 done; 1 something is wrong with the data, or a question was refused;" in output
    for name in names:
        text = CliRunner().invoke(cli.commands, [name, "--help"], terminal_width=80).output
        assert f"\n    eqstream {name} " in text or f"\n    eqstream {name}\n" in text, name


def test_colours_are_for_terminals_and_for_who_asks(monkeypatch, capsys):
    def error(*options):
        return call(*options, "preview", "nothing", capsys=capsys)[2]

    plain, coloured = "eqstream: error: there is", "eqstream: \x1b[31m\x1b[1merror:\x1b[0m there is"
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert error().startswith(plain)
    assert error("--color", "always").startswith(coloured)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert error().startswith(coloured)
    assert error("--color", "never").startswith(plain)
    monkeypatch.setenv("NO_COLOR", "1")
    assert error().startswith(plain)


def test_a_traceback_is_shown_on_request_alone(capsys):
    assert "Traceback" not in call("preview", "nothing", capsys=capsys)[2]
    assert "Traceback" in call("preview", "nothing", "-v", capsys=capsys)[2]


def test_a_recipe_is_printed_to_start_from(tmp_path, capsys):
    _, text, _ = call("recipes", "mixed-4", capsys=capsys)
    (tmp_path / "my.yaml").write_text(text)
    assert load_recipe(tmp_path / "my.yaml") == load_recipe("mixed-4")
    _, resolved, _ = call("recipes", "mixed-4", "--json", capsys=capsys)
    assert Recipe.from_dict(json.loads(resolved)) == load_recipe("mixed-4")
    assert_refused("`eqstream recipes` lists those that come with it", "recipes", "nothing", capsys=capsys)


def test_results_are_one_json_object_on_request(dataset, tmp_path, monkeypatch, capsys):
    def read(*arguments):
        status, output, _ = call(*arguments, "--json", capsys=capsys)
        assert status == 0
        return json.loads(output)

    assert read("recipes")["addition-3digit"]["model"] == "transformer"
    assert read("preview", "addition-10")["splits"][0]["num_equations"] == 76
    assert read("build", "addition-10", "--out", dataset)["num_equations"] == 100
    assert read("verify", dataset)["num_findings"] == 0
    report = train.TrainingReport(
        run_directory=tmp_path,
        num_epochs=1,
        num_parameters=2,
        num_examples=3,
        source="shards",
        best_epoch=1,
        metrics={},
    )
    monkeypatch.setattr(train, "train", lambda *arguments, **options: report)
    trained = read("train", "addition-10", "--data", dataset, "--out", tmp_path)
    assert (trained["run_directory"], trained["num_epochs"]) == (str(tmp_path), 1)


def test_a_training_needs_no_recipe_but_for_its_model(dataset, tmp_path, monkeypatch, capsys):
    given = []

    def stop(recipe, *arguments, **options):
        given.append(recipe)
        raise UserError("no")

    monkeypatch.setattr(train, "train", stop)
    (tmp_path / "model.yaml").write_text("model: {kind: attention}")
    for arguments in ([], [tmp_path / "model.yaml"]):
        call("train", *arguments, "--data", dataset, "--out", tmp_path / "run", "--set", "model.width=8", capsys=capsys)
    assert [recipe.model for recipe in given] == [{"width": 8}, {"kind": "attention", "width": 8}]
    assert {recipe.fingerprint() for recipe in given} == {load_recipe("addition-10").fingerprint()}
    assert_refused("missing", "preview", tmp_path / "model.yaml", capsys=capsys)


def test_a_quiet_command_says_nothing_but_its_result(monkeypatch, tmp_path, dataset, capsys):
    def train_aloud(*arguments, report, **options):
        report("epoch 1")
        raise UserError("no")

    monkeypatch.setattr(train, "train", train_aloud)
    arguments = ["train", "addition-10", "--data", dataset, "--out", tmp_path]
    assert call(*arguments, capsys=capsys)[2] == "starting TensorFlow …\nepoch 1\neqstream: error: no\n"
    assert call(*arguments, "-q", capsys=capsys)[2] == "eqstream: error: no\n"
    assert call("-q", *arguments, capsys=capsys)[2] == "eqstream: error: no\n"


def complete(*words):
    environment = {"COMP_WORDS": " ".join(["eqstream", *words]), "COMP_CWORD": str(len(words))}
    result = CliRunner(env=environment).invoke(
        cli.commands, prog_name="eqstream", env={"_EQSTREAM_COMPLETE": "bash_complete"}
    )
    return [line.partition(",")[2] for line in result.output.splitlines() if line]


def test_the_shell_completes_recipes_and_splits(dataset, tmp_path):
    assert complete("preview", "prior-l") == [name for name in shipped_recipes() if name.startswith("prior-l")]
    assert complete("evaluate", "run", "--data", str(dataset), "--split", "t") == ["train", "test"]
    (tmp_path / "run.json").write_text(json.dumps({"data_directory": str(dataset)}))
    assert complete("plot", str(tmp_path), "--split", "te") == ["test"]
    assert complete("plot", "nowhere", "--split", "te") == []


def test_misspelt_option_is_refused_with_the_nearest(capsys):
    assert_refused("no such option '--ot'", "build", "addition-10", "--ot", "x", capsys=capsys)
    assert_refused("--out", "build", "addition-10", "--ot", "x", capsys=capsys)


def test_mistake_in_a_command_line_is_one_line_with_the_way_to_the_help(capsys):
    message = "eqstream: error: missing option '--out' (see `eqstream build --help`)\n"
    assert_refused(message, "build", "addition-10", capsys=capsys)


def test_no_arguments_show_the_help(capsys):
    _, output, errors = call(capsys=capsys)
    assert "Examples, in the order of work:" in output + errors


def test_misspelt_command_is_refused_with_the_nearest(capsys):
    assert_refused("no such command 'biuld'", "biuld", capsys=capsys)
    assert_refused("build", "biuld", capsys=capsys)


def test_recipes_are_listed_in_groups_with_their_descriptions(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "1000")
    _, output, _ = call("recipes", capsys=capsys)
    groups = [block.splitlines() for block in output.split("\n\n")]
    assert [group[0].endswith(":") for group in groups] == [True] * 3
    lines = [line for group in groups for line in group[1:]]
    assert sorted(line.split()[0] for line in lines) == sorted(shipped_recipes())
    names = [[line.split()[0] for line in group[1:]] for group in groups]
    assert names == [sorted(group) for group in names]
    assert [
        {line.split()[0].startswith(prefix) for line in group[1:]}
        for prefix, group in zip(("prior-", "proposed-"), groups[1:], strict=True)
    ] == [{True}, {True}]
    assert not any(line.split()[0].startswith(("prior-", "proposed-")) for line in groups[0][1:])
    assert all(line.endswith(".") for line in lines)
    assert len({line.index(line.split(maxsplit=2)[2]) for line in lines}) == 1
    assert ["addition-3digit-1k", "transformer"] in [line.split()[:2] for line in lines]


def test_no_line_of_the_list_of_recipes_is_wider_than_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    _, output, _ = call("recipes", capsys=capsys)
    assert max(map(len, output.splitlines())) <= 80
    for name in shipped_recipes():
        assert " ".join(load_recipe(name).description.split()) in " ".join(output.split())


def test_finished_build_has_nothing_to_do(dataset, capsys):
    status, output, _ = call("build", "addition-10", "--out", dataset, capsys=capsys)
    assert status == 0
    assert "nothing to do" in output


def test_formats_and_keys_can_be_set(tmp_path, capsys):
    arguments = ["--format", "parquet", "--set", "space.operands.max=12", "--set", "splits.0.count=80"]
    call("build", "addition-10", "--out", tmp_path, *arguments, capsys=capsys)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["recipe"]["storage"]["formats"] == ["parquet"]
    assert manifest["splits"]["train"]["num_equations"] == 80
    assert not (tmp_path / "tfrecord").exists()


def test_beam_is_given_what_stands_behind_two_dashes(tmp_path, capsys):
    arguments = ["--", "--runner=FlonkRunner"]
    assert_refused(
        "Beam has no runner `FlonkRunner`", "build", "addition-10", "--out", tmp_path, *arguments, capsys=capsys
    )


@pytest.mark.slow
def test_beam_with_options_logs_no_complaint_about_libraries_that_nothing_needs(tmp_path):
    command = [sys.executable, "-m", "eqstream", "build", "addition-10", "--out", tmp_path / "out"]
    command += ["--", "--runner=BundleBasedDirectRunner"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "INFO:apache_beam.runners" in ended.stderr
    assert "not found" not in ended.stderr
    assert "bigquery" not in ended.stderr


def test_argument_without_the_two_dashes_is_refused(tmp_path, capsys):
    status, _, errors = call("build", "addition-10", "extra", "--out", tmp_path, capsys=capsys)
    assert status == 2
    assert "unexpected extra argument (extra)" in errors


def test_unknown_recipe_is_refused_with_the_nearest(tmp_path, capsys):
    message = "did you mean `addition-10`?"
    assert_refused(message, "build", "additoin-10", "--out", tmp_path, capsys=capsys)
    assert_refused(message, "preview", "additoin-10", capsys=capsys)


def test_unknown_key_is_refused_with_the_nearest(capsys):
    message = "unknown key `space.opernds`; did you mean `operands`?"
    assert_refused(message, "preview", "addition-10", "--set", "space.opernds.max=9", capsys=capsys)


@pytest.mark.parametrize("command", [["preview"], ["build", "--out", "out"]])
def test_sections_for_models_are_checked_before_a_dataset_is_built(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    message = "unknown key `training.epoch`; did you mean `epochs`?"
    assert_refused(message, *command, "addition-10", "--set", "training.epoch=3", capsys=capsys)
    assert list(tmp_path.iterdir()) == []


def test_unknown_format_is_refused(tmp_path, capsys):
    status, _, errors = call("build", "addition-10", "--out", tmp_path / "out", "--format", "csv", capsys=capsys)
    assert status == 2
    assert "csv" in errors
    assert not (tmp_path / "out").exists()


def test_changed_recipe_is_refused_with_the_key(dataset, capsys):
    arguments = ["build", "addition-10", "--out", dataset, "--set", "space.operands.max=12"]
    assert_refused("space.operands.max: 10 -> 12", *arguments, capsys=capsys)


def test_preview_writes_nothing_and_counts_exactly(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    _, output, errors = call("preview", "addition-3digit", capsys=capsys)
    assert errors == ""
    assert "space: 1,000,000 equations" in output
    assert "train   46,875 equations" in output
    assert "about" not in output
    assert "estimated from a sample" in output
    assert list(tmp_path.iterdir()) == []


def test_preview_of_divisions_does_not_call_every_candidate_an_equation(capsys):
    _, output, _ = call("preview", "division-exact", capsys=capsys)
    assert "space: 1,000,000 candidates; those whose answer is defined and within bounds are its equations" in output


def test_preview_of_a_space_that_cannot_be_counted_says_about(capsys):
    _, output, _ = call("preview", "addition-3digit", "--set", "space.operands.max=99999", capsys=capsys)
    assert "train   46,875 equations" in output
    assert "unseen  about 9,999,937,500 equations" in output


def test_preview_of_ten_to_the_twentieth_is_exact(capsys):
    space = ["--set", "space.operands.max=9999999999", "--set", "splits=[{name: train, count: 1000}]"]
    _, output, _ = call("preview", "addition-3digit", *space, capsys=capsys)
    assert "space: 100,000,000,000,000,000,000 equations" in output
    assert "train  1,000 equations" in output


def test_preview_shows_no_equation_in_two_splits(capsys):
    _, output, _ = call("preview", "addition-3digit", "--set", "space.operands.max=99999", capsys=capsys)
    samples = [line.strip() for line in output.splitlines() if " = " in line]
    assert len(samples) == len(set(samples)) == 9
    for sample in samples:
        question, answer = sample.split(" = ")
        left, right = question.split(" + ")
        assert int(left) + int(right) == int(answer)


def test_verify_says_whether_a_dataset_is_valid(dataset, tmp_path, capsys):
    status, output, _ = call("verify", dataset, capsys=capsys)
    assert status == 0
    assert output.splitlines()[-1] == "valid"


def test_verify_of_a_broken_manifest_says_that_the_data_are_bad(tmp_path, capsys):
    (tmp_path / "manifest.json").write_text("{}")
    status, _, errors = call("verify", tmp_path, capsys=capsys)
    assert status == 1
    assert f"error: {tmp_path / 'manifest.json'} is not a manifest of eqstream" in errors


@pytest.mark.parametrize("contents", ["[]", '{"format_version": 2'])
@pytest.mark.parametrize("command", ["verify", "describe"])
def test_damaged_manifest_is_bad_data_for_every_command(command, contents, tmp_path, capsys):
    (tmp_path / "manifest.json").write_text(contents)
    status, output, errors = call(command, tmp_path, capsys=capsys)
    assert (status, output) == (1, "")
    assert errors.startswith(f"eqstream: error: {tmp_path / 'manifest.json'} is not a manifest of eqstream: it is ")
    assert errors.endswith("; put an undamaged copy in its place or build the dataset again with --overwrite\n")


@pytest.mark.parametrize("command", ["verify", "describe"])
def test_pipe_in_the_place_of_a_shard_is_bad_data_for_every_command(command, dataset, tmp_path, capsys):
    copy = shutil.copytree(dataset, tmp_path / "copy")
    for shard in copy.glob("*/train-00000-of-00001.*"):
        shard.unlink()
        os.mkfifo(shard)
    status, output, errors = call(command, copy, capsys=capsys)
    assert status == 1
    assert "train-00000-of-00001" in output + errors


def test_address_without_a_bucket_is_refused(capsys):
    for address in ("s3://", "gs://", "s3:///sums"):
        scheme = address[:2]
        message = f"eqstream: error: {address} names no bucket: it must look like {scheme}://bucket/directory\n"
        assert_refused(message, "verify", address, capsys=capsys)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("training.epochs=0", "`training`: `epochs` must be above 0, got 0"),
        ("model.kind=foo", "`model.kind`"),
        ("space.operands.max=9", "the dataset is of another space than the recipe: `space.operands.max` is 10 in the"),
        (
            "training.mixture=[{}, {recipe: additoin-10}]",
            "`training.mixture.1`: there is no recipe file or shipped recipe `additoin-10`; did you mean `addition-10`",
        ),
    ],
)
def test_wrong_sections_for_models_are_refused_before_tensorflow_starts(
    change, message, dataset, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("eqstream.commands.runs.load_tensorflow", lambda: pytest.fail("TensorFlow starts"))
    place = ["--data", dataset, "--out", tmp_path / "run"]
    assert_refused(message, "train", "addition-10", *place, "--set", change, capsys=capsys)


def test_a_directory_in_which_nothing_can_be_trained_is_refused_before_tensorflow_starts(dataset, capsys):
    message = f"error: {dataset} is not empty and not a run: choose another directory\n"
    assert_refused(message, "train", "addition-10", "--data", dataset, "--out", dataset, capsys=capsys)
    message = f"error: {dataset} is not a run: it has no run.json\n"
    resumed = ["train", "addition-10", "--data", dataset, "--out", dataset, "--resume"]
    assert_refused(message, *resumed, capsys=capsys)
    message = f"error: {dataset / 'README.md'} is a file, a run needs a directory\n"
    assert_refused(message, "train", "addition-10", "--data", dataset, "--out", dataset / "README.md", capsys=capsys)


def test_a_file_that_cannot_be_written_is_named_in_one_line(monkeypatch, capsys):
    def fail(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/there/state.npz")

    monkeypatch.setattr("eqstream.pipelines.preview.preview", fail)
    message = "error: /there/state.npz cannot be read or written: Permission denied\n"
    assert_refused(message, "preview", "addition-10", capsys=capsys)


@pytest.mark.parametrize(("name", "kind"), [("run.json", "a run"), ("manifest.json", "a dataset")])
def test_run_of_everything_is_refused_in_a_run_or_a_dataset(name, kind, tmp_path, capsys):
    (tmp_path / name).write_text("{}")
    message = (
        f"eqstream: error: {tmp_path} is {kind}: it holds {name}; name the directory for both, DIR of DIR/data and "
        "DIR/run\n"
    )
    assert_refused(message, "run", "addition-10", "--out", tmp_path, capsys=capsys)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_quick_verify_leaves_the_records_alone(dataset, capsys):
    status, output, _ = call("verify", dataset, "--quick", capsys=capsys)
    assert status == 0
    assert output.splitlines()[-1] == "valid, as far as it was checked"


def test_verify_fails_where_a_byte_differs(tmp_path, capsys):
    call("build", "addition-10", "--out", tmp_path, capsys=capsys)
    shard = tmp_path / "tfrecord" / "train-00000-of-00001.tfrecord"
    contents = bytearray(shard.read_bytes())
    contents[40] ^= 1
    shard.write_bytes(contents)
    status, output, _ = call("verify", tmp_path, capsys=capsys)
    assert status == 1
    assert "train-00000-of-00001" in output


@pytest.mark.parametrize("name", ["manifest.json", "data"])
def test_what_lies_in_the_place_of_a_file_or_folder_of_a_dataset_is_damage(tmp_path, capsys, name):
    call("build", "addition-10", "--out", tmp_path / "out", capsys=capsys)
    (tmp_path / "out" / name).rename(tmp_path / name)
    if name == "data":
        (tmp_path / "out" / name).symlink_to(tmp_path / name)
    else:
        os.mkfifo(tmp_path / "out" / name)
    for command in (["verify"], ["describe"], ["build", "addition-10", "--out"]):
        status, _, errors = call(*command, tmp_path / "out", capsys=capsys)
        assert status == 1, command
        assert errors.startswith(f"eqstream: error: {tmp_path}/out/{name} is a ")


def test_verify_of_no_dataset_is_refused(tmp_path, capsys):
    assert_refused(str(tmp_path), "verify", tmp_path, capsys=capsys)


def test_description_is_given_as_text_and_as_json(dataset, capsys):
    _, text, _ = call("describe", dataset, capsys=capsys)
    assert "addition-10" in text
    _, output, _ = call("describe", dataset, "--json", capsys=capsys)
    assert json.loads(output)["name"] == "addition-10"


def test_file_that_grows_too_large_ends_in_one_line(tmp_path, capsys):
    """The nearest that a test gets to a full disk of the real filesystem."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))
    try:
        status, _, errors = call("build", "addition-10", "--out", tmp_path / "out", capsys=capsys)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert status == 2
    assert errors.startswith("eqstream: error: shard ")
    assert "File too large" in errors
    assert errors.count("\n") == 1


def test_reader_of_the_output_may_leave_early():
    command = f"{sys.executable} -m eqstream recipes | true"
    ended = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ)
    assert ended.stderr == ""


def test_training_without_its_libraries_says_how_to_get_them(tmp_path, dataset):
    code = "import sys; sys.modules['keras'] = sys.modules['tensorflow'] = None; from eqstream import cli; cli.main()"
    command = [sys.executable, "-c", code, "train", "addition-10", "--data", dataset, "--out", tmp_path / "run"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert (
        result.stderr.splitlines()[-1]
        == "eqstream: error: keras is not installed; models need it: in a checkout, pip install '.[models]'"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "options", "advice"),
    [
        ("train", [], "the same command with --resume goes on from there"),
        ("train", ["--overwrite"], "the same command with --resume in place of --overwrite goes on from there"),
        ("run", [], "the same command goes on from there"),
        ("run", ["--overwrite"], "the same command without --overwrite goes on from there"),
    ],
)
def test_an_interrupted_training_says_how_to_go_on(monkeypatch, tmp_path, dataset, capsys, command, options, advice):
    def interrupted(*arguments, **options):
        raise TrainingInterruptedError("training interrupted at epoch 2, step 0, its state is saved")

    monkeypatch.setattr(train, "train", interrupted)
    monkeypatch.setattr(cli, "leave_at_once", sys.exit)
    place = ["--data", dataset] if command == "train" else []
    status, _, errors = call(command, "addition-10", *place, "--out", tmp_path / "run", *options, capsys=capsys)
    assert status == 130
    last = errors.strip().splitlines()[-1]
    assert last == f"eqstream: training interrupted at epoch 2, step 0, its state is saved; {advice}"


@pytest.mark.parametrize(
    ("command", "promise"),
    [
        ("build", "interrupted; what is finished is kept, run the same command again to go on"),
        ("run", "interrupted; what is finished is kept, run the same command again to go on"),
        ("verify", "interrupted; what is finished is kept, run the same command again to go on"),
        ("preview", "interrupted"),
    ],
)
def test_only_what_keeps_its_work_says_so_when_it_is_interrupted(monkeypatch, tmp_path, capsys, command, promise):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    for module in (build, verify, preview):
        monkeypatch.setattr(module, module.__name__.rpartition(".")[2], interrupted)
    monkeypatch.setattr(cli, "leave_at_once", sys.exit)
    (tmp_path / "out" / "data").mkdir(parents=True)
    place = ["--out", tmp_path / "out"] if command in ("build", "run") else []
    subject = tmp_path / "out" if command == "verify" else "addition-10"
    status, _, errors = call(command, subject, *place, capsys=capsys)
    assert status == 130
    assert errors.strip() == f"eqstream: {promise}"
