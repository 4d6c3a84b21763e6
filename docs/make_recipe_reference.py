"""Writes `docs/recipe.md` and `docs/recipe.schema.json`: all keys of a recipe, as the code has them.

Run ``python docs/make_recipe_reference.py`` after a key was added, changed or removed; a test says when.
"""

import dataclasses
import json
import types
import typing
from pathlib import Path
from typing import Any, NamedTuple

from eqstream.data.configuration import to_mapping
from eqstream.data.loading.codec_options import CodecOptions
from eqstream.data.recipe import MODEL_SECTIONS, Recipe, StepsRecipe, StorageRecipe
from eqstream.data.recipe_values import Range
from eqstream.data.sampling import Balance
from eqstream.data.space_recipe import Operands, SpaceRecipe, Terms
from eqstream.data.split_recipe import SplitRecipe, Where
from eqstream.seq2seq.config.architectures import ARCHITECTURES, DEFAULT_KIND
from eqstream.seq2seq.config.curriculum import StageRecipe
from eqstream.seq2seq.config.example_weights import WeightsRecipe
from eqstream.seq2seq.config.mixture import MixtureSource
from eqstream.seq2seq.config.sections import EarlyStoppingRecipe, OptimizerRecipe, TrainingRecipe

FOLDER = Path(__file__).parent
INTRODUCTION = """# Recipe reference

<!-- Written by docs/make_recipe_reference.py: change that, not this. -->

A recipe is a YAML file; `eqstream recipes NAME` prints one to start from, and `--set space.operands.max=99` on the
command line changes one key. Only `name`, `space.operands` and `splits` must be given. Every other key has the default
that stands here; "-" means that nothing is set.

Editors check a recipe and complete its keys by the schema beside this page, if its first line is
`# yaml-language-server: $schema=recipe.schema.json` with the path or address of that file.

A range is `{min: 2, max: 3}` with both ends included; an end that is left out is open, and a single number stands for
both ends. Numbers with more digits than a float holds are written in quotes.
"""


class Part(NamedTuple):
    """A mapping of a recipe."""

    key: str
    cls: Any
    text: str


