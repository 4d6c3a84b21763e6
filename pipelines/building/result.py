"""What a build has done, for programs and for people."""

from dataclasses import dataclass
from typing import Literal

from eqstream.data.recipe import FORMAT_VERSION
from eqstream.pipelines.estimation.shares import Shares
from eqstream.pipelines.runtime.wording import count_of, name_first


@dataclass(frozen=True, kw_only=True)
class BuildResult:
    """What a build has done.

    Args:
        directory: the dataset.
        state: `built`: shards were written and the dataset is complete; `unchanged`: it was complete before;
            `partial`: the one shard that was asked for is there, and the directory is no dataset yet.
        num_shards: of the dataset, or 1.
        num_shards_kept: shards that lay there whole and were kept.
        num_equations: in all these shards, or those whose steps are in them.
        num_left_out: equations in no split although a twin is in one, as the end of a split parts them; of the whole
            dataset, 0 where one shard was written.
        shares: of the examples by number of terms and by operators; None where one shard was written.
        num_steps: in all these shards; None where examples are equations.
        num_steps_left_out: steps beside them that have a line of another split's, or too long; None likewise.
        format_version: of the dataset, older than this eqstream's where it was complete before.
        repaired: files of a dataset that was complete before, relative to it, that were damaged and written again.
        notes: what a reader of the recipe may not expect of the dataset.
        is_hashed: whether the contents of all files of a dataset that was complete before were compared with their
            checksums; on other filesystems than this machine's own, sizes are compared.
    """

    directory: str
    state: Literal["built", "unchanged", "partial"]
    num_shards: int
    num_shards_kept: int
    num_equations: int
    num_left_out: int = 0
    shares: Shares | None = None
    num_steps: int | None = None
    num_steps_left_out: int | None = None
    format_version: int = FORMAT_VERSION
    repaired: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_hashed: bool = False

    def to_text(self) -> str:
        """Returns the result as a line, and another one of shares if the equations are of several kinds."""
        contents = count_of(self.num_equations, "equation")
        if self.num_steps is not None:
            contents = f"{count_of(self.num_steps, 'step')} of {contents}"
        contents += f" in {count_of(self.num_shards, 'shard')}"
        if self.state == "unchanged":
            compared = "checksum" if self.is_hashed else "size"
            ending = f"; nothing to do: every file has its {compared} (`eqstream verify` checks what is in them)"
            if self.format_version < FORMAT_VERSION:
                ending += (
                    f"; its format version is {self.format_version}, and --overwrite writes the same equations in "
                    f"version {FORMAT_VERSION}"
                )
        else:
            ending = f", {self.num_shards_kept:,} of them kept from before" if self.num_shards_kept else ""
            if self.repaired:
                ending += f"; damaged, and written again: {name_first(self.repaired)}"
            ending += "; build without `only` to make it a dataset" if self.state == "partial" else ""
        if self.num_left_out:
            are = "1 more is" if self.num_left_out == 1 else f"{self.num_left_out:,} more are"
            ending += f"; {are} in no split, as a split's count ends among twins"
        if self.num_steps_left_out:
            are = "1 more step is" if self.num_steps_left_out == 1 else f"{self.num_steps_left_out:,} more steps are"
            ending += f"; {are} left out, with a line of another split or one that is too long"
        finished = " is finished" if self.state == "unchanged" else ""
        lines = [f"{self.directory}{finished}: {contents}{ending}"]
        if self.shares is not None:
            shares = self.shares.to_text()
            if shares and self.num_steps is not None:
                shares = f"of the steps: {shares}"
            lines += filter(None, [shares])
        return "\n".join([*lines, *self.notes])
