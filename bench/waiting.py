"""How long a training waits for its data, as a share: `run_one` measures it in a process of its own.

A training step is run by itself, compiled as `fit` compiles it, and waited for. Before each step the clock runs while
the next batch is taken: in turns of `TURN_STEPS` from the loader, which prepares batches in threads of its own while
steps run, and from a dataset that repeats one ready batch. Taking the ready batch has a price, too (the call, and
threads of the last step that still hold a core), which no loader can avoid, so it is taken off. What is left is the
waiting; the share is that over the time of a step with its waiting. The first turns, which compile and fill buffers, do
not count. Means, as a loader that prepares many batches at once would stall before one of many; medians are told beside
them, as a single stall of a busy machine outweighs a hundred steps.

Keys of a spec: `recipe`, `source` (a dataset of it), `num_steps`. Keys of a result: `share` and `median_share`;
`step_seconds`, `wait_seconds` (what is left) and `ready_seconds` (taking the ready batch), means for one step.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

TURN_STEPS = 20
WARM_UP_TURNS = 4


def measure(spec: dict[str, Any]) -> dict[str, float]:
    """Returns the result of a spec; see the module."""
    step, stream, ready = prepare(spec)
    loaded: list[tuple[float, float]] = []
    repeated: list[tuple[float, float]] = []
    for turn in range(WARM_UP_TURNS + spec["num_steps"] // TURN_STEPS):
        if turn == WARM_UP_TURNS:
            loaded.clear()
            repeated.clear()
        loaded += [time_step(step, stream) for _ in range(TURN_STEPS)]
        repeated += [time_step(step, ready) for _ in range(TURN_STEPS)]
    return summarise(np.array(loaded), np.array(repeated))


def summarise(loaded: np.ndarray, repeated: np.ndarray) -> dict[str, float]:
    """Returns the result.

    Args:
        loaded: seconds of taking a batch of the loader and of the step on it, (num_steps, 2).
        repeated: the same with the batch that is ready, (num_steps, 2).
    """
    taking, ready, step = loaded[:, 0].mean(), repeated[:, 0].mean(), loaded[:, 1].mean()
    usual = float(np.median(loaded[:, 0]) - np.median(repeated[:, 0]))
    return {
        "share": float((taking - ready) / (taking + step)),
        "median_share": usual / float(np.median(loaded.sum(axis=1))),
        "step_seconds": float(step),
        "wait_seconds": float(taking - ready),
        "ready_seconds": float(ready),
    }


def time_step(step: Callable, batches: Iterator) -> tuple[float, float]:
    """Returns the seconds of taking a batch, and those of the step on it."""
    start = time.perf_counter()
    batch = next(batches)
    taken = time.perf_counter()
    step(batch)["loss"].numpy()
    return taken - start, time.perf_counter() - taken


def prepare(spec: dict[str, Any]) -> tuple[Callable, Iterator, Iterator]:
    """Returns a compiled training step, an endless stream of the loader's batches, and one of a single batch."""
    import tensorflow as tf

    from eqstream.data.dataset.manifest_file import load_manifest
    from eqstream.data.loading.codec import Codec
    from eqstream.data.recipe_files import load_recipe
    from eqstream.seq2seq.config.sections import ModelRecipe
    from eqstream.seq2seq.models.registry import make_model
    from eqstream.seq2seq.optimizers import make_optimizer
    from eqstream.seq2seq.training.batches import with_targets
    from eqstream.seq2seq.training.training_source import make_source

    sections, manifest = ModelRecipe.from_recipe(load_recipe(spec["recipe"])), load_manifest(spec["source"])
    training, codec = sections.training, Codec.for_dataset(manifest, sections.codec)
    source = make_source(training, codec, data_directory=spec["source"], manifest=manifest)
    model = make_model(sections.model, codec)
    model.compile(
        optimizer=make_optimizer(training.optimizer, 10**6), loss=model.make_loss(), jit_compile=training.jit_compile
    )
    model.optimizer.build(model.trainable_variables)

    stream = with_targets(source.batches(first_epoch=0, first_batch=0), model, mask_pads=training.mask_loss)
    ready = tf.data.Dataset.from_tensors(next(iter(stream))).repeat()
    return tf.function(model.train_step, jit_compile=training.jit_compile), iter(stream), iter(ready)


def run_one(spec_path: str, result_path: str) -> None:
    """Measures the spec of one JSON file and writes the result to another."""
    result = measure(json.loads(Path(spec_path).read_text(encoding="utf-8")))
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")
