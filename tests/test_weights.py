"""The weights that come with the project load, and gain on a picture that they were not trained on."""

from pathlib import Path

import pytest

from codecnn.clip import open_clip
from codecnn.filtering import filter_picture
from codecnn.metrics import psnr_gain
from codecnn.weights import load
from codecnn.yuv import write_raw
from data_tools.codecs.x265 import X265
from experiments.shipped import SHIPPED
from tests.pictures import photograph

WEIGHTS = sorted(SHIPPED.glob("*.safetensors"))


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda path: path.stem)
def test_shipped_weights_gain(tmp_path: Path, path: Path) -> None:
    model, notes = load(path)
    assert notes["sources"]
    write_raw(tmp_path / "c_256x256.yuv", [photograph("astronaut", 256, 256)])
    clip = open_clip(tmp_path / "c_256x256.yuv")
    for qp in (22, 37):
        (frame,) = X265().encode(clip, qp)
        filtered = filter_picture(model, frame.baseline, frame.unfiltered, qp)
        gain = psnr_gain(frame.original.y, frame.baseline.y, filtered, 8)
        assert 0.2 < gain < 1.5


def test_there_are_weights() -> None:
    assert WEIGHTS