PARTS = (
    Part(
        "", Recipe, "The sections `codec`, `model` and `training` are about models alone: no dataset depends on them."
    ),
    Part("space", SpaceRecipe, "Which equations there are."),
    Part(
        "space.operands",
        Operands,
        "The numbers from `min` to `max` in steps of 10 to the power of -`decimals`. For those from 0.01 to 0.99, "
        "write `{min: 0, max: 1, decimals: 2}` and give each split `where: {operands: {min: 0.01, max: 0.99}}`.",
    ),
    Part("space.terms", Terms, "How many operands an equation has. `2` is short for `{min: 2, max: 2}`."),
    Part(
        "sampling",
        Balance,
        "As a mapping: takes equally many equations of each kind as far as they reach, one key within the other. A "
        "build refuses a mapping with over 20,000 kinds. Where shapes or trees are too many to list, trees of as many "
        "equations are taken together: an equation is as likely to have one of them as another, unless division or a "
        "condition leaves out more of one. Even so `tree` is refused from 14 terms of four operators or 20 of three, "
        "and without brackets from 1,048,577 shapes. `sampling: balanced` with over 20,000 combinations of shape and "
        "operand lengths is `{balance: [terms, operators, tree, digits]}` in this way. Hard cases make kinds, too: "
        "`longest_carry_chain` or `zero_borrows`, and `equal_operands`, of two terms, and `repeated_digits`; see "
        "`splits.where`. `{balance: [digits, longest_carry_chain]}` takes equally many sums of each length, and among "
        "those of one length equally many with chains of 0, 1, 2, … places. Each kind is counted exactly and "
        "enumerated without a search, however rare it is; `eqstream preview` shows the share of each.",
    ),
    Part(
        "splits",
        SplitRecipe,
        "A list. Each split has a `name` and one of `count`, `fraction` and `rest`. Splits are disjoint: those with "
        "neither `where` nor `hash` take from what no other split's `where` or `hash` selects.",
    ),
    Part(
        "splits.where",
        Where,
        "A condition on equations. All keys that are given must hold. A build goes straight to the equations, however "
        "rare they are, and only searches among the candidates for those that meet `quotient_digits`, `carries` and "
        "`answer`, `longest_carry_chain` and `zero_borrows` of more than two terms, or both of them, and "
        "`brackets` in spaces of more than 65,536 shapes. Of two terms it lists, instead of a search, the candidates "
        "with such `carries` or such an `answer`, also of `space.answer`, and quotients that come out even, where they "
        "are 2,097,152 or fewer (262,144 in spaces of more than 2⁶² equations) and that takes less time: all sums of "
        "numbers up to 10¹⁵ that are 12345, say. With `sampling: balanced` each combination of lengths is listed by "
        "itself, so that exact quotients of numbers up to 999,999 are planned in seconds. A search refuses what "
        "bounds of the values rule out at once, what none of the first 67,108,864 candidates meets, and what would "
        "take a look at more than 274,877,906,944. `eqstream preview` says where it has found none and how "
        "long the search takes at most.",
    ),
    Part(
        "steps",
        StepsRecipe,
        "`true` takes all defaults. Each equation gives the steps of its [worked solution](solutions.md): the question "
        "is a line, the answer is the next line. Sizes of splits and shards still count equations. Steps with a line "
        "that is an equation of another split, or equal to one up to commuting `+` and `*`, are left out and counted.",
    ),
    Part("storage", StorageRecipe, "How the dataset is stored."),
    Part("codec", CodecOptions, "How text becomes tokens."),
    *(Part(f"model, `kind: {kind}`", cls, "") for kind, cls in ARCHITECTURES.items()),
    Part("training", TrainingRecipe, "How the model is trained."),
    Part("training.optimizer", OptimizerRecipe, ""),
    Part("training.early_stopping", EarlyStoppingRecipe, "Off unless it is given; `{}` takes all defaults."),
    Part(
        "training.mixture",
        MixtureSource,
        "A list of sources, which share every batch by their weights. `[{weight: 3}, {data: out/other, weight: 1}]` "
        "takes three of four examples from the dataset that the training is given, and the fourth from another one. A "
        "weight may change over the steps of the whole training: `weight: [[0, 1], [10000, 0.2]]` falls from 1 to 0.2 "
        "in 10,000 steps and stays there. A stream may be narrowed to hard cases: `{source: fresh, where: "
        "{longest_carry_chain: {min: 3}}, weight: 0.1}`. The model is validated and evaluated on the splits of the "
        "dataset that the training is given. What one dataset of the mixture holds out, which is all its splits but "
        "the trained ones, never comes from another one, nor does a commuted twin of it: such equations are left out, "
        "and their number is reported.",
    ),
    Part(
        "training.curriculum",
        StageRecipe,
        "A list of stages that come first, each of so many epochs of the examples within all its ranges.",
    ),
    Part(
        "training.weights",
        WeightsRecipe,
        "Makes rare kinds of examples count more in the loss: an example weighs one over the number of examples of its "
        "kind, to the power of `balance`.",
    ),
)

