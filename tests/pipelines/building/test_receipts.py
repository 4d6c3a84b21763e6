"""What was finished serves for what it was made for, and for nothing else."""

from dataclasses import replace

from eqstream.data.recipe import Recipe
from eqstream.data.splits.counting import CountingResult, CountingTask
from eqstream.data.splits.plan import ShardTask
from eqstream.pipelines.building.receipts import read_counts, read_receipt, write_counts, write_receipt
from eqstream.pipelines.building.staging import Workspace

SUMS = {"name": "sums", "space": {"operands": {"min": 0, "max": 9}}, "splits": [{"name": "train", "rest": True}]}
TASK = ShardTask(split="train", shard_index=0, num_shards=1, first_ordinal=0, num_equations=3, segments=())
TOOLS = {"pyarrow": "1.0"}


def open_workspace(directory, **changes) -> Workspace:
    return Workspace.of(str(directory), Recipe.from_dict({**SUMS, **changes}))


def test_receipt_serves_for_the_same_recipe_task_and_tools_alone(tmp_path):
    write_receipt(open_workspace(tmp_path), TASK, tools=TOOLS, receipt={"num_records": 3})
    assert read_receipt(open_workspace(tmp_path), TASK, TOOLS) == {"num_records": 3}
    assert read_receipt(open_workspace(tmp_path, seed=1), TASK, TOOLS) is None
    assert read_receipt(open_workspace(tmp_path), replace(TASK, num_equations=4), TOOLS) is None
    assert read_receipt(open_workspace(tmp_path), TASK, {"pyarrow": "2.0"}) is None


def test_counts_serve_for_the_same_recipe_and_blocks_alone(tmp_path):
    batch, results = [CountingTask(0, 0, 128)], [CountingResult(0, 0, 128, (3, 4))]
    write_counts(open_workspace(tmp_path), batch, results)
    assert read_counts(open_workspace(tmp_path), batch) == results
    assert read_counts(open_workspace(tmp_path, seed=1), batch) is None
    assert read_counts(open_workspace(tmp_path), [CountingTask(0, 0, 192)]) is None
