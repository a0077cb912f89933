"""Test that scratch folders are removed, and that no folder is removed that is in use."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from codecnn.codecs.scratch_folder import scratch_folder
from codecnn.errors import InputError


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_the_error_names_an_unusable_scratch_folder(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "none"))
    with pytest.raises(InputError, match=rf"^{temporary}/none: cannot be used as a scratch folder \(No such file"):
        scratch_folder().__enter__()


def test_a_folder_is_removed_at_the_end_and_not_by_others(temporary: Path) -> None:
    with scratch_folder() as mine:
        (mine / "input.yuv").write_bytes(b"x")
        with scratch_folder() as second:
            assert second != mine
            assert (mine / "input.yuv").exists()
        assert not second.exists()
    with pytest.raises(RuntimeError), scratch_folder():
        raise RuntimeError
    assert list(temporary.iterdir()) == []


def test_the_folder_of_a_killed_process_is_removed_and_that_of_a_living_one_not(temporary: Path) -> None:
    """Process numbers say nothing: both folders could be of processes in other containers."""
    program = (
        "import sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
        "from codecnn.codecs.scratch_folder import scratch_folder\n"
        "with scratch_folder() as folder: print(folder, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(temporary)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        theirs = Path(other.stdout.readline().strip())
        with scratch_folder():
            assert theirs.exists()
        other.kill()
    assert theirs.exists()
    (temporary / "codecnn.results").mkdir()  # of the user
    with scratch_folder():
        assert not theirs.exists()
    assert [path.name for path in temporary.iterdir()] == ["codecnn.results"]
