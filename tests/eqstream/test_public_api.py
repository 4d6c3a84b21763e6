"""The names that `import eqstream` offers: lazily, typed, documented, and no others."""

import inspect
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import eqstream
from eqstream.data.versions import EQSTREAM_VERSION

ROOT = Path(__file__).parents[2]
SIGNATURES = {
    "EquationSpace": "recipe",
    "build": "recipe, directory, *, workers=1, pipeline_options=(), overwrite=False, force=False, only=None, "
    "progress=False",
    "describe": "directory, *, splits=(), num_samples=5",
    "equations": "recipe, split='train', *, seed=0",
    "evaluate": "run_directory, dataset=None, *, split=None, unseen=False, limit=None, orders=1, greedy=False, "
    "report=None",
    "load_model": "run_directory",
    "load_recipe": "source, overrides=()",
    "mix": "sources, *, batch_size, seed=0, reader=(0, 1), first_batch=0, memory_budget=268435456, codec=None, "
    "as_dict=False",
    "open_dataset": "directory",
    "stream": "recipe, split='train', *, batch_size, seed=0, reader=(0, 1), first_batch=0, codec=None, as_text=False, "
    "as_dict=False",
    "train": "recipe, dataset, run_directory, *, resume=False, overwrite=False, report=<built-in function print>",
    "verify": "directory, *, workers=1, quick=False, progress=False",
}


