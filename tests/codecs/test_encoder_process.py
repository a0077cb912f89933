"""Test encoders that hang, are killed, or do not exist: one clear error, and no process or file remains."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from codecnn.codecs import encoder_process
from codecnn.codecs.encoder_process import kill_with_parent, read_output, run_encoder
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


def test_a_hanging_encoder_is_stopped_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = tmp_path / "child"

    def clock() -> float:
        """Stand still until the encoder has started its child, then be past every limit."""
        return 1e6 if started.exists() else 0.0

    monkeypatch.setattr(encoder_process, "time", SimpleNamespace(monotonic=clock))
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


def test_the_time_limit_grows_with_the_number_of_frames(tmp_path: Path) -> None:
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
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGRTMIN + 3)",
            "by signal 37: it printed",
        ),
        (
            "import sys; print('Warning: no error\\n[enc @ 0x1] Unknown option: x\\rtail\\n1 frame'); sys.exit(1)",
            "exit status 1: Unknown option: x$",
        ),
        ("import os; os.close(0); print('no input wanted'); raise SystemExit(1)", "exit status 1: no input wanted"),
    ],
)
def test_the_error_has_the_exit_status_and_the_last_line_of_the_log(tmp_path: Path, program: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(tmp_path, program, [bytes(1_000_000)] * 3)


def test_an_encoder_may_end_before_it_has_read_all_frames(tmp_path: Path) -> None:
    assert run(tmp_path, "pass", [bytes(1_000_000)] * 3) == ""


def test_an_error_of_the_source_stops_the_encoder(tmp_path: Path) -> None:
    def frames() -> Iterator[bytes]:
        yield b"x"
        raise InputError("the source is damaged")

    before = children_of_this_process()
    with pytest.raises(InputError, match="the source is damaged"):
        run_encoder([sys.executable, "-c", "import time; time.sleep(100)"], tmp_path, "e", 60, frames())
    assert children_of_this_process() == before


@pytest.mark.skipif(not kill_with_parent(), reason="no setpriv of util-linux, such as on macOS")
def test_the_encoder_is_killed_with_the_process_that_started_it(tmp_path: Path) -> None:
    started = tmp_path / "encoder"
    encoder = (
        "import os, time, pathlib\n"
        "pathlib.Path('new').write_text(str(os.getpid())); pathlib.Path('new').rename('encoder'); time.sleep(100)"
    )
    program = (
        "import sys, pathlib; from codecnn.codecs.encoder_process import run_encoder\n"
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


def test_the_error_names_a_program_that_cannot_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe, broken = tmp_path / "pipe", tmp_path / "broken"
    os.mkfifo(pipe, 0o777)
    broken.write_text("#!/nowhere/interpreter\n")
    broken.chmod(0o755)
    for program in ("/nowhere/encoder", str(tmp_path), str(pipe)):
        with pytest.raises(InputError, match=f"^{program}: no such program"):
            run_encoder([program], tmp_path, "e", 60)
        with pytest.raises(InputError, match=f"^{program}: no such program"):
            read_output([program])
    monkeypatch.setattr(encoder_process, "kill_with_parent", tuple)
    with pytest.raises(InputError, match=rf"^{broken}: cannot be run \("):
        read_output([str(broken)])


def test_the_version_of_a_program_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that keeps the output open is ended too, and nothing waits for it."""
    monkeypatch.setattr(encoder_process, "VERSION_SECONDS", 0.3)
    before = children_of_this_process()
    with pytest.raises(InputError, match=r"^sh: did not end within 0\.3 s when asked for its version$"):
        read_output(["sh", "-c", "sleep 100 & sleep 100"])
    assert children_of_this_process() == before


def test_the_log_cannot_be_replaced(tmp_path: Path) -> None:
    program = "import os; [os.remove(name) for name in os.listdir()]; os.mkfifo('log'); print('printed')"
    assert run(tmp_path, program) == "printed\n"
