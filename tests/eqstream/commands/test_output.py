import threading

import click
import pytest
from click.testing import CliRunner

from eqstream.commands.output import make_reporter, output_options


@click.command()
@output_options
def work_in_a_thread() -> None:
    thread = threading.Thread(target=make_reporter(), args=("stopping",))
    thread.start()
    thread.join()


@pytest.mark.parametrize(("arguments", "written"), [([], "stopping\n"), (["-q"], "")])
def test_reports_come_from_threads_that_click_knows_nothing_of(arguments, written):
    result = CliRunner().invoke(work_in_a_thread, arguments)
    assert (result.exit_code, result.stderr) == (0, written)
