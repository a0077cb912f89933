"""Test that what the encoder writes is what libavcodec, and libde265 if it is there, decode."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from codecnn.errors import InputError
from codecnn.hevc import Block, Fixed, Full, Labels, Partition, encode
from codecnn.hevc.encoder.chooser import CHROMA_MODES, Chooser
from codecnn.hevc.encoder.headers import choose_level
from codecnn.hevc.encoder.scratch import BY_COST
from codecnn.intra.hevc import predict
from codecnn.transforms.reference import dct_satd, satd
from codecnn.video.frames import picture_from_frame
from codecnn.video.picture import Picture, VideoFormat
from tests.hevc.streams import DEC265, GOLDEN, pictures
from tests.hevc.test_round_trip import faults

pytestmark = pytest.mark.timeout(1800)  # the first test of a checkout compiles the encoder


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
        "full": Full(),
    }
    stream, records = encode(content, fmt, qp, choosers[kind], full_range=False, colour=(1, 1, 1))
    frames = check(stream, [record.unfiltered for record in records], tmp_path)
    assert frames[0].format.name == pixels
    assert (frames[0].color_range, frames[0].colorspace) == (1, 1)
    assert list(faults(stream)) == []
    assert records[0].sps.usability is not None
    assert records[0].sps.usability.rate == fmt.fps


def test_the_partition_of_a_picture_and_labels_are_taken() -> None:
    """With the partition of the search and its modes as labels the stream is the same."""
    content, fmt = pictures(72, 104)[:1], VideoFormat(104, 72)
    stream, (searched,) = encode(content, fmt, 30, Full())
    labels = {size: np.full((80 // size, 104 // size), 255, np.uint8) for size in (4, 8, 16, 32)}
    for block in searched.prediction_blocks[searched.prediction_blocks["size"] < 64]:
        labels[int(block["size"])][block["y"] // block["size"], block["x"] // block["size"]] = block["luma_mode"]
    again, _ = encode(content, fmt, 30, Partition.of(searched, Labels(labels, Full())))
    assert again == stream
    flat = {size: np.full(labels[size].shape, 26) for size in labels}
    _, (vertical,) = encode(content, fmt, 30, Partition.of(searched, Labels(flat, Full())))
    np.testing.assert_array_equal(vertical.coding_units["size"], searched.coding_units["size"])
    np.testing.assert_array_equal(vertical.coding_units["parts"], searched.coding_units["parts"])
    small = vertical.prediction_blocks["size"] < 64
    assert (vertical.prediction_blocks["luma_mode"][small] == 26).all()
    assert vertical.size > searched.size


def test_the_search_is_better_than_fixed_answers() -> None:
    """In both bits and error; and by more candidates the cost does not rise."""
    content, fmt = pictures(64, 64)[:1], VideoFormat(64, 64)

    def cost(chooser: Chooser) -> float:
        _, (coded,) = encode(content, fmt, 32, chooser)
        error = ((coded.unfiltered.y.astype(float) - content[0].y) ** 2).sum()
        return float(error + 0.57 * 2 ** (20 / 3) * coded.bits.total)

    searched = cost(Full())
    assert searched < 0.8 * cost(Fixed())
    assert searched < cost(Full({4: 1, 8: 1, 16: 1, 32: 1, 64: 1}, 0))
    assert searched < cost(Full(transform_depth=0)) * 1.01


@pytest.mark.parametrize("size", [8, 16, 32])
def test_modes_are_ranked_by_satd(size: int) -> None:
    """Of a block without neighbours, against plain numpy."""

    class Asks(Fixed):
        def luma_modes(self, block: Block) -> Sequence[int]:
            if (block.x, block.y) == (0, 0):
                references = np.full(4 * size + 1, 128, np.int64)
                for uses_dct, measure in ((False, satd), (True, dct_satd)):
                    found, _ = block.rank_modes(uses_dct)
                    for mode in range(35):
                        predicted = predict(references, size, mode, 8)
                        assert found[mode] == pytest.approx(float(measure(block.original, predicted)), rel=5e-3)
                seen.append(block.size)
            return super().luma_modes(block)

    seen: list[int] = []
    encode(pictures(32, 32)[:1], VideoFormat(32, 32), 30, Asks(size))
    assert seen == [size]


def test_processes_give_the_same_stream() -> None:
    content, fmt = pictures(64, 64), VideoFormat(64, 64)
    stream, records = encode(content, fmt, 30, Full())
    again, others = encode(iter(content), fmt, 30, Full(), jobs=2)
    assert stream == again
    assert [record.bits for record in records] == [record.bits for record in others]
    with pytest.raises(InputError, match="picture 2 is not of the format"):
        encode([*content, content[0].crop(32, 64)], fmt, 30, Fixed(), jobs=2)


def test_samples_rates_and_colours_that_cannot_be() -> None:
    (picture, *_), fmt = pictures(32, 32), VideoFormat(32, 32)
    for dtype in (np.int16, np.float32, np.int64):
        wrong = replace(picture, y=picture.y.astype(dtype) - 128)
        with pytest.raises(InputError, match=f"picture 0 has Y samples of {np.dtype(dtype)}"):
            encode([wrong], fmt, 30, Fixed())
    for fps in (Fraction(0), Fraction(-1), Fraction(1 << 32), Fraction(1, 1 << 32)):
        with pytest.raises(InputError, match=f"a stream cannot have {fps} pictures a second"):
            encode([picture], replace(fmt, fps=fps), 30, Fixed())
    for colour in ((9,), (1, 1, 256), (1, 1, -1), ()):
        with pytest.raises(InputError, match=r"is not three numbers of 0\.\.255"):
            encode([picture], fmt, 30, Fixed(), colour=colour)  # type: ignore[arg-type]


def test_levels_and_formats_are_checked() -> None:
    content = pictures(64, 64)
    for fmt, reason in (
        (VideoFormat(64, 64, 12), "12"),
        (VideoFormat(64, 64, chroma="444"), "444"),
        (VideoFormat(63, 64), "even"),
        (VideoFormat(64, 72), "not of the format"),
    ):
        with pytest.raises(InputError, match=reason):
            encode(content, fmt, 30, Fixed())
    with pytest.raises(InputError, match="QP 52"):
        encode(content, VideoFormat(64, 64), 52, Fixed())
    with pytest.raises(InputError, match="no pictures"):
        encode([], VideoFormat(64, 64), 30, Fixed())
    ten = [Picture.of([plane.astype(np.uint16) * 5 for plane in content[0].planes], 10)]
    with pytest.raises(InputError, match="10 bit"):
        encode(ten, VideoFormat(64, 64, 10), 30, Fixed())


@pytest.mark.parametrize("answer", [(), (35,), (1, -1)])
def test_answers_are_checked(answer: tuple[int, ...]) -> None:
    class Wrong(Fixed):
        def luma_modes(self, block: Block) -> Sequence[int]:
            return answer

    with pytest.raises(ValueError, match="a chooser has answered"):
        encode(pictures(64, 64)[:1], VideoFormat(64, 64), 30, Wrong())


def test_transform_trees_are_of_three_levels_at_most() -> None:
    with pytest.raises(ValueError, match="transform depth of 4"):
        encode(pictures(64, 64), VideoFormat(64, 64), 30, Fixed(transform_depth=4))


@pytest.mark.parametrize(
    ("width", "height", "fps", "bits", "expected"),
    [
        (176, 144, 15, 1, (30, False)),  # level 1
        (176, 144, 15, 10_000, (60, False)),  # 2, by the rate
        (832, 480, 60, 10_000, (93, False)),  # 3.1
        (1920, 1088, 60, 100_000, (123, False)),  # 4.1
        (1920, 1088, 60, 800_000, (156, False)),  # 5.2, by the bits
        (1920, 1088, 60, 8_000_000, (183, True)),
        (3840, 2160, 60, 1_000_000, (156, False)),
        (8192, 4320, 300, 1, None),
        (16888, 8, 1, 1, (180, False)),  # by its length
    ],
)
def test_levels(width: int, height: int, fps: int, bits: int, expected: tuple[int, bool] | None) -> None:
    assert choose_level(width, height, Fraction(fps), bits) == expected


def test_the_code_of_the_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = Path(__file__).parents[2] / "docs" / "hevc_writing.md"
    again, new, chooser = re.findall(r"^```python\n(.*?)^```$", document.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    shutil.copy(GOLDEN / "kvz_odd.265", tmp_path / "clip.hevc")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(again, names)
    assert list(faults(names["stream"])) == []
    names["pictures"] = [Picture.of([np.full((480, 832), 90, np.uint8), *[np.full((240, 416), 128, np.uint8)] * 2], 8)]
    exec(new.replace("Full()", "Fixed()").replace("import Full", "import Fixed"), names)
    assert int(capsys.readouterr().out.split()[0]) > 0
    exec(chooser, names)
    content = pictures(64, 64)[1:]
    _, (coded,) = encode(content, VideoFormat(64, 64), 22, names["OnlyLarge"]())
    assert set(coded.coding_units["size"]) <= {16, 32, 64}


PLAIN = """
import sys
from codecnn.hevc import Full, encode
from codecnn.video.picture import VideoFormat
from tests.hevc.streams import pictures
stream, _ = encode([pictures(64, 64)[1].crop(16, 24)], VideoFormat(24, 16), 30, Full())
sys.stdout.buffer.write(stream)
"""


def test_plain_python_gives_the_same_stream() -> None:
    """And no integer of numpy overflows in it."""
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", PLAIN]
    plain = subprocess.run(command, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, check=True)
    stream, _ = encode([pictures(64, 64)[1].crop(16, 24)], VideoFormat(24, 16), 30, Full())
    assert plain.stdout == stream
