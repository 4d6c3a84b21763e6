"""`python -m bench.run`: a table of build speeds and one of reading speeds, all rows from one run on one machine.

Each measurement is a fresh process; the ways take turns, so that a slow minute of the machine hits all of them. With
``--before CHECKOUT`` another version is one of the ways. Writes `bench.json` and `bench.txt` to the output directory
and leaves nothing else there.
"""

import argparse
import compileall
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

from bench import load_table, streaming
from bench.cases import (
    MILLION,
    Case,
    comparison_cases,
    planning_cases,
    scaling_cases,
    shape_cases,
    verify_cases,
    with_before,
)
from bench.table import LEGEND, render_table, summarise

PACKAGES = ("numpy", "pyarrow", "apache-beam", "tensorflow", "tensorflow-datasets", "google-crc32c")
MEASURE = "import sys; from importlib import import_module; import_module(sys.argv[1]).run_one(*sys.argv[2:])"
PARTS = ("build", "shapes", "plan", "verify", "load", "stream", "large")
STREAMED_BATCHES = 1900
OURS = ("eqstream", "separate-builds", "verify", "preview", "plan")
ROOT = Path(__file__).parents[1]
# What a checkout must have to be measured.
PACKAGES_OF_CHECKOUT = ("data", "eqstream", "pipelines", "seq2seq")


def run_cases(cases: list[Case], folder: Path, before: Path | None) -> list[list[dict[str, Any]]]:
    """Returns the measurements of each case, as many as it asks for, made in turns.

    Args:
        cases: the cases.
        folder: for what they write.
        before: the checkout of the version before, if some cases are of that.
    """
    results: list[list[dict[str, Any]]] = [[] for _ in cases]
    for turn in range(max(case.repeats for case in cases)):
        pairs = list(zip(cases, results, strict=True))
        # Back and forth, so that no version always follows the other.
        for case, repeats in pairs[:: -1 if turn % 2 else 1]:
            if turn < case.repeats:
                way = f"{case.way}, before" if case.before else case.way
                print(f"bench: turn {turn + 1}: {case.data}, {case.format}, {way}", file=sys.stderr, flush=True)
                repeats.append(run_case(case, folder, before if case.before else None))
    return results


def run_case(case: Case, folder: Path, checkout: Path | None = None) -> dict[str, Any]:
    """Returns one measurement of a case, made in a process of its own; removes what it built.

    Args:
        case: the case.
        folder: for what it writes.
        checkout: of the version to measure; this one by default.

    Raises:
        SystemExit: the process failed; the message holds the end of what it said.
    """
    out = folder / "out"
    spec = {
        "method": case.method,
        "recipe": case.recipe,
        "overrides": case.recipe_overrides(),
        "out": str(out),
        "source": "" if case.method in OURS else str(build_source(case, folder)),
        "num_records": case.num_records,
        "workers": case.workers,
        "cores": case.cores,
        "format": case.format,
    }
    result = run_process("bench.build", spec, folder, checkout)
    shutil.rmtree(out)
    return result


def run_process(module: str, spec: dict[str, Any], folder: Path, checkout: Path | None = None) -> dict[str, Any]:
    """Returns the result of a module's `run_one`, in a process of its own, with eqstream of another checkout if named.

    Raises:
        SystemExit: the process failed; the message holds the end of what it said.
    """
    (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    command = [sys.executable, "-c", MEASURE, module, str(folder / "spec.json"), str(folder / "result.json")]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    # What is installed has its bytecode, and what is measured may start processes: they must not compile every time.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if checkout is not None:
        # The benchmark stays that of this version.
        alone = folder / "benchmark"
        if not alone.exists():
            alone.mkdir()
            (alone / "bench").symlink_to(ROOT / "bench")
        others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(alone), str(checkout), *others]))
    where = None if checkout is None else folder
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=where)
    if done.returncode != 0:
        raise SystemExit(f"bench: {module} failed on {spec}:\n{done.stderr[-2000:]}")
    return json.loads((folder / "result.json").read_text(encoding="utf-8"))


def build_source(case: Case, folder: Path) -> Path:
    """Returns a dataset of a million of the case's equations in both formats; cases of the same data share it."""
    from eqstream.data.recipe_files import load_recipe
    from eqstream.pipelines.build import build

    name = "-".join(["source", case.recipe, *case.overrides])
    source = folder / "".join(character if character.isalnum() else "-" for character in name)
    if not source.exists():
        build(load_recipe(case.recipe, case.source_overrides(MILLION)), str(source))
    return source


def describe_machine() -> dict[str, Any]:
    """Returns what the figures depend on; no names of hosts, users or directories."""
    cpu_file = Path("/proc/cpuinfo")
    lines = cpu_file.read_text(encoding="utf-8").splitlines() if cpu_file.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor": models[0] if models else platform.machine(),
        "memory GiB": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.system(),
        "load before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
    }


