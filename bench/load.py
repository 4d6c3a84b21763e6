"""The ways of reading a dataset that `make bench` compares; `run_one` runs one of them in a process of its own.

Every way ends in the same batches: int32 tokens of question (batch, question_width) and answer (batch, answer_width),
the natural text with pads behind it and an end token behind the answer, in the order of the shards, 512 examples each.
The clock runs from the closed files to the last batch of the first epoch, and then over a second epoch. Ways that take
one example at a time in Python get fewer examples; their rate does not depend on the number.

Keys of a spec: `method` (one of METHODS), `source` (a dataset), `format`, `num_records`. Keys of a result: `seconds`
(first epoch, files and checks included), `again_seconds` (second epoch), `cpu_seconds` and `again_cpu_seconds` (of all
threads, which other work on the machine affects less), `digest` (of the first batch).
"""

import functools
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

BATCH_SIZE = 512
SPLIT = "train"
# Stands for the end of an answer among raw bytes.
END_MARK = "\1"

Spec = dict[str, Any]
Epoch = Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]]


def prepare_eqstream(spec: Spec, *, is_kept: bool = True) -> Epoch:
    """Returns our loader: shards to tokens, read ahead and checked.

    The second epoch is from memory, or read anew, and then in another order.
    """
    import pyarrow.parquet  # noqa: F401  (part of the imports, not of the time)
    import tensorflow as tf

    from eqstream.data.dataset.block_reader import BlockReader
    from eqstream.data.dataset.manifest_file import load_manifest
    from eqstream.data.loading.batch_plan import BatchPlan
    from eqstream.data.loading.epoch_order import EpochOrder
    from eqstream.data.loading.example_encoder import ExampleEncoder
    from eqstream.data.loading.split_source import MEMORY_BUDGET, open_split
    from eqstream.data.loading.tensor_batches import make_batches

    codec, manifest = read_codec(spec), load_manifest(spec["source"])
    datasets: list[tf.data.Dataset] = []
    # The other ways have built a graph, and so started TensorFlow, before the clock runs.
    for _ in tf.data.Dataset.range(1).map(lambda number: number + 1):
        pass

    def epoch() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        # The table of the first epoch serves all others, as does the stream; both are made on the clock.
        if not datasets:
            blocks = BlockReader(spec["source"], manifest, SPLIT, storage=spec["format"])
            order = EpochOrder(num_records=blocks.num_records, shuffle=not is_kept)
            encoder = ExampleEncoder(codec, manifest.space)
            source = open_split(blocks, encoder, order, memory_budget=MEMORY_BUDGET if is_kept else 0)
            plan = BatchPlan(num_examples=blocks.num_records, batch_size=BATCH_SIZE)
            datasets.append(make_batches(source, plan, plan.list_epochs(None, 0).__next__))
        return as_pairs(datasets[0])

    return epoch


def prepare_parse_example(spec: Spec, *, is_cached: bool = False) -> Epoch:
    """Returns TensorFlow's own best practice: batch first, then parse, and tokens by table from raw bytes.

    Cached, the second epoch is served from memory, in the same order; a new order would take a buffer of examples.
    """
    import tensorflow as tf

    features = {name: tf.io.FixedLenFeature([], tf.string) for name in ("question", "answer")}
    encode = make_tensor_encoder(spec)
    records = tf.data.TFRecordDataset(list_files(spec)).take(spec["num_records"])
    dataset = records.batch(BATCH_SIZE).map(
        lambda batch: encode(tf.io.parse_example(batch, features)), num_parallel_calls=tf.data.AUTOTUNE
    )
    dataset = dataset.cache() if is_cached else dataset
    return lambda: as_pairs(dataset.prefetch(tf.data.AUTOTUNE))


