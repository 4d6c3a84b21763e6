"""Models of runs that many tests of a module evaluate: loaded once, and asked in small batches by one graph."""

from pathlib import Path
from types import ModuleType

import pytest

from eqstream.seq2seq.models import solving_decoder
from eqstream.seq2seq.models.decoding import Decoder
from eqstream.seq2seq.models.line_writer import LINE_ORDERS
from eqstream.seq2seq.runs.trained_model import TrainedModel, load_trained_model

_BATCH_SIZE = 64


def load_models_once(patch: pytest.MonkeyPatch, directory: Path, *modules: ModuleType) -> None:
    """Lets modules that evaluate runs do so; runs outside `directory` are loaded anew each time, as they are."""
    models: dict[Path, TrainedModel] = {}
    decoders: dict[tuple[int, bool], Decoder] = {}

    def load(run_directory: str | Path) -> TrainedModel:
        path = Path(run_directory)
        if not path.is_relative_to(directory):
            return load_trained_model(path)
        if path not in models:
            models[path] = load_trained_model(path)
        return models[path]

    def make_decoder(trained: TrainedModel, num_questions: int, *, orders: int = 1, greedy: bool = False) -> Decoder:
        del num_questions
        line_orders = 1 if greedy else LINE_ORDERS
        decoder = decoders.get((id(trained), greedy))
        if decoder is None:
            decoder = solving_decoder.make_decoder(
                trained.model, trained.spaces, line_orders=line_orders, batch_size=_BATCH_SIZE, jit_compile=False
            )
            if trained in models.values():
                decoders[id(trained), greedy] = decoder
        return trained.ask_in_orders(decoder, orders)

    for module in modules:
        patch.setattr(module, "load_trained_model", load)
        patch.setattr(module, "make_decoder", make_decoder)
