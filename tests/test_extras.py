"""Test that a missing extra skips tests, except where all extras are installed."""

import pytest

from tests.coded_clips import needs
from tests.extras import ALL_INSTALLED, extra


def test_a_missing_extra_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ALL_INSTALLED, raising=False)
    with pytest.raises(pytest.skip.Exception, match="no_such_module"):
        extra("no_such_module")
    assert needs("no_such_encoder").mark.args == (True,)


def test_a_missing_extra_fails_where_all_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALL_INSTALLED, "1")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        extra("no_such_module")
    with pytest.raises(RuntimeError, match="no ffmpeg of imageio-ffmpeg with no_such_encoder"):
        needs("no_such_encoder")
