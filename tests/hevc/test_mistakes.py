"""Test that typical mistakes in the reader are found."""

import os
import subprocess
import sys


def test_every_mistake_is_found() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hevc.mistakes"],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
