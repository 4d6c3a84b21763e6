"""What a split lacks, and others have, is noted."""

from eqstream.pipelines.build import build
from eqstream.pipelines.estimation.shares import Shares
from eqstream.pipelines.estimation.split_notes import list_notes_by_split
from eqstream.pipelines.preview import preview
from tests.brute_force import make_recipe

SPLITS = [{"name": "train", "count": 3000}, {"name": "test", "count": 100}]
SPACE = {"operands": {"min": 0, "max": 99}, "operators": "+-", "terms": {"min": 2, "max": 3}}
TRAIN = Shares(terms={2: 1500, 3: 1500}, operators={"+": 2000, "-": 2000}, total=3000, is_exact=True)


def shares_of_test(*terms, is_exact=True):
    return Shares(
        terms=dict(zip((2, 3), terms, strict=True)), operators={"+": 60, "-": 0}, total=100, is_exact=is_exact
    )


def test_what_a_split_lacks_and_what_is_scarce_in_it_is_noted():
    recipe = make_recipe(SPACE, SPLITS, sampling="balanced")
    assert list_notes_by_split(recipe, {"train": TRAIN, "test": shares_of_test(76, 24)}) == [
        "note: split `test` has no equation with `-`, and less than half the share of 3 terms that all splits together "
        "have; give it a larger `count`"
    ]
    assert list_notes_by_split(recipe, {"train": TRAIN, "test": shares_of_test(100, 0, is_exact=False)}) == [
        "note: split `test` is likely to have no equation with 3 terms or `-`; give it a larger `count`"
    ]


def test_scarce_kinds_are_noted_of_balanced_splits_alone_and_not_of_what_another_condition_takes():
    uniform = make_recipe(SPACE, SPLITS)
    assert list_notes_by_split(uniform, {"train": TRAIN, "test": shares_of_test(76, 24)}) == [
        "note: split `test` has no equation with `-`; give it a larger `count`"
    ]
    splits = [{**SPLITS[0], "where": {"terms": 2}}, {**SPLITS[1], "where": {"terms": 3}}]
    recipe = make_recipe(SPACE, splits, sampling="balanced")
    assert list_notes_by_split(recipe, {"train": TRAIN, "test": shares_of_test(0, 100)}) == []


def test_a_preview_and_a_build_note_what_a_small_balanced_split_lacks(tmp_path):
    space = {"operands": {"min": 0, "max": 9}, "operators": "+-*/", "terms": {"min": 2, "max": 5}, "division": "exact"}
    splits = [{"name": "train", "count": 900}, {"name": "test", "count": 20}]
    recipe = make_recipe(space, splits, sampling={"balance": ["terms", "operators", "digits"]})
    expected = ("note: split `test` has no equation with 5 terms; give it a larger `count`",)
    assert preview(recipe).notes == build(recipe, tmp_path / "out").notes == expected
