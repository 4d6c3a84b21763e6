"""Drawing: data in, a matplotlib figure out."""
