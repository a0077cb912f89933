"""Builds that are killed, starved or doubled: what is there is whole, and the same command makes the rest."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from codecnn.dataset.integrity import complaints
from codecnn.io.files import PartialFile
from codecnn.video.raw import write_raw
from data_tools.build_dataset import main
from tests.pictures import photograph

FAST = ("--preset", "ultrafast", "--label-sizes", "16")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "clip_300x200_8bit_420.yuv"
    write_raw(path, [photograph(name, 200, 300) for name in ("astronaut", "coffee", "chelsea")] * 2)
    return path


@pytest.fixture(scope="module")
def undisturbed(source: Path) -> dict[str, bytes]:
    out = source.parent / "undisturbed"
    assert main(command(source, out)) == 0
    return contents(out)


def command(source: Path, out: Path, *more: str) -> list[str]:
    return [str(source), "--out", str(out), *FAST, *more]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def start(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "data_tools.build_dataset", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(condition: object) -> None:
    for _ in range(6000):
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.01)
    raise TimeoutError


def writers(folder: Path) -> Iterator[int]:
    """The numbers of the processes that have an unfinished file of a folder open."""
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if descriptor.readlink().parent == folder and descriptor.readlink().suffix == ".partial":
                yield int(descriptor.parts[2])


def test_killed_at_any_moment(source: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    half_written = 0
    for number in range(6):
        process = start(command(source, tmp_path))
        if number < 3:  # as soon as it writes, then ever later, perhaps when it has ended
            wait_for(lambda: process.poll() is not None or any(tmp_path.glob(".*.partial")))  # noqa: B023
        else:
            wait_for(lambda: process.poll() is not None or any(tmp_path.glob("*.h5")))  # noqa: B023
            time.sleep(0.05 * number)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        half_written += any(tmp_path.glob(".*.partial"))
        for path in tmp_path.glob("*.h5"):
            assert list(complaints(path)) == []
            assert path.read_bytes() == undisturbed[path.name]
    assert half_written
    assert main(command(source, tmp_path)) == 0
    assert contents(tmp_path) == undisturbed


def test_a_killed_worker_is_one_line(source: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    process = start(command(source, tmp_path, "--jobs", "2"))
    wait_for(lambda: any(tmp_path.glob(".*.partial")))
    os.kill(next(writers(tmp_path)), signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    lines = [line for line in errors.splitlines() if line.startswith("build-dataset: ")]
    assert process.returncode == 2, errors
    assert lines == ["build-dataset: a worker was killed; give the same command again"]
    assert main(command(source, tmp_path, "--jobs", "2")) == 0
    assert contents(tmp_path) == undisturbed


def test_two_builds_into_the_same_folder(source: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    processes = [start(command(source, tmp_path)) for _ in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert contents(tmp_path) == undisturbed


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A file system in memory; skips the test where it cannot be had."""
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip("mounting is not allowed")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(("options", "reason"), [("size=300k", "No space left"), ("ro", "Read-only file system")])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_folder_that_takes_no_more(
    source: Path, tmp_path: Path, options: str, reason: str, jobs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with mounted(out, options):
        assert main(command(source, out, "--qp", "22", "37", "--jobs", jobs)) == 2
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("build-dataset: ")]
        assert len(lines) == 2  # a file each
        assert all(reason in line and str(out) in line for line in lines)
        assert list(out.iterdir()) == []


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[tuple[str, str]] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        events.append(("fsync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        fsync(descriptor)

    def noted_replace(self: Path, target: Path) -> Path:
        events.append(("replace", str(self)))
        replace(self, target)
        return target

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    with PartialFile(tmp_path / "a") as file:
        file.write(b"whole")
        file.publish()
    partial = str(file.partial)
    assert events == [("fsync", partial), ("replace", partial), ("fsync", str(tmp_path))]


PEAK = """
import resource, sys
from data_tools.build_dataset import main
status = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


def test_memory_does_not_grow_with_the_sequence(tmp_path: Path) -> None:
    picture, peaks = photograph("astronaut", 256, 416), []
    for frames in (4, 64):
        path = tmp_path / f"clip{frames}_416x256_8bit_420.yuv"
        write_raw(path, [picture] * frames)
        arguments = command(path, tmp_path / "out", "--qp", "37")
        result = subprocess.run([sys.executable, "-c", PEAK, *arguments], capture_output=True, text=True, check=True)
        peaks.append(int(result.stderr.splitlines()[-1]))
    frame = 3 * 416 * 256 * 1.5 / 1024  # KiB of the three signals; 60 more of them would be 28 MiB
    assert peaks[1] - peaks[0] < 20 * frame
