"""How many examples a property is tried on, where it is not the usual number."""

from hypothesis import settings

_USUAL = settings.get_profile("eqstream").max_examples


def examples(number: int) -> settings:
    """Returns settings of so many examples, and of as many times more as `make test-slow` tries of any property."""
    return settings(max_examples=number * settings.default.max_examples // _USUAL)
