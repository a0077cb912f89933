"""Test which pictures a report shows, and that a decoder that is not ours gives back their samples."""

import io
from argparse import Namespace
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codecnn.dataset.reader import Shard, open_folder
from codecnn.dataset.schema import SIGNALS, ShardInfo
from codecnn.errors import InputError
from codecnn.video.picture import Picture, Plane
from experiments.reports.shared.frames import FrameSignals
from experiments.reports.shared.pictures import (
    BEST,
    WORST,
    Kind,
    Pictures,
    chosen,
    compared,
    compared_chroma,
    picture_sections,
    pictures_of,
)
from html_pages.pictures import plane_uri


def decoded(uri: str, bit_depth: int) -> Plane:
    image = np.array(Image.open(io.BytesIO(b64decode(uri.split(",")[1]))))
    lower = bit_depth - 8
    return image[..., 0].astype(np.uint16) << lower | image[..., 1] if lower else image


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
def test_planes_are_lossless(bit_depth: int) -> None:
    values = np.arange(1 << bit_depth).reshape(16, -1)  # all of them
    plane = values.astype(np.uint8 if bit_depth == 8 else np.uint16)
    np.testing.assert_array_equal(decoded(plane_uri(plane, bit_depth), bit_depth), values)


def sharpened(frame: FrameSignals, shard: Shard) -> Plane:
    """Worse than the baseline in the lower half, better in the upper one."""
    luma = frame.baseline.y.copy()
    middle = shard.info.height // 2
    luma[:middle] = frame.original[:middle]
    luma[middle:] = 255 - luma[middle:]
    return luma


def test_clips_are_spread_over_the_gains_at_one_qp(data: Path) -> None:
    shards = open_folder(data)
    order = ["coffee", "astronaut", "motorcycle_left", "chelsea"]
    gains = {(s.info.source, s.info.codec, s.info.qp): float(order.index(s.info.source[:-4])) for s in shards}
    for asked, expected in (
        (Pictures("auto", None, 6), order),
        (Pictures("auto", None, 2), [order[0], order[-1]]),
        (Pictures("auto", None, 1), order[:1]),
    ):
        found = chosen(shards, gains, asked)
        assert [shard.info.source[:-4] for shard in found] == expected
        assert {shard.info.qp for shard in found} == {37}
    assert {shard.info.qp for shard in chosen(shards, gains, Pictures("auto", 22, 6))} == {22}
    for nothing in (Pictures("auto", 30, 6), Pictures("none", None, 6)):
        assert picture_sections(shards, gains, {}, nothing) == []
    with pytest.raises(InputError, match="--pictures-qp 30: no file has this QP"):
        pictures_of(Namespace(pictures="auto", pictures_qp=30), shards)


def test_crops_are_the_worst_and_the_best_ctus(data: Path) -> None:
    shard = next(shard for shard in open_folder(data) if shard.info.qp == 37)
    planes = [shard.picture(signal, 0).y for signal in ("original", "baseline", "unfiltered")]
    whole = compared(shard, {"filtered": sharpened}, "auto", 1 << 20)
    assert [view.ctu for view in whole.views] == [None]
    for crops in (
        compared(shard, {"filtered": sharpened}, "auto", 100),
        compared(shard, {"filtered": sharpened}, "crops", 9),
    ):
        gains = np.array(crops.errors[1]) / np.maximum(crops.errors[2], 1)
        numbers = [view.ctu for view in crops.views]
        assert len(numbers) == WORST + BEST
        assert numbers[:WORST] == np.argsort(gains, kind="stable")[:WORST].tolist()
        assert set(numbers[WORST:]) <= {0, 1, 2}  # in the upper row
        for view in crops.views:
            assert view.ctu is not None
            y, x = 32 * (view.ctu // 3), 32 * (view.ctu % 3)
            assert view.x <= x < view.x + view.width
            assert view.y <= y < view.y + view.height
            inside = np.s_[view.y : view.y + view.height, view.x : view.x + view.width]
            for uri, plane in zip([view.pictures[place] for place in (0, 1, 3)], planes, strict=True):
                np.testing.assert_array_equal(decoded(uri, 8), plane[inside])


@pytest.mark.parametrize("kind", ["whole", "crops"])
def test_chroma_is_that_of_the_file(data: Path, kind: Kind) -> None:
    shard = next(shard for shard in open_folder(data) if shard.info.qp == 37)

    def exchanged(baseline: Picture, unfiltered: Picture, info: ShardInfo) -> tuple[Plane, Plane]:
        assert info is shard.info
        return baseline.v, unfiltered.u

    original, baseline, unfiltered = (shard.picture(signal, 0) for signal in SIGNALS)
    for plane, filtered, found in zip(
        "uv", (baseline.v, unfiltered.u), compared_chroma(shard, exchanged, kind, 9), strict=True
    ):
        assert found.name.endswith(f", QP 37, {plane.upper()}")
        assert found.layers == ["original", "baseline", "filtered", "unfiltered"]
        assert (found.height, found.width) == filtered.shape
        planes = [getattr(original, plane), getattr(baseline, plane), filtered, getattr(unfiltered, plane)]
        squares = [np.square(layer.astype(int) - planes[0]) for layer in planes]
        assert [sum(of_ctus) for of_ctus in found.errors] == [each.sum() for each in squares]
        for view in found.views:
            inside = np.s_[view.y : view.y + view.height, view.x : view.x + view.width]
            for uri, layer in zip(view.pictures, planes, strict=True):
                np.testing.assert_array_equal(decoded(uri, 8), layer[inside])
            if view.ctu is not None:  # the CTU itself, of half the luma samples on each side, is in its crop
                size, across = found.ctu_size, -(-found.width // found.ctu_size)
                top, left = size * (view.ctu // across), size * (view.ctu % across)
                own = [each[top : top + size, left : left + size].sum() for each in squares]
                assert own == [of_ctus[view.ctu] for of_ctus in found.errors]
                assert view.x <= left < view.x + view.width
