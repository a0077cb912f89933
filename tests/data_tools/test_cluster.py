"""Test builds on a real Dask scheduler with workers in processes of their own, some of which are killed."""

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from codecnn.codecs.x265 import X265
from codecnn.dataset.build import Settings, plan
from codecnn.dataset.cluster import build_on_worker
from codecnn.video.raw import write_raw
from data_tools.build_dataset import main
from tests.extras import extra
from tests.pictures import photograph

Client = extra("distributed").Client

FAST = ["--preset", "ultrafast", "--no-labels"]
Start = Callable[..., subprocess.Popen[bytes]]


class Scheduler:
    """A scheduler in a process of its own, which gives a task up when its second worker dies."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
        environment = os.environ | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
        self.process = subprocess.Popen([*command, "--no-dashboard"], stderr=subprocess.PIPE, env=environment)
        assert self.process.stderr
        self.address = ""
        while not self.address:
            line = self.process.stderr.readline().decode()
            assert line, "the scheduler has ended"
            self.address = line.split("Scheduler at:")[1].strip() if "Scheduler at:" in line else ""
        threading.Thread(target=self.process.stderr.read, daemon=True).start()  # a full pipe would stop it

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def scheduler() -> Iterator[Scheduler]:
    running = Scheduler()
    yield running
    running.stop()


@pytest.fixture
def start_worker(tmp_path: Path, scheduler: Scheduler) -> Iterator[Start]:
    """Start a worker with one thread in a folder of its own."""
    started = []
    (tmp_path / "worker").mkdir()

    def start(address: str = scheduler.address, **environment: str) -> subprocess.Popen[bytes]:
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0"]
        command = [sys.executable, "-m", "distributed.cli.dask_worker", address, *options]
        variables = {"PYTHONPATH": str(Path(__file__).parents[2])} | environment
        process = subprocess.Popen(
            command, stderr=subprocess.DEVNULL, cwd=tmp_path / "worker", env=os.environ | variables
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "clip_64x64_8bit_420.yuv"
    write_raw(path, [photograph("astronaut", 64, 64)] * 2)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """All that was printed to stderr but the progress bar."""
    return [line for line in capsys.readouterr().err.splitlines() if line and "file/s" not in line]


def when(condition: Callable[[], bool], action: Callable[[], None]) -> None:
    """Do something in another thread as soon as a condition holds."""

    def watch() -> None:
        while not condition():
            time.sleep(0.01)
        action()

    threading.Thread(target=watch, daemon=True).start()


def test_no_worker_is_one_line_after_the_time_limit(
    scheduler: Scheduler, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [str(source), "--out", str(tmp_path / "out"), *FAST, "--dask", scheduler.address, "--dask-timeout", "0.5"]
    assert main(command) == 2
    assert lines(capsys) == [f"build-dataset: {scheduler.address}: no worker within 0.5 s"]
    assert list((tmp_path / "out").iterdir()) == []


def test_one_worker_with_one_thread_in_another_folder_builds_the_same_files(
    scheduler: Scheduler,
    start_worker: Start,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    start_worker()
    write_raw(tmp_path / "worker" / source.name, [photograph("coffee", 64, 64)] * 2)  # what it sees under this name
    monkeypatch.chdir(tmp_path)
    command = [source.name, *FAST, "--qp", "22", "37", "--out"]
    assert main([*command, "here"]) == 0
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / f".cluster.{socket.gethostname()}.0.partial").touch()  # of a client that was killed
    encode = X265.encode
    monkeypatch.setattr(X265, "encode", None)  # not here
    assert main([*command, "there", "--dask", scheduler.address]) == 0
    monkeypatch.setattr(X265, "encode", encode)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert [path.name for path in (tmp_path / "worker").iterdir()] == [source.name]
    assert main([*command, "there", "--dask", scheduler.address]) == 0
    assert "2 there already, 0 to make" in capsys.readouterr().out


def test_a_killed_worker_is_replaced_by_the_others(
    scheduler: Scheduler, start_worker: Start, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workers, there = [start_worker() for _ in range(2)], tmp_path / "there"
    command = [str(source), *FAST, "--qp", *map(str, range(28, 40)), "--out"]
    assert main([*command, str(tmp_path / "here")]) == 0
    when(lambda: any(there.glob("*.h5")), workers[0].kill)
    assert main([*command, str(there), "--dask", scheduler.address]) == 0
    assert workers[0].wait(10) == -signal.SIGKILL
    assert lines(capsys) == []
    assert contents(there) == contents(tmp_path / "here")


KILLER = """
name: killer
command: "sh -c 'kill -KILL $PPID' {qp} {bitstream}"
version_command: "echo killer 1"
decoder: hevc
qp_range: [0, 51]
default_qps: [22]
"""


def test_an_encoder_that_kills_its_workers_is_one_line(
    scheduler: Scheduler, start_worker: Start, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "killer.yaml").write_text(KILLER)
    workers = [start_worker() for _ in range(2)]
    options = ["--out", str(tmp_path / "out"), "--codec-template", str(tmp_path / "killer.yaml"), "--no-labels"]
    assert main([str(source), *options, "--dask", scheduler.address]) == 2
    assert [worker.wait(10) for worker in workers] == 2 * [-signal.SIGKILL]
    assert lines(capsys) == [f"build-dataset: {source}: every worker of the cluster that coded it at QP 22 has died"]


def test_workers_without_the_package_are_one_line(
    scheduler: Scheduler, start_worker: Start, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['codecnn'] = None\n")
    start_worker(PYTHONPATH=str(tmp_path))
    command = [str(source), "--out", str(tmp_path / "out"), *FAST, "--qp", "22", "37", "--dask", scheduler.address]
    assert main(command) == 2
    (line,) = lines(capsys)
    assert line.startswith("build-dataset: the workers of the cluster fail: ")
    assert "codecnn" in line


@pytest.mark.parametrize("lost_by", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_scheduler_is_one_line(
    start_worker: Start, source: Path, tmp_path: Path, lost_by: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    scheduler, out = Scheduler(), tmp_path / "out"
    start_worker(scheduler.address)
    with Client(scheduler.address, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=60)
    when(lambda: any(out.glob("*.h5")), lambda: scheduler.process.send_signal(lost_by))
    command = [str(source), "--out", str(out), *FAST, "--qp", *map(str, range(10, 50))]
    try:
        assert main([*command, "--dask", scheduler.address, "--dask-timeout", "4"]) == 2
    finally:
        scheduler.stop()
    (line,) = lines(capsys)
    assert line.startswith(f"build-dataset: {scheduler.address}: no answer of the Dask scheduler")


@pytest.mark.parametrize("kind", ["nowhere:12", "nonsense", "tls://127.0.0.1:1", "other://127.0.0.1:1", "no scheduler"])
@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_no_scheduler_is_one_line(source: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # listens, but says nothing
        address = f"127.0.0.1:{server.getsockname()[1]}" if kind == "no scheduler" else kind
        assert main([str(source), "--out", str(tmp_path / "out"), "--dask", address, "--dask-timeout", "0.5"]) == 2
    gc.collect()
    (line,) = lines(capsys)
    assert line.startswith(f"build-dataset: {address}: no Dask scheduler answers")


def test_a_worker_that_sees_other_files_or_has_other_programs_makes_nothing(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (task,) = plan([source], out, Settings(X265("ultrafast"), qps=(37,)))
    mark = out / "mark"
    assert (
        build_on_worker(task, mark) == f"{out}: a worker of the cluster does not see this folder, but another or none"
    )
    mark.touch()
    older = task._replace(info=task.info.__class__(**{**task.info.__dict__, "codec_version": "libx265 0.1"}))
    assert "has another codec_version: libx265" in str(build_on_worker(older, mark))
    write_raw(source, [photograph("coffee", 64, 64)] * 2)
    assert build_on_worker(task, mark) == f"{source}: a worker of the cluster sees another file of this name"
    source.unlink()
    assert "a worker of the cluster cannot read it (No such file" in str(build_on_worker(task, mark))
    assert list(out.iterdir()) == [mark]
