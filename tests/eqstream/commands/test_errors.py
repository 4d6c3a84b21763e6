import pytest

from eqstream.commands.errors import InterruptedWorkError, kept_when_interrupted


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("there", "interrupted; what is finished is kept, run the same command again to go on"),
        ("missing", "interrupted; nothing was written yet"),
    ],
)
def test_an_interrupted_command_promises_to_go_on_only_from_what_is_there(tmp_path, folder, message):
    (tmp_path / "there").mkdir()
    with pytest.raises(InterruptedWorkError, match=f"^{message}$"), kept_when_interrupted(str(tmp_path / folder)):
        raise KeyboardInterrupt
