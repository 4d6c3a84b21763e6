"""The pictures of a run: which there are, what they show, and that they come out the same."""

# Matplotlib's artists of a kind are declared as artists of any kind.
# pyright: reportAttributeAccessIssue=false

import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from eqstream.data.dataset.shard_reader import EquationColumns
from eqstream.data.errors import UserError
from eqstream.data.formats.string_matrix import ByteRows
from eqstream.data.recipe import Recipe
from eqstream.pipelines.build import build
from eqstream.seq2seq import plot
from eqstream.seq2seq.analysis.breakdown import GroupCount
from eqstream.seq2seq.analysis.model_evaluation import AnsweredBlock
from eqstream.seq2seq.analysis.report_contents import wilson_interval
from eqstream.seq2seq.analysis.wrong_answers import ErrorCount
from eqstream.seq2seq.figures import learning_curves, maps, style
from eqstream.seq2seq.figures.bars import draw_breakdown
from tests.loaded_models import load_models_once
from tests.untrained_run import make_untrained_run

RECIPE = {
    "name": "sums",
    "space": {"operands": {"min": -1, "max": 12}, "operators": "+-"},
    "splits": [{"name": "train", "count": 200}, {"name": "test", "rest": True}],
    "codec": {"spaces": "keep"},
    "model": {"kind": "attention", "width": 8},
}
ALWAYS = {"learning-curves", "errors", "positions", "exact-match"}
OF_TWO_OPERANDS = {"error-map", "length-map"}
OF_A_QUESTION = {"attention", "activations"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    recipe, place = Recipe.from_dict(RECIPE), tmp_path_factory.mktemp("attention")
    build(recipe, place / "data")
    make_untrained_run(recipe, place / "data", place / "run")
    with pytest.MonkeyPatch.context() as patch:
        load_models_once(patch, place, plot)
        patch.setattr(plot, "_RESOLUTION", 30)
        yield place / "run"


@pytest.fixture(scope="module")
def run_of_three_terms(tmp_path_factory):
    space = {"operands": {"min": 0, "max": 9}, "operators": "+", "terms": 3}
    recipe = Recipe.from_dict({**RECIPE, "space": space, "model": {"kind": "mlp-regression", "terms": 3}})
    place = tmp_path_factory.mktemp("regression")
    build(recipe, place / "data")
    make_untrained_run(recipe, place / "data", place / "run")
    return place / "run"


@pytest.fixture(scope="module")
def drawn(run, tmp_path_factory):
    """The files of all pictures, in a folder that was not there."""
    return plot.plot(run, out=tmp_path_factory.mktemp("drawn") / "new" / "place", question="12--1")


@pytest.mark.slow
def test_every_picture_comes_as_png_and_svg_without_a_date(drawn):
    check_files(drawn, ALWAYS | OF_TWO_OPERANDS | OF_A_QUESTION)


def test_a_picture_comes_as_png_and_svg_without_a_date(run, tmp_path, monkeypatch):
    save, found = plot._save, set()

    def save_some(out, pictures):
        found.update(pictures)
        return save(out, {name: pictures[name] for name in ("exact-match", "error-map")})

    monkeypatch.setattr(plot, "_save", save_some)
    check_files(plot.plot(run, out=tmp_path / "new" / "place", question="12--1"), {"exact-match", "error-map"})
    assert found == ALWAYS | OF_TWO_OPERANDS | OF_A_QUESTION


def check_files(drawn, names):
    assert {path.name for path in drawn[0].parent.iterdir()} == {path.name for path in drawn}
    assert {path.name for path in drawn} == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    for path in drawn:
        if path.suffix == ".png":
            assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        else:
            assert ElementTree.parse(path).getroot().tag.endswith("svg")
            assert "dc:date" not in path.read_text()


@pytest.mark.parametrize(
    "names",
    [
        pytest.param({"exact-match"}, marks=pytest.mark.slow),
        pytest.param(ALWAYS | OF_TWO_OPERANDS | OF_A_QUESTION, marks=pytest.mark.slow),
    ],
    ids=["one", "all"],
)
def test_the_same_run_gives_the_same_bytes_and_leaves_matplotlib_as_it_was(run, drawn, tmp_path, monkeypatch, names):
    save = plot._save
    monkeypatch.setattr(plot, "_save", lambda out, all_: save(out, {name: all_[name] for name in sorted(names)}))
    before, backend = dict(matplotlib.rcParams), matplotlib.get_backend()
    again = plot.plot(run, out=tmp_path, question="12--1")
    assert len(again) == 2 * len(names)
    for path in again:
        assert path.read_bytes() == (drawn[0].parent / path.name).read_bytes(), path.name
    assert (dict(matplotlib.rcParams), matplotlib.get_backend()) == (before, backend)


@pytest.fixture
def pictures(monkeypatch):
    """What would have been saved, by the path that it would have."""
    kept = {}

    def save(directory, pictures):
        kept.update({directory / name: picture for name, picture in pictures.items()})
        return []

    monkeypatch.setattr(plot, "_save", save)
    return kept


def test_a_regression_of_three_terms_has_neither_maps_nor_an_inside(run_of_three_terms, pictures):
    lines = []
    plot.plot(run_of_three_terms, question="1 + 2 + 3", report=lines.append)
    assert set(pictures) == {run_of_three_terms / "plots" / name for name in ALWAYS}
    assert lines == [
        "a model of kind `mlp-regression` has neither attention nor activations: these are left out",
        "evaluating 800 examples of `test` ...",
    ]


def test_another_split_and_a_sample_of_it_are_evaluated_on_request(run, pictures):
    def title(**arguments):
        plot.plot(run, **arguments)
        return pictures[run / "plots" / "errors"].axes[0].get_title()

    whole = title()
    assert "split test\n" in whole
    assert "the first of" not in whole
    sample = title(split="train", limit=50)
    assert "split train\n" in sample
    assert sample.endswith("of 50 answers right (the first of 200)")
    with pytest.raises(UserError, match="no split `trian`; did you mean `train`"):
        plot.plot(run, split="trian")


def test_where_the_data_has_moved_it_can_be_named(run, tmp_path, pictures):
    moved = tmp_path / "moved"
    (run.parent / "data").rename(moved)
    try:
        with pytest.raises(UserError, match=r"data does not exist$"):
            plot.plot(run)
        plot.plot(run, data_directory=moved)
    finally:
        moved.rename(run.parent / "data")
    assert {path.name for path in pictures} == ALWAYS | OF_TWO_OPERANDS


def test_of_several_numbers_of_terms_the_maps_show_the_pairs_unless_they_are_few(run, pictures, monkeypatch):
    questions = ByteRows.from_texts(["1 + 2", "1 + 2 + 3", "4 - 5"])
    columns = {name: np.zeros(3, int) for name in ("terms", "digits", "carries")}
    block = AnsweredBlock(
        examples=EquationColumns(questions, ByteRows.from_texts(["3", "6", "-1"]), columns),
        questions=np.zeros((3, 1), np.uint8),
        tokens=np.zeros((3, 1), np.uint8),
        expected=np.zeros((3, 1), np.uint8),
        is_right=np.array([True, True, False]),
        wrong=(),
        votes=(),
    )

    def answer(*arguments, on_block, **options):
        on_block(block)
        return SimpleNamespace(
            num_right=2, num_examples=3, errors=(), num_unreadable=0, places=places_of((3, 3)), tables={}
        )

    monkeypatch.setattr(plot, "evaluate_examples", answer)
    plot.plot(run)
    plots = run / "plots"
    assert not any((plots / name) in pictures for name in OF_TWO_OPERANDS)
    monkeypatch.setattr(plot, "_MIN_PAIRS", 2)
    plot.plot(run)
    title = "attention on sums, split test, equations of two operands\n1 of 2 answers right"
    assert pictures[plots / "error-map"].get_suptitle() == pictures[plots / "length-map"].get_suptitle() == title
    legend = [label.get_text() for label in pictures[plots / "error-map"].legends[0].get_texts()]
    assert legend == ["right (1)", "wrong (1)"]


def test_mistakes_are_named_and_nothing_is_drawn(run, run_of_three_terms, tmp_path):
    with pytest.raises(UserError, match="does not contain `99 \\+ 1`"):
        plot.plot(run, out=tmp_path / "out", question="99 + 1")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("mine")
    lines: list[str] = []
    with pytest.raises(UserError) as refused:
        plot.plot(run, out=tmp_path / "file", report=lines.append)
    assert str(refused.value) == f"{tmp_path / 'file'} cannot be written: File exists"
    # Not behind an evaluation, which may take long.
    assert lines == []
    log = run_of_three_terms / "log.csv"
    text = log.read_text()
    for damaged in ("", "epoch,loss\n1,high\n", text.rstrip().rpartition(",")[0]):
        log.write_text(damaged)
        with pytest.raises(UserError, match=r"log\.csv is (missing or )?damaged"):
            plot.plot(run_of_three_terms, out=tmp_path / "out")
    log.write_text(text)
    assert not (tmp_path / "out").exists()


def bars_of(figure):
    """Returns the height of each bar by its name, those of all layers together."""
    axes = figure.axes[0]
    names = [label.get_text().replace("\n", " ").replace("\N{MINUS SIGN}", "-") for label in axes.get_xticklabels()]
    heights = np.array([patch.get_height() for patch in axes.patches]).reshape(-1, len(names))
    return dict(zip(names, heights.sum(axis=0).tolist(), strict=True))


def test_errors_are_counted_by_side_and_power_of_ten():
    errors = [
        ErrorCount(sign=-1, place=0, num_answers=3, num_off_by_one=2),
        ErrorCount(sign=0, place=0, num_answers=1, num_off_by_one=0),
        ErrorCount(sign=1, place=-1, num_answers=4, num_off_by_one=0),
        ErrorCount(sign=1, place=1, num_answers=5, num_off_by_one=5),
    ]
    figure = learning_curves.draw_error_histogram("errors", errors, 7)
    assert bars_of(figure) == {
        "-99 … -10": 0, "-9 … -1": 3, "-1 … -0.1": 0, "0, written otherwise": 1,
        "+0.1 … +1": 4, "+1 … +9": 0, "+10 … +99": 5, "no number": 7,
    }  # fmt: skip
    assert sum(patch.get_height() for patch in figure.axes[0].containers[1]) == 7


def test_no_errors_at_all_make_a_picture_that_says_so():
    figure = learning_curves.draw_error_histogram("none", (), 0)
    assert sum(bars_of(figure).values()) == 0
    assert "no wrong answers" in [text.get_text() for text in figure.axes[0].texts]


def test_only_answers_that_are_no_number_make_a_picture():
    assert bars_of(learning_curves.draw_error_histogram("none", (), 3))["no number"] == 3


def test_errors_of_many_magnitudes_keep_their_labels_apart():
    errors = [ErrorCount(sign=1, place=place, num_answers=1, num_off_by_one=1) for place in range(-5, 30)]
    axes = learning_curves.draw_error_histogram("wide", errors, 0).axes[0]
    assert len(axes.get_xticklabels()) <= 14
    assert len(axes.containers[0]) == 70
    assert axes.get_xticklabels()[-1].get_text() == "$+10^{25}$ …\n$+10^{26}$"


def test_what_is_no_range_of_errors_has_its_label_among_many_bars():
    errors = [
        ErrorCount(sign=sign, place=place, num_answers=1, num_off_by_one=0) for sign in (-1, 1) for place in range(9)
    ]
    errors.append(ErrorCount(sign=0, place=0, num_answers=1, num_off_by_one=0))
    axes = learning_curves.draw_error_histogram("wide", errors, 1).axes[0]
    names = dict(zip(axes.get_xticks().tolist(), [label.get_text() for label in axes.get_xticklabels()], strict=True))
    assert (names[9], names[19]) == ("0, written\notherwise", "no\nnumber")
    assert list(names) == [0, 2, 4, 6, 9, 12, 14, 16, 19]


def places_of(*counts):
    return [
        GroupCount(value=str(number), num_examples=total, num_right=right)
        for number, (right, total) in enumerate(counts, start=1)
    ]


def test_places_stand_as_in_the_answer_and_say_how_many_are_wrong():
    axes = learning_curves.draw_position_accuracy("places", places_of((4, 4), (2, 4), (1, 3))).axes[0]
    labels = {round(text.xy[0]): text.get_text() for text in axes.texts}
    assert labels == {0: "100%\n0 wrong", -1: "50.00%\n2 wrong", -2: "33.33%\n2 wrong"}
    names = dict(zip(axes.get_xticks(), [label.get_text() for label in axes.get_xticklabels()], strict=True))
    assert names == {0: "last\nof 4", -1: "2nd last\nof 4", -2: "3rd last\nof 3"}
    assert axes.get_ylim()[0] <= 0


@pytest.mark.parametrize(
    ("num_right", "bottom"), [(1000, 0.999), (999, 0.999), (995, 0.995), (994, 0.99), (501, 0.5), (499, 0), (0, 0)]
)
def test_the_axis_of_places_begins_at_a_round_share_below_all(num_right, bottom):
    axes = learning_curves.draw_position_accuracy("places", places_of((1000, 1000), (num_right, 1000))).axes[0]
    assert axes.get_yticks()[0] == pytest.approx(bottom)
    assert axes.get_ylim()[0] < num_right / 1000


@pytest.mark.parametrize(
    ("number", "name"), [(2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"), (21, "21st")]
)
def test_places_are_numbered_in_english(number, name):
    assert learning_curves._ordinal(number) == f"{name} last"


def cells_of(axes):
    return {text.get_position(): text.get_text() for text in axes.texts}


def test_each_cell_of_the_length_map_has_its_share_and_number():
    lengths = np.array([[1, 3], [1, 3], [1, 3], [2, 1]])
    figure = maps.draw_length_map("lengths", lengths, np.array([True, False, True, True]))
    assert cells_of(figure.axes[0]) == {
        **dict.fromkeys(np.ndindex(3, 3), "none"),
        (0, 2): "66.67%\n1 wrong\nof 3",
        (1, 0): "100%\nof 1",
    }


def test_lengths_that_do_not_begin_at_one_leave_no_empty_cells():
    axes = maps.draw_length_map("lengths", np.array([[4, 5], [5, 4]]), np.array([True, True])).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["4", "5"]
    assert cells_of(axes)[0, 1] == "100%\nof 1"


def test_a_large_length_map_has_no_labels_in_its_cells():
    lengths = np.stack(np.meshgrid(np.arange(1, 31), np.arange(1, 31)), axis=-1).reshape(-1, 2)
    axes = maps.draw_length_map("lengths", lengths, np.ones(900, bool)).axes[0]
    assert len(axes.texts) == 0
    assert len(axes.get_xticklabels()) <= 12


def test_each_operator_has_maps_of_its_own():
    operands, is_right = np.array([[1.0, 2.0], [1.0, 2.0], [5.0, 6.0]]), np.array([True, False, True])
    panels = maps.draw_error_map("map", operands, is_right, operators=["-", "+", "-"]).axes
    assert [axes.get_title() for axes in panels] == ["a + b", "a - b"]
    assert [sum(len(kind.get_offsets()) for kind in axes.collections) for axes in panels] == [1, 2]
    first, second, _ = maps.draw_length_map("map", operands.astype(int), is_right, operators=["-", "+", "-"]).axes
    assert cells_of(first)[0, 1] == "0%\n1 wrong\nof 1"
    assert cells_of(second)[4, 5] == "100%\nof 1"


def points_of(axes):
    """Returns the offsets of the right ones and of the wrong ones."""
    by_colour = {to_hex(kind.get_facecolor()[0]): kind for kind in axes.collections}
    return by_colour[style.RIGHT], by_colour[style.WRONG]


def test_right_and_wrong_lie_at_their_operands():
    operands, is_right = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([True, False, True])
    right, wrong = points_of(maps.draw_error_map("map", operands, is_right).axes[0])
    assert np.array_equal(right.get_offsets(), operands[is_right])
    assert np.array_equal(wrong.get_offsets(), operands[~is_right])


@pytest.mark.parametrize("rare", [True, False])
def test_the_rarer_kind_lies_on_top_and_is_large(rare):
    is_right = np.full(50_000, not rare)
    is_right[7] = rare
    operands = np.stack([np.arange(50_000.0), np.arange(50_000.0)], axis=1)
    right, wrong = points_of(maps.draw_error_map("map", operands, is_right).axes[0])
    few, many = (right, wrong) if rare else (wrong, right)
    assert few.get_zorder() > many.get_zorder()
    assert few.get_sizes()[0] >= 50 > 30 * many.get_sizes()[0]


@pytest.mark.parametrize(
    ("largest", "scale"), [([999, 500, 2], "linear"), ([10**20, 3, 40], "symlog"), ([-(10**6), 3, 40], "symlog")]
)
def test_a_clot_of_small_operands_gets_logarithmic_axes(largest, scale):
    operands = np.array([[value, value] for value in largest], float)
    axes = maps.draw_error_map("map", operands, np.array([True, True, False])).axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == (scale, scale)
    axes.figure.canvas.draw()
    ticks = [label for label in axes.get_xticklabels() if label.get_text()]
    assert 2 <= len(ticks) <= 11


def test_right_and_wrong_differ_in_grey_and_maps_grow_lighter():
    def lightness(colour):
        return np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722))

    assert lightness(style.RIGHT) - lightness(style.WRONG) > 0.4
    for colours in (style.SHARES, matplotlib.colormaps[style.AMOUNTS]):
        greys = [lightness(colours(value)[:3]) for value in np.linspace(0, 1, 64)]
        assert (np.diff(greys) > 0).all()


@pytest.mark.parametrize("num_epochs", [1, 60])
def test_learning_curves_show_what_was_logged(num_epochs):
    rows = [
        {"epoch": epoch, "loss": 1 / epoch, "rmse": 2 / epoch, "val_rmse": 3.0} for epoch in range(1, num_epochs + 1)
    ]
    panels = learning_curves.draw_learning_curves("curves", rows).axes
    assert [axes.get_title() for axes in panels] == ["loss (mean square, scaled)", "error in units of the answer"]
    assert panels[1].lines[0].get_ydata().tolist() == [2 / epoch for epoch in range(1, num_epochs + 1)]


def test_what_is_missing_to_one_is_shown_where_little_is_missing():
    rows = [
        {"epoch": 1, "loss": 2.0, "val_exact_match": 0.25, "val_loss": 3.0},
        {"epoch": 2, "loss": 1.0, "val_exact_match": 0.5, "val_loss": 2.0},
    ]
    assert len(learning_curves.draw_learning_curves("poor", rows).axes) == 2
    rows.append({"epoch": 3, "loss": 0.5, "val_exact_match": 1.0, "val_loss": 1.0})
    loss, panel = learning_curves.draw_learning_curves("good", rows, 3).axes
    assert loss.get_title() == "loss (cross-entropy, nats)"
    assert panel.get_title() == "share that is wrong"
    assert panel.lines[0].get_ydata().tolist() == [0.75, 0.5, 0]
    assert [label.get_text() for label in panel.get_yticklabels()][:2] == ["0%", "10%"]
    assert panel.get_ylim()[0] < 0
    assert panel.lines[-1].get_label() == "kept"
    assert panel.lines[-1].get_xdata() == [3, 3]


def test_curves_of_one_magnitude_and_of_zero_have_a_plain_axis():
    for losses, scale in (([2.0, 1.5], "linear"), ([2.0, 0.01], "log"), ([2.0, 0.0], "linear")):
        rows = [{"epoch": epoch, "loss": loss} for epoch, loss in enumerate(losses, start=1)]
        assert learning_curves.draw_learning_curves("curves", rows).axes[0].get_yscale() == scale


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([(0.5, 1.0), (0.9, 0.3), (0.9, 0.2), (0.9, 0.25)], 3),
        ([(0.0, 1.0), (0.0, 2.0)], 1),
    ],
)
def test_the_kept_epoch_is_the_best_and_of_equal_ones_that_of_the_lowest_loss(rows, kept):
    logged = [
        {"epoch": epoch, "val_exact_match": share, "val_loss": loss} for epoch, (share, loss) in enumerate(rows, 1)
    ]
    assert plot._best_epoch(logged) == kept


