"""A dataset that tests verify, whole or damaged."""

import shutil
from pathlib import Path

import pytest

from eqstream.pipelines.build import build
from tests.damaged_dataset import make_recipe


@pytest.fixture(scope="session")
def valid_dir(tmp_path_factory):
    """Sums of 0 to 19: 240 equations to train in two shards, 159 to test in two, one left out for its twin."""
    out = tmp_path_factory.mktemp("verify") / "sums"
    build(make_recipe({"operands": {"min": 0, "max": 19}}, storage={"shard_size": 130}), out)
    return out


@pytest.fixture
def dataset_dir(valid_dir, tmp_path):
    return Path(shutil.copytree(valid_dir, tmp_path / "sums"))
