"""Test that the label engine runs where numba's cache cannot be used, and is loaded only where labels are made."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core.caching import IndexDataCacheFile

from codecnn.errors import InputWarning
from codecnn.labels.numba_engine.cache import compile_cached
from codecnn.video.raw import write_raw
from tests.pictures import photograph


def kernel() -> Callable[..., None]:
    def add_one(values: np.ndarray) -> None:
        values[0] += 1

    return add_one


def works(compiled: Callable[..., None]) -> bool:
    values = np.zeros(1)
    compiled(values)
    compiled(values)
    return bool(values[0] == 2)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that numba's cache may be in."""
    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_folder_that_cannot_be_made_is_a_warning(cache: Path) -> None:
    cache.write_text("a file")
    with pytest.warns(InputWarning, match="set NUMBA_CACHE_DIR") as warned:
        assert works(compile_cached(kernel()))
    assert len(warned) == 1


def test_a_full_disk_is_a_warning(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "save", full)
    with pytest.warns(InputWarning, match="cannot be used"):
        assert works(compile_cached(kernel()))


def test_a_damaged_file_is_a_warning(cache: Path) -> None:
    assert works(compile_cached(kernel()))
    assert any(cache.rglob("*.nbc"))
    for index in cache.rglob("*.nbi"):
        index.write_bytes(b"damaged")
    with pytest.warns(InputWarning, match="cannot be used"):
        assert works(compile_cached(kernel()))


def test_the_cache_is_used(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert works(compile_cached(kernel()))

    def saved_again(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(IndexDataCacheFile, "save", saved_again)
    assert works(compile_cached(kernel()))


WITHOUT_LABELS = """
import sys
import data_tools.check_dataset
from data_tools.build_dataset import main
status = main(sys.argv[1:])
assert not {"numba", "torch"} & sys.modules.keys()
sys.exit(status)
"""


def test_without_labels_the_engine_is_not_loaded(tmp_path: Path) -> None:
    write_raw(tmp_path / "a_64x64_25_8bit_420.yuv", [photograph("coffee", 64, 64)])
    options = [str(tmp_path / "a_64x64_25_8bit_420.yuv"), "--out", str(tmp_path / "out"), "--no-labels", "--qp", "37"]
    done = subprocess.run([sys.executable, "-c", WITHOUT_LABELS, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
