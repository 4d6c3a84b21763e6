import io

from eqstream.seq2seq.training.display import Bar, Lines, display_on


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_lines_come_every_ten_seconds_with_the_time_left():
    lines, now = [], [100.0]
    display = Lines(lines.append, clock=lambda: now[0])
    display.begin([20, 20, 40], num_done=10)
    for seconds, epoch, step in ((3, 0, 12), (11, 0, 20), (20, 1, 5), (21, 1, 10)):
        now[0] = 100.0 + seconds
        display.show(epoch, step, 20)
    assert lines == ["epoch 1/3, step 20/20, 01:00 left", "epoch 2/3, step 10/20, 00:50 left"]


def test_compiling_before_the_first_step_does_not_count():
    lines, now = [], [0.0]
    display = Lines(lines.append, clock=lambda: now[0])
    display.begin([100], num_done=0)
    for now[0], step in ((5.0, 0), (60.0, 1), (61.0, 11)):
        display.show(0, step, 100)
    assert lines == ["epoch 1/1, step  11/100, 00:08 left"]


def test_a_bar_shows_epoch_and_step_and_makes_room_for_lines():
    stream = Terminal()
    display = display_on(stream)
    assert isinstance(display, Bar)
    display.begin([4] * 12, num_done=0)
    display.show(0, 0, 4)
    assert "epoch  1/12, step 0/4 |" in stream.getvalue()
    display.show(2, 3, 4)
    display.write("a line", lambda line: print(line, file=stream))
    display.end()
    text = stream.getvalue()
    assert "epoch  3/12, step 3/4 |" in text
    assert "\ra line\n" in text
    assert text.endswith("\r")


def test_elsewhere_lines_are_written():
    assert isinstance(display_on(io.StringIO()), Lines)
