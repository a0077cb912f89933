"""Test unfinished files: only files of ended processes are removed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from codecnn.io.files import partial_path, remove_abandoned, write_whole


@pytest.mark.parametrize("name", ["a_x265_qp37.h5", "clip[1]_x265_qp37.h5"])
def test_only_files_of_ended_processes_are_removed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    code = f"from pathlib import Path; from codecnn.io.files import *; partial_path(Path({str(path)!r})).touch()"
    subprocess.run([sys.executable, "-c", code], check=True)
    kept = {partial_path(path), partial_path(tmp_path / "other.h5"), tmp_path / f".{name}.another-host.1.partial"}
    for file in kept:
        file.touch()
    assert len(list(tmp_path.iterdir())) == len(kept) + 1
    remove_abandoned(path)
    assert set(tmp_path.iterdir()) == kept


def test_abandoned_files_that_cannot_be_removed_are_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.h5"
    code = f"from pathlib import Path; from codecnn.io.files import *; partial_path(Path({str(path)!r})).touch()"
    subprocess.run([sys.executable, "-c", code], check=True)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "unlink", refuse)
    remove_abandoned(path)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_failed_write_changes_nothing_and_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "a", b"before")

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left.*a'"):
        write_whole(tmp_path / "a", b"after")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a", b"before")]
