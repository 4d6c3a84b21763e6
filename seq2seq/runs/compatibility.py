"""Whether a training may begin, or go on, with the recipe, the data and the run that it was given."""

from collections.abc import Mapping, Sequence
from typing import Any

from eqstream.data.configuration import to_mapping
from eqstream.data.dataset.manifest import Manifest
from eqstream.data.errors import UserError
from eqstream.data.loading.codec import Codec
from eqstream.data.loading.codec_fit import check_codec
from eqstream.data.loading.epoch_order import ORDER_VERSION
from eqstream.data.recipe import Recipe
from eqstream.data.space_recipe import SpaceRecipe
from eqstream.seq2seq.config.sections import ModelRecipe, TrainingRecipe
from eqstream.seq2seq.runs.run_directory import RunDirectory


def check_same_space(recipe: Recipe, manifest: Manifest) -> None:
    """Refuses a dataset whose equations are not those that the recipe is about."""
    ours, theirs = (_list_leaves(each.space) for each in (recipe, manifest.recipe))
    for key, value in ours.items():
        if value != theirs[key]:
            raise UserError(
                f"the dataset is of another space than the recipe: `space.{key}` is {theirs[key]} in the dataset "
                f"and {value} in the recipe"
            )


def _list_leaves(space: SpaceRecipe) -> dict[str, Any]:
    """Returns the values of all keys of a space, such as that of `operands.max`."""
    leaves: dict[str, Any] = {}
    for key, value in to_mapping(space).items():
        leaves |= {f"{key}.{inner}": each for inner, each in value.items()} if isinstance(value, dict) else {key: value}
    return leaves


def check_fits(spaces: Sequence[SpaceRecipe], codec: Codec, manifest: Manifest) -> None:
    """Refuses a dataset that a model cannot be evaluated on; operands may be longer where they fit in.

    Args:
        spaces: those that the model was trained on; the dataset must fit one of them.
        codec: of the model.
        manifest: of the dataset.

    Raises:
        UserError: its equations are of a kind that the model's space has not, or `codec` cannot encode them.
    """
    reasons = [_find_misfit(space, manifest) for space in spaces]
    if None not in reasons:
        raise UserError(str(reasons[0]))
    check_codec(codec, manifest.recipe.space, manifest.space)


def _find_misfit(space: SpaceRecipe, manifest: Manifest) -> str | None:
    theirs = manifest.recipe.space
    has_division = "/" in theirs.operators
    broken = {
        "terms.min": theirs.terms.min < space.terms.min,
        "terms.max": theirs.terms.max > space.terms.max,
        "operators": not set(theirs.operators) <= set(space.operators),
        "brackets": theirs.brackets and not space.brackets,
        "division": has_division and theirs.division != space.division,
        "places": has_division and theirs.division == "decimal" and theirs.places != space.places,
    }
    for key, is_broken in broken.items():
        if is_broken:
            there, here = (_list_leaves(each)[key] for each in (theirs, space))
            return (
                f"the dataset does not fit the model: `space.{key}` is {there} in the dataset, "
                f"and {here} where the model was trained"
            )
    return None


def check_resumable(
    run: RunDirectory,
    recipe: Recipe,
    *,
    codec: Codec,
    manifest: Manifest,
    mixture: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Refuses to go on with a run of other data, of another recipe (but for the number of epochs) or another codec."""
    description = run.read_description()
    trained_on = [(each["data_fingerprint"], each["data_name"]) for each in description.get("mixture", ())]
    given = [each["data_fingerprint"] for each in mixture]
    trained_on.append((description["data_fingerprint"], description["data_name"]))
    for (fingerprint, name), other in zip(trained_on, [*given, manifest.fingerprint], strict=False):
        if fingerprint != other:
            raise UserError(f"{run.path} was trained on other data ({name}): it cannot be resumed")
    before, now = (ModelRecipe.from_dict(each.sections).to_dict() for each in (run.read_recipe(), recipe))
    # Where a dataset is does not matter, as its fingerprint is known.
    for source in (*before["training"]["mixture"], *now["training"]["mixture"]):
        source["data"] = source["recipe"] = None
    # Nor where the run is that the weights began with: they are in the state.
    before["training"]["start_from"] = now["training"]["start_from"] = None
    # A longer training with the rest unchanged is the usual reason to come back.
    before["training"]["epochs"] = now["training"]["epochs"]
    for section, values in now.items():
        for key, value in values.items():
            if before[section].get(key) != value:
                raise UserError(
                    f"`{section}.{key}` was {before[section].get(key)} when {run.path} was begun and is {value} now: "
                    "a run is resumed with its own recipe"
                )
    if run.codec_json.is_file() and run.read_codec() != codec:
        raise UserError(f"{run.path} has another codec than its recipe gives for this dataset")


def describe_new_schedule(before: TrainingRecipe, now: TrainingRecipe) -> str | None:
    """Returns a line that says what another number of epochs does to a training that goes on; None if nothing."""
    if before.epochs == now.epochs or now.optimizer.schedule == "constant":
        return None
    return (
        f"{now.epochs} epochs now, {before.epochs} when it was begun: from here on the learning rate follows the "
        f"{now.optimizer.schedule} schedule of {now.epochs}, so the weights are not those of a training begun with them"
    )


def describe_other_versions(before: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """Returns a line that says which tools have changed since a run was begun; None if none has.

    The weights of a training are promised bit for bit with the same tools alone.
    """
    changes = [
        f"{name} {version}, now {now[name]}"
        for name, version in sorted(before.items())
        if now.get(name, version) != version
    ]
    return f"begun with {'; '.join(changes)}: the weights may differ from an uninterrupted run's" if changes else None


def describe_other_order(order_version: int, training: TrainingRecipe, *, epoch: int, step: int) -> str | None:
    """Returns a line that says what another order of examples does to a training that goes on; None if nothing.

    Args:
        order_version: of the version of eqstream that the training was interrupted with.
        training: what is trained.
        epoch: the epoch that comes next or is under way, from 0.
        step: steps of it that are done.
    """
    # A stream has had the same order always.
    if order_version == ORDER_VERSION or training.source == "fresh" or epoch == step == 0:
        return None
    begun = f"some examples of epoch {epoch + 1} come twice and others not at all, and " if step else ""
    return (
        "begun with a version of eqstream that gave the examples in another order: "
        f"{begun}the weights are not those of an uninterrupted run"
    )
