"""Which module may import which, read off the source and, for what is imported indirectly, off fresh interpreters."""

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("data", "pipelines", "seq2seq")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
SOURCES = [*MODULES, *sorted((ROOT / "eqstream").glob("*.py")), *sorted((ROOT / "eqstream" / "commands").glob("*.py"))]

# Package to what none of its modules may import, at module level or inside a function.
FORBIDDEN = {
    "data": {
        "eqstream.pipelines",
        "eqstream.seq2seq",
        "eqstream.cli",
        "eqstream.commands",
        "apache_beam",
        "keras",
        "tensorflow",
    },
    "pipelines": {
        "eqstream.seq2seq",
        "eqstream.cli",
        "eqstream.commands",
        "eqstream.data.loading",
        "keras",
        "tensorflow",
    },
    "seq2seq": {"eqstream.pipelines", "eqstream.cli", "eqstream.commands", "apache_beam"},
}
# Tensors are made in these modules of `data` alone, so that a Beam worker needs no TensorFlow.
TENSOR_MODULES = {"data/loading/tensor_batches.py"}
TEST_TOOLS = {"pytest", "hypothesis", "tests", "bench"}
MODULE_TO_LIBRARY = {"yaml": "pyyaml", "google": "protobuf", "grpc": "grpcio"}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


TREES = {relative(path): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
SOURCE_NAMES = [relative(path) for path in SOURCES]
MODULE_NAMES = [relative(path) for path in MODULES]


def list_imports(tree: ast.Module) -> Iterator[str]:
    """What a file imports, wherever in it the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


IMPORTS = {name: list(list_imports(tree)) for name, tree in TREES.items()}


def imports_any(name: str, forbidden: set[str]) -> list[str]:
    """What the module imports of the forbidden packages and all below them."""
    return [
        f"{name} imports {module}"
        for module in IMPORTS[name]
        if any(module == package or module.startswith(f"{package}.") for package in forbidden)
    ]


def test_modules_import_nothing_from_a_layer_they_must_not_know():
    offenders = []
    for name in MODULE_NAMES:
        allowed = {"tensorflow"} if name in TENSOR_MODULES else set()
        offenders += imports_any(name, (FORBIDDEN[name.partition("/")[0]] | TEST_TOOLS) - allowed)
    assert offenders == []


def test_data_does_not_reach_tensorflow_through_the_modules_that_make_tensors():
    tensor_modules = {f"eqstream.{name.removesuffix('.py').replace('/', '.')}" for name in TENSOR_MODULES}
    names = [name for name in MODULE_NAMES if name.startswith("data/") and name not in TENSOR_MODULES]
    assert [offender for name in names for offender in imports_any(name, tensor_modules)] == []


def module_file(module: str) -> str | None:
    """The file of one of our modules, such as `data/space/trees.py`; None for a package and for what is not ours."""
    place = module.removeprefix("eqstream.").replace(".", "/")
    return next((name for name in (f"{place}.py", f"eqstream/{place}.py") if name in TREES), None)


def imported_files(name: str) -> set[str]:
    """Which of our files a file imports."""
    found = {module_file(module) for module in IMPORTS[name] if module.startswith("eqstream.")}
    return {file for file in found if file is not None}


FILES = {name: imported_files(name) for name in SOURCE_NAMES}


def layers() -> dict[str, int]:
    """Folder, or file, to its place in the table of `docs/architecture.md`, in which it builds on those before it."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \|", text.split("\n## Folders\n")[1].split("\n## ")[0], re.MULTILINE)
    names = [name.removesuffix("/") for row in rows for name in re.findall("`([^`]+)`", row)]
    assert len(set(names)) == len(names)
    return {name: place for place, name in enumerate(names)}


def test_every_folder_has_a_place_in_the_table_of_folders():
    folders = {Path(name).parent.as_posix() for name in SOURCE_NAMES}
    assert {name for name in layers() if not name.endswith(".py")} == folders


def test_modules_import_from_their_own_folder_and_from_those_before_it():
    place = layers()

    def place_of(name: str) -> int:
        return place[name if name in place else Path(name).parent.as_posix()]

    upward = [f"{name} imports {other}" for name in FILES for other in FILES[name] if place_of(other) > place_of(name)]
    assert upward == []


