"""The pictures of a run: which there are, what they show, and that they come out the same."""

import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from data.errors import UserError
from data.recipe import Recipe
from pipelines.build import build
from seq2seq import figures, plots
from seq2seq.trainer import train

RECIPE = {
    "name": "sums",
    "space": {"operands": {"min": -1, "max": 12}, "operators": "+-"},
    "splits": [{"name": "train", "count": 200}, {"name": "test", "rest": True}],
    "codec": {"spaces": "keep"},
    "model": {"kind": "attention", "width": 8},
    "training": {"epochs": 2, "batch_size": 20, "validation_examples": 20},
}
ALWAYS = {"learning-curves", "errors", "positions"}
OF_TWO_OPERANDS = {"error-map", "length-map"}
OF_A_QUESTION = {"attention", "activations"}


def run_of(mapping, place):
    recipe = Recipe.from_dict(mapping)
    build(recipe, place / "data")
    train(recipe, place / "data", place / "run", report=lambda line: None)
    return place / "run"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return run_of(RECIPE, tmp_path_factory.mktemp("attention"))


@pytest.fixture(scope="module")
def run_of_three_terms(tmp_path_factory):
    space = {"operands": {"min": 0, "max": 9}, "operators": "+", "terms": 3}
    mapping = {**RECIPE, "space": space, "model": {"kind": "mlp-regression", "terms": 3}}
    return run_of(mapping, tmp_path_factory.mktemp("regression"))


def test_every_picture_comes_as_png_and_svg_without_a_date(run, tmp_path):
    paths = plots.plot(run, out=tmp_path / "new" / "place", question="12--1")
    assert {path.name for path in (tmp_path / "new" / "place").iterdir()} == {path.name for path in paths}
    names = ALWAYS | OF_TWO_OPERANDS | OF_A_QUESTION
    assert {path.name for path in paths} == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    for path in paths:
        if path.suffix == ".png":
            assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        else:
            assert ElementTree.parse(path).getroot().tag.endswith("svg")
            assert "dc:date" not in path.read_text()


def test_the_same_run_gives_the_same_bytes_and_leaves_matplotlib_as_it_was(run, tmp_path):
    before, backend = dict(matplotlib.rcParams), matplotlib.get_backend()
    one, other = (plots.plot(run, out=tmp_path / name, question="1 + 2") for name in ("one", "other"))
    for first, second in zip(one, other, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name
    assert (dict(matplotlib.rcParams), matplotlib.get_backend()) == (before, backend)


def test_a_regression_of_three_terms_has_neither_maps_nor_an_inside(run_of_three_terms):
    paths = plots.plot(run_of_three_terms)
    assert {path.stem for path in paths} == ALWAYS
    assert {path.parent for path in paths} == {run_of_three_terms / "plots"}
    with pytest.raises(UserError, match="`mlp-regression` has neither attention nor activations"):
        plots.plot(run_of_three_terms, question="1 + 2 + 3")


def test_mistakes_are_named_and_nothing_is_drawn(run, run_of_three_terms, tmp_path):
    with pytest.raises(UserError, match="does not contain `99 \\+ 1`"):
        plots.plot(run, out=tmp_path / "out", question="99 + 1")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="cannot be written"):
        plots.plot(run, out=tmp_path / "file")
    log = run_of_three_terms / "log.csv"
    text = log.read_text()
    for damaged in ("", "epoch,loss\n1,high\n", text.rstrip().rpartition(",")[0]):
        log.write_text(damaged)
        with pytest.raises(UserError, match=r"log\.csv is (missing or )?damaged"):
            plots.plot(run_of_three_terms, out=tmp_path / "out")
    log.write_text(text)
    assert not (tmp_path / "out").exists()


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


def test_errors_are_counted_by_side_and_power_of_ten():
    errors = np.array([-1, -9, 10, 99.5, 100, 1, np.nan, np.nan, -0.25])
    axes = figures.draw_error_histogram("errors", errors).axes[0]
    names = [label.get_text() for label in axes.get_xticklabels()]
    counts = [patch.get_height() for patch in axes.patches]
    assert dict(zip(names, counts, strict=True)) == {
        "-100": 0, "-10": 0, "-1": 2, "-0.1": 1, "+0.1": 0, "+1": 1, "+10": 2, "+100": 1, "no\nnumber": 2,
    }  # fmt: skip


def test_no_errors_at_all_make_a_picture():
    assert sum(patch.get_height() for patch in figures.draw_error_histogram("none", np.array([])).axes[0].patches) == 0


