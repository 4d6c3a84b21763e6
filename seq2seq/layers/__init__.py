"""The layers that the models share, written with `keras.ops` alone."""
