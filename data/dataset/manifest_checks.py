"""Whether a manifest is one that a build of its recipe can have written, as far as its form goes."""

from eqstream.data.dataset.layout import shard_name, shard_path
from eqstream.data.dataset.manifest_parts import SpaceFacts, SplitInfo
from eqstream.data.errors import UserError
from eqstream.data.recipe import Recipe, StorageRecipe
from eqstream.data.recipe_values import OPERATORS

# Of all questions and answers.
_CHARACTERS = frozenset(f" ().0123456789{OPERATORS}")


def check_split(name: str, info: SplitInfo, recipe: Recipe, format_version: int) -> None:
    """Refuses a split whose counts, shards or files are not of the kind that the recipe asks for.

    Raises:
        UserError: names the key, the rule and what it got.
    """
    _check_kind(name, info, recipe)
    _check_shards(name, info, recipe.storage)
    if format_version > 1:
        _check_blocks(name, info)


def _check_kind(split: str, info: SplitInfo, recipe: Recipe) -> None:
    """Refuses counts of steps where the recipe asks for none, and missing ones where it does."""
    counts = {"num_steps": info.num_steps, "num_steps_left_out": info.num_steps_left_out}
    counts |= {f"shards.{index}.num_steps": shard.num_steps for index, shard in enumerate(info.shards)}
    for name, count in counts.items():
        if (count is None) != (recipe.steps is None):
            raise UserError(f"`splits.{split}.{name}` must be there if, and only if, `recipe.steps` is")


def _check_shards(split: str, info: SplitInfo, storage: StorageRecipe) -> None:
    """Refuses shards and files that are not named as builds name them.

    Readers open what a manifest names; nothing else may be read for its sake.
    """
    for index, shard in enumerate(info.shards):
        place = f"splits.{split}.shards.{index}"
        paths = {
            file_format: shard_path(
                file_format, split, shard_index=index, num_shards=len(info.shards), compression=storage.compression
            )
            for file_format in storage.formats
        }
        _check_equal(f"{place}.shard", shard.shard, shard_name(split, index, len(info.shards)))
        if set(shard.files) != set(paths):
            got = ", ".join(shard.files)
            raise UserError(f"`{place}.files` must be of the recipe's formats, {', '.join(paths)}, got {got}")
        for file_format, path in paths.items():
            _check_equal(f"{place}.files.{file_format}.path", shard.files[file_format].path, path)


def _check_blocks(split: str, info: SplitInfo) -> None:
    """Refuses files whose index has not an entry for each piece of a block that they hold."""
    for index, (shard, cut) in enumerate(zip(info.shards, info.cuts(), strict=True)):
        num_pieces = cut.num_pieces
        for file_format, file in shard.files.items():
            place = f"splits.{split}.shards.{index}.files.{file_format}.blocks"
            if file.blocks is None:
                raise UserError(f"`{place}` is missing")
            if len(file.blocks.num_bytes) != num_pieces:
                raise UserError(f"`{place}.num_bytes` must be {num_pieces} numbers, got {len(file.blocks.num_bytes)}")
            if (file.blocks.footer_crc32c is None) == (file_format == "parquet"):
                raise UserError(f"`{place}.footer_crc32c` must be there for Parquet, and for nothing else")


def _check_equal(place: str, value: str, expected: str) -> None:
    if value != expected:
        raise UserError(f"`{place}` must be {expected}, got {value!r}")


def check_text_bounds(facts: SpaceFacts, recipe: Recipe) -> None:
    """Refuses bounds on texts that no equation of the space can need: readers allocate memory by them.

    Raises:
        UserError: names the key, the rule and what it got.
    """
    space = recipe.space
    operand = len(str(max(abs(space.operands.min), abs(space.operands.max)))) + space.operands.decimals + 2
    # Between two operands an operator with spaces and a pair of brackets; an answer may be a fraction of two products,
    # and each division may add as many digits as operands have decimals.
    longest_question = space.terms.max * operand + 5 * (space.terms.max - 1)
    longest_answer = 2 * space.terms.max * (operand + space.operands.decimals) + space.places + 2
    line_length = recipe.steps.line_length if recipe.steps else None
    if facts.line_length != line_length:
        raise UserError(f"`space.line_length` must be {line_length}, as the recipe has it, got {facts.line_length}")
    if line_length is not None:
        longest_question = longest_answer = 2 * line_length
    for name, longest in (("question", longest_question), ("answer", longest_answer)):
        length = getattr(facts, f"max_{name}_length")
        if length > longest:
            raise UserError(f"`space.max_{name}_length` must be at most {longest}, got {length}")
    if list(facts.alphabet) != sorted(set(facts.alphabet) & _CHARACTERS):
        raise UserError(
            f"`space.alphabet` must be characters of equations, each once and sorted, got {facts.alphabet!r}"
        )
