"""The sections `codec`, `model` and `training` of a recipe, checked, with every default spelled out.

Imports no TensorFlow: a recipe is refused before anything slow begins.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from eqstream.data.configuration import check_not_negative, check_positive, from_mapping, to_mapping
from eqstream.data.errors import UserError
from eqstream.data.limits import MAX_DETOURS
from eqstream.data.loading.codec_options import CodecOptions
from eqstream.data.recipe import Recipe
from eqstream.data.space_recipe import SpaceRecipe
from eqstream.seq2seq.config.architectures import (
    ArchitectureRecipe,
    RegressionRecipe,
    TransformerRecipe,
    check_regression_space,
    check_transformer_space,
    check_written_in_order,
    read_architecture,
)
from eqstream.seq2seq.config.curriculum import StageRecipe, check_curriculum
from eqstream.seq2seq.config.example_weights import WeightsRecipe
from eqstream.seq2seq.config.mixture import MixtureSource, check_mixture


@dataclass(frozen=True, kw_only=True)
class OptimizerRecipe:
    """The optimizer and its learning rate over the whole training.

    After `warmup_steps` from zero the rate stays (`constant`) or falls to `final_share` of itself at the last step
    (`cosine`, `linear`). `clip_norm` bounds the norm of all gradients together. `muon` lets all directions of
    the gradient of a matrix between layers count alike; other weights get the steps of `adamw`.
    """

    name: Literal["adam", "adamw", "sgd", "rmsprop", "muon"] = "adam"
    learning_rate: float = 0.001
    schedule: Literal["constant", "cosine", "linear"] = "constant"
    warmup_steps: int = 0
    final_share: float = 0.0
    weight_decay: float = 0.0
    clip_norm: float | None = None
    beta_2: float = 0.999

    def __post_init__(self) -> None:
        check_positive(self, "learning_rate")
        check_not_negative(self, "warmup_steps", "final_share", "weight_decay")
        if self.weight_decay and self.name not in ("adamw", "muon"):
            raise UserError(f"`weight_decay` needs `name: adamw` or `name: muon`, got `name: {self.name}`")
        if self.clip_norm is not None:
            check_positive(self, "clip_norm")


@dataclass(frozen=True, kw_only=True)
class EarlyStoppingRecipe:
    """Training ends when `monitor` has not improved by `min_delta` for `patience` epochs, or has reached `target`."""

    monitor: Literal["val_exact_match", "val_token_accuracy", "val_padded_token_accuracy", "val_rmse", "val_loss"] = (
        "val_exact_match"
    )
    patience: int = 10
    min_delta: float = 0.0
    target: float | None = None

    def __post_init__(self) -> None:
        check_positive(self, "patience")
        check_not_negative(self, "min_delta")


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe:
    """How a model is trained.

    The best epoch is chosen on `validation_split`: by default `validation`, `dev`, `test` or the first other split of
    the recipe, whichever has the `where` of the train split, or else equations of that `where` that no split has. The
    model is evaluated on `test_split`: by default `test`, `unseen` or the first other split, if possible one on which
    the best epoch was not chosen. `validation_examples` is the size of the fixed sample that is answered after each
    epoch, `samples` how many of it are shown in the end. The state for `--resume` is saved after each epoch and every
    `save_steps` steps. `storage` is the format to read, None for what there is. `mask_loss` leaves out pads.
    `source: fresh` trains on an endless stream of what the train split may take from and no other split holds (see
    `eqstream.data.streams.equation_stream`), `epoch_examples` of it in an epoch, by default as many as the split has.

    With `codec.steps` and fresh equations, `detours` is the share of the digits of quotients of which a worked solution
    goes on with one larger than the rules'; theirs is the answer all the same. From such lines a model learns to mend
    this mistake of its own.

    `mixture` is a list of sources that batches are dealt from, by weights that may change over the steps; an epoch has
    `epoch_examples`, too. What one of their datasets holds out is left out of the others.

    `curriculum` is a list of stages that come first, each of so many epochs of some of the examples; early stopping
    counts from the first epoch after them. `weights` makes rare kinds of examples count more in the training loss; how
    rare they are is counted in the train split, also for a fresh stream.
    `start_from` is a run, or a model that comes with eqstream: the training begins with its weights in place of random
    ones, and with a new optimizer. It must be of the same dataset, so that it has seen nothing of what is held out. A
    transformer may have more blocks, or a larger `place_reach`, `number_reach` or `bracket_reach`, than the one it
    begins as.
    `precision` is that of the model's arithmetic, its weights are float32 always: the mixed ones are made for GPUs and
    slower on most CPUs. `tensorboard` writes the metrics as event files too.
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
    source: Literal["shards", "fresh"] = "shards"
    epoch_examples: int | None = None
    detours: float = 0.0
    mixture: tuple[MixtureSource, ...] = ()
    curriculum: tuple[StageRecipe, ...] = ()
    weights: WeightsRecipe | None = None
    start_from: str | None = None
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    tensorboard: bool = False

    def __post_init__(self) -> None:
        if self.epoch_examples is not None:
            check_positive(self, "epoch_examples")
            if self.source != "fresh" and not self.mixture:
                raise UserError("`epoch_examples` needs `source: fresh` or a `mixture`: an epoch of shards is all")
        check_positive(self, "epochs", "batch_size", "validation_examples", "steps_per_execution")
        check_not_negative(self, "samples")
        if not 0 <= self.detours <= MAX_DETOURS:
            raise UserError(f"`detours` must be from 0 to {MAX_DETOURS}, got {self.detours}")
        if self.detours and self.source != "fresh" and not self.mixture:
            raise UserError("`detours` needs `source: fresh`: files have the lines that they have")
        if self.save_steps is not None:
            check_positive(self, "save_steps")
        check_mixture(self.mixture)
        check_curriculum(self.curriculum, self.epochs)

    def check_detours(self, fresh: Iterable[SpaceRecipe]) -> None:
        """Refuses `detours` without a quotient in the spaces of all fresh equations."""
        if self.detours and not any("/" in space.operators for space in fresh):
            raise UserError("`training.detours` needs quotients, and no fresh equation has a `/`: leave it out")


