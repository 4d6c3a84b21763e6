"""Results of counting, as they are kept on disk."""

import json

import numpy as np

from eqstream.data.splits.candidates import position_blocks
from eqstream.data.splits.counting import CountingResult, CountingTask, count_task
from eqstream.data.splits.prepared_sources import PreparedSources
from tests.brute_force import make_recipe

HUGE = {"operands": {"min": 0, "max": 10**12}, "operators": "+-"}


def test_a_huge_enumeration_notes_where_classes_are_kept():
    sources = PreparedSources(make_recipe(HUGE, [{"name": "train", "count": 10}]))
    enumeration = sources.enumeration(0)
    result = count_task(sources, CountingTask(0, enumeration.block_size, 3 * enumeration.block_size))
    assert CountingResult.from_dict(json.loads(json.dumps(result.to_dict()))) == result
    (positions,) = position_blocks(enumeration.block_size, 3 * enumeration.block_size)
    counts = enumeration.candidates.kept_at(positions).counts
    assert (np.unpackbits(np.frombuffer(result.kept, dtype=np.uint8)) == (counts > 0)).all()
    assert list(result.counts) == counts.reshape(2, -1).sum(axis=1).tolist()
