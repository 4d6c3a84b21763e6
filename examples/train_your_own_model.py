"""Trains a Keras model of your own on a dataset of eqstream, and counts the answers that it gets right.

python examples/train_your_own_model.py --recipe addition-3digit --out out/own --epochs 20
"""

import argparse

import keras

import eqstream


def main() -> None:
    """Builds the dataset, trains on `train`, answers `test`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipe", default="addition-3digit", help="a YAML file or the name of a recipe")
    parser.add_argument("--out", default="out/own", help="where the dataset goes")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--width", type=int, default=512)
    arguments = parser.parse_args()

    # A dataset that is there already is left as it is.
    dataset = eqstream.open_dataset(eqstream.build(arguments.recipe, arguments.out).directory)
    # Answers from their last digit on are easier: each digit then depends on what was written before.
    codec = dataset.codec(reverse_answer=True)
    # Pairs of int32: question (batch, codec.question_width), answer (batch, codec.answer_width).
    train = dataset.batches("train", batch_size=128, codec=codec, seed=0)
    test = dataset.batches("test", batch_size=1024, codec=codec, shuffle=False)

    model = keras.Sequential(
        [
            keras.layers.Input((codec.question_width,)),
            keras.layers.Embedding(codec.num_tokens, 32),
            keras.layers.Flatten(),
            keras.layers.Dense(arguments.width, activation="relu"),
            keras.layers.Dense(codec.answer_width * codec.num_tokens),
            keras.layers.Reshape((codec.answer_width, codec.num_tokens)),
            keras.layers.Softmax(),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    # The batches come shuffled, each epoch in another order; Keras would warn that it cannot shuffle them itself.
    model.fit(train, epochs=arguments.epochs, validation_data=test, shuffle=False, verbose=2)

    answers = codec.decode_predictions(model.predict(test, verbose=0).argmax(axis=-1))
    expected = [equation.answer for equation in dataset.equations("test")]
    num_right = sum(answer == right for answer, right in zip(answers, expected, strict=True))
    print(f"{num_right:,} of {len(expected):,} whole answers are right")


if __name__ == "__main__":
    main()
