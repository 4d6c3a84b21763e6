"""Balance where shapes or kinds are too many to list: everything is there, nothing is shared, trees are as frequent."""

from collections import Counter

import pytest

from eqstream.data.errors import UserError
from eqstream.data.reference.evaluation import canonical_key, list_operators
from eqstream.data.reference.parsing import parse
from eqstream.data.splits.prepared_sources import PreparedSources
from tests.brute_force import class_key_of, examine_space, make_plan, make_recipe, plant, write
from tests.covering import cover_values
from tests.one_shape import list_shapes

ALL_KEYS = ["terms", "operators", "tree", "digits"]
COMMUTED = ["together", "drop", "ignore"]


@pytest.fixture
def no_lists(monkeypatch):
    """Shapes are numbers and trees are united, however few there are."""
    monkeypatch.setattr("eqstream.data.space.shapes.MOST_LISTED", 0)
    monkeypatch.setattr("eqstream.data.splits.strata.MAX_STRATA", 0)


def operators_of(question) -> str:
    return "".join(sorted(list_operators(parse(question)), key="+-*/".index))


def tree_of(question) -> str:
    """A text that trees share which differ in the order of sides alone."""
    tree = parse(question)

    def blank(node):
        return type(node)(node.operator, blank(node.left), blank(node.right)) if hasattr(node, "left") else parse("0")

    return canonical_key(blank(tree))


@pytest.mark.usefixtures("no_lists")
@cover_values(
    "case, commuted",
    {
        "+-*": ("+-*", True, "balanced"),
        "+/": ("+/", True, "balanced"),
        "chains of +*": ("+*", False, "balanced"),
        "+-": ("+-", True, {"balance": ["operators"]}),
        "chains of -*": ("-*", False, {"balance": ["operators", "digits"]}),
        "*": ("*", True, {"balance": ["tree"]}),
    },
    COMMUTED,
)
def test_all_equations_of_a_space_come_once_and_twins_share_a_split(case, commuted):
    operators, brackets, sampling = case
    space = {"operands": {"min": 9, "max": 10}, "operators": operators, "terms": {"min": 1, "max": 4}}
    space["brackets"] = brackets
    splits = [{"name": "a", "count": 12}, {"name": "b", "fraction": 0.2}, {"name": "c", "rest": True}]
    recipe = make_recipe(space, splits, commuted=commuted, sampling=sampling)
    written = write(recipe)
    known = {each.question: each.class_key for each in examine_space(recipe.space)}
    split_of = written.split_of
    assert split_of.keys() <= known.keys()
    num_left_out = sum(split.num_left_out for split in written.plan.splits)
    expected = len(set(known.values())) if commuted == "drop" else len(known)
    assert len(split_of) + num_left_out == expected
    if commuted != "ignore":
        assert len({(known[question], split) for question, split in split_of.items()}) == len(
            {known[question] for question in split_of}
        )


@pytest.mark.usefixtures("no_lists")
@cover_values("commuted, brackets", COMMUTED, [True, False])
def test_united_trees_are_equally_frequent(commuted, brackets):
    space = {"operands": {"min": 0, "max": 99}, "operators": "+*", "terms": 5, "brackets": brackets}
    recipe = make_recipe(space, [{"name": "a", "count": 6000}], commuted=commuted, sampling={"balance": ["tree"]})
    zeros = [plant(tree, [0] * 5) for tree in list_shapes(recipe.space)]
    questions = write(recipe).questions("a")
    if commuted == "ignore":
        found = Counter(
            "".join(" 0" if each.isdigit() else each for each in question.split()) for question in questions
        )
    found = Counter(map(tree_of, questions))
    expected = Counter(map(canonical_key, zeros))
    if commuted != "ignore":
        expected = dict.fromkeys(expected, 1)
    unit = 6000 / sum(expected.values())
    assert found.keys() == expected.keys()
    for tree, weight in expected.items():
        # Up to 16 twins come together, so that a deviation counts as so many.
        most_twins = 16 if commuted == "together" else 1
        assert abs(found[tree] - unit * weight) < 5 * (unit * weight * most_twins) ** 0.5, tree


