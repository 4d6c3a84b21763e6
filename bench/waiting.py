"""How long a training waits for its data, as a share: `run_one` measures it in a process of its own.

A training step is run by itself, compiled as `fit` compiles it, and waited for. Before each step the clock runs while
the next batch is taken from the loader, which prepares batches in threads of its own while steps run. The share is the
time taken by batches over the time of all; the first steps, which compile and fill buffers, do not count.

Keys of a spec: `recipe`, `source` (a dataset of it), `num_steps`. Keys of a result: `share`, `step_seconds`,
`wait_seconds` (of one step).
"""

import json
import time
from pathlib import Path
from typing import Any

WARM_UP_STEPS = 100


def measure(spec: dict[str, Any]) -> dict[str, float]:
    """Returns the result of a spec; see the module."""
    import tensorflow as tf

    from data.codec import Codec
    from data.loader import batches, load_manifest, load_tokens
    from data.recipe import load_recipe
    from data.sampler import EpochSampler
    from seq2seq.models.registry import make_model
    from seq2seq.optimizers import make_optimizer
    from seq2seq.recipe import ModelRecipe

    sections, manifest = ModelRecipe.from_recipe(load_recipe(spec["recipe"])), load_manifest(spec["source"])
    training, codec = sections.training, Codec.for_dataset(manifest, sections.codec)
    table = load_tokens(spec["source"], training.train_split, codec, manifest=manifest)
    model = make_model(sections.model, codec)
    model.compile(
        optimizer=make_optimizer(training.optimizer, 10**6), loss=model.make_loss(), jit_compile=training.jit_compile
    )
    model.optimizer.build(model.trainable_variables)

    def prepare(batch: dict) -> tuple:
        weights = model.make_weights(batch["answer"], mask_pads=training.mask_loss)
        return batch, model.make_target(batch["answer"]), weights

    sampler = EpochSampler(num_examples=len(table), batch_size=training.batch_size)
    stream = iter(batches(table, sampler, num_epochs=None).map(prepare).prefetch(tf.data.AUTOTUNE))
    step = tf.function(model.train_step, jit_compile=training.jit_compile)
    waited = worked = 0.0
    for number in range(WARM_UP_STEPS + spec["num_steps"]):
        start = time.perf_counter()
        batch = next(stream)
        taken = time.perf_counter()
        step(batch)["loss"].numpy()
        if number >= WARM_UP_STEPS:
            waited += taken - start
            worked += time.perf_counter() - taken
    return {
        "share": waited / (waited + worked),
        "step_seconds": worked / spec["num_steps"],
        "wait_seconds": waited / spec["num_steps"],
    }


def run_one(spec_path: str, result_path: str) -> None:
    """Measures the spec of one JSON file and writes the result to another."""
    result = measure(json.loads(Path(spec_path).read_text(encoding="utf-8")))
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")
