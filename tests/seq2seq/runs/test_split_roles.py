import pytest

from eqstream.data.errors import UserError
from eqstream.data.split_recipe import SplitRecipe, Where
from eqstream.seq2seq.config.sections import TrainingRecipe
from eqstream.seq2seq.runs.split_roles import choose_roles, roles_of_run

NEAR = Where.expand({"digits": {"max": 3}})
FAR = Where.expand({"digits": {"min": 4}})


def splits_of(**wheres):
    return [
        SplitRecipe(name=name, count=10, where=None if where is None else Where(**where))
        for name, where in wheres.items()
    ]


def roles(splits, **training):
    found = choose_roles(splits, TrainingRecipe(**training))
    return found.train, found.validation, found.test


def test_the_usual_names_come_first():
    assert roles(splits_of(train=None, b=None, test=None)) == ("train", "test", "b")
    assert roles(splits_of(train=None, unseen=None, test=None, dev=None)) == ("train", "dev", "test")
    assert roles(splits_of(test=None, validation=None, train=None)) == ("train", "validation", "test")


def test_without_a_usual_name_the_order_of_the_recipe_decides():
    assert roles(splits_of(z=None, train=None, a=None)) == ("train", "z", "a")


def test_a_held_out_split_chooses_no_epoch_unless_it_is_asked_for():
    splits = splits_of(train=NEAR, far=FAR, near=NEAR)
    assert roles(splits) == ("train", "near", "far")
    assert roles(splits, validation_split="far") == ("train", "far", "near")
    assert roles(splits_of(train=NEAR, test=FAR, near=NEAR)) == ("train", "near", "test")
    assert roles(splits_of(train=None, validation=FAR)) == ("train", None, "validation")
    assert roles(splits_of(train=None)) == ("train", None, None)


def test_hash_buckets_hold_nothing_out():
    splits = [
        SplitRecipe(name="train", hash=(0.0, 0.8)),
        SplitRecipe(name="last", hash=(0.8, 1.0)),
    ]
    assert roles(splits) == ("train", "last", "last")


def test_unknown_names_are_refused():
    splits = splits_of(train=None, test=None)
    for key in ("train_split", "validation_split", "test_split"):
        with pytest.raises(UserError, match=r"^the dataset has no split `tesst`; did you mean `test`\?$"):
            roles(splits, **{key: "tesst"})


def test_a_run_says_itself_what_its_epoch_was_chosen_on():
    splits = splits_of(train=NEAR, far=FAR, near=NEAR)
    of_run = roles_of_run({"validation_split": "near"}, splits, TrainingRecipe())
    assert (of_run.validation, of_run.test) == ("near", "far")
    of_run = roles_of_run({"validation_split": None}, splits, TrainingRecipe(), wanted="near")
    assert (of_run.validation, of_run.test) == (None, "near")


def test_a_run_of_the_first_releases_chose_by_name_and_alphabet():
    splits = splits_of(train=NEAR, near=NEAR, far=FAR)
    assert roles_of_run({}, splits, TrainingRecipe()).validation == "far"
    assert roles_of_run({}, splits, TrainingRecipe(validation_split="near")).validation == "near"
    assert roles_of_run({}, splits_of(train=None, test=FAR), TrainingRecipe()).validation == "test"
