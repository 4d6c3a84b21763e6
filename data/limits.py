"""Limits of arguments that commands and functions share."""

# In so many of its orders a question can be asked: more take long, and do not make an answer surer.
MAX_ORDERS = 1_000
