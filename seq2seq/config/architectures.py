"""What a recipe's section `model` may say, kind by kind. Imports no TensorFlow."""

from dataclasses import dataclass, fields
from typing import Any, Literal

from eqstream.data.configuration import (
    check_not_negative,
    check_positive,
    check_share,
    describe_type,
    from_mapping,
    nearest,
)
from eqstream.data.errors import UserError
from eqstream.data.recipe_values import exact
from eqstream.data.space.prepared_space import prepare_space
from eqstream.data.space_recipe import SpaceRecipe

# Beyond, not every whole number is a float32.
_LARGEST_NUMBER = 1 << 24


@dataclass(frozen=True, kw_only=True)
class RepeatVectorRecipe:
    """LSTM encoder, its last state repeated, LSTM decoder, softmax per character.

    `embedding_width` matters for `embedding: learned` alone; `mask_padding` lets the encoder skip pad tokens. Where it
    reads them, `pad_vector: zeros` makes them vectors of zeros, not vectors of their `own` as characters are.
    """

    kind: Literal["repeat-vector"] = "repeat-vector"
    encoder_width: int = 128
    decoder_width: int = 128
    encoder_depth: int = 1
    decoder_depth: int = 1
    bidirectional: bool = False
    dropout: float = 0.0
    batch_normalization: bool = False
    embedding: Literal["one-hot", "learned"] = "one-hot"
    embedding_width: int = 32
    mask_padding: bool = False
    pad_vector: Literal["own", "zeros"] = "own"

    def __post_init__(self) -> None:
        check_positive(self, "encoder_width", "decoder_width", "encoder_depth", "decoder_depth", "embedding_width")
        check_share(self, "dropout")


@dataclass(frozen=True, kw_only=True)
class TransformerRecipe:
    """Encoder-decoder transformer whose embeddings say each digit's place within its number, and which number.

    With `places: relative` no digit knows its place, attention knows how many places lie between two digits instead:
    what is learned of one place serves all of them. With `number_embedding: false` no token knows which number it
    belongs to, so that ``a + b`` and ``b + a`` are one question.

    With `places: pairs` attention knows how many places and how many numbers lie between two characters, within the
    question, within what is written so far and between both, so answers may be of several numbers, too. Places count
    from the last digit of a number, numbers from the end of the text; beyond `place_reach` and `number_reach` all are
    equally far. No character knows its own place or number.

    With `bracket_reach` and `places: pairs` attention also knows how many more brackets one of two characters is in
    than the other, up to this many. A line is then copied right where it has more numbers, or deeper brackets, than
    those that were trained.

    With `place_window` and `places: relative`, digits that lie more places apart than this do not see each other, and
    what is no digit sees no digits. What a digit of the answer depends on is then as wide in long numbers as in short
    ones, and no number of far digits takes attention away from the near ones.

    With `place_offset` a training adds a random number, from 0 to this, to all places of an example, as far as there
    are places, so that those of longer numbers than it has are trained, too.
    """

    kind: Literal["transformer"] = "transformer"
    width: int = 64
    heads: int = 4
    encoder_depth: int = 1
    decoder_depth: int = 1
    feed_forward: int = 128
    dropout: float = 0.0
    places: Literal["absolute", "relative", "pairs"] = "absolute"
    number_embedding: bool = True
    place_reach: int = 8
    number_reach: int = 4
    bracket_reach: int = 0
    place_offset: int = 0
    place_window: int = 0

    def __post_init__(self) -> None:
        check_positive(self, "width", "heads", "encoder_depth", "decoder_depth", "feed_forward")
        check_positive(self, "place_reach", "number_reach")
        check_not_negative(self, "bracket_reach", "place_offset", "place_window")
        check_share(self, "dropout")
        if self.width % self.heads:
            raise UserError(f"`width` must be a multiple of `heads`, got {self.width} and {self.heads}")
        if self.place_offset and self.places != "absolute":
            raise UserError(f"`place_offset` needs `places: absolute`, got `places: {self.places}`: others move anyway")
        if self.place_window and self.places != "relative":
            raise UserError(f"`place_window` needs `places: relative`, got `places: {self.places}`: it counts places")
        if self.bracket_reach and self.places != "pairs":
            raise UserError(f"`bracket_reach` needs `places: pairs`, got `places: {self.places}`")
        if self.places == "pairs" and not self.number_embedding:
            raise UserError("`number_embedding: false` does not go with `places: pairs`, which tells numbers apart")


@dataclass(frozen=True, kw_only=True)
class RecurrentRecipe:
    """LSTM encoder and decoder; the decoder starts from the encoder's state and reads its own previous output.

    `width` is that of one direction; `embedding_width` matters for `embedding: learned` alone; `mask_padding` lets
    the model skip pad tokens of the question.
    """

    kind: str = "recurrent"
    width: int = 128
    depth: int = 1
    bidirectional: bool = False
    dropout: float = 0.0
    batch_normalization: bool = False
    embedding: Literal["one-hot", "learned"] = "one-hot"
    embedding_width: int = 32
    mask_padding: bool = True

    def __post_init__(self) -> None:
        check_positive(self, "width", "depth", "embedding_width")
        check_share(self, "dropout")


@dataclass(frozen=True, kw_only=True)
class FeedbackRecipe(RecurrentRecipe):
    """As its base says, without more."""

    kind: Literal["feedback"] = "feedback"


@dataclass(frozen=True, kw_only=True)
class AttentionRecipe(RecurrentRecipe):
    """The feedback model with `heads` of attention over the encoder's outputs."""

    kind: Literal["attention"] = "attention"
    heads: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "heads")
        if self.width % self.heads:
            raise UserError(f"`width` must be a multiple of `heads`, got {self.width} and {self.heads}")


