"""The rows of the table of build speeds, before they are measured."""

import dataclasses
import os
from dataclasses import dataclass

MILLION = 1_000_000
CHECKED_MILLIONS = 20
# The slow ways get fewer records; their rate does not depend on the number.
SLOW_RECORDS = 100_000
SLOWEST_RECORDS = 50_000
FOUR_TERMS = ("space.terms=4", "sampling=uniform")
BEAM = "(b) Beam WriteToTFRecord"
PLAIN = "(d) plain write"
SYNCED = "(d) plain write, fsync"

# Format, way, its key in `bench.build.METHODS`, number of records.
COMPARED_WAYS = (
    ("tfrecord", "eqstream", "eqstream", MILLION),
    ("tfrecord", "(a) tf.train.Example", "tf-writer", SLOW_RECORDS),
    ("tfrecord", BEAM, "beam", SLOW_RECORDS),
    ("tfrecord", "(c) TFDS builder", "tfds", SLOWEST_RECORDS),
    ("tfrecord", PLAIN, "plain-write", MILLION),
    ("tfrecord", SYNCED, "synced-write", MILLION),
    ("parquet", "eqstream", "eqstream", MILLION),
    ("parquet", PLAIN, "plain-write", MILLION),
    ("parquet", SYNCED, "synced-write", MILLION),
    ("both", "eqstream", "eqstream", MILLION),
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row: `recipe` and `overrides` say which equations, `repeats` how often they are measured.

    `cores` is the most cores that its processes may use, 0 for all. `before` says that the version in another
    checkout is measured.
    """

    data: str
    format: str
    way: str
    method: str
    num_records: int
    recipe: str
    overrides: tuple[str, ...] = ()
    workers: int = 1
    cores: int = 0
    repeats: int = 1
    before: bool = False

    def recipe_overrides(self) -> list[str]:
        """Returns the overrides, with those for the number of records and the formats."""
        formats = "tfrecord, parquet" if self.format == "both" else self.format
        return [*self.source_overrides(self.num_records), f"storage.formats=[{formats}]"]

    def source_overrides(self, num_records: int) -> list[str]:
        """Returns the overrides for a dataset of so many of the same equations in both formats."""
        return [*self.overrides, f"splits=[{{name: train, count: {num_records}}}]"]


def comparison_cases(repeats: int) -> list[Case]:
    """Returns the rows that set eqstream beside the usual ways, for two-term additions and for mixed equations."""
    kinds = (
        ("3-digit a + b", "addition-3digit", ()),
        ("4 terms, + - *", "mixed-4", FOUR_TERMS),
    )
    return [
        Case(
            data=data,
            format=storage_format,
            way=way,
            method=method,
            num_records=num_records,
            recipe=recipe,
            overrides=overrides,
            repeats=repeats,
        )
        for data, recipe, overrides in kinds
        for storage_format, way, method, num_records in COMPARED_WAYS
    ]


# A process has a thread for each core, so what more workers give is seen with as many cores as workers.
WAYS_TO_SHARE = (("1 worker, 1 core", 1, 1), ("2 workers, 2 cores", 2, 2), ("1 worker, 2 cores", 1, 2))


def scaling_cases(repeats: int) -> list[Case]:
    """Returns the rows of builds of one space by size, workers and cores beside the usual ways, and of four terms.

    What is between two sizes of one way is its rate without the start. Two builds that know nothing of each other show
    what the machine lets two cores do, if it has them. Of four terms there are so many that the start does not count.
    """
    ours = [
        _sums_of_four_digits(f"eqstream, {millions} million, {way}", millions, workers=workers, cores=cores)
        for millions in (50, 10)
        for way, workers, cores in WAYS_TO_SHARE
    ]
    # A plain write is one of the bytes of the largest build: what the page cache takes depends on how many they are.
    others = [
        _sums_of_four_digits(PLAIN, 50, method="plain-write"),
        _sums_of_four_digits(SYNCED, 50, method="synced-write"),
        dataclasses.replace(_sums_of_four_digits(BEAM, 1, method="beam"), num_records=SLOW_RECORDS),
    ]
    four_terms = Case(
        data="4 terms, + - *, 10 million",
        format="tfrecord",
        way="eqstream",
        method="eqstream",
        num_records=10 * MILLION,
        recipe="mixed-4",
        overrides=FOUR_TERMS,
    )
    ours.append(_sums_of_four_digits("eqstream, 1 million, 1 worker, 2 cores", 1, cores=2))
    ours += [
        _sums_of_four_digits(
            f"eqstream, {millions} million, 2 builds of half, 1 core each",
            millions,
            method="separate-builds",
            workers=2,
        )
        for millions in (50, 10)
        if len(os.sched_getaffinity(0)) > 1
    ]
    cases = [*ours, *others, four_terms]
    return [dataclasses.replace(case, repeats=repeats) for case in cases]


def verify_cases() -> list[Case]:
    """Returns the rows of checking sums, by workers and cores; so many that the start of workers does not decide.

    Each is measured once, as a dataset is built for each.
    """
    return [
        _sums_of_four_digits(
            f"verify, {way}",
            CHECKED_MILLIONS,
            data=f"4-digit a + b, {CHECKED_MILLIONS} million, checked",
            workers=workers,
            cores=cores,
            method="verify",
        )
        for way, workers, cores in WAYS_TO_SHARE
    ]


def _sums_of_four_digits(
    way: str,
    num_millions: int,
    *,
    data: str = "4-digit a + b",
    workers: int = 1,
    cores: int = 0,
    method: str = "eqstream",
) -> Case:
    return Case(
        data=data,
        format="tfrecord",
        way=way,
        method=method,
        num_records=num_millions * MILLION,
        recipe="addition-3digit",
        overrides=("space.operands.max=9999",),
        workers=workers,
        cores=cores,
    )


def shape_cases(repeats: int) -> list[Case]:
    """Returns the rows of bracketed equations by number of terms, of fractions, of balanced ones, and of previews."""
    chains = [("+-*", terms, 99, "exact") for terms in (3, 4, 5, 6, 7, 8, 12)]
    fractions = [("+-*/", terms, 999, "fraction") for terms in (3, 4, 6)]
    previews = [("+-*", terms, 99, "exact") for terms in (6, 12, 32)]
    rows = [("eqstream", *row) for row in (*chains, *fractions)] + [
        ("preview", *row) for row in (*previews, fractions[-1])
    ]
    cases = [
        Case(
            data=f"brackets, {' '.join(operators)}, 0..{largest}",
            format="both",
            way=f"{method}, {terms} terms",
            method=method,
            num_records=MILLION if method == "eqstream" else SLOW_RECORDS,
            recipe="brackets",
            overrides=(
                "sampling=uniform",
                f"space.terms={terms}",
                f"space.operators='{operators}'",
                f"space.operands.max={largest}",
                f"space.division={division}",
            ),
            repeats=repeats,
        )
        for method, operators, terms, largest, division in rows
    ]
    balanced = [
        Case(
            data="mixed-4, balanced",
            format="both",
            way=method,
            method=method,
            num_records=SLOW_RECORDS,
            recipe="mixed-4",
            repeats=repeats,
        )
        for method in ("eqstream", "preview")
    ]
    return [*cases, *balanced]


# What the plans that are measured are of: sums and differences, thousands of kinds, and steps.
_PAIRS = ("space.operands.max=999999", "space.operators='+-'")
_CHAINS = ("space.terms={min: 2, max: 12}", "space.operators='+-*'", "space.operands.max=99", "sampling=balanced")
_FRACTIONS = (
    "space.terms={min: 2, max: 9}",
    "space.operators='+-*/'",
    "space.operands.max=999999",
    "space.division=fraction",
    "sampling={balance: [terms, operators, tree, digits]}",
)
_STEPS = (
    "space.terms=6",
    "space.operators='+-*/'",
    "space.operands.max=999",
    "space.division=fraction",
    "sampling=uniform",
    "steps=true",
)
MOST_SHARDS = 99_999
# Data, recipe, what it changes, number of equations.
_PLANNED = (
    *(
        (
            f"99,999 shards of {size}, {sampling}",
            "addition-3digit",
            (*_PAIRS, f"sampling={sampling}", f"storage.shard_size={size}"),
            size * MOST_SHARDS,
        )
        for sampling in ("uniform", "balanced")
        for size in (10, 100)
    ),
    ("4,374 kinds, + - *", "brackets", _CHAINS, 3_500),
    ("4,374 kinds, + - *, many", "brackets", _CHAINS, 110_000),
    ("11,886 kinds, + - * /", "brackets", _FRACTIONS, 21_000),
)


def planning_cases(repeats: int) -> list[Case]:
    """Returns the rows of plans of many shards and of many kinds, and of previews of such kinds and of steps."""
    cases = [
        Case(
            data=data,
            format="tfrecord",
            way="plan",
            method="plan",
            num_records=num_records,
            recipe=recipe,
            overrides=overrides,
            repeats=repeats,
        )
        for data, recipe, overrides, num_records in _PLANNED
    ]
    previews = [
        dataclasses.replace(case, data=f"{case.data}, preview", way="preview", method="preview")
        for case in cases
        if case.recipe == "brackets"
    ]
    steps = dataclasses.replace(
        previews[0], data="steps of six-term fractions, preview", overrides=_STEPS, num_records=SLOWEST_RECORDS
    )
    return [*cases, *previews, steps]


def with_before(cases: list[Case], methods: tuple[str, ...]) -> list[Case]:
    """Returns the cases, and behind each one of these methods the same of the version before."""
    return [
        each
        for case in cases
        for each in (case, *([dataclasses.replace(case, before=True)] if case.method in methods else ()))
    ]
