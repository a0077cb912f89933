"""What the tests of training share: one configuration, one finished run. Neither is changed."""

from pathlib import Path

import pytest

from experiments.train_filter import main
from tests.training.runs import CONFIG, command


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "tiny.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="session")
def finished(data: Path, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing has interrupted."""
    out = tmp_path_factory.mktemp("run") / "out"
    assert main(command(config, data, out)) == 0
    return out