def run_python(program: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return ended.stdout


def test_import_loads_no_module_but_the_package_and_what_waits_for_keras():
    program = "import sys; before = set(sys.modules); import eqstream; print(sorted(set(sys.modules) - before))"
    assert run_python(program) == "['eqstream', 'eqstream.keras_import']\n"


def test_names_load_no_heavy_library_before_they_are_called():
    program = (
        "import sys, eqstream\n"
        "for name in eqstream.__all__: getattr(eqstream, name)\n"
        "print(sorted({'apache_beam', 'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)))"
    )
    assert run_python(program) == "[]\n"


def test_star_import_and_dir_offer_the_same_names():
    assert eqstream.__all__ == sorted(eqstream.__all__)
    assert set(eqstream.__all__) <= set(dir(eqstream))
    namespace: dict = {}
    exec("from eqstream import *", namespace)
    assert set(eqstream.__all__) <= set(namespace)


def test_unknown_name_is_refused_as_by_any_module():
    with pytest.raises(AttributeError, match=r"^module 'eqstream' has no attribute 'bild'$"):
        eqstream.bild  # pyright: ignore[reportAttributeAccessIssue]  # noqa: B018


def test_no_module_has_the_name_of_a_public_name():
    """Importing it would put the module in the name's place."""
    modules = {path.stem for path in (ROOT / "eqstream").iterdir()}
    assert modules & set(eqstream.__all__) == set()


def test_version_is_the_one_that_the_distribution_is_built_with():
    assert eqstream.__version__ == EQSTREAM_VERSION


def test_a_build_says_nothing_loads_no_tensorflow_and_leaves_names_and_logging_alone(tmp_path):
    """Sub-packages stay modules, and public names functions, whatever is imported first."""
    program = (
        "import logging, sys, eqstream\n"
        "names = [getattr(eqstream, name) for name in eqstream.__all__]\n"
        "print(eqstream.data.__name__, eqstream.pipelines.__name__, eqstream.seq2seq.__name__)\n"
        f"print(eqstream.build('addition-10', {str(tmp_path / 'ten')!r}).state)\n"
        "import eqstream.pipelines.verify, eqstream.pipelines.preview, eqstream.pipelines.runtime.worker\n"
        "print(callable(eqstream.build), callable(eqstream.verify))\n"
        "print(logging.getLogger().handlers)\n"
        "print([name for name in ('tensorflow', 'keras', 'tensorflow_datasets', 'torch') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == [
        "eqstream.data eqstream.pipelines eqstream.seq2seq",
        "built",
        "True True",
        "[]",
        "[]",
    ]
    assert ended.stderr == ""


def test_signatures_are_these():
    """They change by intention alone, and with a line in the changelog."""
    found = {name: inspect.signature(getattr(eqstream, name)) for name in SIGNATURES}
    assert {name: _without_types(signature) for name, signature in found.items()} == SIGNATURES


def _without_types(signature: inspect.Signature) -> str:
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    return str(inspect.Signature(bare))[1:-1]


@pytest.mark.parametrize("name", [name for name in eqstream.__all__ if name != "__version__"])
def test_each_name_is_documented_and_typed(name):
    thing = getattr(eqstream, name)
    documentation = inspect.getdoc(thing) or ""
    # An example that runs: doctests are tests, too.
    assert ">>>" in documentation
    if inspect.isfunction(thing):
        signature = inspect.signature(thing)
        assert signature.return_annotation is not inspect.Signature.empty
        assert all(each.annotation is not inspect.Parameter.empty for each in signature.parameters.values())
        positional = [each for each in signature.parameters.values() if each.kind is each.POSITIONAL_OR_KEYWORD]
        assert len(positional) <= 3
        assert "Raises:" in documentation


SNIPPET = """
import tensorflow as tf

import eqstream

recipe: eqstream.Recipe = eqstream.load_recipe("addition-10", {"seed": 1})
space = eqstream.EquationSpace(recipe)
equation: eqstream.Equation = space[37]
several: list[eqstream.Equation] = space[2:9]
place: int = space.index_of("3 + 4")
result = eqstream.build(recipe, "out/ten", workers=2)
count: int = result.num_equations
valid: bool = eqstream.verify(result.directory).is_valid
for each in eqstream.equations(recipe, "train", seed=3):
    question_text: str = each.question
print(eqstream.describe("out/ten").name, eqstream.__version__, equation, several, place, count, valid)

dataset = eqstream.open_dataset(result.directory)
sizes: dict[str, int] = dataset.splits
for each in dataset.equations("test"):
    text: str = each.question
for question, answer in dataset.batches("train", batch_size=16, seed=0):
    tensors: tuple[tf.Tensor, tf.Tensor] = (question, answer)
sources = [(dataset, "train", 2), (recipe, "train", [(0, 1), (100, 0.5)])]
for question, answer in eqstream.mix(sources, batch_size=16):
    mixed: tuple[tf.Tensor, tf.Tensor] = (question, answer)
for batch in eqstream.stream(recipe, batch_size=16, as_dict=True):
    carries: tf.Tensor = batch["carries"]
codec = dataset.codec(reverse_answer=True)
num_tokens: int = codec.num_tokens

try:
    report = eqstream.train(recipe, dataset, "out/run", report=None)
except eqstream.TrainingInterruptedError as error:
    print(error)
share: float = eqstream.evaluate("out/run", limit=10).exact_match
model = eqstream.load_model("out/run")
predicted: str = model("3 + 4")
right: list[bool] = [prediction.is_correct for prediction in model.predict(["3 + 4"])]
"""


@pytest.mark.slow
def test_users_program_passes_a_strict_type_checker(tmp_path):
    (tmp_path / "users.py").write_text(SNIPPET)
    (tmp_path / "wrong.py").write_text("import eqstream\n\neqstream.bild('addition-10', 'out')\n")
    (tmp_path / "eqstream").symlink_to(ROOT / "eqstream")
    configuration = {"typeCheckingMode": "strict", "include": ["users.py", "wrong.py"]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(configuration))
    command = [Path(sysconfig.get_path("scripts")) / "pyright", "--outputjson", "--pythonpath", sys.executable]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = json.loads(ended.stdout)["generalDiagnostics"]
    assert [each["message"] for each in found if each["file"].endswith("users.py")] == []
    errors = [each["message"] for each in found if each["file"].endswith("wrong.py")]
    assert '"bild" is not a known attribute of module "eqstream"' in errors


def test_the_guide_for_programs_names_each_public_name():
    guide = (ROOT / "docs/from-python.md").read_text(encoding="utf-8")
    assert [name for name in eqstream.__all__ if not name.startswith("_") and f"`{name}`" not in guide] == []
