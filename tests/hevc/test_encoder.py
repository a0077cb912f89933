"""Test that what the encoder writes is what libavcodec, and libde265 if it is there, decode."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from codecnn.hevc import Block, Fixed, encode, full
from codecnn.hevc.encoder.chooser import CHROMA_MODES, Chooser
from codecnn.hevc.encoder.scratch import BY_COST
from codecnn.video.frames import picture_from_frame
from codecnn.video.picture import Picture, VideoFormat
from tests.hevc.streams import pictures
from tests.hevc.test_round_trip import faults

DEC265 = shutil.which("libde265-dec265") or shutil.which("dec265")


@dataclass(frozen=True)
class Random:
    """Answer by chance, so that all modes, splits and parts are there."""

    seed: np.random.Generator
    quantiser: int = BY_COST
    transform_depth: int = 3

    def splits(self, block: Block) -> Sequence[bool]:
        return (bool(self.seed.random() < 0.6),)

    def luma_modes(self, block: Block) -> Sequence[int]:
        return (int(self.seed.integers(35)),)

    def chroma_modes(self, block: Block) -> Sequence[int]:
        return (int(self.seed.choice(CHROMA_MODES)),)


def decoded(stream: bytes) -> list[av.VideoFrame]:
    """Decode by libavcodec, which checks the MD5 of every picture."""
    decoder = av.CodecContext.create("hevc", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.options = {"err_detect": "crccheck+explode"}
    packets = [*decoder.parse(stream), *decoder.parse(None), None]
    return [frame for packet in packets for frame in decoder.decode(packet)]


def check(stream: bytes, expected: Sequence[Picture], folder: Path) -> list[av.VideoFrame]:
    frames = decoded(stream)
    for frame, picture in zip(frames, expected, strict=True):
        for plane, other in zip(picture_from_frame(frame).planes, picture.planes, strict=True):
            np.testing.assert_array_equal(plane, other)
    if DEC265 is not None:
        (folder / "stream.hevc").write_bytes(stream)
        done = subprocess.run(
            [DEC265, "-q", "-c", "-o", str(folder / "out.yuv"), str(folder / "stream.hevc")],
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "mismatch" not in done.stderr
        planes = [plane for picture in expected for plane in picture.planes]
        assert (folder / "out.yuv").read_bytes() == b"".join(np.ascontiguousarray(plane).tobytes() for plane in planes)
    return frames


@pytest.mark.parametrize(
    ("chroma", "bit_depth", "size", "qp", "pixels"),
    [
        ("420", 8, (136, 200), 27, "yuv420p"),
        ("420", 10, (70, 90), 12, "yuv420p10le"),
        ("400", 8, (67, 91), 35, "gray"),
        ("400", 10, (64, 64), 0, "gray10le"),
        ("420", 8, (18, 22), 51, "yuv420p"),
    ],
)
@pytest.mark.parametrize("kind", ["fixed", "random", "full"])
def test_decoders_give_the_reconstruction(
    chroma: str, bit_depth: int, size: tuple[int, int], qp: int, pixels: str, kind: str, tmp_path: Path
) -> None:
    content = pictures(*size, bit_depth, chroma)
    fmt = VideoFormat(size[1], size[0], bit_depth, Fraction(30000, 1001), chroma)
    choosers: dict[str, Chooser] = {
        "fixed": Fixed(mode=11),
        "random": Random(np.random.default_rng(size[0])),
        "full": full(),
    }
    stream, records = encode(content, fmt, qp, choosers[kind], full_range=False, colour=(1, 1, 1))
    frames = check(stream, [record.unfiltered for record in records], tmp_path)
    assert frames[0].format.name == pixels
    assert (frames[0].color_range, frames[0].colorspace) == (1, 1)
    assert list(faults(stream)) == []
    assert records[0].sps.usability is not None
    assert records[0].sps.usability.rate == fmt.fps
