"""Test the text for YUView: read by the patterns of its own parser, every line against the units and labels."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from codecnn.dataset.reader import open_folder
from codecnn.hevc import read
from codecnn.intra.block_size import BlockSize
from codecnn.video.raw import write_raw
from data_tools import build_dataset, show_dataset, show_stream
from tests.hevc.streams import GOLDEN
from tests.pictures import photograph

SIZE = re.compile(r"# Sequence size: \[([0-9]+)x *([0-9]+)\]")
TYPE = re.compile(r"# Block Statistic Type: *([0-9a-zA-Z_]+); *([0-9a-zA-Z]+); *(.*)")
BLOCK = re.compile(
    r"BlockStat: POC ([0-9]+) @\( *([0-9\-]+), *([0-9\-]+)\) *\[ *([0-9]+)x *([0-9]+)\] *(\w+)=([0-9\-]+)"
)


def parsed(file: Path) -> tuple[tuple[int, int], set[str], Counter[tuple[str, tuple[int, ...]]]]:
    """Return the size, the names of the statistics, and how often each name and its numbers are there."""
    first, size, *lines = file.read_text().splitlines()
    assert first == "# VTMBMS Block Statistics"
    found = SIZE.fullmatch(size)
    assert found
    kinds = {match[1]: match[2] for line in lines if (match := TYPE.fullmatch(line))}
    assert set(kinds.values()) <= {"Integer", "Flag"}
    told: Counter[tuple[str, tuple[int, ...]]] = Counter()
    for line in lines[len(kinds) :]:
        match = BLOCK.fullmatch(line)
        assert match, line
        told[match[6], tuple(int(match[place]) for place in (1, 2, 3, 4, 5, 7))] += 1
    return (int(found[1]), int(found[2])), set(kinds), told


def test_a_stream_is_told_as_the_encoder_traced_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "hm.vtmbmsstats"
    assert show_stream.main([str(GOLDEN / "hm_dqp_d2.265"), "--stats", str(file)]) == 0
    capsys.readouterr()
    size, names, told = parsed(file)
    assert size == (200, 136)
    assert {name for name, _ in told} == names
    with np.load(GOLDEN / "hm_dqp_d2.npz") as trace:
        for name, units, field in (("QP", trace["cu"], "qp"), ("LumaMode", trace["pu"], "luma_mode")):
            fields = ("frame", "x", "y", "size", "size", field)
            expected = Counter(tuple(int(unit[f]) for f in fields) for unit in units)
            assert Counter({key: n for (of, key), n in told.items() if of == name}) == expected
    bits = sum(values[-1] * n for (name, values), n in told.items() if name == "UnitBits")
    exact = sum(picture.coding_units["bits"].sum() for picture in read(GOLDEN / "hm_dqp_d2.265"))
    assert abs(bits - exact) < 0.01 * exact


def test_labels_and_decisions_of_a_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_raw(tmp_path / "cat_72x40.yuv", [photograph(name, 40, 72) for name in ("chelsea", "coffee")])
    options = ["--ctu-size", "32", "--qp", "27", "--label-sizes", "8", "16x8", "--block-data"]
    assert build_dataset.main([str(tmp_path / "cat_72x40.yuv"), "--out", str(tmp_path / "data"), *options]) == 0
    file = tmp_path / "labels.vtmbmsstats"
    assert show_dataset.main([str(tmp_path / "data"), "--out", str(file)]) == 0
    size, names, told = parsed(file)
    assert size == (72, 40)
    assert {"hadamard_mode_8x8", "dct_mode_16x8", "coding_unit_size", "luma_mode"} <= names
    (shard,) = open_folder(tmp_path / "data")
    for block, name in ((BlockSize(16, 8), "dct_mode"), (BlockSize(4, 4), "luma_mode")):
        wide, high = block
        expected = Counter(
            (frame, x, y, wide, high, int(shard.maps(block)[name][row, (y - top) // high, (x - left) // wide]))
            for row, (frame, left, top, width, height) in enumerate(shard.ctus.tolist())
            for y in range(top, top + height - high + 1, high)
            for x in range(left, left + width - wide + 1, wide)
        )
        told_name = "luma_mode" if name == "luma_mode" else "dct_mode_16x8"
        assert Counter({key: n for (of, key), n in told.items() if of == told_name}) == expected
    capsys.readouterr()
    (tmp_path / "data" / "b.h5").write_bytes(shard.path.read_bytes())
    assert show_dataset.main([str(tmp_path / "data"), "--out", str(tmp_path / "two.vtmbmsstats")]) == 2
    assert "2 files, and .vtmbmsstats is of one; choose it with --files" in capsys.readouterr().err
    assert not (tmp_path / "two.vtmbmsstats").exists()


def test_a_stream_that_is_damaged_leaves_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = tmp_path / "a.265"
    damaged.write_bytes((GOLDEN / "hm_dqp_d2.265").read_bytes()[:-900])
    assert show_stream.main([str(damaged), "--stats", str(tmp_path / "a.vtmbmsstats")]) == 2
    assert "a.265: picture 1: " in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["a.265"]