@dataclass(frozen=True, kw_only=True)
class RegressionRecipe:
    """What both regressions need to know: how many operands there are, and what to divide numbers by."""

    kind: str = "regression"
    terms: int = 2
    operand_scale: float = 1.0
    answer_scale: float = 1.0

    def __post_init__(self) -> None:
        check_positive(self, "terms", "operand_scale", "answer_scale")


@dataclass(frozen=True, kw_only=True)
class LstmRegressionRecipe(RegressionRecipe):
    """LSTM over the operands as numbers; the answer is a number, rounded."""

    kind: Literal["lstm-regression"] = "lstm-regression"
    width: int = 10
    depth: int = 1
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "width", "depth")
        check_share(self, "dropout")


@dataclass(frozen=True, kw_only=True)
class MlpRegressionRecipe(RegressionRecipe):
    """Dense layers of `widths` over the operands as numbers; the answer is a number, rounded."""

    kind: Literal["mlp-regression"] = "mlp-regression"
    widths: tuple[int, ...] = (4, 2)
    activation: Literal["linear", "relu", "tanh"] = "relu"

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.widths, default=1) <= 0:
            raise UserError(f"`widths` must be above 0, got {list(self.widths)}")


ArchitectureRecipe = (
    RepeatVectorRecipe
    | TransformerRecipe
    | FeedbackRecipe
    | AttentionRecipe
    | LstmRegressionRecipe
    | MlpRegressionRecipe
)
ARCHITECTURES: dict[str, type] = {
    "repeat-vector": RepeatVectorRecipe,
    "transformer": TransformerRecipe,
    "feedback": FeedbackRecipe,
    "attention": AttentionRecipe,
    "lstm-regression": LstmRegressionRecipe,
    "mlp-regression": MlpRegressionRecipe,
}


# Fits every space; the smaller kinds don't learn most of them.
DEFAULT_KIND = "transformer"


def read_architecture(section: dict[str, Any]) -> ArchitectureRecipe:
    """Returns the checked section `model`, of the kind that it names, or else of `DEFAULT_KIND`."""
    kind = section.get("kind", DEFAULT_KIND)
    if not isinstance(kind, str) or kind not in ARCHITECTURES:
        raise UserError(f"`model.kind` is unknown: {describe_type(kind)}{nearest(str(kind), ARCHITECTURES)}")
    try:
        _check_keys(section, kind)
        return from_mapping(ARCHITECTURES[kind], section, "model")
    except UserError as error:
        if "kind" in section:
            raise
        raise UserError(f"without `model.kind` the model is a {kind}: {error}") from error


def _check_keys(section: dict[str, Any], kind: str) -> None:
    """Refuses keys of other kinds, which stay in a recipe of which only the kind is changed."""
    kind_to_names = {each: {field.name for field in fields(cls)} for each, cls in ARCHITECTURES.items()}
    for key in section.keys() - kind_to_names[kind]:
        others = [each for each, names in kind_to_names.items() if key in names]
        if others:
            raise UserError(f"unknown key `model.{key}`: it is one of `kind: {others[0]}`, not of `kind: {kind}`")


def check_regression_space(model: RegressionRecipe, space: SpaceRecipe) -> None:
    """Refuses spaces whose equations are more than a fixed number of whole numbers."""
    reasons = {
        "one operator": len(space.operators) > 1,
        "no brackets": space.brackets,
        "whole operands": space.operands.decimals > 0,
        "whole answers": "/" in space.operators and space.division in ("decimal", "fraction"),
    }
    for need, is_broken in reasons.items():
        if is_broken:
            raise UserError(f"`model.kind: {model.kind}` reads numbers alone: its space must have {need}")
    if (space.terms.min, space.terms.max) != (model.terms, model.terms):
        raise UserError(
            f"`model.terms` must be the number of terms of the space, got {model.terms} for "
            f"{space.terms.min} to {space.terms.max}"
        )
    prepared = prepare_space(space)
    operand_bound, answer_bound = prepared.operand_domain.bound, prepared.arithmetic.answer_bound
    if space.answer.min is not None and space.answer.max is not None:
        answer_bound = min(answer_bound, max(abs(exact(space.answer.min)), abs(exact(space.answer.max))))
    if max(operand_bound, answer_bound) > _LARGEST_NUMBER:
        raise UserError(
            f"`model.kind: {model.kind}` takes numbers as float32, exact up to {_LARGEST_NUMBER:,}: "
            f"this space has larger ones"
        )


def check_transformer_space(model: TransformerRecipe, space: SpaceRecipe) -> None:
    """Refuses spaces in which the order of the numbers matters, if the model is not told of it."""
    if model.number_embedding:
        return
    if len(space.operators) > 1 or space.operators not in "+*" or space.operands.min < 0:
        raise UserError(
            "`model.number_embedding: false` is for sums or products alone, of operands from 0 on: in any other space "
            "it matters which number comes first"
        )


def check_written_in_order(model: TransformerRecipe) -> None:
    """Refuses what a transformer cannot be whose answers are not reversed."""
    need = "needs `codec.reverse_answer: true`:"
    if model.places == "relative":
        raise UserError(
            f"`model.places: relative` {need} the n-th character written is the n-th place only if the unit comes first"
        )
    if model.places == "pairs":
        raise UserError(f"`model.places: pairs` {need} a digit's place is known only if those below it are written")
    if model.place_offset:
        raise UserError(f"`model.place_offset` {need} else the characters of the answer have no places to be moved")
