"""Which share of the equations has how many terms, and which operators.

The candidates with few terms are few: uniform sampling gives next to none of them, which is easily overlooked.
"""

import dataclasses
import functools
import operator
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.recipe_values import OPERATORS
from eqstream.data.sampling import HARD_CASES, Balance
from eqstream.data.space.prepared_space import PreparedSpace
from eqstream.data.splits.candidates import BLOCK_SIZE, position_blocks
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.pipelines.estimation.work import count_sampled

# Number of terms, and a bit for each operator of ``+-*/`` that occurs.
_Kind = tuple[int, int]
_NEARLY_NONE, _NEARLY_ALL = "less than 0.1 %", "more than 99.9 %"


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Expected numbers of equations.

    Attributes:
        terms: number of terms to equations, for each number of terms that the space has.
        operators: operator to equations that have it, for each operator of the space.
        total: equations in all; without those of sources that a sample found nothing of.
        is_exact: whether the shares follow from the sizes of shapes, not from a sample.
        hard_cases: key of `sampling.balance` that names hard cases, to kind, to equations; always exact. Empty for a
            dataset that is there.
    """

    terms: Mapping[int, float]
    operators: Mapping[str, float]
    total: float
    is_exact: bool
    hard_cases: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __add__(self, other: "Shares") -> "Shares":
        """Returns the shares of both together."""
        return Shares(
            terms={key: number + other.terms[key] for key, number in self.terms.items()},
            operators={key: number + other.operators[key] for key, number in self.operators.items()},
            total=self.total + other.total,
            is_exact=self.is_exact and other.is_exact,
            hard_cases={
                key: Counter(counts) + Counter(other.hard_cases[key]) for key, counts in self.hard_cases.items()
            },
        )

    def list_notes(self) -> list[str]:
        """Returns a line for the numbers of terms, and one for the operators, that no equation is likely to have."""
        notes = []
        for numbers, text in ((self.terms, "{} terms"), (self.operators, "`{}`")):
            missing = [text.format(key) for key, number in numbers.items() if number < 0.5]
            if missing and len(missing) < len(numbers):
                kinds = " or ".join(missing)
                reason = f"no equation with {kinds}, too few candidates are of that kind"
                if not self.is_exact:
                    reason = f"a sample suggests no equation with {kinds}, few candidates are of that kind"
                notes.append(
                    f"note: {reason}; see "
                    "`sampling: {balance: [terms, operators]}`, or give it a split of its own by `where`"
                )
        return notes

    def to_text(self) -> str:
        """Returns the shares, such as ``terms 2: 1.1 %, 3: 98.9 %; operators +: 75 %``; empty if all are alike.

        What was estimated from a sample is said to be so, also that it has nothing.
        """
        parts = []
        if not self.total:
            return (
                "terms and operators: the sample has no equation" if len(self.terms) + len(self.operators) > 2 else ""
            )
        for noun, counts in (("terms", self.terms), ("operators", self.operators)):
            if len(counts) > 1:
                shares = [f"{key}: {self._describe(count)}" for key, count in counts.items()]
                parts.append(f"{noun} {', '.join(shares)}")
        for key, counts in self.hard_cases.items():
            whole = sum(counts.values())
            shares = [f"{kind}: {format_share(count / whole)}" for kind, count in counts.items()]
            parts.append(f"{key} {', '.join(shares)}")
        return "; ".join(parts)

    def _describe(self, count: float) -> str:
        if not self.is_exact and not count:
            return "none in the sample"
        share = format_share(count / self.total)
        return share if self.is_exact or share in (_NEARLY_NONE, _NEARLY_ALL) else f"about {share}"


def shares_of_manifest(manifest: Manifest) -> Shares:
    """Returns the shares in all splits of a dataset together, as they are."""
    return functools.reduce(operator.add, shares_by_split(manifest).values())


def shares_by_split(manifest: Manifest) -> dict[str, Shares]:
    """Returns the shares in each split of a dataset, as they are."""
    space = manifest.recipe.space
    terms, operators = range(space.terms.min, space.terms.max + 1), space.operators
    return {
        name: Shares(
            terms={key: split.histograms["terms"].get(str(key), 0) for key in terms},
            operators={key: split.histograms["operators"].get(key, 0) for key in operators},
            total=split.num_records,
            is_exact=True,
        )
        for name, split in manifest.splits.items()
    }


class ShareEstimator:
    """Knows the shares among equations of the sources of a recipe, or estimates them from a sample; deterministic.

    Args:
        sources: of the recipe.
    """

    def __init__(self, sources: PreparedSources) -> None:
        self._sources = sources
        # Splits share sources.
        self._weigh = functools.cache(functools.partial(_weigh_kinds, sources))

    def estimate(self, source_to_count: Mapping[int, int], *, is_exact: bool = True) -> Shares:
        """Returns the shares among equations of which so many come from each source.

        Args:
            source_to_count: source to equations.
            is_exact: whether these numbers are.
        """
        shares = _unite_shares(self._sources, source_to_count, self._weigh)
        hard_cases = _count_hard_cases(self._sources, source_to_count)
        return dataclasses.replace(shares, is_exact=is_exact and shares.is_exact, hard_cases=hard_cases)


def _count_hard_cases(
    sources: PreparedSources, source_to_count: Mapping[int, int]
) -> Mapping[str, Mapping[str, float]]:
    """Returns how many equations are of each kind of hard cases, if so many come from each source."""
    sampling = sources.recipe.sampling
    found: dict[str, Counter[str]] = {}
    for place, key in enumerate(sampling.balance if isinstance(sampling, Balance) else ()):
        if key in HARD_CASES:
            found[key] = Counter()
            for source, count in source_to_count.items():
                if count:
                    found[key][sources.sources[source].levels[place][0]] += count
    return found


def _unite_shares(
    sources: PreparedSources,
    source_to_count: Mapping[int, int],
    weigh: Callable[[int], tuple[Mapping[_Kind, int], bool]],
) -> Shares:
    space = sources.recipe.space
    terms = dict.fromkeys(range(space.terms.min, space.terms.max + 1), 0.0)
    operators = dict.fromkeys(space.operators, 0.0)
    is_exact, total = True, 0
    for source, count in source_to_count.items():
        if not count:
            continue
        weights, is_closed = weigh(source)
        is_exact &= is_closed
        whole = sum(weights.values())
        total += count if whole else 0
        for (num_terms, operator_set), weight in weights.items():
            # Whole numbers of any size are divided, so that nothing overflows.
            number = count * weight / whole
            terms[num_terms] += number
            for place, symbol in enumerate(OPERATORS):
                if operator_set >> place & 1:
                    operators[symbol] += number
    return Shares(terms=terms, operators=operators, total=total, is_exact=is_exact)


def _weigh_kinds(sources: PreparedSources, number: int) -> tuple[Mapping[_Kind, int], bool]:
    """Returns how many candidates, or equations of a sample, are of each kind, and whether they are all candidates."""
    enumeration, sections = sources.enumeration(number), sources.sources[number].sections
    weights: dict[_Kind, int] = {}
    for section in sections:
        num_terms = section.shapes.num_terms
        for operator_set, count in section.count_by_operators().items():
            weights[num_terms, operator_set] = weights.get((num_terms, operator_set), 0) + count
    if len(weights) <= 1 or enumeration.keeps_all:
        return weights, True
    sample: Counter[_Kind] = Counter()
    blocks = position_blocks(0, count_sampled(sources.space, enumeration, divisor=len(sources)))
    for positions in blocks if enumeration.listed is None else [enumeration.listed.positions[:BLOCK_SIZE]]:
        for classes in enumeration.candidates.kept_at(positions).groups:
            # Twins have the same operators.
            shapes = sources.space.shapes.numbers(classes.shapes, classes.shape_places)
            for kind, count in zip(_list_kinds(sources.space, shapes), classes.member_counts.tolist(), strict=True):
                sample[kind] += count
    return sample, False


def _list_kinds(space: PreparedSpace, shapes: np.ndarray) -> list[_Kind]:
    """Returns the kind of each shape, given their numbers (n,)."""
    num_terms, operator_sets = space.terms_and_operators.of(shapes).tolist()
    return list(zip(num_terms, operator_sets, strict=True))


def format_share(share: float) -> str:
    """Returns a share for people.

    >>> [format_share(share) for share in (0, 0.0002, 0.0107, 0.25, 0.99996, 1)]
    ['0 %', 'less than 0.1 %', '1.1 %', '25 %', 'more than 99.9 %', '100 %']
    """
    if share in (0, 1):
        return f"{share:.0f}00 %" if share else "0 %"
    if share < 0.001:
        return _NEARLY_NONE
    if share > 0.999:
        return _NEARLY_ALL
    return f"{share:.1%}".replace("%", " %") if share < 0.1 or share > 0.9 else f"{share:.0%}".replace("%", " %")
