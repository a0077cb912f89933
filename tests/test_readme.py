"""The code of README runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

from codecnn.video.raw import write_raw
from data_tools.build_dataset import main as build_dataset
from tests.pictures import photograph

ROOT = Path(__file__).parent.parent


def test_the_example_of_readme(tmp_path: Path) -> None:
    write_raw(tmp_path / "c_64x64.yuv", [photograph("chelsea", 64, 64)])
    data = tmp_path / "data" / "val"
    assert build_dataset([str(tmp_path / "c_64x64.yuv"), "--out", str(data), "--qp", "27", "37", "--no-labels"]) == 0
    (code,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert code.count("\n") <= 10
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout
    assert re.fullmatch(r"(c_64x64\.yuv, QP (27|37): [+-]\d\.\d\d dB\n){2}", printed)
