"""The table of what models get right is read off the directories of their runs."""

import json

import pytest

from bench.ladder import Verdict, read_verdicts, render
from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build
from eqstream.seq2seq.runs.trained_model import load_trained_model
from tests.untrained_run import make_untrained_run

RECIPE = {
    "name": "sums",
    "space": {"operands": {"min": 0, "max": 9}},
    "splits": [{"name": "train", "count": 30}, {"name": "test", "count": 20}],
    "codec": {"reverse_answer": True},
    "model": {"kind": "transformer", "width": 4, "heads": 2, "feed_forward": 4, "dropout": 0.1},
}
LOG = "epoch,val_loss,seconds,cpu_seconds\n1,2.0,9.5,4.25\n2,1.25,9.0,4\n"


def write_report(run, num_right):
    cases = [{"question": "0 + 0", "is_right": True}, {"question": "9 + 9", "is_right": num_right > 18}]
    report = {"name": "test", "num_examples": 20, "num_right": num_right, "edge_cases": cases}
    (run / "reports").mkdir()
    (run / "reports" / "test.json").write_text(json.dumps(report))


@pytest.mark.slow
def test_the_worst_seed_stands_in_the_row_of_its_recipe(tmp_path):
    recipe = Recipe.from_dict(RECIPE)
    build(recipe, tmp_path / "data")
    runs = [tmp_path / "zero", tmp_path / "one"]
    for run, num_right in zip(runs, (19, 18), strict=True):
        make_untrained_run(recipe, tmp_path / "data", run)
        write_report(run, num_right)
        (run / "log.csv").write_text(LOG)
    num_parameters = load_trained_model(runs[0]).model.count_params()
    _, _, row = render([verdict for run in runs for verdict in read_verdicts(run)]).splitlines()
    assert row == f"| `sums` | `test` | 2 | 30 | 2 | {num_parameters:,} | 8 | 20 | 2 | 1 of 2 |  |"
    # The log of an older run does not tell CPU time.
    (runs[1] / "log.csv").write_text("epoch,val_loss,seconds\n1,2.0,9.5\n")
    assert "|  | 20 | 2 |" in render([verdict for run in runs for verdict in read_verdicts(run)])


def verdict_of(**changes):
    fields = {"num_epochs": 2, "num_parameters": 9, "cpu_seconds": 8, "num_edge_cases": 5, "num_edge_cases_wrong": 0}
    fields |= {"recipe": "sums", "judged_on": "test", "num_examples": 30, "num_judged": 20, "num_wrong": 1}
    return Verdict(**(fields | changes))


def test_lines_are_those_of_the_seed_that_has_most_of_them_off():
    verdicts = [verdict_of(num_lines=1200, num_lines_off=off) for off in (3, 1000, 20)]
    assert render(verdicts).splitlines()[-1].endswith("| 0 of 5 | 1,000 of 1,200 |")
    assert render([verdict_of()]).splitlines()[-1].endswith("| 0 of 5 |  |")
