"""What holds for all tests."""

import codecnn.torch_settings  # noqa: F401

# isort: split

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from codecnn.codecs.svtav1 import keep_priority
from tests.browser import browser
from tests.small_data import write_dataset

__all__ = ["browser"]


os.environ.setdefault("SVT_LOG", "0")  # read once in a process, so also by tests that come before those of SvtAv1


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """The networks of the tests are too small for more, and threads that wait for a busy core are very slow."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def same_priority() -> Iterator[None]:
    """Tests that encode by SVT-AV1 through PyAV leave this thread with a real-time priority, if they run as root."""
    with keep_priority():
        yield


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset; no test changes it."""
    return write_dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, as if it were of a codec whose lambda is known; no test changes it."""
    return write_dataset(tmp_path_factory.mktemp("coded"), codec="x265")
