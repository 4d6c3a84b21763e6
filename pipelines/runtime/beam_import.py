"""Beam, imported without what it imports if it is there and no pipeline of ours needs.

That is a third of the time that its import takes, and 50 MB of memory. It changes what the whole process has of Beam,
so that it is for processes that do nothing else: those of commands, and workers.
"""

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import cast

# For types and sources.
NEEDLESS_PACKAGES = ("bson", "pandas", "pymongo")


@contextlib.contextmanager
def without_needless_packages() -> Iterator[None]:
    """Lets Python say that `NEEDLESS_PACKAGES` are not installed, but for those that are imported already."""
    modules_or_none = cast("dict[str, ModuleType | None]", sys.modules)
    hidden = [name for name in NEEDLESS_PACKAGES if name not in sys.modules]
    modules_or_none.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            modules_or_none.pop(name, None)
