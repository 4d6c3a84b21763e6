"""The codec that fits the equations of one or more spaces, and whether a codec fits those of another one."""

from collections.abc import Sequence
from typing import Any

from eqstream.data.configuration import describe_type
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.manifest_maker import describe_space
from eqstream.data.dataset.manifest_parts import SpaceFacts
from eqstream.data.errors import UserError
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.codec_options import CodecOptions
from eqstream.data.loading.codec_sizes import count_digits, count_question_tokens
from eqstream.data.recipe import Recipe
from eqstream.data.solutions.line_bounds import LINE_CHARACTERS
from eqstream.data.space_recipe import SpaceRecipe

# A space, and the bounds on its text.
Space = tuple[SpaceRecipe, SpaceFacts]
_STEPS_NEEDED = "the dataset's examples are steps of worked solutions: set `codec.steps: true`"


def check_codec_argument(codec: Any, *, as_text: bool) -> None:
    """Refuses what a program passes for a codec and is none, and a codec for batches of texts."""
    if codec is not None and as_text:
        raise UserError("`codec` is for tokens, and `as_text=True` asks for texts: leave one of them out")
    if codec is not None and not isinstance(codec, Codec):
        raise UserError(f"`codec` must be a codec, such as that of `Dataset.codec()`, got {describe_type(codec)}")


def fit_codec_to_dataset(manifest: Manifest, options: CodecOptions | None = None) -> Codec:
    """Returns the codec for the equations of a dataset; see `fit_codec`."""
    return fit_codec([(manifest.recipe.space, manifest.space)], options)


def fit_codec_to_recipe(recipe: Recipe, options: CodecOptions | None = None) -> Codec:
    """Returns the codec for the equations of a recipe, the same as that of its dataset; see `fit_codec`."""
    return fit_codec([(recipe.space, describe_space(recipe))], options)


def fit_codec(spaces: Sequence[Space], options: CodecOptions | None = None) -> Codec:
    """Returns the codec for the equations of some spaces: it has all their characters, and room for the longest.

    Args:
        spaces: the spaces, at least one, each with the bounds on its text.
        options: what the recipe says of the codec.

    Raises:
        UserError: zero padding is asked for where answers are fractions, some spaces are written with spaces and
            others without, or examples are steps and the options are not for lines.
    """
    options = _choose_options(max(facts.line_length or 0 for _, facts in spaces), options)
    spacing = spaces[0][0].spacing
    if any(space.spacing != spacing for space, _ in spaces):
        raise UserError("one codec cannot write some equations with spaces and others without: see `space.spacing`")
    if options.steps:
        return _fit_lines(spaces, options)
    alphabet = _unite_alphabets(spaces, options)
    max_answer_length = answer_width = max(facts.max_answer_length for _, facts in spaces)
    if options.zero_padding:
        # A sign or a decimal part comes on top of the leading zeros.
        answer_width += 1 if alphabet.isdisjoint(".") else answer_width
    return Codec(
        alphabet="".join(sorted(alphabet)),
        spacing=spacing,
        max_question_length=max(facts.max_question_length for _, facts in spaces),
        max_answer_length=max_answer_length,
        question_digits=max(count_digits(space.operands) for space, _ in spaces),
        question_width=_count_question_tokens(spaces, options) + options.end_question,
        answer_width=answer_width + 1,
        options=options,
    )


def _choose_options(line_length: int, options: CodecOptions | None) -> CodecOptions:
    if line_length and options is not None and not options.steps:
        raise UserError(_STEPS_NEEDED)
    return options or CodecOptions(steps=line_length > 0, line_length=line_length or CodecOptions.line_length)


def _unite_alphabets(spaces: Sequence[Space], options: CodecOptions) -> set[str]:
    """Returns the characters that have a token."""
    alphabet = {character for _, facts in spaces for character in facts.alphabet}
    if options.spaces == "drop" and spaces[0][0].spacing:
        alphabet -= {" "}
    if options.answer_padding == "left":
        alphabet |= {" "}
    if options.zero_padding:
        if any(space.division == "fraction" and "/" in space.operators for space, _ in spaces):
            raise UserError("`codec.zero_padding` does not go with `space.division: fraction`")
        alphabet |= {"0"}
    return alphabet


def _count_question_tokens(spaces: Sequence[Space], options: CodecOptions) -> int:
    """Returns the tokens of the longest question, without an end token."""
    digits = max(count_digits(space.operands) for space, _ in spaces)
    return max(
        count_question_tokens(
            space,
            facts.max_question_length,
            fill_up_to=digits if options.zero_padding else 1,
            drops_spaces=options.spaces == "drop" and space.spacing,
        )
        for space, facts in spaces
    )


def _fit_lines(spaces: Sequence[Space], options: CodecOptions) -> Codec:
    """Returns the codec for lines of worked solutions; which characters they have depends on no space."""
    spacing, length = spaces[0][0].spacing, options.line_length
    for space, facts in spaces:
        longest = facts.line_length or count_question_tokens(
            space, facts.max_question_length, fill_up_to=1, drops_spaces=spacing
        )
        if longest > length:
            raise UserError(f"questions have up to {longest} characters, and `codec.line_length` is {length}: raise it")
    with_spaces = 3 * length if spacing else length
    return Codec(
        alphabet=LINE_CHARACTERS,
        spacing=spacing,
        max_question_length=with_spaces,
        max_answer_length=with_spaces,
        question_digits=1,
        question_width=length,
        answer_width=length + 1,
        options=options,
    )


def check_codec(codec: Codec, space: SpaceRecipe, facts: SpaceFacts) -> None:
    """Refuses a space whose texts a codec cannot encode.

    Args:
        codec: from text to tokens.
        space: the space.
        facts: the bounds on its text.

    Raises:
        UserError: with the reason.
    """
    if facts.line_length and not codec.options.steps:
        raise UserError(_STEPS_NEEDED)
    if facts.line_length and facts.line_length > codec.question_width:
        raise UserError(
            f"the model takes lines of up to {codec.question_width} characters, the dataset has {facts.line_length}"
        )
    missing = sorted(set(facts.alphabet) - set(codec.alphabet) - ({" "} if codec.questions.drops_spaces else set()))
    if missing:
        raise UserError(f"the model does not know the dataset's characters {' '.join(map(repr, missing))}")
    if space.spacing != codec.spacing:
        ours, theirs = ("with" if each else "without" for each in (codec.spacing, space.spacing))
        raise UserError(f"the model was trained on questions {ours} spaces, the dataset's are {theirs}")
    for side, theirs in ((codec.questions, facts.max_question_length), (codec.answers, facts.max_answer_length)):
        if theirs > side.max_length:
            raise UserError(
                f"the model takes {side.name}s of up to {side.max_length} characters, the dataset has {theirs}"
            )