def test_no_modules_import_each_other_in_a_circle():
    list(graphlib.TopologicalSorter(FILES).static_order())


def test_modules_have_names_that_say_something():
    stems = {relative(path): path.stem for path in MODULES}
    assert [name for name, stem in stems.items() if stem in {"utils", "util", "helpers", "common", "misc"}] == []


def test_package_files_hold_a_docstring_and_nothing_else():
    trees = {name: TREES[name] for name in MODULE_NAMES if name.endswith("__init__.py")}
    assert [name for name, tree in trees.items() if not ast.get_docstring(tree) or len(tree.body) != 1] == []


def test_sources_do_nothing_when_they_are_imported():
    """Only definitions, constants and imports; a bare call at module level would run at import.

    There is one: nothing that comes later could tell Keras of the models in a program that imports `eqstream` alone.
    """
    calls = [
        f"{name}, line {node.lineno}"
        for name in SOURCE_NAMES
        for node in TREES[name].body
        if (isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant))
        or isinstance(node, (ast.For, ast.While, ast.With, ast.Try))
    ]
    assert [re.sub(", line .*", "", call) for call in calls] == ["eqstream/__init__.py"]


SETUP = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))


def _setup_keyword(name: str) -> list[str]:
    (keyword,) = (node for node in ast.walk(SETUP) if isinstance(node, ast.keyword) and node.arg == name)
    return ast.literal_eval(keyword.value)


def _setup_constant(name: str) -> list[str]:
    assigned = (node for node in SETUP.body if isinstance(node, ast.Assign))
    (value,) = (node.value for node in assigned if ast.unparse(node.targets[0]) == name)
    return ast.literal_eval(value)


def _libraries(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=\[]", requirement)[0].lower().replace("-", "_") for requirement in requirements}


def test_setup_installs_every_package_and_no_other():
    found = {f"eqstream.{relative(path.parent).replace('/', '.')}" for path in MODULES if path.name == "__init__.py"}
    assert set(_setup_constant("PACKAGES")) == {"eqstream", "eqstream.commands", *found}


def test_setup_asks_for_every_library_that_is_imported():
    needed, models = _libraries(_setup_keyword("install_requires")), _libraries(_setup_constant("MODELS"))
    ours = {"eqstream", *sys.stdlib_module_names}
    for name in SOURCE_NAMES:
        packages = {module.partition(".")[0] for module in IMPORTS[name]}
        imported = {MODULE_TO_LIBRARY.get(package, package) for package in packages - ours - {""}}
        needs_models = name.startswith(("seq2seq/", "eqstream/")) or name in TENSOR_MODULES
        assert imported - needed - (models if needs_models else set()) == set(), name
    assert needed & models == set()


def loaded_by(*names: str) -> set[str]:
    """The packages that a fresh interpreter has loaded after importing the modules; of ours, the second part, too."""
    code = f"import sys, {', '.join(names)}; print(*{{'.'.join(name.split('.')[:2]) for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def dotted(package: str) -> list[str]:
    names = [name for name in MODULE_NAMES if name.startswith(f"{package}/") and name not in TENSOR_MODULES]
    return [f"eqstream.{name.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__") for name in names]


def test_data_loads_neither_beam_nor_tensorflow_indirectly():
    heavy = {"apache_beam", "keras", "tensorflow", "eqstream.pipelines", "eqstream.seq2seq"}
    assert loaded_by(*dotted("data")) & heavy == set()


# A build, a preview and what workers load are looked at in `eqstream/test_public_api.py`, too.
@pytest.mark.slow
def test_beam_worker_that_loads_the_pipelines_has_no_tensorflow():
    assert loaded_by(*dotted("pipelines")) & {"keras", "tensorflow", "eqstream.seq2seq"} == set()


def test_command_line_loads_no_heavy_library_before_a_command_needs_it():
    heavy = {"apache_beam", "keras", "matplotlib", "pyarrow", "tensorflow", "eqstream.pipelines", "eqstream.seq2seq"}
    assert loaded_by("eqstream", "eqstream.cli", "eqstream.commands") & heavy == set()
