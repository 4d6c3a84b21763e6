"""Whether a line can be the next one of a worked solution, as far as can be seen without calculating."""

import itertools
import re

# A step takes one or two numbers away and leaves at most five, by the rules of docs/solutions.md but for two: quotients
# are rounded with what is before them, and fractions lose factors on two sides and are multiplied across.
_MOST_TAKEN = 2
_MOST_LEFT = 5
_TOKENS = re.compile(r"[0-9.]+|[^0-9. ]").findall


def changes_one_place(line: str, following: str) -> bool:
    """Returns whether a line becomes another one by a change in one place, as small as that of a step.

    So are all steps of spaces with exact quotients, quotients that are rounded down, or none.

    >>> changes_one_place("(301 + 552) * 7 - 12 * 3", "853 * 7 - 12 * 3")
    True
    >>> changes_one_place("(301 + 552) * 7 - 12 * 3", "853 * 7 - 12 + 3")
    False

    Args:
        line: an equation, natural text.
        following: what was written behind it.
    """
    before, after = _TOKENS(line), _TOKENS(following)
    start = _count_equal(before, after)
    before, after = before[start:], after[start:]
    end = _count_equal(before[::-1], after[::-1])
    taken, left = (sum(token[0].isdigit() for token in tokens[: len(tokens) - end]) for tokens in (before, after))
    return taken <= _MOST_TAKEN and left <= _MOST_LEFT


def _count_equal(some: list[str], others: list[str]) -> int:
    """Returns how many tokens are equal before the first that is not."""
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(some, others, strict=False))
    return sum(1 for _ in pairs)
