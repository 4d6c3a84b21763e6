"""Encoder-decoder models that learn equations from shards, and their evaluation."""
