"""Test what show-stream says of streams whose content is known."""

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codecnn.hevc import read
from data_tools.partition_plot import direction
from data_tools.show_stream import main
from tests.hevc.streams import GOLDEN

STREAM = GOLDEN / "hm_dqp_d2.265"


def test_the_numbers_are_those_of_the_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(STREAM), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    with np.load(STREAM.with_suffix(".npz")) as trace:
        cu, pu = trace["cu"], trace["pu"]
    for size, number in found["coding_units"].items():
        assert number == (cu["size"] == int(size)).sum()
    areas = cu["size"].astype(int) ** 2
    for qp, share in found["qps"].items():
        assert share == pytest.approx(areas[cu["qp"] == int(qp)].sum() / areas.sum())
    areas = pu["size"].astype(int) ** 2
    for mode, share in enumerate(found["luma_modes"]):
        assert share == pytest.approx(areas[pu["luma_mode"] == mode].sum() / areas.sum())
    assert (found["pictures"], found["slices"]) == (2, 2)
    assert (found["headers"]["width"], found["headers"]["height"], found["tools"]["QP delta"]) == (200, 136, 16)
    bits = found["bits"]
    assert sum(bits.values()) == pytest.approx(2 * bits["total"])


def test_lines_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(STREAM)]) == 0
    printed = capsys.readouterr().out
    for line in (
        "2 pictures, 2 slice segments of 4410 bytes",
        "sign data hiding          on",
        "planar  ",
        "pictures      2 right",
    ):
        assert line in printed


def test_the_partition_is_drawn(tmp_path: Path) -> None:
    out = tmp_path / "partition.png"
    assert main([str(STREAM), "--out", str(out), "--picture", "1"]) == 0
    (_, picture) = read(STREAM)
    with Image.open(io.BytesIO(out.read_bytes())) as image:
        drawn = np.asarray(image.convert("RGB")).astype(int)
    assert drawn.shape == (3 * 136, 3 * 200, 3)
    corners = drawn[3 * picture.coding_units["y"], 3 * picture.coding_units["x"]]
    assert (abs(corners - (255, 210, 0)) < 40).all()


def test_a_picture_is_chosen_only_to_be_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([str(STREAM), "--picture", "0"])
    assert capsys.readouterr().err == "show-stream: --picture: needs --out\n"


def test_a_picture_that_is_not_there_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(STREAM), "--out", str(tmp_path / "out.png"), "--picture", "2"]) == 2
    assert "none has the number 2" in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("option", ["--out", "--stats"])
def test_the_stream_is_not_written_over(tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    stream = tmp_path / ("a.png" if option == "--out" else "a.vtmbmsstats")  # whose kind is told by its content
    stream.write_bytes(STREAM.read_bytes())
    assert main([str(stream), option, str(stream)]) == 2
    assert f"{stream}: would be written over while it is read" in capsys.readouterr().err
    assert stream.read_bytes() == STREAM.read_bytes()
    with pytest.raises(SystemExit, match="2"):
        main([str(STREAM), option, str(tmp_path / "a.hevc")])


def test_directions_point_to_the_references() -> None:
    assert direction(10) == (-1, 0)  # horizontal: from the left
    assert direction(26) == (0, -1)
    assert direction(18) == pytest.approx((-math.sqrt(0.5), -math.sqrt(0.5)))
    assert direction(34) == pytest.approx((math.sqrt(0.5), -math.sqrt(0.5)))
    assert direction(2) == pytest.approx((-math.sqrt(0.5), math.sqrt(0.5)))
