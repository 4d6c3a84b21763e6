"""Equation spaces, their splits, and the bytes of their shards; no Beam, no Keras."""
