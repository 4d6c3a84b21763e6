import pytest

from eqstream.data.dataset.layout import explain_no_dataset


@pytest.mark.parametrize(
    ("file", "place", "reason"),
    [
        ("notes.txt", "nosuch", "{} does not exist"),
        (
            "out/.build/build.json",
            "out",
            "{} holds a build that is not finished; run the same build again to go on with it",
        ),
        ("out/data/manifest.json", "out", "{0} is not a dataset: it has no manifest.json; did you mean {0}/data?"),
        ("out/notes.txt", "out", "{} is not a dataset: it has no manifest.json"),
    ],
)
def test_directory_without_a_manifest_is_explained(tmp_path, file, place, reason):
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("")
    assert explain_no_dataset(tmp_path / place) == reason.format(tmp_path / place)


def test_dataset_that_has_lost_its_manifest_is_told_from_others(tmp_path):
    for name in ("SHA256SUMS", "_SUCCESS"):
        (tmp_path / name).write_text("")
    assert explain_no_dataset(tmp_path) == (
        f"{tmp_path} has lost its manifest.json: build its recipe there with --overwrite, which gives the same bytes"
    )
