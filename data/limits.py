"""Limits of arguments that commands and functions share."""

# In so many of its orders a question can be asked: more take long, and do not make an answer surer.
MAX_ORDERS = 1_000
# The largest share of lines after which a worked solution goes on from a digit that is too large; were it 1, some would
# not end.
MAX_DETOURS = 0.5
