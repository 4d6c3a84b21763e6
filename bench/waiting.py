"""How long a training waits for its data, as a share: `run_one` measures it in a process of its own, inside `fit`.

What `fit` is given takes the time right before and right after each batch is taken from the loader, in the thread that
`fit` waits in; the differences add up in a variable. The share is their sum over the time of all steps, with all that
`fit` does between steps. The first steps, which compile and fill buffers, do not count.

Keys of a spec: `recipe`, `overrides` of it, `source` (a dataset of it), `num_steps`. Keys of a result: `share`;
`step_seconds` (of a step with its waiting) and `wait_seconds`, means for one step.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WARM_UP_STEPS = 80


def measure(spec: dict[str, Any]) -> dict[str, float]:
    """Returns the result of a spec; see the module."""
    import keras
    import tensorflow as tf

    model, batches = prepare(spec)
    waited = tf.Variable(tf.zeros((), tf.float64))
    readings: list[tuple[float, float]] = []

    class Reader(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
            if batch + 1 in (WARM_UP_STEPS, WARM_UP_STEPS + spec["num_steps"]):
                readings.append((time.perf_counter(), waited.numpy().item()))

    timed = add_up_waiting(batches, waited, tf.timestamp)
    num_steps = WARM_UP_STEPS + spec["num_steps"]
    model.fit(timed, steps_per_epoch=num_steps, epochs=1, callbacks=[Reader()], shuffle=False, verbose=0)
    (start, waited_before), (end, waited_after) = readings
    seconds, waiting = end - start, waited_after - waited_before
    return {
        "share": waiting / seconds,
        "step_seconds": seconds / spec["num_steps"],
        "wait_seconds": waiting / spec["num_steps"],
    }


def add_up_waiting(batches: Any, waited: Any, clock: Callable[[], Any]) -> Any:
    """Returns the same batches; what taking each of them takes is added to a variable.

    Args:
        batches: a `tf.data.Dataset`.
        waited: the variable, float64 ().
        clock: returns the time as a tensor, float64 ().
    """
    import tensorflow as tf

    @tf.autograph.experimental.do_not_convert
    def count(before: tf.Tensor, batch: Any, after: tf.Tensor) -> Any:
        with tf.control_dependencies([waited.assign_add(after - before)]):
            return tf.nest.map_structure(tf.identity, batch)

    # What is zipped is taken in this order.
    times = tf.data.Dataset.counter().map(tf.autograph.experimental.do_not_convert(lambda _: clock()))
    timed = tf.data.Dataset.zip(times, batches, times).map(count)
    options = tf.data.Options()
    # What runs ahead of `fit` would wait in its place.
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return timed.with_options(options)


def prepare(spec: dict[str, Any]) -> tuple[Any, Any]:
    """Returns a compiled model, and an endless `tf.data.Dataset` of the loader's batches for its `fit`."""
    from eqstream.data.dataset.manifest_file import load_manifest
    from eqstream.data.loading.codec_fit import fit_codec_to_dataset
    from eqstream.data.recipe_files import load_recipe
    from eqstream.seq2seq.config.sections import ModelRecipe
    from eqstream.seq2seq.models.optimizers import make_optimizer
    from eqstream.seq2seq.models.registry import make_model
    from eqstream.seq2seq.training.batches import with_targets
    from eqstream.seq2seq.training.training_source import make_source

    recipe = load_recipe(spec["recipe"], spec["overrides"])
    sections, manifest = ModelRecipe.from_recipe(recipe), load_manifest(spec["source"])
    training, codec = sections.training, fit_codec_to_dataset(manifest, sections.codec)
    source = make_source(training, codec, data_directory=spec["source"], manifest=manifest)
    model = make_model(sections.model, codec)
    model.compile(
        optimizer=make_optimizer(training.optimizer, 10**6), loss=model.make_loss(), jit_compile=training.jit_compile
    )
    stream = source.batches(first_epoch=0, first_batch=0)
    return model, with_targets(stream, model, mask_pads=training.mask_loss)


def run_one(spec_path: str, result_path: str) -> None:
    """Measures the spec of one JSON file and writes the result to another."""
    result = measure(json.loads(Path(spec_path).read_text(encoding="utf-8")))
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")
