"""Places below a dataset's staging directory, and the right to write there.

| place in `.build` | holds |
| --- | --- |
| `build.json` | the journal: which recipe, which shards, what of an earlier build is still to be removed |
| `counts/<digest>.json` | the results of one batch of counting tasks |
| `receipts/<shard>.json` | what is in a finished shard, and the checksums of its files |
| `attempts/<attempt>/token` | says that this run of the build is still the one that may write |
| `attempts/<attempt>/<shard>…` | files on their way to their final names |
| `attempts/<attempt>/done/<shard>` | marks that this attempt has written or checked the shard; feeds the progress bar |

Each run of a build is an attempt of its own. Starting one removes the tokens and temporary files of all others, so that
a worker that outlived its killed driver finds no token and stops.
"""

import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import Any

from eqstream.data.dataset.layout import JOURNAL, STAGING
from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe
from eqstream.pipelines.runtime import filesystem

GO_ON = "run the same command again to go on from what is finished"


class StoppedError(UserError):
    """An attempt that may no longer write."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """The staging directory of one attempt at one recipe; a few texts, cheap to ship to workers."""

    directory: str
    # What is finished serves for the same equations in the same format version alone.
    key: str
    attempt: str

    @classmethod
    def of(cls, directory: str, recipe: Recipe) -> "Workspace":
        """Returns a workspace for a new attempt; writes nothing yet."""
        key = f"{recipe.fingerprint()}-{recipe.format_version}"
        return cls(directory=directory, key=key, attempt=uuid.uuid4().hex[:12])

    def path(self, relative_path: str) -> str:
        """Returns the path of a file of the dataset."""
        return filesystem.join(self.directory, relative_path)

    def staged(self, relative_path: str) -> str:
        """Returns the path of a file of the staging directory."""
        return self.path(f"{STAGING}/{relative_path}")

    def counts_name(self, batch: list[dict[str, Any]]) -> str:
        """Returns the file name of the results of a batch of counting tasks; no two recipes share one."""
        text = json.dumps([self.key, batch], sort_keys=True)
        return f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"

    def counted_names(self) -> set[str]:
        """Returns the file names of the results that are there."""
        return set(filesystem.list_files(self.staged("counts")))

    def receipt_path(self, shard: str) -> str:
        """Returns where the receipt of a shard lies."""
        return self.staged(f"receipts/{shard}.json")

    def done_path(self, shard: str) -> str:
        """Returns where this attempt marks that it is done with a shard."""
        return self.staged(f"attempts/{self.attempt}/done/{shard}")

    def temporary_path(self, name: str) -> str:
        """Returns a new path for a file on its way; a runner may try one task twice at once, so no two are the same."""
        return self.staged(f"attempts/{self.attempt}/{name}.{uuid.uuid4().hex[:12]}.tmp")

    @property
    def token_path(self) -> str:
        """Where the token of this attempt lies."""
        return self.staged(f"attempts/{self.attempt}/token")

    def begin_attempt(self) -> None:
        """Permits workers of this attempt to write, ends every other one, and removes what those left half written.

        A worker whose driver was killed may go on for a moment and write a file of its own attempt once more. No other
        attempt reads it, and `remove` deletes it.
        """
        filesystem.write_bytes(self.token_path, b"")
        attempts = self.staged("attempts")
        others = [path for path in filesystem.list_files(attempts) if not path.startswith(f"{self.attempt}/")]
        filesystem.delete_files(filesystem.join(attempts, path) for path in others)

    def check_attempt(self) -> None:
        """Raises an error unless this attempt, which has begun, may still write.

        Raises:
            StoppedError: its driver has ended, or another build of the directory has begun.
        """
        if not filesystem.FileSystems.exists(self.token_path):
            raise StoppedError(f"this build of {self.directory} was stopped, or another one took over")

    def has_other_attempts(self) -> bool:
        """Returns whether another attempt has begun and not ended; one whose driver was killed counts, too."""
        tokens = [path for path in filesystem.list_files(self.staged("attempts")) if path.endswith("/token")]
        return any(path != f"{self.attempt}/token" for path in tokens)

    def end_attempt(self) -> None:
        """Takes this attempt's permission away and removes what it left half written."""
        filesystem.delete_files([self.token_path])
        filesystem.delete_tree(self.staged(f"attempts/{self.attempt}"))
        filesystem.delete_if_empty(self.staged("attempts"))

    def has_results(self) -> bool:
        """Returns whether a later attempt could go on from something that is finished."""
        return any(filesystem.list_files(self.staged(name), limit=1) for name in ("receipts", "counts"))

    def done_shards(self) -> dict[str, int]:
        """Returns the names of the shards that this attempt is done with, to the sizes of their marks in bytes."""
        return filesystem.list_files(self.staged(f"attempts/{self.attempt}/done"))

    def remove(self) -> None:
        """Removes all that builds keep in the staging directory, the journal last; leaves foreign files alone."""
        for name in ("attempts", "receipts", "counts"):
            filesystem.delete_tree(self.staged(name))
        filesystem.delete_files([self.path(JOURNAL)])
        leftovers = filesystem.list_files(self.path(STAGING))
        filesystem.delete_files(self.staged(name) for name in leftovers if name.startswith("build.json."))
        filesystem.delete_if_empty(self.path(STAGING))
