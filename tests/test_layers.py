"""Who may import whom, read off the source and, for what is imported at second hand, off fresh interpreters."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("data", "pipelines", "seq2seq")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
SOURCES = [*MODULES, ROOT / "eqstream.py"]

# Package to what none of its modules may import, at module level or inside a function.
FORBIDDEN = {
    "data": {"pipelines", "seq2seq", "eqstream", "apache_beam", "keras", "tensorflow"},
    "pipelines": {"seq2seq", "eqstream", "keras", "tensorflow"},
    "seq2seq": {"pipelines", "eqstream", "apache_beam"},
}
# What no source imports: formats that run code when they are read.
UNSAFE_MODULES = {"pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__"}
MODULE_TO_LIBRARY = {"yaml": "pyyaml"}
TEST_TOOLS = {"pytest", "hypothesis", "tests", "bench"}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def is_loader(path: Path) -> bool:
    """Tensors are made in data/loader*.py alone; a Beam worker that writes shards never imports it."""
    return path.parent == ROOT / "data" and path.name.startswith("loader")


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)}, line {node.lineno}: imports must be absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages_imported(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported_modules(path)}


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_module_imports_nothing_from_a_layer_it_must_not_know(path):
    forbidden = FORBIDDEN[path.relative_to(ROOT).parts[0]] | TEST_TOOLS
    if is_loader(path):
        forbidden = forbidden - {"tensorflow"}
    assert packages_imported(path) & forbidden == set()


@pytest.mark.parametrize("path", [path for path in MODULES if not is_loader(path)], ids=relative)
def test_pipelines_and_data_do_not_reach_tensorflow_through_the_loader(path):
    if path.relative_to(ROOT).parts[0] == "seq2seq":
        return
    assert not any(name.startswith("eqstream.data.loader") for name in imported_modules(path))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_source_neither_runs_text_nor_reads_formats_that_run_code(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert called & UNSAFE_CALLS == set()
    assert packages_imported(path) & UNSAFE_MODULES == set()


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_source_uses_no_wildcard_import(path):
    assert not any(name.endswith(".*") for name in imported_modules(path))


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_module_has_a_name_that_says_something_and_hides_nothing(path):
    assert path.stem not in {"utils", "util", "helpers", "common", "misc"}
    assert path.stem not in sys.stdlib_module_names


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=relative)
def test_package_file_holds_a_docstring_and_nothing_else(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


SETUP = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))


def _setup_keyword(name: str) -> list[str]:
    (keyword,) = (node for node in ast.walk(SETUP) if isinstance(node, ast.keyword) and node.arg == name)
    return ast.literal_eval(keyword.value)


def _setup_constant(name: str) -> list[str]:
    (value,) = (node.value for node in SETUP.body if isinstance(node, ast.Assign) and ast.unparse(node.targets) == name)
    return ast.literal_eval(value)


def _libraries(requirements: list[str]) -> set[str]:
    return {re.split("[<>=]", requirement)[0].lower().replace("-", "_") for requirement in requirements}


def test_setup_installs_every_package_and_no_other():
    found = {relative(path.parent).replace("/", ".") for path in MODULES if path.name == "__init__.py"}
    assert set(_setup_keyword("packages")) == found


def test_setup_asks_for_every_library_that_is_imported():
    needed, models = _libraries(_setup_keyword("install_requires")), _libraries(_setup_constant("MODELS"))
    ours = {"data", "pipelines", "seq2seq", "eqstream", *sys.stdlib_module_names}
    for path in SOURCES:
        imported = {MODULE_TO_LIBRARY.get(name, name) for name in packages_imported(path) - ours - {""}}
        of_models = relative(path).startswith("seq2seq") or is_loader(path)
        assert imported - needed - (models if of_models else set()) == set(), relative(path)
    assert needed & models == set()


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_source_does_nothing_when_it_is_imported(path):
    """Only definitions, constants and imports; a bare call at module level would run at import."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant), f"{relative(path)}, line {node.lineno} runs at import"
        assert not isinstance(node, (ast.For, ast.While, ast.With, ast.Try)), f"{relative(path)}, line {node.lineno}"


def loaded_by(*names: str) -> set[str]:
    """The packages that a fresh interpreter has loaded after importing the named modules."""
    code = f"import sys, {', '.join(names)}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def dotted(package: str) -> list[str]:
    paths = [path for path in MODULES if path.relative_to(ROOT).parts[0] == package and not is_loader(path)]
    return [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]


def test_data_loads_neither_beam_nor_tensorflow_at_second_hand():
    assert loaded_by(*dotted("data")) & {"apache_beam", "keras", "tensorflow", "pipelines", "seq2seq"} == set()


def test_beam_worker_that_loads_the_pipelines_has_no_tensorflow():
    assert loaded_by(*dotted("pipelines")) & {"keras", "tensorflow", "seq2seq"} == set()


def test_command_line_loads_no_heavy_library_before_a_command_needs_it():
    heavy = {"apache_beam", "keras", "matplotlib", "pipelines", "pyarrow", "seq2seq", "tensorflow"}
    assert loaded_by("eqstream") & heavy == set()