@pytest.mark.parametrize(
    ("answer", "expected", "error"),
    [
        ("7", "5", 2),
        ("-7", "5", -12),
        ("0.5", "0.75", -0.25),
        ("1/2", "3/4", -0.25),
        ("7?", "7", None),
        ("", "7", None),
        ("1/0", "7", None),
    ],
)
def test_an_answer_is_wrong_by_its_distance(answer, expected, error):
    found = plots._error(answer, expected)
    assert np.isnan(found) if error is None else found == error


def test_places_are_counted_from_the_right():
    shares, totals = plots._count_places(["117", "18", "?", "1118"], ["118", "18", "7", "118"])
    assert totals.tolist() == [4, 3, 2]
    assert shares.tolist() == [2 / 4, 3 / 3, 2 / 2]


def test_each_cell_of_the_length_map_has_its_share_and_number():
    lengths = np.array([[1, 3], [1, 3], [1, 3], [2, 1]])
    figure = figures.draw_length_map("lengths", lengths, np.array([True, False, True, False]))
    cells = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    assert cells == {
        **dict.fromkeys(np.ndindex(3, 3), "none"),
        (0, 2): "66.67%\n1 of 3\nwrong",
        (1, 0): "0.00%\n1 of 1\nwrong",
    }


def test_right_and_wrong_lie_at_their_operands():
    operands, is_right = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([True, False, True])
    right, wrong = figures.draw_error_map("map", operands, is_right).axes[0].collections
    assert np.array_equal(right.get_offsets(), operands[is_right])
    assert np.array_equal(wrong.get_offsets(), operands[~is_right])


def test_right_and_wrong_differ_in_grey():
    def lightness(colour):
        return np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722))

    assert lightness(figures.RIGHT) - lightness(figures.WRONG) > 0.4
    greys = [lightness(matplotlib.colormaps["cividis"](value)[:3]) for value in np.linspace(0, 1, 64)]
    assert (np.diff(greys) > 0).all()


@pytest.mark.parametrize("num_epochs", [1, 60])
def test_learning_curves_show_what_was_logged(num_epochs):
    rows = [
        {"epoch": epoch, "loss": 1 / epoch, "rmse": 2 / epoch, "val_rmse": 3.0} for epoch in range(1, num_epochs + 1)
    ]
    panels = figures.draw_learning_curves("curves", rows).axes
    assert [axes.get_title() for axes in panels] == ["loss", "error in units of the answer"]
    assert panels[1].lines[0].get_ydata().tolist() == [2 / epoch for epoch in range(1, num_epochs + 1)]


@pytest.mark.parametrize(
    ("num_right", "shown"), [(99_999, "99.99%"), (100_000, "100%"), (1, "0.00%"), (98_765, "98.77%")]
)
def test_all_right_is_said_only_where_all_are_right(num_right, shown):
    assert figures._describe_share(num_right, 100_000) == f"{shown}\n{100_000 - num_right:,} of 100,000\nwrong"


@pytest.mark.parametrize("rare", [True, False])
def test_the_rarer_kind_lies_on_top_and_is_large(rare):
    is_right = np.full(5000, not rare)
    is_right[7] = rare
    operands = np.stack([np.arange(5000.0), np.arange(5000.0)], axis=1)
    kinds = figures.draw_error_map("map", operands, is_right).axes[0].collections
    few, many = kinds if rare else reversed(kinds)
    assert few.get_zorder() > many.get_zorder()
    assert few.get_sizes()[0] > 10 * many.get_sizes()[0]


def test_each_operator_has_its_own_map():
    operands, is_right = np.array([[1.0, 2.0], [1.0, 2.0], [5.0, 6.0]]), np.array([True, False, True])
    panels = figures.draw_error_map("map", operands, is_right, ["+", "-", "+"]).axes
    assert [axes.get_title() for axes in panels] == ["first + second operand", "first - second operand"]
    assert [[len(kind.get_offsets()) for kind in axes.collections] for axes in panels] == [[2, 0], [0, 1]]


def test_curves_of_one_magnitude_and_of_zero_have_a_plain_axis():
    for losses, scale in (([2.0, 1.5], "linear"), ([2.0, 0.01], "log"), ([2.0, 0.0], "linear")):
        rows = [{"epoch": epoch, "loss": loss} for epoch, loss in enumerate(losses, start=1)]
        assert figures.draw_learning_curves("curves", rows).axes[0].get_yscale() == scale
