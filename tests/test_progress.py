"""The progress bar: redrawn on a terminal, a line a minute in a log file."""

import argparse
import io
import re
import sys
import time

import pytest

from codecnn.errors import InputError
from command_line.parser import Parser, run_command
from command_line.progress import Progress, complain, say
from experiments import train_filter


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
                say(f"said {number}")
    lines = log.getvalue().splitlines()
    assert len(lines) == expected
    assert "\r" not in log.getvalue()
    assert all("/500 [" in line for line in lines)
    assert capsys.readouterr().out.splitlines() == [f"said {number}" for number in range(0, 500, 100)]


def test_a_terminal_shows_one_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    assert list(Progress(range(300), unit="file", mininterval=0, delay=0)) == list(range(300))
    assert terminal.getvalue().count("\n") == 1  # at its end
    assert terminal.getvalue().count("\r") > 100


def steps(args: argparse.Namespace) -> int:
    for _ in Progress(range(3), unit="file"):
        say("a step")
    say("what was asked for", always=True)
    complain("a warning")
    if args.fault:
        raise InputError("a fault")
    return 0


def said(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[list[str], list[str]]:
    parser = Parser(prog="x")
    parser.add_argument("--fault", action="store_true")
    run_command("x", steps, parser.parse_args([*options]))
    captured = capsys.readouterr()
    return captured.out.splitlines(), captured.err.splitlines()


def test_quiet_and_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    usual = [*["a step"] * 3, "what was asked for"]
    assert said(capsys) == (usual, ["a warning"])
    assert said(capsys, "--quiet", "--fault") == (usual[3:], ["a warning", "x: a fault"])
    out, (first, *lines, fault, last) = said(capsys, "--verbose", "--fault")
    assert out == usual
    assert re.match(r"x: codecnn \S+, Python 3\.\d+\.\d+", first)
    assert sum("/3 [" in line for line in lines) == 3  # every step
    assert any("in steps" in line for line in lines)  # where the error comes from
    assert fault == "x: a fault"
    assert re.fullmatch(r"x: ended after \d+\.\d s", last)
    assert said(capsys) == (usual, ["a warning"])  # it does not last
    with pytest.raises(SystemExit, match="2"):
        said(capsys, "--quiet", "--verbose")


def test_a_command_that_is_done_at_once_shows_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    assert list(Progress(range(300), unit="file")) == list(range(300))
    assert terminal.getvalue() == ""


def test_lines_stand_above_the_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with Progress(total=2, unit="file", mininterval=0, delay=0) as bar:
        bar.update()
        complain("a warning")
        bar.update()
    shown = terminal.getvalue().split("a warning\n")
    assert len(shown) == 2
    assert shown[0].endswith("\r")  # the bar was cleared before, and is drawn again
    assert "1/2" in shown[1]


def test_a_training_takes_the_options_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert train_filter.main(["demo", "--quiet", "--data", "nowhere", "--out", "out"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert train_filter.main(["demo", "--data", "nowhere", "--out", "out", "--verbose"]) == 2
    assert len(capsys.readouterr().err.splitlines()) > 5