def _check_steps(model: ArchitectureRecipe, training: TrainingRecipe) -> None:
    if not isinstance(model, TransformerRecipe) or model.places != "pairs":
        raise UserError("`codec.steps` needs `model.kind: transformer` with `model.places: pairs`")
    if training.weights is not None:
        raise UserError("`codec.steps` does not go with `training.weights`, which weigh whole equations")


@dataclass(frozen=True, kw_only=True)
class ModelRecipe:
    """The three sections of a recipe that are about models."""

    codec: CodecOptions = field(default_factory=CodecOptions)
    model: ArchitectureRecipe = field(default_factory=TransformerRecipe)
    training: TrainingRecipe = TrainingRecipe()

    def __post_init__(self) -> None:
        is_regression = isinstance(self.model, RegressionRecipe)
        if is_regression and self.codec.zero_padding:
            raise UserError(f"`codec.zero_padding` means nothing to `model.kind: {self.model.kind}`")
        if is_regression and self.codec.answer_padding == "left":
            raise UserError(f"`codec.answer_padding: left` means nothing to `model.kind: {self.model.kind}`")
        if isinstance(self.model, TransformerRecipe) and not self.codec.reverse_answer:
            check_written_in_order(self.model)
        if is_regression and self.training.precision != "float32":
            # Numbers as they are have no room in 8 or 11 binary digits.
            raise UserError(f"`training.precision` must be float32 for `model.kind: {self.model.kind}`")
        if self.codec.steps:
            _check_steps(self.model, self.training)
        elif self.training.detours:
            raise UserError("`training.detours` needs `codec.steps`: only worked solutions have them")
        stopping = self.training.early_stopping
        if stopping is None:
            return
        if is_regression != (stopping.monitor == "val_rmse") and stopping.monitor not in (
            "val_exact_match",
            "val_loss",
        ):
            raise UserError(f"`training.early_stopping.monitor`: kind `{self.model.kind}` has no `{stopping.monitor}`")
        if stopping.monitor == "val_padded_token_accuracy" and self.training.mask_loss:
            raise UserError("`training.early_stopping.monitor: val_padded_token_accuracy` needs `mask_loss: false`")

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> "ModelRecipe":
        """Returns the checked sections of a recipe.

        Raises:
            UserError: a key is unknown (with the nearest one), or a value is of the wrong type or breaks a rule.
        """
        sections = cls.from_dict(recipe.sections)
        sections.check_space(recipe.space)
        sections.check_examples(recipe, is_dataset=False)
        if not sections.training.mixture:  # whose sources may have other spaces
            sections.training.check_detours([recipe.space])
        return sections

    def check_space(self, space: SpaceRecipe) -> None:
        """Refuses a space that the model is not made for.

        Raises:
            UserError: with the key of the model that must be another one.
        """
        if isinstance(self.model, RegressionRecipe):
            check_regression_space(self.model, space)
        if isinstance(self.model, TransformerRecipe):
            check_transformer_space(self.model, space)

    def check_examples(self, recipe: Recipe, *, is_dataset: bool = True) -> None:
        """Refuses examples that are equations where they should be steps, and the other way round.

        Args:
            recipe: of the examples.
            is_dataset: whether they are those of a dataset to train on, which need a codec for them.

        Raises:
            UserError: with the key that must be another one.
        """
        training = self.training
        if is_dataset and recipe.steps is not None and not self.codec.steps:
            raise UserError("`steps` of the dataset needs `codec.steps: true`: its examples are lines of solutions")
        if self.codec.steps and recipe.steps is None and not training.mixture and training.source != "fresh":
            raise UserError("`codec.steps` needs `training.source: fresh`, or a dataset with `steps: true`")

    @classmethod
    def from_dict(cls, sections: dict[str, Any]) -> "ModelRecipe":
        """Returns the recipe of a mapping with the keys `codec`, `model` and `training`; inverse of `to_dict`."""
        return cls(
            codec=from_mapping(CodecOptions, sections.get("codec", {}), "codec"),
            model=read_architecture(sections.get("model", {})),
            training=from_mapping(TrainingRecipe, sections.get("training", {}), "training"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the sections with every default spelled out, of JSON types alone."""
        return to_mapping(self)
