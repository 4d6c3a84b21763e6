"""Measurements to the rows of a table, and the table's text."""

import statistics
from typing import Any

from bench.cases import BEAM, PLAIN, SYNCED, Case

# Head of a column to the text of its cell; the first three are set flush left.
COLUMNS = {
    "data": lambda row: row["data"],
    "format": lambda row: row["format"],
    "way": lambda row: row["way"],
    "records": lambda row: f"{row['records']:,}",
    "seconds": lambda row: f"{row['seconds']:.3f}",
    "records/s": lambda row: f"{row['records_per_second']:,.0f}",
    "x (b)": lambda row: _ratio(row["ratio_to_beam"]),
    "of (d)": lambda row: _ratio(row["ratio_to_plain_write"], ".1%"),
    "of fsync": lambda row: _ratio(row["ratio_to_synced_write"], ".1%"),
    "x first": lambda row: _ratio(row["ratio_to_first"]),
    "x before": lambda row: _ratio(row["ratio_to_before"]),
    "ns each": lambda row: f"{row['nanoseconds_per_record']:,.0f}",
    "CPU ns": lambda row: f"{row['cpu_nanoseconds_per_record']:,.0f}",
    "MB": lambda row: f"{row['num_bytes'] / 1e6:,.1f}",
    "peak MB": lambda row: f"{row['peak_bytes'] / 1e6:,.0f}",
}
NUM_TEXT_COLUMNS = 3
BEFORE = ", before"
LEGEND = """\
eqstream: whole builds, from the recipe to checked shards and manifest; (a) to (c) start from ready rows in memory.
preview: the command, from the start of its process, for a dataset of so many records; plan: counting and planning.
x (b): times the rate of Beam's TFRecord sink; of (d): share of the plain write of as many bytes as its row says, which
the page cache takes as far as it can, in memory that is warm; of fsync: share of the write that waits for the disk, as
builds do; x first: times the rate of the first row of the same data; x before: times that of the version named by
--before. Medians where a row was repeated, of ratios those of each turn. CPU ns: of all threads and processes; peak:
most resident memory of one process."""


def summarise(cases: list[Case], results: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Returns the rows of the table: medians, and ratios to other rows of the same data.

    Args:
        cases: what was measured.
        results: the measurements of each case, in the same order.
    """
    rows = [_summarise_case(case, repeats) for case, repeats in zip(cases, results, strict=True)]
    rates = {
        _name(row): [row["records"] / result["seconds"] for result in repeats]
        for row, repeats in zip(rows, results, strict=True)
    }
    firsts = {row["data"]: _name(row) for row in reversed(rows)}
    for row in rows:
        own, data = rates[_name(row)], row["data"]
        # Beam's Parquet sink is another matter: all formats are set beside its TFRecord sink.
        row["ratio_to_beam"] = _compare(own, rates.get((data, "tfrecord", BEAM)))
        row["ratio_to_plain_write"] = _compare(own, rates.get((data, row["format"], PLAIN)))
        row["ratio_to_synced_write"] = _compare(own, rates.get((data, row["format"], SYNCED)))
        row["ratio_to_first"] = _compare(own, rates[firsts[data]])
        row["ratio_to_before"] = _compare(own, rates.get((data, row["format"], f"{row['way']}{BEFORE}")))
    return rows


def _name(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["data"], row["format"], row["way"]


def _compare(own: list[float], others: list[float] | None) -> float | None:
    """Returns the median of the ratios turn by turn, so that a slow minute of the machine hits both; None of none."""
    if others is None:
        return None
    if len(own) != len(others):
        return statistics.median(own) / statistics.median(others)
    return statistics.median(one / other for one, other in zip(own, others, strict=True))


def _summarise_case(case: Case, repeats: list[dict[str, Any]]) -> dict[str, Any]:
    seconds, cpu_seconds = (
        statistics.median(result[name] for result in repeats) for name in ("seconds", "cpu_seconds")
    )
    return {
        "data": case.data,
        "format": case.format,
        "way": f"{case.way}{BEFORE}" if case.before else case.way,
        "workers": case.workers,
        "records": case.num_records,
        "seconds": seconds,
        "records_per_second": case.num_records / seconds,
        "nanoseconds_per_record": seconds / case.num_records * 1e9,
        "cpu_nanoseconds_per_record": cpu_seconds / case.num_records * 1e9,
        "num_bytes": repeats[0]["num_bytes"],
        "peak_bytes": max(result["peak_bytes"] for result in repeats),
        "repeats": len(repeats),
    }


def render_table(rows: list[dict[str, Any]]) -> str:
    """Returns the rows as aligned text."""
    lines = [list(COLUMNS), *([cell(row) for cell in COLUMNS.values()] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return "\n".join(_align(line, widths) for line in lines)


def _align(line: list[str], widths: list[int]) -> str:
    cells = [
        text.ljust(width) if column < NUM_TEXT_COLUMNS else text.rjust(width)
        for column, (text, width) in enumerate(zip(line, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _ratio(value: float | None, form: str = ".2f") -> str:
    return "" if value is None else format(value, form)