def test_attention_that_is_spread_is_not_dark_all_over():
    shares = np.full((2, 10), 0.1)
    image = maps.draw_attention("spread", shares, asked=list("1234567890"), written=["1", "end"]).axes[0].images[0]
    assert image.get_clim() == (0, 0.1)


def test_exact_match_of_each_group_has_its_interval():
    tables = {"carries": places_of((4, 4), (1, 4)), "terms": places_of((0, 9)), "lengths": places_of(*[(1, 2)] * 21)}
    panels = draw_breakdown("groups", tables).axes
    assert [axes.get_title() for axes in panels] == ["by carries", "by terms"]
    assert [bar.get_height() for bar in panels[0].patches] == [1, 0.25]
    whiskers = panels[0].collections[0].get_segments()
    assert [tuple(whisker[:, 1]) for whisker in whiskers] == [
        pytest.approx(wilson_interval(right, 4)) for right in (4, 1)
    ]
    assert [label.get_text() for label in panels[0].get_xticklabels()] == ["1\nof 4", "2\nof 4"]
    assert draw_breakdown("none", {}) is None


def test_the_error_map_shows_the_whole_space_on_all_panels():
    operands = np.array([[1.0, 2.0], [3.0, 50.0]])
    panels = maps.draw_error_map("map", operands, np.array([True, False]), operators=["+", "-"], bounds=(-10, 90)).axes
    assert {(*axes.get_xlim(), *axes.get_ylim()) for axes in panels} == {(-13.0, 93.0, -13.0, 93.0)}
