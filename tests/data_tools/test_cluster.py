"""A build on a real Dask scheduler with two workers in processes of their own."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from codecnn.video.raw import write_raw
from data_tools.build_dataset import main
from tests.pictures import photograph

Client = pytest.importorskip("distributed").Client


@pytest.fixture
def cluster() -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The scheduler's address, and the two workers."""
    run, quiet = [sys.executable, "-m", "distributed.cli.dask_scheduler"], {"stderr": subprocess.PIPE}
    scheduler = subprocess.Popen([*run, "--host", "127.0.0.1", "--port", "0", "--no-dashboard"], **quiet)  # type: ignore[call-overload]
    address = ""
    while not address:
        line = scheduler.stderr.readline().decode()
        assert line, "the scheduler has ended"
        address = line.split("Scheduler at:")[1].strip() if "Scheduler at:" in line else ""
    threading.Thread(target=scheduler.stderr.read, daemon=True).start()  # a full pipe would stop it
    options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, *options]
    workers = [subprocess.Popen(worker, stderr=subprocess.DEVNULL) for _ in range(2)]
    try:
        with Client(address) as client:
            client.wait_for_workers(2, timeout=60)
        yield address, workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def test_a_cluster_builds_the_same_files_even_if_a_worker_is_killed(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], tmp_path: Path
) -> None:
    address, workers = cluster
    path = tmp_path / "clip_200x150_8bit_420.yuv"
    write_raw(path, [photograph("astronaut", 150, 200)] * 12)
    command = [str(path), "--preset", "ultrafast", "--no-labels", "--qp", *map(str, range(20, 40)), "--out"]
    assert main([*command, str(tmp_path / "here")]) == 0
    building = subprocess.Popen(
        [sys.executable, "-m", "data_tools.build_dataset", *command, str(tmp_path / "there"), "--dask", address],
        stderr=subprocess.DEVNULL,
    )
    while building.poll() is None and not list(tmp_path.glob("there/*.h5")):
        time.sleep(0.01)
    workers[0].send_signal(signal.SIGKILL)
    assert len(list(tmp_path.glob("there/*.h5"))) < 20  # there was something left to do
    assert building.wait(timeout=120) == 0
    here, there = (
        {file.name: file.read_bytes() for file in (tmp_path / name).glob("*.h5")} for name in ("here", "there")
    )
    assert len(here) == 20
    assert here == there


def test_no_scheduler_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "clip_64x64_8bit_420.yuv"
    write_raw(path, [photograph("astronaut", 64, 64)])
    assert main([str(path), "--out", str(tmp_path / "out"), "--dask", "nowhere:12"]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("build-dataset: ")]
    assert len(lines) == 1
    assert lines[0].startswith("build-dataset: nowhere:12: no Dask scheduler answers")
