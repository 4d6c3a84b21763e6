"""Results of `make reach` to its tables."""

from typing import Any

Row = dict[str, Any]
TRAINING_HEAD = (
    "recipe",
    "seeds",
    "examples",
    "parameters",
    "epochs",
    "seconds",
    "slowest",
    "unseen",
    "wrong",
    "worst",
    "exact, worst",
    "speed-up, least",
)
THROUGHPUT_HEAD = ("kind", "recipe", "batch", "parameters", "examples/s", "MFLOP each", "GFLOP/s", "of peak")
LEGEND = """\
seconds: of training, median and slowest of the seeds, compiling and the evaluation of the validation sample included.
wrong: wrong whole answers among all unseen equations, greedy decoding, median and worst of the seeds.
speed-up: the reference's seconds over those of the slowest seed."""
THROUGHPUT_LEGEND = """\
MFLOP each: of the matrix products of one step, forward and backward, per example. Peak: the machine's best float32
product of two 2048 x 2048 matrices among those measured after each model."""


def render(rows: list[Row], *, reference: str) -> str:
    """Returns the tables as text.

    Args:
        rows: results with `part`, `recipe` and `seed`; see `bench.reach_training` and `bench.throughput`.
        reference: the recipe that speeds are compared with.
    """
    trainings = [row for row in rows if row["part"] != "throughput"]
    throughput = [row for row in rows if row["part"] == "throughput"]
    blocks = []
    if trainings:
        blocks += [_align([TRAINING_HEAD, *_summarise(trainings, reference)], 1), LEGEND, *_tell_targets(trainings)]
    if throughput:
        # What else the machine does can only hide its speed, so the best product seen counts for all.
        peak = max(row["peak_flops_per_second"] for row in throughput)
        lines = [_describe_throughput(row, peak) for row in throughput]
        blocks += [_align([THROUGHPUT_HEAD, *lines], 2), THROUGHPUT_LEGEND]
    return "\n\n".join(blocks) + "\n"


def _summarise(rows: list[Row], reference: str) -> list[tuple[str, ...]]:
    """Returns one line a recipe, in order of appearance; the worst of the seeds stands beside the median."""
    reference_seconds = next((row["seconds"] for row in rows if row["recipe"] == reference), None)
    lines = []
    for name in dict.fromkeys(row["recipe"] for row in rows):
        group = [row for row in rows if row["recipe"] == name]
        slowest = max(row["seconds"] for row in group)
        wrong = sorted(row["num_wrong"] for row in group)
        ratio = reference_seconds / slowest if reference_seconds and group[0]["part"] == "speed" else None
        lines.append(
            (
                name,
                f"{len(group)}",
                f"{group[0]['num_examples']:,}",
                f"{group[0]['num_parameters']:,}",
                f"{max(row['num_epochs'] for row in group)}",
                f"{sorted(row['seconds'] for row in group)[len(group) // 2]:,.1f}",
                f"{slowest:,.1f}",
                f"{min(row['num_unseen'] for row in group):,}",
                f"{wrong[len(wrong) // 2]:,}",
                f"{wrong[-1]:,}",
                # Rounded down: 100 % stands for no error at all.
                _floor_percent(min(1 - row["num_wrong"] / row["num_unseen"] for row in group)),
                "" if ratio is None else f"{ratio:.1f}",
            )
        )
    return lines


def _floor_percent(share: float) -> str:
    return f"{int(share * 1e6) / 1e4:.4f} %"


def _tell_targets(rows: list[Row]) -> list[str]:
    """Returns a sentence for each training that had a target and missed it: its seconds are then too few."""
    return [
        f"{row['recipe']}, seed {row['seed']}: reached {row['reached']:.4f} of {row['target']} and no more"
        for row in rows
        if row["target"] is not None and row["reached"] < row["target"]
    ]


def _describe_throughput(row: Row, peak: float) -> tuple[str, ...]:
    used = row["examples_per_second"] * row["flops_per_example"]
    return (
        row["kind"],
        row["recipe"],
        f"{row['batch_size']}",
        f"{row['num_parameters']:,}",
        f"{row['examples_per_second']:,.0f}",
        f"{row['flops_per_example'] / 1e6:.4g}",
        f"{used / 1e9:.4g}",
        f"{used / peak:.2%}",
    )


def _align(lines: list[tuple[str, ...]], num_texts: int) -> str:
    """Returns lines of aligned cells; the first `num_texts` columns are flush left."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rows = [
        [
            cell.ljust(width) if column < num_texts else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in lines
    ]
    return "\n".join("  ".join(row).rstrip() for row in rows)
