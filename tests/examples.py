"""How many examples a property is tried on, where it is not the usual number."""

from hypothesis import settings

_USUAL = settings.get_profile("eqstream").max_examples


def examples(number: int) -> settings:
    """Returns settings of so many examples, and of ten times as many for `make test-slow`."""
    return settings(max_examples=number * (10 if settings.default.max_examples > _USUAL else 1))
