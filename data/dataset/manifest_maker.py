"""The manifest of a dataset that has just been built."""

from collections.abc import Mapping

from eqstream.data.configuration import from_mapping
from eqstream.data.dataset.histograms import add_histograms
from eqstream.data.dataset.layout import shard_path
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.dataset.manifest_parts import FileInfo, ShardInfo, SpaceFacts, SplitInfo
from eqstream.data.dataset.shard_writer import ShardReceipt
from eqstream.data.formats.columns import COLUMN_TYPES
from eqstream.data.formats.text_encoder import TextEncoder
from eqstream.data.recipe import Recipe
from eqstream.data.solutions.line_bounds import LINE_CHARACTERS, longest_text
from eqstream.data.space.literals import most_brackets
from eqstream.data.space.prepared_space import PreparedSpace, prepare_space
from eqstream.data.splits.plan import ShardTask, SplitPlan
from eqstream.data.versions import EQSTREAM_VERSION, build_versions


def make_manifest(recipe: Recipe, plan: SplitPlan, receipts: Mapping[str, ShardReceipt]) -> Manifest:
    """Returns the manifest of a finished dataset.

    Args:
        recipe: the recipe.
        plan: the plan of its shards.
        receipts: for each shard's name the receipt of its writer, with all formats of the recipe.

    Raises:
        ValueError: a receipt is missing or reports another number of records than planned.
    """
    for task in plan.shards:
        receipt = receipts.get(task.name)
        if receipt is None or receipt.num_records != task.records.num_records:
            raise ValueError(f"shard {task.name} has no receipt for its {task.records.num_records} records")
    splits = {}
    for split in plan.splits:
        tasks = [task for task in plan.shards if task.split == split.name]
        splits[split.name] = SplitInfo(
            num_equations=split.num_equations,
            first_ordinal=split.first_ordinal,
            num_left_out=split.num_left_out,
            histograms=add_histograms(receipts[task.name].histograms for task in tasks),
            shards=tuple(_describe_shard(recipe, task, receipts[task.name]) for task in tasks),
            num_steps=None if recipe.steps is None else sum(task.records.num_records for task in tasks),
            num_steps_left_out=None if recipe.steps is None else sum(task.num_steps_left_out for task in tasks),
        )
    return Manifest(
        format_version=recipe.format_version,
        eqstream_version=EQSTREAM_VERSION,
        tools=build_versions(),
        name=recipe.name,
        version=recipe.version,
        description=recipe.description,
        fingerprint=recipe.fingerprint(),
        recipe=recipe,
        columns=COLUMN_TYPES,
        space=describe_space(recipe),
        splits=splits,
    )


def _describe_shard(recipe: Recipe, task: ShardTask, receipt: ShardReceipt) -> ShardInfo:
    files = {}
    for file_format in recipe.storage.formats:
        path = shard_path(
            file_format,
            task.split,
            shard_index=task.shard_index,
            num_shards=task.num_shards,
            compression=recipe.storage.compression,
        )
        files[file_format] = from_mapping(FileInfo, {"path": path, **receipt.files[file_format]})
    return ShardInfo(
        shard=task.name,
        num_equations=task.num_equations,
        first_ordinal=task.first_ordinal,
        files=files,
        num_steps=task.num_steps,
    )


def describe_space(recipe: Recipe) -> SpaceFacts:
    """Returns the size of the recipe's space, and bounds on the texts of its examples."""
    space = prepare_space(recipe.space)
    if recipe.steps is not None:
        longest = longest_text(recipe.steps.line_length, recipe.space)
        return SpaceFacts(
            size=space.whole.size,
            num_shapes=space.shapes.count,
            max_question_length=longest,
            max_answer_length=longest,
            alphabet=" " * recipe.space.spacing + LINE_CHARACTERS,
            line_length=recipe.steps.line_length,
        )
    text = TextEncoder(space)
    return SpaceFacts(
        size=space.whole.size,
        num_shapes=space.shapes.count,
        max_question_length=text.max_question_length,
        max_answer_length=text.max_answer_length,
        alphabet=_list_characters(space),
    )


def _list_characters(space: PreparedSpace) -> str:
    """Returns the characters of digits, signs and decimal points, and those of the text between the operands."""
    recipe = space.recipe
    letters = set("0123456789")
    if space.shapes.max_terms > 1:
        letters |= {*recipe.operators, *(" " if recipe.spacing else "")}
    if most_brackets(recipe)[-1]:
        letters |= set("()")
    if space.has_negative_operands or "-" in recipe.operators:
        letters.add("-")
    if space.has_fractions:
        letters.add("/")
    if space.decimals or (space.has_division and recipe.division == "decimal" and recipe.places):
        letters.add(".")
    return "".join(sorted(letters))
