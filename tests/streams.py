"""Write coded videos to files, by the codecs of the project and by plain encoders, for tests that decode them."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import pytest

from codecnn.codecs import encode_once, libavcodec
from codecnn.codecs.codec import Codec, CodedFrame
from codecnn.video.clip import Clip
from codecnn.video.frames import PIXEL_FORMATS, frame_from_picture
from codecnn.video.picture import Picture
from tests.coded_clips import write_ivf


def write_stream(
    codec: Codec, clip: Clip, qp: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, list[CodedFrame]]:
    """Encode a clip by a codec of libavcodec, write its packets to a file, and return what the codec says of them."""
    packets: list[bytes] = []
    encode = libavcodec.encode_pictures

    def kept(encoder: av.VideoCodecContext, pictures: Iterable[Picture]) -> Iterator[av.Packet]:
        for packet in encode(encoder, pictures):
            packets.append(bytes(packet))
            yield packet

    with monkeypatch.context() as patch:
        patch.setattr(encode_once, "encode_pictures", kept)
        frames = list(codec.encode(clip, qp))
    if codec.decoder == "vp9":
        write_ivf(path, packets, b"VP90", clip.format.height, clip.format.width)
    else:
        path.write_bytes(b"".join(packets))
    return path, frames


def write_video(
    path: Path,
    pictures: Sequence[Picture],
    library: str,
    options: dict[str, str],
    times: Sequence[int] | None = None,
    container: str | None = None,
    turned: int = 0,
) -> Path:
    """Encode pictures with an encoder's own choices, such as inter prediction, at 25 frames a second.

    times: in milliseconds; if not given, frames follow each other. turned: degrees, as the container says.
    """
    with av.open(path, "w", format=container) as output:
        stream = output.add_stream(library, rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = pictures[0].y.shape
        stream.pix_fmt = PIXEL_FORMATS[pictures[0].chroma, pictures[0].bit_depth]
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.thread_count = 1
        if turned:
            stream.set_display_rotation(turned)
        for index, picture in enumerate(pictures):
            frame = frame_from_picture(picture)
            frame.pts, frame.time_base = (times[index] if times else 40 * index), Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path