_WIDTHS = {
    "width": "numbers in each state or embedding",
    "depth": "layers on top of each other",
    "dropout": "share of numbers that training sets to 0",
    "heads": "heads of attention; must divide `width`",
    "encoder_depth": "layers of the encoder",
    "decoder_depth": "layers of the decoder",
    "bidirectional": "read the question from both ends",
    "batch_normalization": "normalize each layer's outputs over a batch",
    "embedding": "how a token becomes numbers",
    "embedding_width": "numbers of a learned embedding",
    "mask_padding": "skip pad tokens of the question",
    "terms": "number of operands, that of the space",
    "operand_scale": "operands are divided by it",
    "answer_scale": "answers are divided by it",
    "kind": "the architecture",
}
_BOUNDS = {"min": "the smallest", "max": "the largest"}
MEANINGS: dict[Any, dict[str, str]] = {
    Recipe: {
        "name": "of the dataset: lower-case letters, digits, `-` and `_`",
        "space": "the equations there are",
        "splits": "the splits of the dataset",
        "version": "three numbers",
        "description": "a sentence for people",
        "seed": "of the order of equations; same seed, same bytes",
        "commuted": "equations equal up to commuting `+` and `*`, such as `1 + 2` and `2 + 1`: `together` in one "
        "split, all but one of them left out (`drop`), or taken for unrelated (`ignore`)",
        "sampling": "`uniform` over the candidates, `balanced` over shapes with operand lengths, or a mapping",
        "hash_salt": "changes which equations the `hash` of splits selects",
        "steps": "`true` or a mapping: examples are the steps of worked solutions, not whole equations",
        "storage": "files",
        "codec": "text to tokens",
        "model": "the architecture",
        "training": "the training",
    },
    SpaceRecipe: {
        "operands": "the numbers that are combined",
        "operators": "some of `+-*/`, as a text or a list",
        "terms": "number of operands",
        "brackets": "whether brackets occur; without them, equations are read by precedence alone",
        "division": "what `/` means: only quotients on the operands' grid (`exact`), rounded down (`quotient`), "
        "rounded half to even to `places` (`decimal`), or a `fraction` in lowest terms",
        "places": "decimals of an answer with `division: decimal`",
        "answer": "range of the answers; other equations do not count",
        "spacing": "spaces around operators",
    },
    Operands: {**_BOUNDS, "decimals": "digits behind the decimal point, up to 12"},
    Terms: {"min": "the fewest", "max": "the most, up to 32"},
    Balance: {
        "balance": "what makes a kind, always in this order; operators by how often each occurs, `tree` up to "
        "commuting",
        "weights": 'of kinds, by keys of `balance`, such as `{terms: {2: 3}, operators: {"++*": 0.5}, equal_operands: '
        "{equal: 0.1}}`; others weigh 1",
    },
    SplitRecipe: {
        "name": "lower-case letters, digits and `_`",
        "count": "number of equations",
        "fraction": "share of what it may take from",
        "rest": "everything that the others leave",
        "where": "a condition on its equations",
        "hash": "`[low, high]` within 0 and 1: takes the equations whose hash lies there, low included; an equation "
        "stays in its split when the space grows",
    },
    Where: {
        "terms": "number of operands",
        "digits": "digits before the decimal point of the longest operand",
        "operands": "range of all operands",
        "contains": "operands of which at least one occurs; a sign counts: 27 is not -27",
        "excludes": "operands of which none occurs",
        "carries": "carries and borrows of written addition and subtraction",
        "longest_carry_chain": "places that one carry, or one borrow, runs through: 3 in `999 + 1` and `1000 - 1`, 1 "
        "in `555 + 555`, where each place carries by itself",
        "zero_borrows": "zeros of the larger number that a borrow comes to: 2 in `1000 - 1`",
        "equal_operands": "whether all of two or more operands are equal",
        "repeated_digits": "operands of two or more digits that are all the same, such as 77",
        "quotient_digits": "digits of which at least one stands in a quotient, such as `[0, 9]`; needs `/` between "
        "whole operands, `exact` or `quotient`",
        "operators": "no other operators occur",
        "brackets": "whether the text has brackets; not with `commuted: together`",
        "answer": "range of the answer",
    },
    StepsRecipe: {
        "line_length": "most characters of a line, spaces not counted, up to 256; steps with a longer one are left out",
    },
    StorageRecipe: {
        "formats": "one or both",
        "compression": "of TFRecord; texts in Parquet are always compressed, by zstd",
        "shard_size": "most equations in a shard",
    },
    CodecOptions: {
        "padding": "the side of a question's pad tokens",
        "answer_padding": "`right`: pads behind the end of a short answer; `left`: spaces before it as it is read, so "
        "that all answers are equally long",
        "end_question": "whether an end token closes a question, as it does every answer",
        "zero_padding": "leading zeros up to the longest number",
        "reverse_question": "questions from right to left",
        "reverse_answer": "answers from right to left, the unit first",
        "spaces": "whether a question's spaces become tokens",
        "steps": "texts are lines of worked solutions: the model answers a line with the next one, and is asked again "
        "until a number is left; needs `model.places: pairs`, and a dataset with `steps: true`, "
        "`training.source: fresh`, or a `mixture` of such sources",
        "line_length": "of `steps`: characters of the longest line, spaces not counted; steps with a longer one are "
        "left out of training",
    },
    TrainingRecipe: {
        "epochs": "passes over the training split",
        "batch_size": "examples in a step",
        "seed": "of weights and order",
        "optimizer": "and its learning rate",
        "train_split": "to train on",
        "validation_split": "to choose the best epoch on; by default `validation`, `dev`, `test` or the first other "
        "split that has the `where` of `train_split`, else equations like those of it that are in no split",
        "test_split": "to evaluate the model on; by default `test`, `unseen` or the first other split, if possible not "
        "the one for validation",
        "validation_examples": "size of the fixed sample that is answered after each epoch",
        "storage": "the format to read; by default what there is",
        "mask_loss": "leave pads out of the loss",
        "jit_compile": "compile by XLA",
        "steps_per_execution": "steps in one call",
        "samples": "answers to show in the end",
        "save_steps": "save the state for `--resume` after so many steps too, not only after each epoch",
        "early_stopping": "ends a training that does not improve",
        "source": "`shards`: the split's files; `fresh`: an endless stream of equations that no other split holds",
        "epoch_examples": "with `source: fresh` or a `mixture` the examples of an epoch; by default as many as the "
        "training split has",
        "detours": "with `codec.steps` the share of the digits of quotients of which a fresh solution goes on with one "
        "larger than the rules'",
        "mixture": "several sources in place of the training split alone",
        "curriculum": "stages with some of the examples that come first",
        "weights": "of rare kinds of examples in the loss",
        "start_from": "a run of the same dataset, or a shipped model, whose weights the training begins "
        "with; the optimizer begins anew; a transformer may be deeper, or reach further, than it",
        "precision": "of the arithmetic; weights are float32 always",
        "tensorboard": "write event files",
    },
    OptimizerRecipe: {
        "name": "the algorithm",
        "learning_rate": "the highest",
        "schedule": "whether the rate stays, or falls to `final_share` of itself at the last step",
        "warmup_steps": "steps in which the rate rises from 0",
        "final_share": "see `schedule`",
        "weight_decay": "for `adamw` and `muon` alone",
        "clip_norm": "bound of the norm of all gradients together",
        "beta_2": "decay of the mean squares of `adam`, `adamw` and `muon`",
    },
    EarlyStoppingRecipe: {
        "monitor": "what must improve",
        "patience": "epochs without improvement after which training ends",
        "min_delta": "the least change that counts as improvement",
        "target": "training ends when it is reached",
    },
    StageRecipe: {
        "epochs": "of the stage",
        "terms": "range of the number of operands",
        "digits": "range of the digits before the decimal point of the longest operand",
        "carries": "range of carries and borrows",
    },
    MixtureSource: {
        "data": "the directory of a dataset; by default the one that the training is given",
        "recipe": "instead of `data`: a recipe, whose equations come fresh; its path, or the name of a shipped one",
        "split": "of that dataset; by default `training.train_split`",
        "source": "its files or an endless stream, see `training.source`, which is the default",
        "where": "a condition on the equations of an endless stream besides that of the split, see `splits.where`",
        "weight": "a number, or a list of steps, at least 0 and rising, each with the weight there; "
        "before the first and after the last it stays",
    },
    WeightsRecipe: {
        "by": "what makes a kind: a number of the example, or the `lengths` of all operands in their order",
        "balance": "0: all examples weigh the same; 1: all kinds weigh the same",
    },
    **{
        cls: {
            **_WIDTHS,
            "encoder_width": "numbers in the encoder's state",
            "decoder_width": "numbers in the decoder's state",
            "feed_forward": "numbers in the hidden layer of each block",
            "places": "`absolute`: a digit knows its place in its number; `relative`: attention knows how many places "
            "lie between two digits; `pairs`: how many places and how many numbers lie between two characters of "
            "question or answer",
            "place_reach": "of `pairs`: places further apart count as equally far",
            "number_reach": "of `pairs`: numbers further apart count as equally far",
            "bracket_reach": "of `pairs`: characters so many levels of brackets apart count as equally far; `0` if "
            "levels do not count",
            "place_offset": "of `absolute`: training moves the places of an example by up to so many, at random, so "
            "that longer numbers can be answered",
            "place_window": "of `relative`: digits further apart than so many places do not see each other, so that "
            "longer numbers than those of the training can be answered; 0: all do",
            "number_embedding": "whether a token knows which number it belongs to; leave it on unless the space has "
            "sums or products alone",
            "pad_vector": "a pad of the question that is not skipped: a vector of its `own`, as each character has, or "
            "`zeros`",
            "widths": "units of each hidden layer",
            "activation": "of the hidden layers",
        }
        for cls in ARCHITECTURES.values()
    },
}


