"""The code of README runs, and prints the gain that scikit-image measures."""

import re
from pathlib import Path

import pytest
from skimage.metrics import peak_signal_noise_ratio

from codecnn import filter_picture, open_folder
from codecnn.models.weights import find_weights, read_filter
from codecnn.video.raw import write_raw
from data_tools.build_dataset import main as build_dataset
from tests.coded_clips import needs
from tests.pictures import photograph

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(("codec", "depth"), [("x265", 8), pytest.param("vvenc", 10, marks=needs("libvvenc"))])
def test_the_example_of_readme(
    tmp_path: Path, codec: str, depth: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_raw(tmp_path / "c_64x64.yuv", [photograph("chelsea", 64, 64)])
    data = tmp_path / "data" / "val"
    command = [str(tmp_path / "c_64x64.yuv"), "--out", str(data), "--codec", codec, "--qp", "37", "--no-labels"]
    assert build_dataset(command) == 0
    capsys.readouterr()
    (code,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert code.count("\n") <= 12
    monkeypatch.chdir(tmp_path)
    exec(code, {})

    (shard,) = open_folder(data)
    original, baseline, unfiltered = (shard.picture(name, 0) for name in ("original", "baseline", "unfiltered"))
    filtered = filter_picture(read_filter(find_weights("rdn_s"))[0], baseline, unfiltered, 37)
    scaled = original.y.astype(int) << (depth - 8)
    after, before = (peak_signal_noise_ratio(scaled, luma, data_range=2**depth - 1) for luma in (filtered, baseline.y))
    assert abs(after - before) > 0.05
    assert capsys.readouterr().out == f"c_64x64.yuv, QP 37: {after - before:+.2f} dB\n"
