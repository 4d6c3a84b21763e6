"""What a person sees of a build that goes on."""

import io

import pytest

from eqstream.pipelines.runtime.progress import Bar


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("num_equations", [0, 48_000])
def test_a_bar_fits_a_narrow_terminal_and_is_long_enough_to_be_read(columns, num_equations, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", "24")
    stream = io.StringIO()
    bar = Bar(stream)
    with bar.stage("writing", 6, num_equations=num_equations):
        bar.show(5, num_equations * 5 // 6)
    last = stream.getvalue().rstrip("\n").rpartition("\r")[2]
    assert len(last) <= columns
    assert last.startswith("writing  83% |")
    assert len(last.split("|")[1]) >= 8
    assert last.endswith(" left")
