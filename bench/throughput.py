"""Training throughput of one model, in a process of its own, and the machine's own speed at multiplying matrices.

Only the steps of `fit` are timed: batches come from the loader, nothing is evaluated or saved, and the graph is
compiled before the clock starts.

Floating-point operations are counted in the traced graph of loss and gradients: two for each product that a matrix
multiplication adds up, whatever else a step does (softmax, gates, optimizer) counting as none. The share of the peak is
thus the share of the machine that does useful multiplications, at least.

Keys of a spec: `recipe`, `overrides`, `folder`, `num_seconds` (at least so long). Keys of a result: `kind`,
`batch_size`, `num_parameters`, `examples_per_second`, `flops_per_example`, `peak_flops_per_second`.
"""

import json
import math
import time
from pathlib import Path
from typing import Any

Spec = dict[str, Any]
PEAK_SIZE = 2048
PEAK_REPEATS = 7


def measure_throughput(spec: Spec) -> dict[str, Any]:
    """Returns the result of a spec; see the module."""
    from eqstream.data.dataset.manifest_file import load_manifest
    from eqstream.data.loading.codec_fit import fit_codec_to_dataset
    from eqstream.data.recipe_files import load_recipe
    from eqstream.pipelines.build import build
    from eqstream.seq2seq.config.sections import ModelRecipe
    from eqstream.seq2seq.models.optimizers import make_optimizer
    from eqstream.seq2seq.models.registry import make_model
    from eqstream.seq2seq.training.batches import with_targets
    from eqstream.seq2seq.training.training_source import make_source

    recipe = load_recipe(spec["recipe"], spec["overrides"])
    data = Path(spec["folder"]) / "data"
    build(recipe, data)
    sections, manifest = ModelRecipe.from_recipe(recipe), load_manifest(data)
    codec = fit_codec_to_dataset(manifest, sections.codec)
    source = make_source(sections.training, codec, data_directory=data, manifest=manifest)
    batch_size = sections.training.batch_size
    model = make_model(sections.model, codec)
    model.compile(
        optimizer=make_optimizer(sections.training.optimizer, 10**6),
        loss=model.make_loss(),
        jit_compile=sections.training.jit_compile,
        steps_per_execution=sections.training.steps_per_execution,
    )
    stream = with_targets(source.batches(first_epoch=0, first_batch=0), model, mask_pads=sections.training.mask_loss)
    return {
        "kind": sections.model.kind,
        "batch_size": batch_size,
        "num_parameters": model.count_params(),
        "examples_per_second": batch_size * _steps_per_second(model, stream, spec["num_seconds"]),
        "flops_per_example": count_flops(model, sections.training, batch_size) / batch_size,
        "peak_flops_per_second": measure_peak(),
    }


def _steps_per_second(model: Any, stream: Any, num_seconds: float) -> float:
    """Returns the best rate of three rounds, of a third of `num_seconds` or more each."""
    num_steps = 4 * model.steps_per_execution
    fit = {"verbose": 0, "shuffle": False, "epochs": 1}
    model.fit(stream, steps_per_epoch=num_steps, **fit)
    while True:
        start = time.perf_counter()
        model.fit(stream, steps_per_epoch=num_steps, **fit)
        seconds = time.perf_counter() - start
        if seconds > num_seconds / 3:
            break
        num_steps *= 2
    rates = [num_steps / seconds]
    for _ in range(2):
        start = time.perf_counter()
        model.fit(stream, steps_per_epoch=num_steps, **fit)
        rates.append(num_steps / (time.perf_counter() - start))
    return max(rates)


def count_flops(model: Any, training: Any, batch_size: int) -> int:
    """Returns the floating-point operations of the matrix products of one training step; see the module."""
    import tensorflow as tf

    loss = model.make_loss()

    def step(question: tf.Tensor, answer: tf.Tensor) -> list[tf.Tensor]:
        weights = model.make_weights(answer, mask_pads=training.mask_loss)
        with tf.GradientTape() as tape:
            outputs = model({"question": question, "answer": answer}, training=True)
            value = loss(model.make_target(answer), outputs, weights)
        return tape.gradient(value, model.trainable_weights)

    codec = model.codec
    shapes = ((batch_size, codec.question_width), (batch_size, codec.answer_width))
    concrete = tf.function(step).get_concrete_function(*(tf.TensorSpec(shape, tf.int32) for shape in shapes))
    return sum(_count_operation(operation) for operation in _operations(concrete.graph))


def _operations(graph: Any) -> list[Any]:
    """Returns the operations of a graph and of the functions that it calls, each as often as it is called."""
    found = []
    for operation in graph.get_operations():
        found.append(operation)
        if operation.type in ("PartitionedCall", "StatefulPartitionedCall"):
            found += _operations(graph._get_function(operation.get_attr("f").name).graph)
        elif operation.type in ("While", "StatelessWhile"):
            raise ValueError(f"`{operation.name}` is a loop: its products cannot be counted without its length")
    return found


def _count_operation(operation: Any) -> int:
    if operation.type == "MatMul":
        inner = operation.inputs[0].shape[0 if operation.get_attr("transpose_a") else 1]
    elif operation.type in ("BatchMatMulV2", "BatchMatMulV3"):
        inner = operation.inputs[0].shape[-2 if operation.get_attr("adj_x") else -1]
    elif operation.type == "Einsum":
        raise ValueError(f"`{operation.name}` is an Einsum, which is not counted")
    else:
        return 0
    return 2 * inner * math.prod(operation.outputs[0].shape)


def measure_peak() -> float:
    """Returns the floating-point operations per second of the best of some large float32 matrix products."""
    import tensorflow as tf

    one = tf.random.stateless_normal((PEAK_SIZE, PEAK_SIZE), seed=(0, 1))
    best = math.inf
    for _ in range(PEAK_REPEATS):
        start = time.perf_counter()
        tf.matmul(one, one).numpy()
        best = min(best, time.perf_counter() - start)
    return 2 * PEAK_SIZE**3 / best


def run_one(spec_path: str, result_path: str) -> None:
    """Carries out the spec of one JSON file and writes the result to another."""
    result = measure_throughput(json.loads(Path(spec_path).read_text(encoding="utf-8")))
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")
