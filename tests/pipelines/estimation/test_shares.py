import pytest

from eqstream.data.dataset.manifest import parse_manifest
from eqstream.data.recipe import Recipe
from eqstream.data.splits.counting_policy import count_for_plan
from eqstream.data.splits.plan import divide_sources
from eqstream.data.splits.prepared_sources import PreparedSources
from eqstream.pipelines.build import build
from eqstream.pipelines.estimation.shares import ShareEstimator, Shares, shares_of_manifest

RECIPES = {
    "uniform": {"space": {"operands": {"min": 0, "max": 4}, "operators": "+-", "terms": {"min": 2, "max": 3}}},
    "balanced": {
        "space": {"operands": {"min": 0, "max": 12}, "operators": "+*", "terms": {"min": 2, "max": 3}},
        "sampling": "balanced",
        "splits": [{"name": "train", "count": 700}],
    },
    "bounded": {"space": {"operands": {"min": 0, "max": 9}, "operators": "+-*", "answer": {"min": 0, "max": 8}}},
}


def make_recipe(kind: str) -> Recipe:
    return Recipe.from_dict({"name": "sums", "splits": [{"name": "train", "rest": True}], **RECIPES[kind]})


@pytest.mark.parametrize("kind", RECIPES)
def test_shares_are_those_of_the_dataset(kind, tmp_path):
    recipe = make_recipe(kind)
    counts = count_for_plan(recipe)
    (split,) = divide_sources(counts)
    expected = ShareEstimator(counts.sources).estimate({part.source: part.count for part in split.parts})
    result = build(recipe, tmp_path / "out")
    found = shares_of_manifest(parse_manifest((tmp_path / "out" / "manifest.json").read_bytes()))
    assert result.shares == found
    assert found.total == split.num_equations
    # The whole first block is looked at where there is no closed form, and these are no larger.
    assert expected.terms == pytest.approx(found.terms)
    assert expected.operators == pytest.approx(found.operators)
    assert expected.is_exact == (kind != "bounded")


def test_text_has_what_differs_alone():
    shares = Shares(terms={2: 1, 3: 99}, operators={"+": 75, "*": 100}, total=100, is_exact=True)
    assert shares.to_text() == "terms 2: 1.0 %, 3: 99.0 %; operators +: 75 %, *: 100 %"
    assert Shares(terms={2: 5}, operators={"+": 5}, total=5, is_exact=True).to_text() == ""
    assert Shares(terms={2: 5}, operators={"+": 0, "-": 5}, total=5, is_exact=True).to_text() == (
        "operators +: 0 %, -: 100 %"
    )


def test_text_says_what_comes_from_a_sample_and_that_it_has_nothing():
    shares = Shares(terms={2: 25, 3: 75, 4: 0}, operators={"+": 100}, total=100, is_exact=False)
    assert shares.to_text() == "terms 2: about 25 %, 3: about 75 %, 4: none in the sample"
    nearly = Shares(terms={2: 1, 3: 9999}, operators={"+": 10_000}, total=10_000, is_exact=False)
    assert nearly.to_text() == "terms 2: less than 0.1 %, 3: more than 99.9 %"
    nothing = Shares(terms={2: 0}, operators={"+": 0, "-": 0}, total=0, is_exact=False)
    assert nothing.to_text() == "terms and operators: the sample has no equation"
    assert nothing.list_notes() == []
    assert shares.list_notes() == [
        "note: a sample suggests no equation with 4 terms, few candidates are of that kind; see "
        "`sampling: {balance: [terms, operators]}`, or give it a split of its own by `where`"
    ]


def test_sources_of_which_a_sample_finds_nothing_have_no_shares():
    where = {"answer": {"min": 7, "max": 7}, "digits": 6}
    recipe = Recipe.from_dict(
        {
            "name": "sums",
            "space": {"operands": {"min": 0, "max": 10**6}, "operators": "+*"},
            "splits": [{"name": "rare", "count": 5, "where": where}],
        }
    )
    shares = ShareEstimator(PreparedSources(recipe)).estimate({0: 5})
    assert shares == Shares(terms={2: 0}, operators={"+": 0, "*": 0}, total=0, is_exact=False)


def test_rare_equations_have_shares_where_they_are_listed():
    splits = [{"name": "rare", "count": 100, "where": {"answer": 12345}}]
    space = {"operands": {"min": 0, "max": 10**9}, "operators": "+*"}
    recipe = Recipe.from_dict({"name": "rare", "space": space, "splits": splits, "commuted": "ignore"})
    shares = ShareEstimator(PreparedSources(recipe)).estimate({0: 12354})
    assert shares.operators == {"+": 12346, "*": 8}


def test_what_no_equation_is_likely_to_have_is_noted():
    shares = Shares(terms={2: 0.2, 3: 0.1, 4: 99.7}, operators={"+": 100, "/": 0}, total=100, is_exact=True)
    ending = (
        "too few candidates are of that kind; see `sampling: {balance: [terms, operators]}`, or give it a split of its "
        "own by `where`"
    )
    assert shares.list_notes() == [
        f"note: no equation with 2 terms or 3 terms, {ending}",
        f"note: no equation with `/`, {ending}",
    ]
