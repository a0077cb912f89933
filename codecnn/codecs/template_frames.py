"""Read the coded frames of a template's encoder: from its stream, or from the reconstruction that it writes."""

from collections.abc import Iterator
from typing import NamedTuple

from codecnn.codecs.coded_bits import COUNT_BITS
from codecnn.codecs.encode_once import open_decoder_pair
from codecnn.codecs.frame_checks import zip_frames
from codecnn.codecs.picture_headers import HeaderReader, quantizer_of
from codecnn.codecs.template_run import Run, decode_run, find_in_log, read_reconstruction
from codecnn.video.clip import Clip
from codecnn.video.picture import Picture, VideoFormat


class Frame(NamedTuple):
    """Hold a coded frame: its pictures are one, or the baseline and the unfiltered picture."""

    bits: int
    qp_used: int
    pictures: list[Picture]
    in_loop_filters: dict[str, bool]  # empty: not known
    packet: bytes = b""  # empty: of a reconstruction


def frames_of_stream(
    run: Run, decoder: str, unfiltered: bool, qp: int, by_quantizer: bool, name: str
) -> Iterator[Frame]:
    """Yield the frames of a bitstream with what their headers say; with `unfiltered` each has both pictures.

    `by_quantizer` says that QPs are quantizers 0 to 63 and not base_q_idx. Raises as decode_run and HeaderReader do.
    """
    headers = HeaderReader(decoder)
    both = open_decoder_pair(decoder, err_detect="crccheck+explode")
    for index, (unit, pictures) in enumerate(decode_run(run, decoder, both if unfiltered else both[:1], qp, name)):
        said = headers.read(unit)
        used = quantizer_of(said.qp) if by_quantizer else said.qp
        yield Frame(COUNT_BITS[decoder](unit, index == 0), used, pictures, said.in_loop_filters, unit)


def frames_of_reconstruction(
    run: Run, clip: Clip, fmt: VideoFormat, bits_pattern: str, frames: int, qp: int, name: str
) -> Iterator[Frame]:
    """Yield the frames of a reconstruction with the bits that the encoder printed; the QP is taken for granted.

    Raises InputError if there is no reconstruction, or if bits or pictures are not as many as the frames.
    """
    bits = find_in_log(bits_pattern, run, frames, name)
    pictures = read_reconstruction(run, fmt, name)
    return (Frame(printed, qp, [picture], {}) for printed, picture in zip_frames(clip, bits, pictures))
