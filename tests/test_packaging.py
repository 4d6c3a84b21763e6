"""What `pip` makes of a clean checkout, and how it gets along with other people's folders and modules."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from eqstream.data.versions import EQSTREAM_VERSION

ROOT = Path(__file__).parents[1]
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
# A project's own modules; those that are named as ours were once must never be imported by mistake.
FOREIGN = "raise RuntimeError('this is the module of a project, not of eqstream')\n"
LAYOUTS = {
    "module": {"data.py": "X = 1\n"},
    "folder": {"data/mydata.py": "X = 1\n"},
    "package": {"data/__init__.py": "", "data/mydata.py": "X = 1\n", "data/errors.py": FOREIGN},
}


# Builds, trains an epoch, and asks the model by Keras' own name for it and by ours.
PROGRAM = """
import keras

import eqstream

eqstream.build("addition-10", "sums")
dataset = eqstream.open_dataset("sums")
recipe = eqstream.load_recipe("addition-10", {"training.epochs": 1, "training.jit_compile": False})
trained = eqstream.train(recipe, dataset, "run", report=None)
model = eqstream.load_model("run")
(prediction,) = model.predict(["3 + 4"])
loaded = keras.models.load_model("run/model.keras")
(tokens,) = (tokens for tokens, _ in dataset.batches("test", batch_size=24, shuffle=False))
print(eqstream.__file__, dataset.splits, trained.num_examples, prediction.expected, type(loaded).__module__, sep="\\n")
assert model("3 + 4") == prediction.predicted
"""


def run(*command: object, folder: Path, target: Path | None = None) -> str:
    """Returns the output of a command that sees an installation in `target`, if any, and no checkout."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if target is not None:
        environment["PYTHONPATH"] = str(target)
    ended = subprocess.run(
        [str(part) for part in command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def expected_files() -> set[str]:
    """The files of an installed eqstream, read off the checkout."""
    files = {f"eqstream/{path.name}" for path in (ROOT / "eqstream").glob("*.py")} | {"eqstream/py.typed"}
    for package in ("eqstream/commands", "data", "pipelines", "seq2seq"):
        folder = ROOT / package
        for pattern in ("*.py", "recipes/*.yaml", "trained/*/*.*", "trained/*/reports/*"):
            files |= {f"eqstream/{folder.name}/{path.relative_to(folder)}" for path in folder.rglob(pattern)}
    return files


def files_of_wheel(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as wheel:
        return {name for name in wheel.namelist() if ".dist-info/" not in name}


def make_wheel(source: Path, folder: Path) -> Path:
    run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, source, folder=ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A copy of what git would check out, links as links."""
    copy = tmp_path_factory.mktemp("source")
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
    return copy


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory) -> Path:
    return make_wheel(source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    run(*PIP, "install", "--no-deps", "--no-index", "--no-compile", "--target", target, wheel, folder=target)
    return target


@pytest.fixture(params=["module", pytest.param("folder", marks=pytest.mark.slow), "package"])
def project(request, tmp_path) -> Path:
    for name, text in {**LAYOUTS[request.param], "pipelines.py": FOREIGN, "seq2seq.py": FOREIGN}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_wheel_holds_the_modules_the_recipes_and_nothing_else(wheel):
    assert files_of_wheel(wheel) == expected_files()


@pytest.mark.slow
def test_sdist_made_as_beam_stages_it_gives_the_same_wheel(source, wheel, tmp_path):
    run(sys.executable, "setup.py", "--quiet", "sdist", "--dist-dir", tmp_path, folder=source)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        assert not any(member.issym() or member.islnk() for member in archive.getmembers())
    assert {name for name in names if name.startswith("tests")} == set()
    assert files_of_wheel(make_wheel(sdist, tmp_path / "wheel")) == files_of_wheel(wheel)


def test_wheel_and_a_project_with_a_folder_or_module_data_do_not_disturb_each_other(installed, project):
    own = "data" if (project / "data.py").exists() else "data.mydata"
    program = f"import eqstream, eqstream.data.errors; from {own} import X; print(eqstream.__file__)"
    output = run(sys.executable, "-c", program, folder=project, target=installed)
    assert output.strip() == str(installed / "eqstream" / "__init__.py")
    assert "addition-10" in run(sys.executable, "-m", "eqstream", "recipes", folder=project, target=installed)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_workers_build_beside_modules_with_the_names_of_our_folders(installed, tmp_path, workers):
    for name in ("data.py", "pipelines.py", "seq2seq.py"):
        (tmp_path / name).write_text(FOREIGN)
    command = [sys.executable, "-m", "eqstream.pipelines.build", "addition-10", "--out", tmp_path / "out"]
    options = ["--workers", str(workers), "--format", "parquet", "--set", "storage.shard_size=20"]
    output = run(*command, *options, folder=tmp_path, target=installed)
    assert output == f"{tmp_path}/out: 100 equations in 6 shards\n"


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """A new environment with the wheel in its site-packages; what the wheel requires is read where it is installed."""
    environment = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", environment, folder=ROOT)
    python = environment / "bin" / "python"
    run(*PIP, "--python", python, "install", "--no-deps", "--no-index", "--no-compile", wheel, folder=environment)
    (site_packages,) = environment.glob("lib/*/site-packages")
    # A line of a .pth file adds a folder, but not what the .pth files in it name: no editable install of a checkout.
    (site_packages / "requirements.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return environment


@pytest.mark.slow
def test_command_of_a_new_environment_works_beside_a_folder_or_module_data(environment, project):
    program = "import eqstream; print(eqstream.__file__)"
    (installed,) = run(environment / "bin" / "python", "-c", program, folder=project).split()
    assert Path(installed).is_relative_to(environment)
    version = run(environment / "bin" / "eqstream", "--version", folder=project)
    assert version == f"eqstream {EQSTREAM_VERSION}\n"


@pytest.mark.slow
def test_a_model_is_trained_and_asked_in_a_new_environment_beside_a_folder_or_module_data(environment, project):
    (project / "program.py").write_text(PROGRAM)
    output = run(environment / "bin" / "python", "program.py", folder=project)
    installed, *said = output.splitlines()
    assert Path(installed).is_relative_to(environment)
    assert said == ["{'train': 76, 'test': 24}", "76", "7", "eqstream.seq2seq.models.mlp_regression"]


def test_copy_without_its_links_is_refused_with_one_line(source, tmp_path):
    shutil.copy2(source / "setup.py", tmp_path)
    (tmp_path / "eqstream").mkdir()
    # What git leaves in a link's place where it may not make one.
    (tmp_path / "eqstream" / "data").write_text("../data")
    ended = subprocess.run(
        [sys.executable, "setup.py", "--version"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr == (
        "eqstream/data must be a symbolic link to the folder data, and is none in this copy: "
        "clone it with `git clone -c core.symlinks=true`, or unpack it with a program that keeps links\n"
    )


@pytest.mark.slow
def test_editable_install_offers_one_name(source, tmp_path):
    run(
        *PIP,
        "install",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        tmp_path,
        "-e",
        source,
        folder=ROOT,
    )
    program = (
        f"import site; site.addsitedir({str(tmp_path)!r})\n"
        "import eqstream.seq2seq; from importlib.util import find_spec\n"
        "print(eqstream.__file__, *filter(find_spec, ('data', 'pipelines', 'seq2seq', 'tests')))"
    )
    # Without the site-packages of this interpreter, in which eqstream may be installed, too.
    output = run(sys.executable, "-I", "-S", "-c", program, folder=tmp_path)
    assert output.split() == [str(source / "eqstream" / "__init__.py")]
