"""Datasets of arithmetic equations, exactly counted and split without leaks, and the models judged on them."""
