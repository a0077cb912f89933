"""Encode a clip once with libavcodec and decode it twice: with and without in-loop filters."""

from collections.abc import Callable, Iterator

import av

from codecnn.codecs.codec import CodedFrame
from codecnn.codecs.frame_checks import check_qp, crop_to_original, name_failures, read_source, zip_frames
from codecnn.codecs.libavcodec import Decoder, decode, encode_pictures, open_decoder
from codecnn.video.clip import Clip


def open_decoder_pair(decoder: str, err_detect: str) -> tuple[Decoder, Decoder]:
    """Open a decoder of FFmpeg twice, the second without in-loop filters.

    The decoder must support skip_loop_filter: h264 and hevc do, others ignore it without a message.
    """
    filtering = open_decoder(decoder, err_detect=err_detect)
    return filtering.decode, open_decoder(decoder, skip_loop_filter="all").decode


def encode_once(
    clip: Clip, name: str, qp: int, encoder: av.VideoCodecContext, decoders: tuple[Decoder, Decoder],
    qp_of: Callable[[av.Packet], int], count_bits: Callable[[bytes, bool], int],
) -> Iterator[CodedFrame]:  # fmt: skip
    """Encode a clip, and decode each packet with and without in-loop filters, in bounded memory.

    `name` is the codec's name in messages, `qp_of` reads the QP of a packet, `count_bits` counts the bits of a packet
    (the second argument: whether it is the first). Raises InputError if the encoder refuses the clip, if a frame is not
    intra or has another QP than the requested one, or if a decoder finds an error.
    """
    size = encoder.height, encoder.width
    with name_failures(clip, name, qp):
        coded = decode(encode_pictures(encoder, read_source(clip)), decoders)
        for index, (original, (packet, pictures)) in enumerate(zip_frames(clip, read_source(clip), coded)):
            used = qp_of(packet)
            check_qp(clip, name, qp, used)
            baseline, unfiltered = (crop_to_original(picture, original, size) for picture in pictures)
            yield CodedFrame(original, baseline, unfiltered, count_bits(bytes(packet), index == 0), used)
