"""Equations to text, TFRecord and Parquet in bulk, and back to columns."""
