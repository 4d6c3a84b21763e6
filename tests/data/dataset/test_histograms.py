"""Histograms count every record once, whatever values the columns of a block have."""

from collections import Counter

import pytest

from eqstream.data.dataset import histograms
from tests.brute_force import make_recipe, write

SPACES = {
    "one value each": {"operands": {"min": 7, "max": 7}},
    "signs": {"operands": {"min": -3, "max": 30}, "operators": "+-*", "terms": {"min": 1, "max": 3}},
    "long": {"operands": {"min": 10**30, "max": 10**30 + 40}},
}


@pytest.mark.parametrize("largest_key", [1, 20, 1 << 12])
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_histograms_are_those_of_the_records(monkeypatch, space, largest_key):
    # Columns are counted together as far as this allows; one alone may have more values.
    monkeypatch.setattr(histograms, "_LARGEST_KEY", largest_key)
    written = write(make_recipe(space, [{"name": "train", "rest": True}], commuted="ignore"))
    records = written.records["train"]
    total = histograms.add_histograms(receipt.histograms for receipt in written.receipts.values())
    wanted = {
        **{name: Counter(str(record[name]) for record in records) for name in ("terms", "digits", "carries")},
        **{f"{name}_length": Counter(str(len(record[name])) for record in records) for name in ("question", "answer")},
        "answer_sign": Counter(dict.fromkeys(histograms.SIGNS, 0)),
    }
    for record in records:
        value = int(record["answer"])
        wanted["answer_sign"][histograms.SIGNS[(value > 0) - (value < 0) + 1]] += 1
    assert {name: total[name] for name in wanted} == wanted
    has_operator = {each: sum(f" {each} " in record["question"] for record in records) for each in "+-*/"}
    assert total["operators"] == {each: count for each, count in has_operator.items() if count}
