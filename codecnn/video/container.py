"""Open a picture or video file with FFmpeg by its content, never by its name, and decode all of it or fail."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any, TypeVar, cast

import av
from av.container import InputContainer
from av.stream import Disposition

from codecnn.errors import InputError
from codecnn.video.picture import VideoFormat
from codecnn.video.picture_file import PictureFile, describe_picture_file
from codecnn.video.refusals import IN_ITS_OWN, LINEAR_LIGHT, check_iso_media, check_jpeg, check_ogg, check_picture_file

# FFmpeg's names of formats that hold pictures or video, and never name other files.
PICTURES = (
    "png_pipe,jpeg_pipe,bmp_pipe,tiff_pipe,webp_pipe,pbm_pipe,pgm_pipe,ppm_pipe,pam_pipe,pcx_pipe,qoi_pipe,sgi_pipe,"
    "sunrast_pipe,j2k_pipe,jpegls_pipe,dpx_pipe,image2pipe,mjpeg"
)
VIDEOS = (
    "apng,gif,webp_anim,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,h261,h263,h264,hevc,vvc,av1,obu,"
    "ivf,ogg,flv,asf,mxf,nut,dv,vc1,yuv4mpegpipe,avs2,avs3,cavsvideo,dirac,gxf,rm,apv"
)
LINEAR = {"exr_pipe": "OpenEXR", "hdr_pipe": "Radiance HDR", "pfm_pipe": "PFM", "phm_pipe": "PHM"}
NOT_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails  # the cover of a film, pictures of its chapters
SEQUENCES = ("avis", "msf1", "hevc", "hevx")  # brands of ISO files that hold a picture, and a track of all pictures
CHECKS = "crccheck+bitstream+buffer"
SOUND = 0.1  # seconds that sound may end before the time that its file states

Result = TypeVar("Result")


class UnknownKindError(InputError):
    """Report a file that is neither a picture nor a video of a kind that is read."""


class _File(FileIO):
    """Read a file for FFmpeg."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Return the new position, or -1 for one that cannot be, as damaged files ask for."""
        try:
            return super().seek(offset, whence)
        except (OSError, OverflowError):
            return -1


@dataclass(frozen=True)
class OpenVideo:
    """Hold an open file and its only video stream or picture."""

    path: Path
    container: InputContainer
    stream: av.VideoStream
    picture_file: PictureFile | None  # None: its kind is not one of single pictures


@contextmanager
def open_video(path: Path) -> Iterator[OpenVideo]:
    """Open a file of one video stream or picture; InputError if there is none, or something beside it."""
    with _File(path) as file, _open(path, file) as container:
        stream = _only_video(path, container)
        kind = container.format.name
        about = describe_picture_file(path) if kind in PICTURES.split(",") else None
        size = stream.codec_context.width, stream.codec_context.height
        if about:
            check_picture_file(path, about, kind)
        if not any(size):
            raise InputError(f"{path}: damaged, or a kind of {stream.codec_context.name} that cannot be decoded")
        VideoFormat(*size).check(path)
        if kind in ("jpeg_pipe", "mjpeg"):
            check_jpeg(path)
        if kind.startswith("mov"):
            check_iso_media(path, size)
        if kind == "ogg":
            check_ogg(path)
        yield OpenVideo(path, container, stream, about)