def prepare_unicode_split(spec: Spec) -> Epoch:
    """Returns what text tutorials do: `unicode_split` and a `StringLookup`."""
    import keras
    import tensorflow as tf

    codec = read_codec(spec)
    features = {name: tf.io.FixedLenFeature([], tf.string) for name in ("question", "answer")}
    # Its own reserved tokens are none and the unknown one; ours come before the alphabet.
    reserved = [f"[{number}]" for number in range(num_reserved())]
    lookup = keras.layers.StringLookup(vocabulary=[*reserved, *codec.alphabet], num_oov_indices=0)
    end = tf.constant("[2]")

    def encode(batch: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        question = tf.strings.unicode_split(batch["question"], "UTF-8")
        answer = tf.strings.unicode_split(batch["answer"], "UTF-8")
        answer = tf.concat([answer, tf.fill([tf.shape(batch["answer"])[0], 1], end)], axis=1)
        widths = {"question": codec.question_width, "answer": codec.answer_width}
        texts = {"question": question, "answer": answer}
        return {
            name: tf.cast(lookup(text.to_tensor("[0]", shape=[None, widths[name]])), tf.int32)
            for name, text in texts.items()
        }

    records = tf.data.TFRecordDataset(list_files(spec)).take(spec["num_records"])
    dataset = records.batch(BATCH_SIZE).map(
        lambda batch: encode(tf.io.parse_example(batch, features)), num_parallel_calls=tf.data.AUTOTUNE
    )
    return lambda: as_pairs(dataset.prefetch(tf.data.AUTOTUNE))


def prepare_tfds(spec: Spec) -> Epoch:
    """Returns TFDS: the dataset's own metadata, `as_dataset`, tokens by table from raw bytes."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    encode = make_tensor_encoder(spec)
    examples = tfds.builder_from_directory(spec["source"]).as_dataset(split=SPLIT, shuffle_files=False)
    dataset = examples.take(spec["num_records"]).batch(BATCH_SIZE).map(encode, num_parallel_calls=tf.data.AUTOTUNE)
    return lambda: as_pairs(dataset.prefetch(tf.data.AUTOTUNE))


def prepare_grain(spec: Spec) -> Epoch:
    """Returns Grain: its Parquet source, tokens example by example, its batches."""
    import grain

    encode = make_row_encoder(spec)
    (first, *_) = list_files(spec)
    examples = grain.experimental.ParquetIterDataset(first).map(
        lambda row: encode(_text(row["question"]), _text(row["answer"]))
    )

    def epoch() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        seen = 0
        for question, answer in examples.batch(BATCH_SIZE):
            yield question, answer
            seen += len(question)
            if seen >= spec["num_records"]:
                return

    return epoch


def prepare_from_generator(spec: Spec) -> Epoch:
    """Returns `tf.data.Dataset.from_generator` over rows that are in memory already, one by one."""
    import tensorflow as tf
    from pyarrow import parquet

    codec, encode = read_codec(spec), make_row_encoder(spec)
    rows = parquet.read_table(list_files(spec)[0], columns=["question", "answer"]).slice(0, spec["num_records"])
    rows = rows.to_pylist()

    def generate() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for row in rows:
            yield encode(row["question"], row["answer"])

    signature = tuple(tf.TensorSpec([width], tf.int32) for width in (codec.question_width, codec.answer_width))
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature).batch(BATCH_SIZE)
    dataset = dataset.map(lambda question, answer: {"question": question, "answer": answer})
    return lambda: as_pairs(dataset.prefetch(tf.data.AUTOTUNE))


METHODS: dict[str, Callable[[Spec], Epoch]] = {
    "eqstream": prepare_eqstream,
    "eqstream-streaming": functools.partial(prepare_eqstream, is_kept=False),
    "parse-example": prepare_parse_example,
    "parse-example-cache": functools.partial(prepare_parse_example, is_cached=True),
    "unicode-split": prepare_unicode_split,
    "tfds": prepare_tfds,
    "grain": prepare_grain,
    "from-generator": prepare_from_generator,
}


def as_pairs(dataset: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields the batches of a `tf.data.Dataset` of dictionaries."""
    for batch in dataset:
        yield batch["question"].numpy(), batch["answer"].numpy()


def read_codec(spec: Spec) -> Any:
    """Returns the codec of the natural text, spaces included."""
    from eqstream.data.dataset.manifest_file import load_manifest
    from eqstream.data.loading.codec_fit import fit_codec_to_dataset
    from eqstream.data.loading.codec_options import CodecOptions

    return fit_codec_to_dataset(load_manifest(spec["source"]), CodecOptions(spaces="keep"))


def list_files(spec: Spec) -> list[str]:
    """Returns the files of the split in the order of its shards."""
    folder = {"tfrecord": "tfrecord", "parquet": "data"}[spec["format"]]
    return sorted(str(path) for path in Path(spec["source"], folder).glob(f"{SPLIT}-*"))


def num_reserved() -> int:
    """Returns how many tokens come before those of the alphabet."""
    from eqstream.data.loading.token_alphabet import NUM_RESERVED

    return NUM_RESERVED


def make_tensor_encoder(spec: Spec) -> Callable[[dict], dict]:
    """Returns texts to tokens inside the graph, by raw bytes of a fixed length and a table."""
    import tensorflow as tf

    from eqstream.data.loading.token_alphabet import END

    codec = read_codec(spec)
    ids = np.zeros(256, np.int32)
    for position, character in enumerate(codec.alphabet):
        ids[ord(character)] = num_reserved() + position
    ids[ord(END_MARK)] = END
    table = tf.constant(ids)

    def encode(batch: dict) -> dict:
        question = tf.io.decode_raw(batch["question"], tf.uint8, fixed_length=codec.question_width)
        closed = tf.strings.join([batch["answer"], tf.constant(END_MARK)])
        answer = tf.io.decode_raw(closed, tf.uint8, fixed_length=codec.answer_width)
        tokens = {"question": question, "answer": answer}
        return {name: tf.gather(table, tf.cast(raw, tf.int32)) for name, raw in tokens.items()}

    return encode


def make_row_encoder(spec: Spec) -> Callable[[str, str], tuple[np.ndarray, np.ndarray]]:
    """Returns one question and answer to their tokens, in Python."""
    from eqstream.data.loading.token_alphabet import END

    codec = read_codec(spec)
    ids = {character: num_reserved() + position for position, character in enumerate(codec.alphabet)}

    def encode(question: str, answer: str) -> tuple[np.ndarray, np.ndarray]:
        questions, answers = np.zeros(codec.question_width, np.int32), np.zeros(codec.answer_width, np.int32)
        questions[: len(question)] = [ids[character] for character in question]
        answers[: len(answer)] = [ids[character] for character in answer]
        answers[len(answer)] = END
        return questions, answers

    return encode


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def measure(spec: Spec) -> dict[str, Any]:
    """Returns the result of one way of reading: see the module's docstring.

    Raises:
        ValueError: there were other than `num_records` examples, give or take a batch.
    """
    epoch = METHODS[spec["method"]](spec)
    seconds, cpu_seconds, digest = [], [], ""
    for _ in range(2):
        start, cpu_start, seen = time.perf_counter(), time.process_time(), 0
        for question, answer in epoch():
            if not digest:
                digest = hashlib.sha256(question.astype("<i4").tobytes() + answer.astype("<i4").tobytes()).hexdigest()
            seen += len(question)
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
        if not 0 <= seen - spec["num_records"] < BATCH_SIZE:
            raise ValueError(f"{spec['method']} gave {seen} examples, not {spec['num_records']}")
    return {
        "seconds": seconds[0],
        "again_seconds": seconds[1],
        "cpu_seconds": cpu_seconds[0],
        "again_cpu_seconds": cpu_seconds[1],
        "digest": digest,
    }


def run_one(spec_path: str, result_path: str) -> None:
    """Measures the spec of one JSON file and writes the result to another."""
    result = measure(json.loads(Path(spec_path).read_text(encoding="utf-8")))
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")
