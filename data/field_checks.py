"""Rules that fields of a recipe must keep."""

from typing import Any

from eqstream.data.errors import UserError


def check_positive(config: Any, *names: str) -> None:
    """Refuses fields of a recipe that are not above 0."""
    for name in names:
        if getattr(config, name) <= 0:
            raise UserError(f"`{name}` must be above 0, got {getattr(config, name)}")


def check_not_negative(config: Any, *names: str) -> None:
    """Refuses fields of a recipe that are below 0."""
    for name in names:
        if getattr(config, name) < 0:
            raise UserError(f"`{name}` must not be below 0, got {getattr(config, name)}")


def check_share(config: Any, name: str) -> None:
    """Refuses a field of a recipe that is no share of something, all of it excepted."""
    if not 0 <= getattr(config, name) < 1:
        raise UserError(f"`{name}` must be from 0 up to but without 1, got {getattr(config, name)}")