def decode(
    video: OpenVideo, decoder: Callable[[av.Packet], Iterable[av.VideoFrame]] | None = None
) -> Iterator[av.VideoFrame]:
    """Yield all frames; InputError if anything is damaged or missing, as far as the file and its decoder can tell.

    decoder: another decoder than that of the open file; it takes each packet, the last without data.
    """
    path, container, stream = video.path, video.container, video.stream
    # The decoder of TIFF, if it is to refuse errors, also refuses tags that it does not know.
    stream.codec_context.options = {"err_detect": CHECKS + ("" if stream.codec_context.name == "tiff" else "+explode")}
    is_indexed = container.format.name.startswith("mov") and stream.frames > 0
    is_avi = container.format.name == "avi"
    count, unseen, received, repeated, end = 0, 0, 0, 0, 0.0
    packets = container.demux()
    while (packet := _checked(path, lambda: next(packets, None))) is not None:
        if packet.pts is not None and packet.time_base:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet.stream.index != stream.index:  # stream_index is not that of the last, empty packets
            continue
        if packet.is_corrupt:
            raise InputError(f"{path}: the data of frame {count} are damaged")
        unseen += packet.is_discard  # cut off by an edit list
        if is_avi and packet.dts is not None:  # it counts empty packets, which repeat a frame and are not read
            repeated, received = packet.dts - received, received + 1
        for frame in _checked(path, partial(decoder or av.Packet.decode, packet)):
            if frame.is_corrupt:
                raise InputError(f"{path}: frame {count} is damaged")
            yield frame
            count += 1
    stated = len(stream.index_entries) if is_indexed else stream.frames
    if is_avi:
        stated = max(len(stream.index_entries), stated - max(repeated, 0))
    if count + unseen < stated:
        raise InputError(f"{path}: {count + unseen} frames could be decoded of {stated} that it says it has")
    missing = (container.duration or 0) / av.time_base - end
    allowed = SOUND if len(container.streams) > 1 else 0.75 / float(stream.guessed_rate or 1)
    if not stated and missing > allowed:
        raise InputError(f"{path}: ends {missing:.2f} s before the time that it states")


def _open(path: Path, file: FileIO) -> InputContainer:
    """Open a file of a known kind; UnknownKindError for any other, InputError if its kind is not supported."""
    options = {"format_whitelist": f"{PICTURES},{VIDEOS}", "protocol_whitelist": "none", "err_detect": CHECKS}
    # FFmpeg sees no name: no extension, no pattern of numbers, no protocol, no encoding of letters.
    file.name = ""
    before, _ = av.logging.get_last_error()
    try:
        return _logged(lambda: av.open(file, "r", options=options, metadata_errors="replace"))
    except av.FFmpegError as error:
        count, last = av.logging.get_last_error()
        kind, text = last[1:] if last and count > before else ("", "")
        if kind in LINEAR:
            raise InputError(f"{path}: {LINEAR[kind]}: {LINEAR_LIGHT}") from error
        if "not on whitelist" in text:
            reason = f"the kind {kind.removesuffix('_pipe')} is not read"
        elif kind:
            raise InputError(f"{path}: damaged ({kind.split(',')[0]}: {text.strip()})") from error
        elif describe_picture_file(path).kind == "TGA":  # which has no magic number
            file.seek(0)
            file.name = "picture.tga"
            return cast(InputContainer, _checked(path, lambda: av.open(file, "r", format="image2pipe")))
        else:
            reason = str(error.strerror)
        raise UnknownKindError(f"{path}: not a picture or video that can be read ({reason})") from error


def _only_video(path: Path, container: InputContainer) -> av.VideoStream:
    """Return the video stream of a container; InputError if it has none, or more than one."""
    videos = [stream for stream in container.streams.video if not stream.disposition & NOT_VIDEO]
    if container.metadata.get("major_brand", "").strip() in SEQUENCES:
        videos = [stream for stream in videos if stream.frames > 1] or videos
    if not videos:
        raise UnknownKindError(f"{path}: no video in it")
    if any(stream.disposition & Disposition.dependent for stream in videos):
        raise InputError(f"{path}: made of {len(videos)} tiles, which are not put together; convert it to another kind")
    if len(videos) > 1:
        raise InputError(f"{path}: holds {len(videos)} pictures or video streams; {IN_ITS_OWN}")
    if videos[0].metadata.get("alpha_mode", videos[0].metadata.get("ALPHA_MODE")) == "1":
        raise InputError(f"{path}: has an alpha channel, which is not decoded")
    if videos[0].codec_context is None:
        raise InputError(f"{path}: there is no decoder for its video")
    return videos[0]


def _logged(step: Callable[[], Result]) -> Result:
    """Do a step while FFmpeg's errors are counted; they are printed nowhere."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.PANIC)
    try:
        return step()
    finally:
        av.logging.set_level(level)


def _checked(path: Path, step: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Do a step of reading or decoding; InputError if FFmpeg fails, or goes on after an error."""
    before, _ = av.logging.get_last_error()
    try:
        result = _logged(step)
    except av.FFmpegError as error:
        raise InputError(f"{path}: decoding failed ({error.strerror})") from error
    count, last = av.logging.get_last_error()
    if last and count > before:
        raise InputError(f"{path}: damaged ({last[1]}: {last[2].strip()})")
    return result
