"""The sections of a recipe that describe a model and its training. Imports no TensorFlow."""
