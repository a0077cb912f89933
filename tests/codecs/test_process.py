"""Encoders that hang, are killed, or are not there: one clear error, and nothing left behind."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from codecnn.codecs import process
from codecnn.codecs.process import killed_with_us, output_of, run_encoder, scratch_folder
from codecnn.errors import InputError


def run(folder: Path, program: str, frames: list[bytes] | None = None, seconds: float = 30) -> str:
    return run_encoder([sys.executable, "-c", program], folder, "the encoder", seconds, frames or [])


def alive(process: int) -> bool:
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().split(")")[1].split()[0] != "Z"
    return False


def children_of_this_process() -> set[str]:
    return {path.read_text() for path in Path("/proc/self/task").glob("*/children")}


def test_frames_go_to_the_standard_input_and_prints_come_back(tmp_path: Path) -> None:
    program = "import sys; d = sys.stdin.buffer.read(); print(len(d), d[:3]); print('to stderr', file=sys.stderr)"
    log = run(tmp_path, program, [b"abc", b"d" * 200_000])
    assert "200003 b'abc'" in log
    assert "to stderr" in log


def wait_for_end(process: int) -> bool:
    for _ in range(200):
        if not alive(process):
            return True
        time.sleep(0.05)
    return False


def test_an_encoder_that_hangs_is_ended_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = tmp_path / "child"

    def clock() -> float:
        """Stands still until the encoder has started its child, and is far on then."""
        return 1e6 if started.exists() else 0.0

    monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=clock))
    program = (
        "import subprocess, sys, time, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'])\n"
        "pathlib.Path('new').write_text(str(child.pid)); pathlib.Path('new').rename('child'); time.sleep(100)"
    )
    before = children_of_this_process()
    with pytest.raises(InputError, match=r"^the encoder took more than 1.5 s a frame and was stopped$"):
        run(tmp_path, program, [bytes(10_000_000)], seconds=1.5)
    assert wait_for_end(int(started.read_text()))
    assert children_of_this_process() == before  # no zombie


def test_the_time_allowed_grows_with_the_frames(tmp_path: Path) -> None:
    program = "import time; time.sleep(1.5)"
    run(tmp_path, program, [b"x"] * 60, seconds=0.5)
    run_encoder([sys.executable, "-c", program], tmp_path, "the encoder", 0.5, frames=60)
    with pytest.raises(InputError, match=r"more than 0\.5 s a frame"):
        run(tmp_path, program, [b"x"], seconds=0.5)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import os; os.kill(os.getpid(), 9)", "the encoder was ended by SIGKILL: it printed nothing"),
        ("import os; print('so far', flush=True); os.kill(os.getpid(), 11)", "was ended by SIGSEGV: so far"),
        (
            "import sys; print('a\\n\\nlast\\n', file=sys.stderr); sys.exit(3)",
            "the encoder ended with exit status 3: last",
        ),
        ("import os; os.close(0); print('no input wanted'); raise SystemExit(1)", "exit status 1: no input wanted"),
    ],
)
def test_a_failing_encoder_is_named_with_its_status_and_last_line(tmp_path: Path, program: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(tmp_path, program, [bytes(1_000_000)] * 3)


def test_an_encoder_that_reads_too_little_is_no_error_here(tmp_path: Path) -> None:
    assert run(tmp_path, "pass", [bytes(1_000_000)] * 3) == ""


def test_a_source_that_fails_ends_the_encoder(tmp_path: Path) -> None:
    def frames() -> Iterator[bytes]:
        yield b"x"
        raise InputError("the source is damaged")

    before = children_of_this_process()
    with pytest.raises(InputError, match="the source is damaged"):
        run_encoder([sys.executable, "-c", "import time; time.sleep(100)"], tmp_path, "e", 60, frames())
    assert children_of_this_process() == before


@pytest.mark.skipif(not killed_with_us(), reason="no setpriv of util-linux, such as on macOS")
def test_an_encoder_ends_when_the_process_that_runs_it_is_killed(tmp_path: Path) -> None:
    started = tmp_path / "encoder"
    encoder = (
        "import os, time, pathlib\n"
        "pathlib.Path('new').write_text(str(os.getpid())); pathlib.Path('new').rename('encoder'); time.sleep(100)"
    )
    program = (
        "import sys, pathlib; from data_tools.codecs.process import run_encoder\n"
        f"run_encoder([sys.executable, '-c', {encoder!r}], pathlib.Path({str(tmp_path)!r}), 'e', 100)"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as worker:
        while not started.exists():
            assert worker.poll() is None
            time.sleep(0.05)
        encoder_process = int(started.read_text())
        assert alive(encoder_process)
        worker.kill()
    assert wait_for_end(encoder_process)


def test_an_unusable_scratch_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(InputError, match=rf"^{tmp_path}/none: cannot be used as a scratch folder \(No such file"):
        scratch_folder().__enter__()


def test_what_is_no_program_is_named(tmp_path: Path) -> None:
    for command in (["/nowhere/encoder"], [str(tmp_path)]):
        with pytest.raises(InputError, match=f"^{command[0]}: no such program"):
            run_encoder(command, tmp_path, "e", 60)
        with pytest.raises(InputError, match=rf"{command[0]}: cannot be run \("):
            output_of(command)


def test_scratch_folders_go_and_those_of_dead_processes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch_folder() as mine:
        abandoned = tmp_path / mine.name.replace(f".{os.getpid()}.", ".4194305.")  # above the highest process number
        abandoned.mkdir()
        (abandoned / "input.yuv").write_bytes(b"x")
        other = tmp_path / "codecnn.elsewhere.4194305.x"
        other.mkdir()
        with scratch_folder() as second:
            assert second != mine
            assert mine.exists()
            assert not abandoned.exists()
        assert not second.exists()
    assert list(tmp_path.iterdir()) == [other]
