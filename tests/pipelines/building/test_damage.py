import pytest

from eqstream.data.dataset.manifest import parse_manifest
from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build
from eqstream.pipelines.building import damage
from eqstream.pipelines.building.damage import Damage, find_damage
from eqstream.pipelines.runtime.progress import Progress
from tests.memory_filesystem import DISK

RECIPE = Recipe.from_dict(
    {
        "name": "digits",
        "space": {"operands": {"min": 0, "max": 9}, "operators": "+"},
        "splits": [{"name": "train", "rest": True}],
    }
)
SHARDS = ("tfrecord/train-00000-of-00001.tfrecord", "data/train-00000-of-00001.parquet")


class Notes(Progress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple] = []

    def begin(self, title: str, num_steps: int, num_equations: int, unit: str) -> None:
        """Keeps the title and the number of steps."""
        self.seen.append((title, num_steps, unit))

    def show(self, num_steps: int, num_equations: int = 0) -> None:
        """Keeps how many are done."""
        self.seen.append((num_steps,))


@pytest.mark.parametrize("long_bytes", [1, 1 << 30])
def test_comparing_many_bytes_is_reported(tmp_path, monkeypatch, long_bytes):
    build(RECIPE, tmp_path)
    manifest = parse_manifest((tmp_path / "manifest.json").read_bytes())
    notes = Notes()
    monkeypatch.setattr(damage, "LONG_BYTES", long_bytes)
    assert find_damage(str(tmp_path), manifest, notes) == Damage(paths=(), is_manifest_whole=True, is_hashed=True)
    assert notes.seen == ([("comparing checksums", 2, "files"), (1,), (2,)] if long_bytes == 1 else [])


def test_shards_elsewhere_are_compared_by_size_and_everything_else_by_checksum():
    DISK.__init__()
    directory = "memtest://disk/out"
    build(RECIPE, directory)
    result = build(RECIPE, directory)
    assert (result.state, result.is_hashed) == ("unchanged", False)
    assert "; nothing to do: every file has its size (`eqstream verify` checks what is in them)" in result.to_text()
    whole = dict(DISK.files)
    manifest = parse_manifest(DISK.files[f"{directory}/manifest.json"])
    DISK.files[f"{directory}/{SHARDS[0]}"] += b"0"
    DISK.files[f"{directory}/{SHARDS[1]}"] = bytes(len(whole[f"{directory}/{SHARDS[1]}"]))
    DISK.files[f"{directory}/README.md"] += b"0"
    DISK.files[f"{directory}/_SUCCESS"] = b"0"
    found = find_damage(directory, manifest, Progress())
    assert found == Damage(paths=(SHARDS[0], "_SUCCESS", "README.md"), is_manifest_whole=True, is_hashed=False)
    # A shard that is written again is compared whole.
    build(RECIPE, directory)
    assert DISK.files == whole
    DISK.__init__()
