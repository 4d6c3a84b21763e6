"""`python -m bench.run`: one table of build speeds, all rows from one run on one machine.

Each measurement is a fresh process; the ways take turns, so that a slow minute of the machine hits all of them. Writes
`build.json` and `build.txt` to the output directory and leaves nothing else there.
"""

import argparse
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

from bench.cases import MILLION, Case, comparison_cases, scaling_cases
from bench.table import LEGEND, render_table, summarise

PACKAGES = ("numpy", "pyarrow", "apache-beam", "tensorflow", "tensorflow-datasets", "google-crc32c")
MEASURE = "import sys; from bench.build import run_one; run_one(*sys.argv[1:])"


def run_cases(cases: list[Case], folder: Path) -> list[list[dict[str, Any]]]:
    """Returns the measurements of each case, as many as it asks for, made in turns."""
    results: list[list[dict[str, Any]]] = [[] for _ in cases]
    for turn in range(max(case.repeats for case in cases)):
        for case, repeats in zip(cases, results, strict=True):
            if turn < case.repeats:
                print(f"bench: turn {turn + 1}: {case.data}, {case.format}, {case.way}", file=sys.stderr, flush=True)
                repeats.append(run_case(case, folder))
    return results


def run_case(case: Case, folder: Path) -> dict[str, Any]:
    """Returns one measurement of a case, made in a process of its own; removes what it built.

    Raises:
        SystemExit: the process failed; the message holds the end of what it said.
    """
    out = folder / "out"
    spec = {
        "method": case.method,
        "recipe": case.recipe,
        "overrides": case.recipe_overrides(),
        "out": str(out),
        "source": "" if case.method == "eqstream" else str(build_source(case, folder)),
        "num_records": case.num_records,
        "workers": case.workers,
        "format": case.format,
    }
    (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    command = [sys.executable, "-c", MEASURE, str(folder / "spec.json"), str(folder / "result.json")]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"bench: {case.way} on {case.data} failed:\n{done.stderr[-2000:]}")
    shutil.rmtree(out)
    return json.loads((folder / "result.json").read_text(encoding="utf-8"))


def build_source(case: Case, folder: Path) -> Path:
    """Returns a dataset of a million of the case's equations in both formats; cases of the same data share it."""
    from data.recipe import load_recipe
    from pipelines.build import build

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


def main(argv: list[str] | None = None) -> None:
    """Measures, prints the table and writes it."""
    parser = argparse.ArgumentParser(prog="bench.run", description="Build speeds beside those of the usual ways.")
    parser.add_argument("--large", action="store_true", help="add builds of 1, 10 and 50 million (about 6 GB of disk)")
    parser.add_argument("--only-large", action="store_true", help="those alone")
    parser.add_argument("--repeats", type=int, default=3, help="measurements per short row (default: 3)")
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="where the table goes (default: out/bench)")
    options = parser.parse_args(argv)
    machine = describe_machine()
    cases = [] if options.only_large else comparison_cases(options.repeats)
    if options.large or options.only_large:
        cases += scaling_cases(options.repeats)
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.out, prefix="work-") as folder:
        rows = summarise(cases, run_cases(cases, Path(folder).resolve()))
    facts = ", ".join(f"{key} {value}" for key, value in machine.items())
    text = f"{facts}\n\n{render_table(rows)}\n\n{LEGEND}\n"
    print(text, end="")
    (options.out / "build.txt").write_text(text, encoding="utf-8")
    document = {"machine": machine, "rows": rows}
    (options.out / "build.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
