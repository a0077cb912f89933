"""Written pictures: read again they are the same samples, with their format, tags and times."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from codecnn.errors import InputError, InputWarning
from codecnn.video.clip import open_clip
from codecnn.video.format_options import FormatOptions
from codecnn.video.output import open_output
from codecnn.video.picture import Picture, VideoFormat
from codecnn.video.tags import Tags

FULL = Tags("full", primaries=9, transfer=16, matrix=9)  # BT.2020, PQ


def noise(fmt: VideoFormat, frames: int) -> list[Picture]:
    """Noise is what lossless coding by prediction fails at first."""
    random, dtype = np.random.default_rng(0), "u1" if fmt.bit_depth == 8 else "u2"
    return [
        Picture.of((random.integers(0, 1 << fmt.bit_depth, s, dtype) for s in fmt.plane_shapes), fmt.bit_depth)
        for _ in range(frames)
    ]


def write(path: Path, fmt: VideoFormat, pictures: list[Picture], tags: Tags) -> None:
    with open_output(path, fmt, tags) as write_one:
        for index, picture in enumerate(pictures):
            write_one(picture, index)


@pytest.mark.parametrize("suffix", [".yuv", ".y4m", ".mkv", ".mp4"])
@pytest.mark.parametrize(("chroma", "bit_depth"), [("420", 8), ("420", 10), ("422", 10), ("444", 12), ("400", 8)])
def test_what_is_written_is_read_again(suffix: str, chroma: str, bit_depth: int, tmp_path: Path) -> None:
    fmt = VideoFormat(32, 16, bit_depth, Fraction(30000, 1001), chroma)
    pictures, path = noise(fmt, 5), tmp_path / f"a{suffix}"
    write(path, fmt, pictures, FULL)
    stated = FormatOptions(32, 16, bit_depth, fmt.fps, chroma) if suffix == ".yuv" else FormatOptions()
    clip = open_clip(path, stated)
    assert clip.format == fmt
    for found, expected in zip(clip.frames(), pictures, strict=True):
        assert all(np.array_equal(*planes) for planes in zip(found.planes, expected.planes, strict=True))
    assert clip.tags.range == ("not stated" if suffix == ".yuv" else "full")
    if suffix in (".mkv", ".mp4"):
        assert (clip.tags.primaries, clip.tags.transfer, clip.tags.matrix) == (9, 16, 9)


def test_the_shape_of_samples_is_kept_or_its_loss_is_told(tmp_path: Path) -> None:
    fmt, wide = VideoFormat(32, 16), Tags(aspect=Fraction(4, 3))
    for suffix in (".y4m", ".mp4"):
        write(tmp_path / f"a{suffix}", fmt, noise(fmt, 1), wide)
        assert open_clip(tmp_path / f"a{suffix}").tags.aspect == Fraction(4, 3)
    with pytest.warns(InputWarning, match="samples are shown 4/3 times as wide as high"):
        write(tmp_path / "a.mkv", fmt, noise(fmt, 1), wide)


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    fmt, times = VideoFormat(32, 16, fps=Fraction(25)), [0, 40, 80, 200, 240]
    with open_output(tmp_path / "a.mp4", fmt, Tags(), Fraction(1, 1000)) as write_one:
        for picture, time in zip(noise(fmt, 5), times, strict=True):
            write_one(picture, time)
    with av.open(tmp_path / "a.mp4") as file:
        assert [frame.time for frame in file.decode(video=0)] == pytest.approx([time / 1000 for time in times])


@pytest.mark.parametrize("suffix", [".yuv", ".y4m", ".mkv", ".mp4"])
def test_after_an_error_the_former_file_is_there_and_nothing_else(suffix: str, tmp_path: Path) -> None:
    fmt, path = VideoFormat(32, 16), tmp_path / f"a{suffix}"
    path.write_bytes(b"former")
    first, _ = noise(fmt, 2)
    with pytest.raises(InputError, match="not all pictures have the format of the first"):
        write(path, fmt, [first, first.pad(32, 32)], Tags())
    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]


def test_what_an_encoder_does_not_take_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    odd = VideoFormat(31, 17)
    with pytest.raises(InputError, match=r"a\.mp4: libx265 cannot write 31x17 yuv420p .*; \.mkv takes it"):
        write(tmp_path / "a.mp4", odd, noise(odd, 1), Tags())
    with pytest.raises(InputError, match=r"ends in none of \.yuv, \.y4m, \.mkv, \.mp4"):
        write(tmp_path / "a.avi", odd, noise(odd, 1), Tags())
    assert list(tmp_path.iterdir()) == []
    write(tmp_path / "a.mkv", odd, noise(odd, 1), Tags())
