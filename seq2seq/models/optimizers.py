"""The optimizer that a recipe asks for."""

import keras
import tensorflow as tf

from eqstream.seq2seq.config.sections import OptimizerRecipe

_OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
    "muon": keras.optimizers.Muon,
}
# Tables of vectors, biases and the last layer of a model: Muon is for matrices between its layers.
_NOT_FOR_MUON = [r"/table$", r"/(offset|level)_bias$", r"/(logits|number)/"]


@keras.saving.register_keras_serializable(package="eqstream")
class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate that rises from zero, then stays or falls; a function of the step alone.

    Args:
        peak: the rate after the warm-up.
        warmup_steps: steps until then.
        num_steps: of the whole training; the rate falls until the last of them.
        shape: `constant`, `linear` or `cosine`.
        final_share: share of `peak` that is left at the end.
    """

    def __init__(self, peak: float, *, warmup_steps: int, num_steps: int, shape: str, final_share: float) -> None:
        self.peak, self.warmup_steps, self.num_steps = peak, warmup_steps, num_steps
        self.shape, self.final_share = shape, final_share

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the rate of a step, counted from 0."""
        step = keras.ops.cast(step, "float32")
        # The first step is not lost: its rate is one part of the way up, not zero.
        rise = keras.ops.minimum((step + 1.0) / (self.warmup_steps + 1.0), 1.0)
        way = keras.ops.clip((step - self.warmup_steps) / max(self.num_steps - self.warmup_steps, 1), 0.0, 1.0)
        falls = {
            "constant": keras.ops.ones_like(way),
            "linear": 1.0 - way,
            "cosine": 0.5 * (1.0 + keras.ops.cos(way * 3.141592653589793)),
        }
        fall = 1.0 if self.shape == "constant" else self.final_share + (1.0 - self.final_share) * falls[self.shape]
        return self.peak * rise * fall

    def get_config(self) -> dict:
        """Returns the arguments of the constructor."""
        names = ("peak", "warmup_steps", "num_steps", "shape", "final_share")
        return {name: getattr(self, name) for name in names}


def make_optimizer(recipe: OptimizerRecipe, num_steps: int) -> keras.optimizers.Optimizer:
    """Returns a new optimizer for a training of `num_steps` steps.

    `muon` (Jordan et al. 2024; scaled as in Liu et al. 2025, arXiv 2502.16982, so that rates and decays of AdamW fit)
    is for matrices between layers; all other weights get AdamW's steps, at the same rate.
    """
    schedule = WarmupSchedule(
        peak=recipe.learning_rate,
        warmup_steps=recipe.warmup_steps,
        num_steps=num_steps,
        shape=recipe.schedule,
        final_share=recipe.final_share,
    )
    options: dict = {"learning_rate": schedule, "global_clipnorm": recipe.clip_norm}
    if recipe.name in ("adam", "adamw"):
        options["beta_2"] = recipe.beta_2
    if recipe.name == "adamw":
        options["weight_decay"] = recipe.weight_decay
    if recipe.name == "muon":
        options["weight_decay"] = options["adam_weight_decay"] = recipe.weight_decay
        options["adam_beta_2"] = recipe.beta_2
        options["exclude_layers"] = _NOT_FOR_MUON
        # Keras' own values since 3.13, said here, as it has changed them before.
        options.update(adam_lr_ratio=1.0, rms_rate=0.2, ns_steps=5)
    return _OPTIMIZERS[recipe.name](**options)
