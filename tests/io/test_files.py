"""Test that files are complete or absent, and that only abandoned unfinished files are removed."""

import os
import socket
import subprocess
import sys
from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from codecnn.errors import InputError
from codecnn.io.files import PartialFile, keep_inputs, remove_abandoned, require_file, write_whole
from command_line.arguments import file_to_write

HOLD = "import sys; from pathlib import Path; from codecnn.io.files import *; file = PartialFile(Path(sys.argv[1]))\n"


@pytest.fixture(autouse=True)
def container(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process has the number 1, as in containers."""
    monkeypatch.setattr(os, "getpid", lambda: 1)


def leave_behind(path: Path) -> None:
    subprocess.run([sys.executable, "-c", f"{HOLD}import os; os._exit(1)", str(path)], check=False)


@pytest.mark.parametrize("name", ["a", "./a", "b/../a", "link", "folder/a"])
def test_what_is_read_is_not_written_over(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "b").mkdir()
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "folder").symlink_to(tmp_path)
    keep_inputs(tmp_path / "b" / name, [tmp_path / "c", tmp_path / "link"])
    for read, written in ((Path("a"), Path(name)), (Path(name), Path("a"))):
        with pytest.raises(InputError, match="would be written over while it is read"):
            keep_inputs(tmp_path / written, [tmp_path / "c", tmp_path / read])


@pytest.mark.parametrize("name", ["a_x265_qp37.h5", "clip[1]_x265_qp37.h5"])
def test_only_files_of_ended_processes_are_removed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    leave_behind(path)
    elsewhere = tmp_path / f".{name}.another-host.1.partial"
    elsewhere.touch()
    running = [sys.executable, "-c", f"{HOLD}print(flush=True); sys.stdin.read()", str(path)]
    with (
        subprocess.Popen(running, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other,
        PartialFile(path) as mine,
        PartialFile(tmp_path / "other.h5") as unrelated,
    ):
        assert other.stdout
        other.stdout.readline()
        assert len(list(tmp_path.iterdir())) == 5
        remove_abandoned(path)
        left = set(tmp_path.iterdir())
        assert len(left) == 4
        assert {mine.partial, unrelated.partial, elsewhere} < left
        other.kill()
    remove_abandoned(path)
    assert set(tmp_path.iterdir()) == {elsewhere}


def test_two_processes_of_one_number_write_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with PartialFile(path) as one, PartialFile(path) as two:
        remove_abandoned(path)
        one.write(b"one")
        two.write(b"two")
        one.publish()
        assert path.read_bytes() == b"one"
        two.publish()
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a", b"two")]


def test_a_file_that_is_removed_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def removed_before(descriptor: int, wait: bool) -> bool:
        monkeypatch.undo()
        for file in tmp_path.iterdir():
            file.unlink()
        return True

    monkeypatch.setattr("codecnn.io.files.lock", removed_before)
    with PartialFile(tmp_path / "a") as file:
        file.write(b"x")
        file.publish()
    assert (tmp_path / "a").read_bytes() == b"x"


def test_abandoned_files_that_cannot_be_removed_are_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_behind(tmp_path / "a.h5")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "unlink", refuse)
    remove_abandoned(tmp_path / "a.h5")
    assert len(list(tmp_path.iterdir())) == 1


def test_a_failed_write_changes_nothing_and_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "a", b"before")

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=rf"No space left on device: '{tmp_path}/a'"):
        write_whole(tmp_path / "a", b"after")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a", b"before")]


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    for name, reason in (
        ("pipe", "a pipe or a device, not a file"),
        ("socket", "a pipe or a device, not a file"),
        ("/dev/zero", "a pipe or a device, not a file"),
        (".", "a folder, not a file"),
        ("none", "no such file"),
        ("x" * 300, "file name too long"),
        ("a\0b", "null"),
    ):
        with pytest.raises(InputError, match=reason):
            require_file(tmp_path / name)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    assert require_file(tmp_path / "link") == tmp_path / "link"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_or_a_device_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="pipe: a pipe or a device, not a file to write"):
        write_whole(pipe, b"content")
    with pytest.raises(ArgumentTypeError, match="pipe is a pipe or a device, not a file to write"):
        file_to_write(str(pipe))
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]
