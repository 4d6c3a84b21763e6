"""What a training came to."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """What a training came to.

    Attributes:
        run_directory: where everything is.
        num_epochs: epochs trained.
        num_parameters: of the model.
        num_examples: that it was trained on in each epoch.
        source: `shards` if each epoch has the same ones, `fresh` if not.
        best_epoch: counted from 1; its weights are kept.
        metrics: of that epoch.
    """

    run_directory: Path
    num_epochs: int
    num_parameters: int
    num_examples: int
    source: str
    best_epoch: int
    metrics: dict[str, float]

    def to_text(self) -> str:
        """Returns one or two lines for a person."""
        examples = f"{self.num_examples:,} " + ("examples" if self.source == "shards" else "fresh examples an epoch")
        return (
            f"trained {self.num_parameters:,} parameters on {examples}, {self.num_epochs} epochs; "
            f"best is epoch {self.best_epoch} with exact match {self.metrics['val_exact_match']:.3%} on the validation "
            f"sample\n{self.run_directory} holds the model"
        )
