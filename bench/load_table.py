"""The rows of the table of reading speeds: what is measured, in turns, and how it is set side by side."""

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.cases import MILLION

EQSTREAM = "eqstream"
# A slow step, a fast one and a faster one; more steps than the loader prepares at once.
WAITING_RECIPES: dict[str, tuple[str, list[str]]] = {
    "addition-3digit": ("addition-3digit", []),
    "prior-bilstm-20": ("prior-bilstm-20", []),
    "prior-bilstm-20 in batches of 64": ("prior-bilstm-20", ["training.batch_size=64"]),
}
NUM_STEPS = 800
# Each rate and the time that it is of.
RATES = {
    "first": "seconds",
    "first_cpu": "cpu_seconds",
    "again": "again_seconds",
    "again_cpu": "again_cpu_seconds",
}
LEGEND = """\
Tokens ready for the model, batches of 512, all from the same million three-digit additions. first: from the files to
the last batch, every checksum checked by eqstream; again: a second epoch, from memory where eqstream or `cache` keeps
the tokens, and read anew in another order where eqstream streams. x best: times the best rate of all other ways in the
same column. per CPU s: of all threads together, which tells more than the clock where other work runs. Medians where a
row was repeated."""


@dataclass(frozen=True, kw_only=True)
class LoadCase:
    """One row of the table."""

    format: str
    way: str
    method: str
    num_records: int


CASES = (
    LoadCase(format="tfrecord", way=EQSTREAM, method="eqstream", num_records=MILLION),
    LoadCase(format="parquet", way=EQSTREAM, method="eqstream", num_records=MILLION),
    LoadCase(format="tfrecord", way="eqstream, streaming", method="eqstream-streaming", num_records=MILLION),
    LoadCase(format="parquet", way="eqstream, streaming", method="eqstream-streaming", num_records=MILLION),
    LoadCase(format="tfrecord", way="batch, parse_example, decode_raw", method="parse-example", num_records=MILLION),
    LoadCase(format="tfrecord", way="the same, cache", method="parse-example-cache", num_records=MILLION),
    LoadCase(format="tfrecord", way="batch, parse_example, unicode_split", method="unicode-split", num_records=200_000),
    LoadCase(format="tfrecord", way="TFDS as_dataset, decode_raw", method="tfds", num_records=200_000),
    LoadCase(format="parquet", way="Grain", method="grain", num_records=20_000),
    LoadCase(format="parquet", way="from_generator", method="from-generator", num_records=50_000),
)


def measure_loading(run: Callable[[str, dict[str, Any]], dict[str, Any]], source: str, repeats: int) -> dict[str, Any]:
    """Returns the rows of all ways of reading and the share of waiting, measured in turns.

    Args:
        run: runs `run_one` of the module with that name on a spec, in a process of its own, and returns the result.
        source: a dataset of a million three-digit additions in both formats.
        repeats: measurements of each row.

    Raises:
        SystemExit: two ways gave other tokens.
    """
    results: list[list[dict[str, Any]]] = [[] for _ in CASES]
    for turn in range(repeats):
        for case, measured in zip(CASES, results, strict=True):
            print(f"bench: turn {turn + 1}: reading {case.format}, {case.way}", file=sys.stderr, flush=True)
            measured.append(run("bench.load", {**vars(case), "source": source}))
    if len({result["digest"] for measured in results for result in measured}) != 1:
        raise SystemExit("bench: the ways of reading do not give the same first batch")
    waiting = {}
    for name, (recipe, overrides) in WAITING_RECIPES.items():
        print(f"bench: waiting for data, {name}", file=sys.stderr, flush=True)
        spec = {"recipe": recipe, "overrides": overrides, "source": source, "num_steps": NUM_STEPS}
        shares = [run("bench.waiting", spec) for _ in range(repeats)]
        waiting[name] = {key: statistics.median(share[key] for share in shares) for key in shares[0]}
    return {"rows": summarise(results), "waiting": waiting}


def summarise(results: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Returns the rows: medians, and ratios to the best of the ways that are not ours."""
    rows = []
    for case, measured in zip(CASES, results, strict=True):
        rates = {
            name: case.num_records / statistics.median(result[key] for result in measured)
            for name, key in RATES.items()
        }
        rows.append({"format": case.format, "way": case.way, "num_records": case.num_records, **rates})
    for column in RATES:
        best = max(row[column] for row in rows if not row["way"].startswith(EQSTREAM))
        for row in rows:
            row[f"{column}_ratio"] = row[column] / best
    return rows


def render(measured: dict[str, Any]) -> str:
    """Returns the table as aligned text, with what it means."""
    names = ("first/s", "per CPU s", "again/s", "per CPU s")
    lines = [f"{'format':<10}{'way':<38}{'records':>11}" + "".join(f"{name:>12}{'x best':>8}" for name in names)]
    for row in measured["rows"]:
        rates = "".join(f"{row[name]:>12,.0f}{row[f'{name}_ratio']:>8.2f}" for name in RATES)
        lines.append(f"{row['format']:<10}{row['way']:<38}{row['num_records']:>11,}{rates}")
    shares = [
        f"Waiting for data inside `fit` of {name}: {waiting['share']:.2%} of the time "
        f"({waiting['wait_seconds'] * 1e6:,.0f} us of each step of {waiting['step_seconds'] * 1e3:,.1f} ms, "
        f"means over {NUM_STEPS} steps)."
        for name, waiting in measured["waiting"].items()
    ]
    return "\n".join([*lines, "", LEGEND, *shares])