def list_keys(cls: Any) -> dict[str, tuple[Any, dataclasses.Field]]:
    """Returns name to (type, field) of a part's keys."""
    hints = typing.get_type_hints(cls)
    return {field.name: (hints[field.name], field) for field in dataclasses.fields(cls)}


def render() -> str:
    """Returns the contents of `recipe.md`."""
    sections = [INTRODUCTION]
    for part in PARTS:
        title = f"## {part.key if ',' in part.key else f'`{part.key}`'}" if part.key else "## The recipe"
        if part.cls is ARCHITECTURES[DEFAULT_KIND]:
            title += " (the default)"
        rows = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
        for name, (hint, field) in list_keys(part.cls).items():
            rows.append(f"| `{name}` | {_describe_type(hint)} | {_default(field)} | {MEANINGS[part.cls][name]} |")
        sections.append("\n\n".join(text for text in (title, part.text, "\n".join(rows)) if text) + "\n")
    return "\n".join(sections)


def _describe_type(hint: Any) -> str:
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        known = [_describe_type(each) for each in options if each is not type(None)]
        return "number" if "number" in known else ", ".join(known)
    if origin is typing.Literal:
        return ", ".join(f"`{option}`" for option in options)
    if origin is tuple:
        item = _describe_type(options[0])
        if item.startswith("list"):
            return "number or list of lists"
        return f"list of {item if item.startswith('`') else f'{item}s'}"
    if origin is dict:
        return "mapping"
    if hint is Range:
        return "range"
    if dataclasses.is_dataclass(hint):
        return "mapping"
    return {int: "whole number", float: "number", str: "text", bool: "`true` or `false`", dict: "mapping"}[hint]


