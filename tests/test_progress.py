"""The progress bar: redrawn on a terminal, a line a minute in a log file."""

import io
import sys
import time

import pytest

from command_line.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("seconds", "expected"), [(0.2, 1), (7.0, 55)])
def test_a_log_file_gets_a_line_a_minute(
    seconds: float, expected: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(time, "time", lambda: now)
    monkeypatch.setattr(sys, "stderr", log := io.StringIO())
    with Progress(total=500, unit="file") as bar:
        for number in range(500):
            bar.set_description(f"file {number}")
            now += seconds
            bar.update()
            if number % 100 == 0:
                bar.tell(f"said {number}")
    lines = log.getvalue().splitlines()
    assert len(lines) == expected
    assert "\r" not in log.getvalue()
    assert all("/500 [" in line for line in lines)
    assert capsys.readouterr().out.splitlines() == [f"said {number}" for number in range(0, 500, 100)]


def test_a_terminal_shows_one_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    assert list(Progress(range(300), unit="file", mininterval=0)) == list(range(300))
    assert terminal.getvalue().count("\n") == 1  # at its end
    assert terminal.getvalue().count("\r") > 100
