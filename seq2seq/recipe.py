"""The sections `codec`, `model` and `training` of a recipe, checked, with every default spelled out.

Imports no TensorFlow: a recipe is refused before anything slow begins.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from data.codec import CodecOptions
from data.configuration import describe_type, from_mapping, nearest, to_mapping
from data.errors import UserError
from data.recipe import Recipe


def _check_positive(config: Any, *names: str) -> None:
    for name in names:
        if getattr(config, name) <= 0:
            raise UserError(f"`{name}` must be above 0, got {getattr(config, name)}")


def _check_not_negative(config: Any, *names: str) -> None:
    for name in names:
        if getattr(config, name) < 0:
            raise UserError(f"`{name}` must not be below 0, got {getattr(config, name)}")


def _check_share(config: Any, name: str) -> None:
    if not 0 <= getattr(config, name) < 1:
        raise UserError(f"`{name}` must be from 0 up to but without 1, got {getattr(config, name)}")


@dataclass(frozen=True, kw_only=True)
class RepeatVectorRecipe:
    """LSTM encoder, its last state repeated, LSTM decoder, softmax per character.

    `embedding_width` matters for `embedding: learned` alone; `mask_padding` lets the encoder skip pad tokens.
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

    def __post_init__(self) -> None:
        _check_positive(self, "encoder_width", "decoder_width", "encoder_depth", "decoder_depth", "embedding_width")
        _check_share(self, "dropout")


@dataclass(frozen=True, kw_only=True)
class TransformerRecipe:
    """Encoder-decoder transformer whose embeddings say each digit's place within its number, and which number."""

    kind: Literal["transformer"] = "transformer"
    width: int = 64
    heads: int = 4
    encoder_depth: int = 1
    decoder_depth: int = 1
    feed_forward: int = 128
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _check_positive(self, "width", "heads", "encoder_depth", "decoder_depth", "feed_forward")
        _check_share(self, "dropout")
        if self.width % self.heads:
            raise UserError(f"`width` must be a multiple of `heads`, got {self.width} and {self.heads}")


ArchitectureRecipe = RepeatVectorRecipe | TransformerRecipe
ARCHITECTURES: dict[str, type] = {"repeat-vector": RepeatVectorRecipe, "transformer": TransformerRecipe}


@dataclass(frozen=True, kw_only=True)
class OptimizerRecipe:
    """The optimizer and its learning rate over the whole training.

    After `warmup_steps` from zero the rate stays (`constant`) or falls to `final_share` of itself at the last step
    (`cosine`, `linear`). `clip_norm` bounds the norm of all gradients together.
    """

    name: Literal["adam", "adamw", "sgd", "rmsprop"] = "adam"
    learning_rate: float = 0.001
    schedule: Literal["constant", "cosine", "linear"] = "constant"
    warmup_steps: int = 0
    final_share: float = 0.0
    weight_decay: float = 0.0
    clip_norm: float | None = None
    beta_2: float = 0.999

    def __post_init__(self) -> None:
        _check_positive(self, "learning_rate")
        _check_not_negative(self, "warmup_steps", "final_share", "weight_decay")
        if self.weight_decay and self.name != "adamw":
            raise UserError(f"`weight_decay` needs `name: adamw`, got `name: {self.name}`")
        if self.clip_norm is not None:
            _check_positive(self, "clip_norm")


@dataclass(frozen=True, kw_only=True)
class EarlyStoppingRecipe:
    """Training ends when `monitor` has not improved by `min_delta` for `patience` epochs, or has reached `target`."""

    monitor: Literal["val_exact_match", "val_token_accuracy", "val_loss"] = "val_exact_match"
    patience: int = 10
    min_delta: float = 0.0
    target: float | None = None

    def __post_init__(self) -> None:
        _check_positive(self, "patience")
        _check_not_negative(self, "min_delta")


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe:
    """How a model is trained.

    `validation_split`, on which the best epoch is chosen, defaults to `validation`, or else `test`; `test_split`, for
    the verdict, to `test`, or else `unseen`, whichever the best epoch was not chosen on. `validation_examples` is the
    size of the fixed sample that each epoch is judged on, `samples` how many of it are shown. The state for
    `--resume` is saved after each epoch and every `save_steps` steps. `storage` is the format to read, None for what
    there is. `mask_loss` leaves pad tokens out of the loss.
    """

    epochs: int = 10
    batch_size: int = 128
    seed: int = 0
    optimizer: OptimizerRecipe = OptimizerRecipe()
    train_split: str = "train"
    validation_split: str | None = None
    test_split: str | None = None
    validation_examples: int = 2048
    storage: Literal["parquet", "tfrecord"] | None = None
    mask_loss: bool = True
    jit_compile: bool = False
    steps_per_execution: int = 1
    samples: int = 5
    save_steps: int | None = None
    early_stopping: EarlyStoppingRecipe | None = None

    def __post_init__(self) -> None:
        _check_positive(self, "epochs", "batch_size", "validation_examples", "steps_per_execution")
        _check_not_negative(self, "samples")
        if self.save_steps is not None:
            _check_positive(self, "save_steps")


@dataclass(frozen=True, kw_only=True)
class ModelRecipe:
    """The three sections of a recipe that are about models."""

    codec: CodecOptions = field(default_factory=CodecOptions)
    model: ArchitectureRecipe = field(default_factory=RepeatVectorRecipe)
    training: TrainingRecipe = TrainingRecipe()

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> "ModelRecipe":
        """Returns the checked sections of a recipe.

        Raises:
            UserError: a key is unknown (with the nearest one), or a value is of the wrong type or breaks a rule.
        """
        return cls.from_dict(recipe.sections)

    @classmethod
    def from_dict(cls, sections: dict[str, Any]) -> "ModelRecipe":
        """Returns the recipe of a mapping with the keys `codec`, `model` and `training`; inverse of `to_dict`."""
        return cls(
            codec=from_mapping(CodecOptions, sections.get("codec", {}), "codec"),
            model=_read_architecture(sections.get("model", {})),
            training=from_mapping(TrainingRecipe, sections.get("training", {}), "training"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the sections with every default spelled out, of JSON types alone."""
        return to_mapping(self)


def _read_architecture(section: dict[str, Any]) -> ArchitectureRecipe:
    kind = section.get("kind", "repeat-vector")
    if not isinstance(kind, str) or kind not in ARCHITECTURES:
        raise UserError(f"`model.kind` is unknown: {describe_type(kind)}{nearest(str(kind), ARCHITECTURES)}")
    return from_mapping(ARCHITECTURES[kind], section, "model")
