import pytest

from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.data.recipe_files import load_recipe, shipped_recipes
from eqstream.seq2seq.config.architectures import TransformerRecipe
from eqstream.seq2seq.config.sections import ModelRecipe


def read(**sections):
    return ModelRecipe.from_dict(sections)


def test_defaults_are_spelled_out_and_come_back():
    recipe = read()
    assert recipe.model == TransformerRecipe()
    assert ModelRecipe.from_dict(recipe.to_dict()) == recipe


def test_every_section_comes_back():
    recipe = read(
        codec={"padding": "left", "reverse_answer": True},
        model={"kind": "transformer", "width": 32, "heads": 2},
        training={"optimizer": {"learning_rate": 1}, "early_stopping": {"patience": 3, "target": 1.0}},
    )
    assert recipe.model == TransformerRecipe(width=32, heads=2)
    assert recipe.training.optimizer.learning_rate == 1.0
    assert ModelRecipe.from_dict(recipe.to_dict()) == recipe


def test_sections_are_taken_from_a_recipe():
    mapping = {
        "name": "sums",
        "space": {"operands": {"min": 0, "max": 9}},
        "splits": [{"name": "train", "rest": True}],
        "training": {"epochs": 3},
    }
    assert ModelRecipe.from_recipe(Recipe.from_dict(mapping)).training.epochs == 3


@pytest.mark.parametrize(
    ("space", "is_refused"),
    [
        ({}, False),
        ({"operators": "*", "terms": 4, "brackets": True}, False),
        ({"operators": "-"}, True),
        ({"operators": "+*"}, True),
        ({"operands": {"min": -1, "max": 9}}, True),
    ],
)
def test_numbers_without_embedding_are_refused_where_their_order_matters(space, is_refused):
    mapping = {
        "name": "sums",
        "space": {"operands": {"min": 0, "max": 9}, **space},
        "splits": [{"name": "train", "rest": True}],
        "model": {"kind": "transformer", "number_embedding": False},
    }
    recipe = Recipe.from_dict(mapping)
    if is_refused:
        with pytest.raises(UserError, match="it matters which number comes first"):
            ModelRecipe.from_recipe(recipe)
    else:
        model = ModelRecipe.from_recipe(recipe).model
        assert isinstance(model, TransformerRecipe)
        assert model.number_embedding is False


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_recipe_that_is_shipped_can_be_trained(name):
    recipe = load_recipe(name)
    sections = ModelRecipe.from_recipe(recipe)
    splits = {split.name for split in recipe.splits}
    training = sections.training
    assert {training.train_split, training.validation_split, training.test_split} - {None} <= splits


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (
            {"model": {"kind": "transfomer"}},
            "`model.kind` is unknown: the text 'transfomer'; did you mean `transformer`",
        ),
        ({"model": {"kind": 3}}, "`model.kind` is unknown: 3"),
        (
            {"model": {"wdith": 3}},
            r"^without `model.kind` the model is a transformer: unknown key `model.wdith`; did you mean `width`\?$",
        ),
        (
            {"model": {"kind": "transformer", "encoder_width": 3}},
            "^unknown key `model.encoder_width`: it is one of `kind: repeat-vector`, not of `kind: transformer`$",
        ),
        (
            {"training": {"learning_rate": 0.1}},
            r"^unknown key `training.learning_rate`; did you mean `training.optimizer.learning_rate`\?$",
        ),
        ({"model": {"kind": "transformer", "width": 10, "heads": 3}}, "`width` must be a multiple of `heads`"),
        ({"model": {"kind": "transformer", "places": "relativ"}}, "`model.places` is unknown: the text 'relativ'"),
        (
            {"model": {"kind": "transformer", "places": "relative"}},
            "`model.places: relative` needs `codec.reverse_answer: true`",
        ),
        (
            {"model": {"places": "pairs"}},
            "^`model.places: pairs` needs `codec.reverse_answer: true`: a digit's place is known only if those below "
            "it are written$",
        ),
        (
            {"model": {"place_offset": 2}},
            "^`model.place_offset` needs `codec.reverse_answer: true`: else the characters of the answer have no "
            "places to be moved$",
        ),
        (
            {"model": {"kind": "transformer", "place_offset": 2, "places": "relative"}},
            "^`model`: `place_offset` needs `places: absolute`, got `places: relative`: others move anyway$",
        ),
        (
            {"model": {"kind": "transformer", "place_window": 2}},
            "^`model`: `place_window` needs `places: relative`, got `places: absolute`: it counts places$",
        ),
        (
            {"model": {"kind": "transformer", "place_window": -1}},
            "^`model`: `place_window` must not be below 0, got -1$",
        ),
        (
            {"model": {"kind": "transformer", "bracket_reach": 2}},
            "^`model`: `bracket_reach` needs `places: pairs`, got `places: absolute`$",
        ),
        (
            {"model": {"kind": "transformer", "places": "pairs", "number_embedding": False}},
            "^`model`: `number_embedding: false` does not go with `places: pairs`, which tells numbers apart$",
        ),
        ({"model": {"dropout": 1.0}}, "`model`: `dropout` must be from 0 up to but without 1, got 1.0"),
        ({"codec": {"padding": "middle"}}, "`codec.padding` is unknown: the text 'middle'"),
        (
            {"codec": {"answer_padding": "left"}, "model": {"kind": "mlp-regression"}},
            "^`codec.answer_padding: left` means nothing to `model.kind: mlp-regression`$",
        ),
        ({"training": {"epochs": 0}}, "`epochs` must be above 0, got 0"),
        (
            {"training": {"detours": 0.6, "source": "fresh"}},
            "^`training`: `detours` must be from 0 to 0.5, got 0.6$",
        ),
        (
            {"training": {"detours": 0.1}},
            "^`training`: `detours` needs `source: fresh`: files have the lines that they have$",
        ),
        (
            {"training": {"detours": 0.1, "source": "fresh"}},
            "^`training.detours` needs `codec.steps`: only worked solutions have them$",
        ),
        ({"training": {"epochs": "ten"}}, "`training.epochs` must be a whole number, got the text 'ten'"),
        ({"training": {"optimizer": {"learning_rate": 0}}}, "`learning_rate` must be above 0"),
        ({"training": {"optimizer": {"weight_decay": 0.1}}}, "`weight_decay` needs `name: adamw`"),
        ({"training": {"early_stopping": {"monitor": "accuracy"}}}, "`training.early_stopping.monitor` is unknown"),
    ],
)
def test_mistakes_are_named(sections, message):
    with pytest.raises(UserError, match=message):
        read(**sections)