def measure_building(cases: list[Case], folder: Path, before: Path | None) -> tuple[list[dict[str, Any]], str]:
    """Returns the rows of build speeds, and their text; beside each those of the version before, if there is one."""
    if before is not None:
        cases = with_before(cases, OURS)
    rows = summarise(cases, run_cases(cases, folder, before))
    return rows, f"{render_table(rows)}\n\n{LEGEND}"


def measure_loading(folder: Path, repeats: int) -> tuple[dict[str, Any], str]:
    """Returns the rows of reading speeds with the share of waiting, and their text."""
    source = str(build_source(comparison_cases(1)[0], folder))
    measured = load_table.measure_loading(lambda module, spec: run_process(module, spec, folder), source, repeats)
    return measured, load_table.render(measured)


def measure_streaming(folder: Path, sizes: list[int]) -> tuple[list[dict[str, Any]], str]:
    """Returns the rows of reading splits of these sizes without keeping them, and their text."""
    from eqstream.data.recipe_files import load_recipe
    from eqstream.pipelines.build import build

    rows = []
    for num_records in sizes:
        source = folder / f"streamed-{num_records}"
        space = "space.operands={min: 0, max: 9999}"
        changes = [space, f"splits=[{{name: train, count: {num_records}}}]", "storage.formats=[parquet]"]
        build(load_recipe("addition-3digit", changes), str(source))
        for epoch in (0, 1):
            print(f"bench: streaming {num_records:,} records, epoch {epoch}", file=sys.stderr, flush=True)
            spec = {"source": str(source), "epoch": epoch, "num_batches": STREAMED_BATCHES}
            rows.append({"num_records": num_records, "epoch": epoch, **run_process("bench.streaming", spec, folder)})
        shutil.rmtree(source)
    return rows, streaming.render(rows)


def check_checkout(path: Path) -> Path:
    """Returns the whole path of a checkout of eqstream.

    Raises:
        ValueError: it is none.
    """
    missing = [name for name in PACKAGES_OF_CHECKOUT if not (path / name).is_dir()]
    if missing:
        raise ValueError(f"{path} is no checkout of eqstream: it has no `{missing[0]}/`")
    return path.resolve()


def describe_version(checkout: Path) -> str:
    """Returns the commit of a checkout."""
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def main(argv: list[str] | None = None) -> None:
    """Measures, prints the tables and writes them."""
    parser = argparse.ArgumentParser(prog="bench.run", description="Speeds beside those of the usual ways.")
    parser.add_argument("--large", action="store_true", help="add builds of 10 and 50 million (about 14 GB of disk)")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part alone; may be given again")
    parser.add_argument(
        "--repeats", type=int, default=3, help="measurements of each row but those of `verify` (default: 3)"
    )
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="where the tables go (default: out/bench)")
    parser.add_argument(
        "--before", type=Path, metavar="CHECKOUT", help="a clone of another version, whose builds are measured beside"
    )
    options = parser.parse_args(argv)
    if options.repeats < 1:
        parser.error(f"argument --repeats: must be at least 1, got {options.repeats}")
    try:
        before = options.before and check_checkout(options.before)
    except ValueError as error:
        parser.error(f"argument --before: {error}")
    parts = options.only or [part for part in PARTS if part != "large" or options.large]
    if before and not {*parts} - {"load", "stream"}:
        parser.error("argument --before: reading is measured of this version alone")
    for checkout in filter(None, (ROOT, before)):
        for name in (*PACKAGES_OF_CHECKOUT, "bench"):
            compileall.compile_dir(checkout / name, quiet=1)
    machine = {"version": describe_version(ROOT), **({"before": describe_version(before)} if before else {})}
    machine |= describe_machine()
    document: dict[str, Any] = {"machine": machine}
    texts = [", ".join(f"{key} {value}" for key, value in machine.items())]
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.out, prefix="work-") as name:
        folder = Path(name).resolve()
        cases = comparison_cases(options.repeats) if "build" in parts else []
        cases += shape_cases(options.repeats) if "shapes" in parts else []
        cases += planning_cases(options.repeats) if "plan" in parts else []
        cases += verify_cases() if "verify" in parts else []
        cases += scaling_cases(options.repeats) if "large" in parts else []
        if cases:
            document["rows"], text = measure_building(cases, folder, before)
            texts.append(text)
        if "load" in parts:
            document["loading"], text = measure_loading(folder, options.repeats)
            texts.append(text)
        if "stream" in parts:
            sizes = [MILLION, 50 * MILLION] if "large" in parts else [MILLION]
            document["streaming"], text = measure_streaming(folder, sizes)
            texts.append(text)
    text = "\n\n".join(texts) + "\n"
    print(text, end="")
    (options.out / "bench.txt").write_text(text, encoding="utf-8")
    (options.out / "bench.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("bench: interrupted")
