"""A run's directory: what is in it, what fits it, and a trained model loaded from it."""
