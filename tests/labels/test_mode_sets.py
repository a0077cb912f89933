"""Test which packages are imported to read labels."""

import subprocess
import sys


def test_labels_mode_sets_and_shards_need_neither_numba_nor_torch() -> None:
    code = (
        "import sys; import codecnn.dataset.reader, codecnn.labels.label, codecnn.labels.mode_sets;"
        "print([name for name in ('numba', 'torch') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
