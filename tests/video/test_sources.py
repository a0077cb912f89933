"""Test what paths stand for: files, folders, numbered pictures."""

import errno
import hashlib
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from codecnn.errors import InputError, InputWarning
from codecnn.video.format_options import FormatOptions
from codecnn.video.frames import frame_from_picture
from codecnn.video.sources import open_sources
from codecnn.video.y4m import write_y4m
from tests.pictures import photograph


def write_picture(path: Path, grey: int, width: int = 32) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((32, width), grey, np.uint8)).save(path)


def greys(folder: Path) -> list[tuple[str, str, list[int]]]:
    """Return name, beginning of file names, and the grey of each frame of all sources."""
    return [(s.name, s.stored_as, [int(p.y[0, 0]) for p in s.clip.frames()]) for s in open_sources([folder])]


def test_a_folder_is_all_that_it_holds_in_the_order_of_names(tmp_path: Path) -> None:
    for index, name in enumerate(["im10.png", "im2.png", "b/im1.png", ".hidden.png", ".git/x.png", "größe 畫.tif"]):
        write_picture(tmp_path / name, index)
    (tmp_path / "README.txt").write_text("what these are")
    with pytest.warns(InputWarning, match=r"README\.txt: not a picture or video .* passed over"):
        found = greys(tmp_path)
    assert found == [
        ("größe 畫.tif", "größe 畫", [5]),
        ("im2.png", "im2", [1]),
        ("im10.png", "im10", [0]),
        ("im1.png", "im1", [2]),
    ]


def test_links_to_folders_are_followed_and_no_folder_is_taken_twice(tmp_path: Path) -> None:
    write_picture(tmp_path / "elsewhere" / "im1.png", 1)
    write_picture(tmp_path / "set" / "im2.png", 2)
    (tmp_path / "set" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "circle").symlink_to(tmp_path / "set")
    assert [name for name, _, _ in greys(tmp_path / "set")] == ["im2.png", "im1.png"]


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_picture(tmp_path / "a.png", 1)
    write_picture(tmp_path / "closed" / "b.png", 2)
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"closed: cannot be read \(Permission denied\)"):
        open_sources([tmp_path])


def test_a_damaged_picture_in_a_folder_is_an_error(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", 1)
    write_picture(tmp_path / "b.png", 2)
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:60])
    with pytest.raises(InputError, match=r"b\.png: "):
        [list(source.clip.frames()) for source in open_sources([tmp_path])]


def test_a_video_without_its_end_in_a_folder_is_an_error(tmp_path: Path) -> None:
    write_y4m(tmp_path / "a.y4m", [photograph("coffee", 32, 32)])
    with av.open(str(tmp_path / "b.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        container.mux([*stream.encode(frame_from_picture(photograph("coffee", 32, 32))), *stream.encode(None)])
    data = (tmp_path / "b.mp4").read_bytes()
    (tmp_path / "b.mp4").write_bytes(data[: data.index(b"moov") - 4])
    with pytest.raises(InputError, match=r"b\.mp4: damaged \(mov: moov atom not found\)"):
        open_sources([tmp_path])


def test_a_folder_with_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    for as_clip in (False, True):
        with (
            pytest.warns(InputWarning, match=r"a\.txt"),
            pytest.raises(InputError, match="no pictures or videos in it"),
        ):
            open_sources([tmp_path], as_clip=as_clip)


def test_pictures_of_one_name_in_several_folders_have_names_of_their_own(tmp_path: Path) -> None:
    for index, name in enumerate(["train/000/0001.png", "train/001/0001.png", "val/000/0001.png", "val/000/0002.png"]):
        write_picture(tmp_path / name, index)
    sources = open_sources([tmp_path / "train", tmp_path / "val/000/0001.png", tmp_path / "val/000/0002.png"])
    assert [(source.name, source.stored_as) for source in sources] == [
        ("train/000/0001.png", "train_000_0001"),
        ("001/0001.png", "001_0001"),
        ("val/000/0001.png", "val_000_0001"),
        ("val/000/0002.png", "val_000_0002"),
    ]


def test_files_that_differ_in_their_endings_and_one_file_twice(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", 1)
    write_picture(tmp_path / "a.tif", 2)
    sources = open_sources([tmp_path, tmp_path / "a.png"])
    assert [(source.name, source.stored_as) for source in sources] == [("a.png", "a.png"), ("a.tif", "a.tif")]
    write_picture(tmp_path / "x/y.png", 3)
    write_picture(tmp_path / "z/y.png", 4)
    write_picture(tmp_path / "x_y.png", 5)
    with pytest.raises(InputError, match=r"y\.png: would be stored under the same name"):
        open_sources([tmp_path / "x/y.png", tmp_path / "z/y.png", tmp_path / "x_y.png"])


@pytest.mark.parametrize("given", ["frames/%03d.png", "frames"])
def test_numbered_pictures_are_one_clip(tmp_path: Path, given: str) -> None:
    for number in (9, 10, 11):
        write_picture(tmp_path / f"frames/{number:03}.png", number)
    options = FormatOptions(fps=Fraction(30))
    (source,) = open_sources([tmp_path / given], options, first_frames=2, as_clip=given == "frames")
    assert [int(picture.y[0, 0]) for picture in source.clip.frames()] == [9, 10]
    assert (source.name, source.stored_as, source.clip.format.fps) == ("frames", "frames", Fraction(30))
    data = b"".join((tmp_path / f"frames/{number:03}.png").read_bytes() for number in (9, 10, 11))
    assert source.clip.sha256() == hashlib.sha256(data).hexdigest()
    write_picture(tmp_path / "frames/010.png", 99)
    assert source.clip.sha256() != hashlib.sha256(data).hexdigest()


def test_every_folder_of_a_folder_is_a_clip(tmp_path: Path) -> None:
    for name in ("000/1.png", "000/2.png", "001/1.png"):
        write_picture(tmp_path / name, 7)
    sources = open_sources([tmp_path], as_clip=True)
    assert [(s.name, len(list(s.clip.frames()))) for s in sources] == [("000", 2), ("001", 1)]


def test_numbers_without_zeros_have_a_title(tmp_path: Path) -> None:
    for number in (8, 9, 10):
        write_picture(tmp_path / f"shot_{number}.png", number)
    (source,) = open_sources([tmp_path / "shot_%d.png"])
    assert source.stored_as == "shot"
    assert [int(picture.y[0, 0]) for picture in source.clip.frames()] == [8, 9, 10]


def test_numbered_pictures_that_are_no_clip_are_refused(tmp_path: Path) -> None:
    for number, width in ((1, 32), (2, 48), (4, 32)):
        write_picture(tmp_path / f"{number:02}.png", number, width)
    with pytest.raises(InputError, match=r"%02d\.png: number 3 is missing between 2 and 4"):
        open_sources([tmp_path / "%02d.png"])
    write_picture(tmp_path / "03.png", 3)
    with pytest.raises(InputError, match=r"02\.png: is 48x32.*; the first picture of the clip, 01\.png, is 32x32"):
        open_sources([tmp_path / "%02d.png"])
    with pytest.raises(InputError, match="no such files"):
        open_sources([tmp_path / "%05d.png"])
    with pytest.raises(InputError, match=r"%99999999999d\.png: no such file"):  # a number of more digits than memory
        open_sources([tmp_path / "%99999999999d.png"])
    assert len(open_sources([tmp_path])) == 4


def test_a_clip_of_no_folder_is_an_error(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", 1)
    with pytest.raises(InputError, match="--as-clip cannot apply: no source is a folder"):
        open_sources([tmp_path / "a.png"], as_clip=True)
