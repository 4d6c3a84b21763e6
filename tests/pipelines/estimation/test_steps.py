"""Numbers of steps that are estimated are those of the dataset, within the margin that is told."""

import pytest

from eqstream.data.recipe import Recipe
from eqstream.data.splits import shared_equations
from eqstream.pipelines.estimation import steps
from eqstream.pipelines.preview import preview

RECIPE = Recipe.from_dict(
    {
        "name": "steps",
        "seed": 2,
        "space": {
            "operands": {"min": 0, "max": 30},
            "operators": "+*",
            "terms": {"min": 2, "max": 4},
            "brackets": True,
        },
        "sampling": {"balance": ["terms", "operators"]},
        "splits": [{"name": "train", "count": 1500}, {"name": "test", "count": 500}],
        "steps": True,
    }
)


@pytest.mark.parametrize("most_listed", [steps.MOST_LISTED, 0])
def test_estimates_of_few_kinds_of_equations_have_the_exact_number_within_their_margin(most_listed, monkeypatch):
    exact = {split.name: split.steps.num_steps for split in preview(RECIPE).splits}
    monkeypatch.setattr(steps, "MOST_COUNTED", 0)
    monkeypatch.setattr(steps, "MOST_LISTED", most_listed)
    for split in preview(RECIPE).splits:
        assert not split.steps.is_exact
        assert abs(split.steps.num_steps - exact[split.name]) <= split.steps.margin
        assert split.steps.margin < 0.2 * exact[split.name]


def test_a_sample_of_steps_does_not_plan_the_dataset_again(monkeypatch):
    monkeypatch.setattr(steps, "MOST_LISTED", 0)
    monkeypatch.setattr(shared_equations, "count_for_plan", None)
    assert all(split.steps.num_steps > 1000 for split in preview(RECIPE).splits)