@pytest.mark.usefixtures("no_lists")
@pytest.mark.parametrize(
    "sampling",
    [pytest.param("balanced", marks=pytest.mark.slow), {"balance": ALL_KEYS, "weights": {"terms": {2: 3}}}],
)
def test_terms_and_operators_are_balanced_where_trees_are_united(sampling):
    space = {"operands": {"min": 0, "max": 99}, "operators": "+-*", "terms": {"min": 2, "max": 4}, "brackets": True}
    recipe = make_recipe(space, [{"name": "a", "count": 1200}, {"name": "b", "count": 10}], sampling=sampling)
    written = write(recipe)
    check_kinds(written, most_terms=4, weights={2: 3 if sampling != "balanced" else 1})


@pytest.mark.slow
def test_terms_and_operators_of_nine_terms_are_balanced():
    space = {"operands": {"min": 0, "max": 99}, "operators": "+-*", "terms": {"min": 2, "max": 9}, "brackets": True}
    splits = [{"name": "a", "count": 4500}, {"name": "b", "count": 10}]
    check_kinds(write(make_recipe(space, splits, sampling="balanced")), most_terms=9, weights={})


def check_kinds(written, *, most_terms, weights):
    questions = written.questions("a")
    terms = Counter(len(operators_of(question)) + 1 for question in questions)
    weights = {number: weights.get(number, 1) for number in range(2, most_terms + 1)}
    for number, weight in weights.items():
        # What does not divide evenly, and what is cut off.
        assert abs(terms[number] - len(questions) * weight / sum(weights.values())) <= 5
    kinds = Counter(operators for operators in map(operators_of, questions) if len(operators) == most_terms - 1)
    assert len(kinds) == (most_terms + 1) * most_terms // 2
    assert max(kinds.values()) - min(kinds.values()) <= 3
    assert not {class_key_of(question) for question in questions} & set(map(class_key_of, written.questions("b")))


def test_operators_of_ten_terms_are_balanced_without_a_list_of_shapes():
    space = {"operands": {"min": 0, "max": 99}, "operators": "+*", "terms": 10, "brackets": True}
    for commuted in ("together", "ignore"):
        recipe = make_recipe(
            space, [{"name": "a", "count": 200}], sampling={"balance": ["operators"]}, commuted=commuted
        )
        kinds = Counter(map(operators_of, write(recipe).questions("a")))
        assert kinds == {"+" * number + "*" * (9 - number): 20 for number in range(10)}


def test_what_cannot_be_balanced_is_refused_with_what_can():
    space = {"operands": {"min": 0, "max": 99}, "operators": "+-*/", "terms": 20, "brackets": True}
    with pytest.raises(UserError) as caught:
        PreparedSources(make_recipe(space, sampling="balanced"))
    assert str(caught.value) == (
        "`sampling.balance` names `tree`, and there are 485,781,606,686,376,591,360 shapes of 20 terms, too many to "
        "tell how many twins each has; leave `tree` out, or lower `space.terms.max`"
    )
    space = {"operands": {"min": 0, "max": 10**40}, "operators": "+-*/", "terms": {"min": 2, "max": 12}}
    with pytest.raises(UserError) as caught:
        PreparedSources(make_recipe(space, sampling={"balance": ["operators", "digits"]}))
    assert str(caught.value) == (
        "`sampling.balance` finds over 20,000 kinds of equations; leave out `operators` or `digits`, or use fewer terms"
    )


@pytest.mark.slow
def test_what_is_offered_instead_works_and_all_of_it_does_where_twins_are_unrelated():
    space = {"operands": {"min": 0, "max": 99}, "operators": "+-*/", "terms": 20, "brackets": True}
    offered = make_recipe(space, sampling={"balance": ["operators"]})
    assert len(PreparedSources(offered)) == 1540
    assert len(PreparedSources(make_recipe(space, sampling={"balance": ["tree"]}, commuted="ignore"))) == 1


@pytest.mark.usefixtures("no_lists")
def test_plan_of_united_kinds_depends_on_the_recipe_alone():
    space = {"operands": {"min": 0, "max": 99}, "operators": "+-*", "terms": 3, "brackets": True}
    recipe = make_recipe(space, [{"name": "a", "count": 500}, {"name": "b", "count": 60}], sampling="balanced")
    assert make_plan(recipe) == make_plan(recipe)
