"""Datasets to `tf.data` batches of tokens."""
