"""The manifest of a dataset, wherever the dataset lies."""

from pathlib import Path

from eqstream.data.dataset.layout import MANIFEST, explain_no_dataset
from eqstream.data.dataset.local_paths import check_folders
from eqstream.data.dataset.manifest import Manifest, parse_manifest
from eqstream.data.errors import UserError
from eqstream.data.storage import DataPath, RemotePath, data_path, explain, is_file


def load_manifest(directory: str | DataPath) -> Manifest:
    """Returns the manifest of a dataset.

    Args:
        directory: a path, or a URI of `eqstream.data.storage`.

    Raises:
        UserError: the directory is no finished dataset, or of a newer format, or one of its folders is a link, or the
            store in which it is cannot be read.
    """
    place = data_path(directory)
    path = place / MANIFEST
    if isinstance(place, Path):
        check_folders(place)
    try:
        if is_file(path):
            return parse_manifest(path.read_bytes(), str(path))
        if isinstance(place, RemotePath):
            raise UserError(place.explain_missing(MANIFEST))
    except OSError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} cannot be read: {explain(error)}") from error
    raise UserError(explain_no_dataset(place))