def _default(field: dataclasses.Field) -> str:
    if field.default is dataclasses.MISSING:
        return "must be given"
    if dataclasses.is_dataclass(field.default) and not isinstance(field.default, Range):
        return "see below"
    value = to_mapping(field.default)
    if value in (None, "", []) or isinstance(field.default, Range):
        return "-"
    return f"`{json.dumps(value) if isinstance(value, (bool, list)) else value}`"


def make_schema() -> dict[str, Any]:
    """Returns the JSON schema of a recipe."""
    schema = _schema_of(Recipe)
    kinds = [_schema_of(cls) for cls in ARCHITECTURES.values()]
    sections = {"codec": _schema_of(CodecOptions), "model": {"anyOf": kinds}, "training": _schema_of(TrainingRecipe)}
    assert sections.keys() == set(MODEL_SECTIONS)
    for name, section in sections.items():
        schema["properties"][name] = {**section, "description": MEANINGS[Recipe][name]}
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "eqstream recipe", **schema}


def _schema_of(hint: Any) -> dict[str, Any]:
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_schema_of(each) for each in options]}
    if origin is typing.Literal:
        return {"enum": list(options)}
    if origin is tuple:
        return {"type": "array", "items": _schema_of(options[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema_of(options[1])}
    if dataclasses.is_dataclass(hint):
        return _schema_of_mapping(hint)
    names = {int: "integer", float: "number", str: "string", bool: "boolean", dict: "object", type(None): "null"}
    return {"type": names[hint]}


def _schema_of_mapping(cls: Any) -> dict[str, Any]:
    meanings, keys = MEANINGS.get(cls, _BOUNDS), list_keys(cls)
    properties = {name: {**_schema_of(hint), "description": meanings[name]} for name, (hint, _) in keys.items()}
    # What `expand` of the class allows besides.
    for name in {"operators", "contains", "excludes", "weight"} & properties.keys():
        short = {"type": "array"} if name == "operators" else {"type": ["number", "string"]}
        properties[name] = {"anyOf": [properties[name], short], "description": meanings[name]}
    schema: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    required = [name for name, (_, field) in keys.items() if field.default is dataclasses.MISSING]
    required = [name for name in required if keys[name][1].default_factory is dataclasses.MISSING]
    if required:
        schema["required"] = required
    if cls is StepsRecipe:
        return {"anyOf": [schema, {"type": "boolean"}]}
    return {"anyOf": [schema, {"type": ["number", "string"]}]} if cls in (Range, Terms) else schema


def render_schema() -> str:
    """Returns the contents of `recipe.schema.json`."""
    return json.dumps(make_schema(), indent=2) + "\n"


if __name__ == "__main__":
    (FOLDER / "recipe.md").write_text(render(), encoding="utf-8")
    (FOLDER / "recipe.schema.json").write_text(render_schema(), encoding="utf-8")
