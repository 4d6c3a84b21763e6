"""The rows of the table of reading speeds: what is measured, in turns, and how it is set side by side."""

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.cases import MILLION

EQSTREAM = "eqstream"
# A slow step and a fast one; more steps than the loader prepares at once.
WAITING_RECIPES = ("addition-3digit", "prior-bilstm-20")
NUM_STEPS = 800
LEGEND = """\
Tokens ready for the model, batches of 512, all from the same million three-digit additions. first: from the files to
the last batch, every checksum checked by eqstream; again: a second epoch, from memory where eqstream or `cache` keeps
the tokens, and read anew in another order where eqstream streams. x best: times the best rate of all other ways in the
same column. Medians where a row was repeated."""


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
    for recipe in WAITING_RECIPES:
        print(f"bench: waiting for data, {recipe}", file=sys.stderr, flush=True)
        spec = {"recipe": recipe, "source": source, "num_steps": NUM_STEPS}
        shares = [run("bench.waiting", spec) for _ in range(repeats)]
        waiting[recipe] = {key: statistics.median(share[key] for share in shares) for key in shares[0]}
    return {"rows": summarise(results), "waiting": waiting}


def summarise(results: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Returns the rows: medians, and ratios to the best of the ways that are not ours."""
    rows = []
    for case, measured in zip(CASES, results, strict=True):
        rates = {
            name: case.num_records / statistics.median(result[key] for result in measured)
            for name, key in (("first", "seconds"), ("again", "again_seconds"))
        }
        rows.append({"format": case.format, "way": case.way, "num_records": case.num_records, **rates})
    for column in ("first", "again"):
        best = max(row[column] for row in rows if not row["way"].startswith(EQSTREAM))
        for row in rows:
            row[f"{column}_ratio"] = row[column] / best
    return rows


def render(measured: dict[str, Any]) -> str:
    """Returns the table as aligned text, with what it means."""
    head = f"{'format':<10}{'way':<38}{'records':>11}{'first/s':>12}{'x best':>8}{'again/s':>12}{'x best':>8}"
    lines = [head]
    for row in measured["rows"]:
        lines.append(
            f"{row['format']:<10}{row['way']:<38}{row['num_records']:>11,}{row['first']:>12,.0f}"
            f"{row['first_ratio']:>8.2f}{row['again']:>12,.0f}{row['again_ratio']:>8.2f}"
        )
    shares = [
        f"Waiting for data while training {recipe}: {waiting['share']:.2%} of the time "
        f"({waiting['wait_seconds'] * 1e6:,.0f} us before each step of {waiting['step_seconds'] * 1e3:,.1f} ms, "
        f"beyond the {waiting['ready_seconds'] * 1e6:,.0f} us that taking a ready batch costs; "
        f"means over {NUM_STEPS} steps). By medians {waiting['median_share']:.2%}."
        for recipe, waiting in measured["waiting"].items()
    ]
    return "\n".join([*lines, "", LEGEND, *shares])
