"""Where a verification keeps what it has done, so that one that was interrupted goes on.

It is a directory outside of the dataset: below `--temp_location` if Beam is given one, else below the user's cache,
`$XDG_CACHE_HOME/eqstream/verify` or `~/.cache/eqstream/verify`. It is named after the dataset's place, its manifest and
the version of eqstream, and removed at the end of a verification, whatever that has found. A quick one has a directory
of its own. What was done for a shard
counts as long as its files have the size and the time of change that they had and, on this machine, their SHA-256.

| file | contents |
| --- | --- |
| `shards/<number>.json` | what was found in a shard, by its number in the manifest's order; written last |
| `shards/<number>.keys` | elements of `duplicates.KEYS`, one for each of its equations: 20 bytes each |
| `pairs/<partition>.json` | the candidates of a partition of the keys |
| `counts/…` and others | what `eqstream.pipelines.building.staging` describes, of the plan that is made anew |
"""

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from eqstream.data.dataset import layout
from eqstream.data.versions import EQSTREAM_VERSION
from eqstream.pipelines.runtime import filesystem
from eqstream.pipelines.runtime.runner import Execution

# Raised by any change of what the files hold.
FORM = 1


@contextlib.contextmanager
def open_workspace(directory: str, execution: Execution, *, is_quick: bool) -> Iterator[str]:
    """Gives the directory that driver and workers share for a dataset in `directory`; removes it if all goes well."""
    name = _name(directory) + "-quick" * is_quick
    temp_location = execution.options().get_all_options().get("temp_location")
    if temp_location is not None:
        workspace = filesystem.join(temp_location, name)
        yield workspace
        filesystem.delete_tree(workspace)
        return
    with contextlib.ExitStack() as stack:
        workspace = _lock_cache(name, stack)
        if workspace is None:
            workspace = stack.enter_context(tempfile.TemporaryDirectory(prefix="eqstream-"))
        yield str(workspace)
        filesystem.delete_tree(str(workspace))


def _name(directory: str) -> str:
    manifest = filesystem.read_bytes(filesystem.join(directory, layout.MANIFEST)) or b""
    parts = (os.path.abspath(directory) if filesystem.is_local(directory) else directory, EQSTREAM_VERSION, str(FORM))
    digest = hashlib.sha256("\0".join(parts).encode(errors="surrogateescape") + b"\0" + manifest)
    return f"verify-{digest.hexdigest()[:16]}"


def _lock_cache(name: str, stack: contextlib.ExitStack) -> Path | None:
    """Returns the directory in the user's cache, None where it cannot be had or another verification is at it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eqstream" / "verify"
    try:
        (cache / name).mkdir(parents=True, exist_ok=True)
        lock = stack.enter_context((cache / f"{name}.lock").open("wb"))
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (OSError, RuntimeError):
        return None
    stack.callback(lambda: (cache / f"{name}.lock").unlink(missing_ok=True))
    return cache / name
