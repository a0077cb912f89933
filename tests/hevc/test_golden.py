"""Test the reader on streams of HM, x265 and kvazaar: HM and libavcodec say what is in them."""

import re
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from codecnn.hevc import CodedPicture, read
from codecnn.hevc.nal import SLICES, split_stream
from tests.hevc.streams import GOLDEN, TRUTH, md5s

DECISIONS = [name for name in TRUTH if TRUTH[name]["trace"]]


@pytest.mark.parametrize("name", TRUTH)
def test_every_sample_and_level_is_that_of_the_decoders(name: str) -> None:
    truth, found = TRUTH[name], list(read(GOLDEN / f"{name}.265", check=True))
    assert [md5s(picture.unfiltered) for picture in found] == truth["before"]
    assert [md5s(picture.baseline) for picture in found] == truth["after"]
    assert [picture.hash_matches for picture in found] == [True] * len(found)
    assert [md5s(picture.prediction) for picture in found] == truth["prediction"]
    assert [md5s(picture.levels) for picture in found] == truth["levels"]
    assert [picture.size for picture in found] == truth["vcl_bytes"]
    units = (nal for nal in split_stream((GOLDEN / f"{name}.265").read_bytes()) if nal.type in SLICES)
    for picture in found:
        payloads = [(next(units).payload.rstrip(b"\0"), header.data) for header in picture.slices]
        assert picture.bits.total == 8 * sum(len(payload) - data for payload, data in payloads)
        check_bits(picture)


def check_bits(picture: CodedPicture) -> None:
    """The bits by syntax add up to the slice data, those of units to the bits of their syntax."""
    bits = picture.bits
    parts = [bits.partition, bits.modes, bits.residual, bits.filters, bits.delta_qp, bits.bypass, bits.pcm]
    assert sum(parts) + bits.termination == pytest.approx(bits.total, abs=1e-3)
    assert min(*parts, bits.termination) >= 0
    blocks = picture.prediction_blocks
    assert blocks["bits"].sum() == pytest.approx(bits.modes, abs=0.1)
    units = picture.coding_units["bits"].sum()
    assert units <= bits.total
    assert units >= bits.modes + bits.residual + bits.delta_qp + bits.pcm - 0.1
    assert picture.transform_units["bits"].sum() <= bits.residual + 0.1


@pytest.mark.parametrize("name", DECISIONS)
def test_the_decisions_are_those_of_the_decoder(name: str) -> None:
    with np.load(GOLDEN / f"{name}.npz") as trace:
        cu, pu, tu = trace["cu"], trace["pu"], trace["tu"]
    for picture in read(GOLDEN / f"{name}.265"):
        units = picture.coding_units
        expected = cu[cu["frame"] == picture.number]
        for field in ("x", "y", "size", "qp", "bypass", "pcm"):
            np.testing.assert_array_equal(units[field], expected[field])
        np.testing.assert_array_equal(units["parts"] == 4, expected["nxn"])
        expected = pu[pu["frame"] == picture.number]
        for field in ("x", "y", "size", "luma_mode", "chroma_mode"):
            np.testing.assert_array_equal(picture.prediction_blocks[field], expected[field])
        expected = tu[tu["frame"] == picture.number]
        for field in ("x", "y", "size", "depth", "cbf_y", "cbf_cb", "cbf_cr"):
            np.testing.assert_array_equal(picture.transform_units[field], np.maximum(expected[field], 0))
        for ours, theirs in (("skip_y", "ts_y"), ("skip_cb", "ts_cb"), ("skip_cr", "ts_cr")):
            np.testing.assert_array_equal(picture.transform_units[ours], expected[theirs] > 0)


def test_units_cover_the_picture_once() -> None:
    for picture in read(GOLDEN / "hm_depslice.265"):
        for units in (picture.coding_units, picture.prediction_blocks, picture.transform_units):
            covered = np.zeros(picture.coded.y.shape, int)
            for unit in units:
                covered[unit["y"] : unit["y"] + unit["size"], unit["x"] : unit["x"] + unit["size"]] += 1
            assert (covered == 1).all()


def test_bytes_and_a_path_are_read_alike() -> None:
    path = GOLDEN / "rw_ids.265"
    for one, other in zip(read(path), read(path.read_bytes()), strict=True):
        np.testing.assert_array_equal(one.unfiltered.y, other.unfiltered.y)
        assert one.bits == other.bits


def test_a_slice_has_the_address_of_its_first_ctu() -> None:
    for picture in read(GOLDEN / "hm_slice_ctu5.265"):
        addresses = [header.address for header in picture.slices]
        assert addresses == list(range(0, 28, 5))
        for begin, end in pairwise([*addresses, 28]):
            assert set(picture.ctus["slice"][begin:end]) == {begin}


def test_the_code_of_the_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = Path(__file__).parents[2] / "docs" / "hevc.md"
    (code,) = re.findall(r"^```python\n(.*?)^```$", document.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    shutil.copy(GOLDEN / "hm_qp37.265", tmp_path / "clip.hevc")
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    number, size, share = capsys.readouterr().out.splitlines()[0].split()
    assert (number, 8 <= float(size) <= 64, 0 < float(share) < 1) == ("0", True, True)
