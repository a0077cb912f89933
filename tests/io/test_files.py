"""Files in the making: what was left by processes that are gone goes away, everything else stays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from codecnn.io.files import partial_path, remove_abandoned, write_whole


@pytest.mark.parametrize("name", ["a_x265_qp37.h5", "clip[1]_x265_qp37.h5"])
def test_only_what_a_gone_process_left_is_removed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    code = f"from pathlib import Path; from codecnn.io.files import *; partial_path(Path({str(path)!r})).touch()"
    subprocess.run([sys.executable, "-c", code], check=True)
    kept = {partial_path(path), partial_path(tmp_path / "other.h5"), tmp_path / f".{name}.another-host.1.partial"}
    for file in kept:
        file.touch()
    assert len(list(tmp_path.iterdir())) == len(kept) + 1
    remove_abandoned(path)
    assert set(tmp_path.iterdir()) == kept


def test_a_failed_write_changes_nothing_and_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "a", b"before")

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left.*a'"):
        write_whole(tmp_path / "a", b"after")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a", b"before")]
