"""Encoder-decoder models that learn equations from shards, and the judging of them."""
