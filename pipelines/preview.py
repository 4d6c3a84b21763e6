"""What a build would give, for people and for programs; nothing is written."""

from dataclasses import dataclass

from eqstream.data.recipe import Recipe
from eqstream.data.splits.counting_policy import HOPELESS_POSITIONS
from eqstream.pipelines.estimation.dataset_estimate import DatasetEstimate, estimate_dataset
from eqstream.pipelines.estimation.split_estimate import SplitEstimate
from eqstream.pipelines.runtime.wording import count_of, format_bytes, format_seconds


@dataclass(frozen=True, kw_only=True)
class Preview(DatasetEstimate):
    """What a build would give; see `DatasetEstimate`."""

    def to_text(self) -> str:
        """Returns the preview for a terminal."""
        size = count_of(self.space_size, "equation")
        if not self.is_all_valid:
            size = f"{self.space_size:,} candidates; those whose answer is defined and within bounds are its equations"
        width = max(len(split.name) for split in self.splits)
        lines = [self.title, f"space: {size}", "splits:"]
        lines += [line for split in self.splits for line in _describe_split(split, width)]
        if self.num_left_out:
            equations = "1 equation is" if self.num_left_out == 1 else f"{self.num_left_out:,} equations are"
            lines.append(f"{equations} in no split: the end of a split cuts off twins of its equations")
        if any(split.samples for split in self.splits):
            sizes = ", ".join(
                f"{format_bytes(size)} of {file_format}" for file_format, size in self.format_to_bytes.items()
            )
            time_needed = format_seconds(self.seconds)
            lines.append(f"estimated from a sample: {sizes}; {time_needed} of CPU time, once started")
        if not all(split.samples for split in self.splits):
            lines.append(
                f"to look at so many candidates takes up to {format_seconds(self.seconds_of_search)} in one process"
            )
        return "\n".join([*lines, *self.notes])


def preview(recipe: Recipe) -> Preview:
    """Returns what a build of the recipe would give; writes nothing.

    Raises:
        UserError: the recipe asks for the impossible, as far as that shows without counting everything.
    """
    return Preview(**vars(estimate_dataset(recipe)))


def _describe_split(split: SplitEstimate, width: int) -> list[str]:
    """Returns the lines of a split; names are `width` wide."""
    size = f"{'' if split.is_exact else 'about '}{count_of(split.num_equations, 'equation')}"
    if split.steps is not None:
        size = f"{split.steps.to_text()} of {size}"
    if split.num_classes is not None:
        size += f" in {count_of(split.num_classes, 'class', 'classes')} of commuted twins"
    shares = split.shares.to_text()
    if shares and split.steps is not None:
        shares = f"of the equations: {shares}"
    details = [*filter(None, [shares]), *split.samples]
    if not split.samples:
        details = [f"none found so far: a build refuses if the first {HOPELESS_POSITIONS:,} candidates have none"]
    return [f"  {split.name:<{width}}  {size}", *(f"  {'':<{width}}    {detail}" for detail in details)]
