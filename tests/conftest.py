"""What holds for all tests."""

import codecnn.torch_settings  # noqa: F401

# isort: split

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """The networks of the tests are too small for more, and threads that wait for a busy core are very slow."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
