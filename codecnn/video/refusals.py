"""Refuse picture and video files of which FFmpeg would decode only a part, or something else than they hold."""

from pathlib import Path

from simplejpeg import decode_jpeg

from codecnn.errors import InputError
from codecnn.video.iso_media import cropped_size, is_cut
from codecnn.video.picture_file import PictureFile

LINEAR_LIGHT = "holds linear light; convert it to gamma-coded samples first"
OGG_HEADER, OGG_PAGE = 27, 65307  # bytes of a page of Ogg before its table of segments, and at most; RFC 3533, 6
CUT = "has been cut; its last part is missing"
IN_ITS_OWN = "store the one that is meant in a file of its own"


def check_picture_file(path: Path, about: PictureFile, kind: str) -> None:
    """Raise InputError for several pictures, CMYK, floating point, and kinds of TIFF that FFmpeg misreads.

    kind: FFmpeg's name of the format.
    """
    if about.pictures > 1:
        raise InputError(f"{path}: holds {about.pictures} pictures; {IN_ITS_OWN}")
    if about.mode == "CMYK":
        raise InputError(f"{path}: CMYK is not supported; convert it to RGB first")
    if about.mode == "F":
        raise InputError(f"{path}: {LINEAR_LIGHT}")
    if kind == "tiff_pipe" and (about.kind != "TIFF" or about.is_strange_tiff):
        raise InputError(
            f"{path}: this kind of TIFF is not read, only strips of whole numbers that are not compressed, or by LZW, "
            "Deflate or PackBits (floating point would be linear light)"
        )


def check_jpeg(path: Path) -> None:
    """Raise InputError for a damaged JPEG: libjpeg-turbo notices more than FFmpeg."""
    try:
        decode_jpeg(path.read_bytes(), strict=True)
    except ValueError as error:
        raise InputError(f"{path}: damaged ({error})") from error


def check_iso_media(path: Path, size: tuple[int, int]) -> None:
    """Raise InputError for an MP4, HEIC or AVIF that has been cut, or is to be cropped from its coded size."""
    if is_cut(path):
        raise InputError(f"{path}: {CUT}")
    if (shown := cropped_size(path)) not in (None, size):
        raise InputError(f"{path}: is shown cropped to {shown[0]:g}x{shown[1]:g}; store it so")


def check_ogg(path: Path) -> None:
    """Raise InputError for an Ogg file that does not end with the whole last page of a stream: FFmpeg does not mind."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - OGG_PAGE))
        tail = file.read()
    page = tail[max(0, tail.rfind(b"OggS")) :]
    segments = page[OGG_HEADER : OGG_HEADER + page[OGG_HEADER - 1]] if len(page) >= OGG_HEADER else b""
    is_whole = len(page) == OGG_HEADER + len(segments) + sum(segments)
    if not is_whole or not page[5] & 4:  # end of stream
        raise InputError(f"{path}: {CUT}")
