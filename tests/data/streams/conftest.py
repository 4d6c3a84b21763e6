"""Fixtures of the tests of streams."""

import pytest

from eqstream.data.splits import few_candidates


@pytest.fixture
def lists_all_rare_equations(monkeypatch):
    """Small spaces are listed, too, as if they were so large that a search takes longer."""
    monkeypatch.setattr(few_candidates, "_LEAST_SEARCHED", 0)
    monkeypatch.setattr(few_candidates, "_WORK_OF_LISTING", 1)
