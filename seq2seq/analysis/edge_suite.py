"""How a model does at the edges of its space, which of them it was trained on, and whether it knows `a+b = b+a`."""

import numpy as np

from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.manifest_file import load_manifest
from eqstream.data.errors import UserError
from eqstream.data.formats.columns import EquationColumns
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.whole_equations import read_equations
from eqstream.seq2seq.analysis.edge_cases import EdgeCase, list_edge_cases, list_twins, swap_sides
from eqstream.seq2seq.analysis.examples import find_questions, is_from_stream
from eqstream.seq2seq.analysis.report_contents import CommutingCount, EdgeCaseResult, Seen
from eqstream.seq2seq.models.metrics import exact_matches
from eqstream.seq2seq.models.solving_decoder import Decoder
from eqstream.seq2seq.runs.trained_model import TrainedModel

# Enough for a share, few enough to cost a second: their trees are read one at a time.
_MAX_PAIRS = 10_000


def evaluate_edge_cases(trained: TrainedModel, decoder: Decoder) -> tuple[EdgeCaseResult, ...]:
    """Returns the suite of the model's own space with its answers."""
    cases, codec = list_edge_cases(trained.recipe.space), trained.codec
    if not cases:
        return ()
    expected = codec.encode_answers([case.expected for case in cases])
    tokens = decoder.decode(codec.encode_questions([case.question for case in cases])).tokens
    columns = zip(cases, codec.decode_predictions(tokens), exact_matches(tokens, expected), strict=True)
    question_to_seen = _find_seen(trained, cases)
    return tuple(
        EdgeCaseResult(
            kind=case.kind,
            question=case.question,
            predicted=predicted,
            expected=case.expected,
            is_right=bool(is_right),
            seen=question_to_seen[case.question],
        )
        for case, predicted, is_right in columns
    )


def _find_seen(trained: TrainedModel, cases: list[EdgeCase]) -> dict[str, Seen]:
    """Returns for each question whether it, or a twin of it, was trained on; read off the dataset itself."""
    twins = {case.question: list_twins(case.question) for case in cases}
    everything = set(twins).union(*twins.values())
    try:
        directory = trained.data_directory
        manifest = load_manifest(directory)
        if manifest.fingerprint != trained.description["data_fingerprint"]:
            raise UserError("another dataset")
        if trained.sections.training.mixture:
            raise UserError("more than this dataset")
        found = _find_trained(trained, directory, manifest, questions=everything)
    except UserError:
        # The dataset is gone, or not all that it was trained on: the model can still be evaluated on another one.
        return dict.fromkeys(twins, "unknown")
    return {
        question: "trained" if question in found else "twin trained" if others & found else "unseen"
        for question, others in twins.items()
    }


def _find_trained(trained: TrainedModel, directory: str, manifest: Manifest, *, questions: set[str]) -> set[str]:
    train_split = trained.sections.training.train_split
    if not is_from_stream(trained):
        return find_questions(read_equations(directory, manifest, train_split), questions)
    # A stream may have given everything but what other splits hold, and their twins.
    held_out: set[str] = set()
    for split in manifest.splits:
        if split != train_split:
            held_out |= find_questions(read_equations(directory, manifest, split), questions)
    if manifest.recipe.commuted != "ignore":
        held_out = held_out.union(*map(list_twins, held_out))
    return questions - held_out


def count_commuting(
    codec: Codec, decoder: Decoder, *, examples: EquationColumns, tokens: np.ndarray, is_right: np.ndarray
) -> CommutingCount | None:
    """Returns how the answers to the first examples compare with their questions' sides swapped; None if none can be.

    Args:
        codec: of the model.
        decoder: of the model.
        examples: as they are in the dataset.
        tokens: the model's answers to them, (num_examples, answer_width).
        is_right: bool (num_examples,), whether they are right.
    """
    pairs = [(row, swap_sides(examples.question.text(row))) for row in range(min(len(examples), _MAX_PAIRS))]
    pairs = [(row, question) for row, question in pairs if question is not None]
    if not pairs:
        return None
    rows = np.array([row for row, _ in pairs])
    swapped = decoder.decode(codec.encode_questions([question for _, question in pairs])).tokens
    answers, others = codec.decode_predictions(tokens[rows]), codec.decode_predictions(swapped)
    expected = codec.encode_answers([examples.answer.text(row) for row in rows])
    return CommutingCount(
        num_pairs=len(pairs),
        num_same=sum(answer == other for answer, other in zip(answers, others, strict=True)),
        num_both_right=int((is_right[rows] & exact_matches(swapped, expected)).sum()),
    )
