"""Dataset card, TFDS and Croissant metadata: what other libraries read."""
