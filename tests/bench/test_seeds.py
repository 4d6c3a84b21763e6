"""How far trainings come epoch by epoch is read off the directories of their runs."""

import json

import pytest

from bench.seeds import main


def write_run(folder, seed, values, *, name="sums", training=None):
    folder.mkdir()
    recipe = {"name": name, "seed": seed, "training": training or {}}
    (folder / "run.json").write_text(json.dumps({"recipe": recipe}))
    rows = [f"{epoch},{value},{epoch}.25" for epoch, value in enumerate(values, start=1)]
    (folder / "log.csv").write_text("\n".join(["epoch,val_padded_token_accuracy,cpu_seconds", *rows, ""]))
    return str(folder)


def test_seeds_are_told_in_order_with_the_first_epoch_at_the_goal_and_the_best(tmp_path, capsys):
    runs = [
        write_run(tmp_path / "b", 2, [0.5, 0.9, 0.95, 0.93], training={"seed": 7}),
        write_run(tmp_path / "a", 1, [0.5, 0.875, 0.25]),
    ]
    main([*runs, "--goal", "0.9", "--out", str(tmp_path / "out/sums")])
    assert capsys.readouterr().out.splitlines() == [
        "seed 1 of data, 0 of training: 0.9 never; best 0.8750 after 2 of 3 epochs, 7 CPU s",
        "seed 2 of data, 7 of training: 0.9 after 2 epochs; best 0.9500 after 3 of 4 epochs, 11 CPU s",
    ]
    written = json.loads((tmp_path / "out/sums.json").read_text())
    assert [run["values"] for run in written["runs"]] == [[0.5, 0.875, 0.25], [0.5, 0.9, 0.95, 0.93]]
    picture = (tmp_path / "out/sums.svg").read_bytes()
    assert b"seed 2 of data, 7 of training" in picture
    main([*reversed(runs), "--goal", "0.9", "--out", str(tmp_path / "again")])
    assert (tmp_path / "again.svg").read_bytes() == picture


def test_what_is_no_run_or_of_another_recipe_is_one_line(tmp_path):
    run = write_run(tmp_path / "a", 1, [0.5])
    other = write_run(tmp_path / "b", 1, [0.5], name="products")
    for arguments, line in [
        ([str(tmp_path)], "is missing"),
        ([run, "--metric", "rmse"], "has no `rmse`"),
        ([run, other], "several recipes: products, sums"),
    ]:
        with pytest.raises(SystemExit, match=line):
            main([*arguments, "--out", str(tmp_path / "out")])
        assert not (tmp_path / "out.json").exists()
