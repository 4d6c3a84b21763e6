"""Every record of a shard computed anew: in bulk where that proves it right, else by the reference, one at a time.

What is checked in bulk is checked by the reference, too, for one record in `SAMPLE_EVERY`, and for the first one of
each kind of expression that a shard holds, of `MAX_KINDS` kinds at most. The two share no code, so an error would have
to be in both.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.reference.hash_bucket import hash_tree
from eqstream.data.reference.membership import Facts
from eqstream.pipelines.checks.bulk import facts as bulk
from eqstream.pipelines.checks.bulk.columns import Columns
from eqstream.pipelines.checks.bulk.keys import text_keys
from eqstream.pipelines.checks.bulk.membership import are_in_space, are_selected
from eqstream.pipelines.checks.bulk.tokens import OPERATORS, Tokens
from eqstream.pipelines.checks.duplicates import KEYS
from eqstream.pipelines.checks.example_message import NUMBERS, TEXTS, Record
from eqstream.pipelines.checks.split_membership import SplitMembership, list_claims

SAMPLE_EVERY = 1024
# A space may have many thousands of kinds of expressions.
MAX_KINDS = 512
HISTOGRAMS = tuple(sorted((*NUMBERS, "answer_length", "answer_sign", "operators", "question_length")))
_SIGNS = ("negative", "zero", "positive")
_COMPARED = tuple(name for name in Record._fields if name != "question")


@dataclass(kw_only=True)
class Tally:
    """What is counted of the records that were found right.

    Attributes:
        num_records: how many records were read, right or not.
        histograms: name to value (a text) to number of equations.
        letters: whether each byte occurs in a question, bool (256,).
        keys: one element of `KEYS` for each equation that may stand in the split, by blocks.
    """

    num_records: int = 0
    histograms: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in HISTOGRAMS})
    letters: np.ndarray = field(default_factory=lambda: np.zeros(256, bool))
    keys: list[np.ndarray] = field(default_factory=lambda: [np.empty(0, KEYS)])

    def count_signs(self, facts: bulk.Facts, rows: np.ndarray) -> None:
        """Counts the signs of the answers and the operators of equations; a row may be there several times."""
        signs = count_values(np.sign(facts.answers.num[rows]) + 1)
        self.histograms["answer_sign"].update({_SIGNS[int(sign)]: count for sign, count in signs.items()})
        operators = facts.operators[rows]
        counts = {name: int(np.count_nonzero(operators & np.uint8(1 << kind))) for name, kind in OPERATORS.items()}
        self.histograms["operators"].update({name: count for name, count in counts.items() if count})


class KindSample:
    """Chooses records for the reference to look at: one in `SAMPLE_EVERY`, and the first one of each kind."""

    def __init__(self) -> None:
        self._known: set[int] = set()

    def choose(self, tokens: Tokens) -> np.ndarray:
        """Returns which records to look at, bool (n,); the kind of one is what its text has but for the numbers."""
        is_chosen = np.zeros(len(tokens.counts), bool)
        is_chosen[::SAMPLE_EVERY] = True
        if len(self._known) < MAX_KINDS:
            kinds = text_keys(tokens.kind_texts())
            new = [kind for kind in np.unique(kinds).tolist() if kind not in self._known]
            for kind in new[: MAX_KINDS - len(self._known)]:
                self._known.add(kind)
                is_chosen[np.argmax(kinds == kind)] = True
        return is_chosen


class RecordCheck:
    """Checks the records of one shard, block by block.

    Args:
        recipe: of the dataset.
        split: that the shard is of.
    """

    def __init__(self, recipe: Recipe, split: str) -> None:
        self.tally = Tally()
        self._recipe = recipe
        self._claims = list_claims(recipe, split)
        wheres = [each.where for each in (self._claims.own, *self._claims.rivals) if each is not None]
        self._asks_written = any(where is not None and where.asks_written_digits for where in wheres)
        self._reference = SplitMembership(recipe, split)
        self._kinds = KindSample()

    def check(self, columns: Columns) -> Iterator[tuple[str, str, int]]:
        """Yields what is wrong with the next records: kind of finding, reason, number of the record in the shard."""
        if columns.num_records == 0:
            return
        first = self.tally.num_records
        self.tally.num_records += columns.num_records
        facts = bulk.find_facts(
            columns.question, self._recipe.space, self._recipe.hash_salt, with_written=self._asks_written
        )
        is_right = self._are_right(facts, columns)
        is_counted, hashes = is_right.copy(), facts.values.hashes
        for row in self._choose_rows(facts, is_right).tolist():
            try:
                expected = self._reference.check(columns.question.text(row))
            except UserError as error:
                is_counted[row] = False
                yield "membership", str(error), first + row
                continue
            is_counted[row] = True
            hashes[row] = hash_tree(expected.tree, self._recipe.hash_salt)
            wrong = _describe_error(expected, columns, row)
            if wrong is not None:
                yield "contents", wrong, first + row
            if not is_right[row]:
                self._count_one(expected)
        self._count(facts, columns, is_right & is_counted)
        self._add_keys(columns, hashes, rows=np.flatnonzero(is_counted), first=first)

    def finish(self) -> Iterator[tuple[str, str, int]]:
        """Yields nothing more."""
        return iter(())

    def _are_right(self, facts: bulk.Facts, columns: Columns) -> np.ndarray:
        """Returns which records are proven right in bulk, bool (n,); others may be right, too."""
        space = self._recipe.space
        is_right = bulk.have_right_columns(facts, columns, space) & are_in_space(facts, space)
        if self._claims.own is not None:
            is_right &= are_selected(facts, self._claims.own)
        for rival in self._claims.rivals:
            is_right &= ~are_selected(facts, rival)
        return is_right

    def _choose_rows(self, facts: bulk.Facts, is_right: np.ndarray) -> np.ndarray:
        """Returns the rows that the reference is to look at, rising, int64 (num_chosen,)."""
        return np.flatnonzero(~is_right | self._kinds.choose(facts.tokens))

    def _count(self, facts: bulk.Facts, columns: Columns, is_counted: np.ndarray) -> None:
        rows = np.flatnonzero(is_counted)
        histograms = self.tally.histograms
        for name in NUMBERS:
            histograms[name].update(count_values(getattr(columns, name)[rows]))
        for name in TEXTS:
            histograms[f"{name}_length"].update(count_values(np.diff(getattr(columns, name).offsets)[rows]))
        self.tally.count_signs(facts, rows)
        is_letter = np.repeat(is_counted, np.diff(columns.question.offsets))
        self.tally.letters |= np.bincount(columns.question.data[is_letter], minlength=256) > 0

    def _count_one(self, facts: Facts) -> None:
        histograms = self.tally.histograms
        for name in NUMBERS:
            histograms[name][str(getattr(facts, name))] += 1
        for name in TEXTS:
            histograms[f"{name}_length"][str(len(getattr(facts, name)))] += 1
        histograms["answer_sign"][_SIGNS[(facts.answer_value > 0) - (facts.answer_value < 0) + 1]] += 1
        histograms["operators"].update(set(facts.operators))
        self.tally.letters[list(facts.question.encode())] = True

    def _add_keys(self, columns: Columns, hashes: np.ndarray, *, rows: np.ndarray, first: int) -> None:
        keys = np.empty(len(rows), KEYS)
        keys["question"] = text_keys(columns.question)[rows]
        keys["twins"] = keys["question"] if self._recipe.commuted == "ignore" else hashes[rows]
        keys["record"] = rows + first
        self.tally.keys.append(keys)


def count_values(values: np.ndarray) -> Counter[str]:
    """Returns how often each value, a whole number from 0 on, occurs."""
    counts = np.bincount(values)
    return Counter({str(value): int(counts[value]) for value in np.flatnonzero(counts).tolist()})


def _describe_error(facts: Facts, columns: Columns, row: int) -> str | None:
    """Returns what is wrong with the stored columns of an equation, None if nothing is."""
    for name in _COMPARED:
        expected, found = getattr(facts, name), columns.value(name, row)
        if expected != found:
            return f"the {name} of `{facts.question}` is {expected}, got {found}"
    return None
