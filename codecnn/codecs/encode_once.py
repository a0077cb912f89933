"""A clip encoded once inside PyAV and decoded twice: with and without in-loop filters."""

from collections.abc import Callable, Iterator

import av

from codecnn.codecs.codec import CodedFrame, check_qp, failures_named, fitted, in_step, source_frames
from codecnn.codecs.pyav import Decoder, decode, open_decoder, packets
from codecnn.video.clip import Clip


def filtering_and_plain(decoder: str, err_detect: str) -> tuple[Decoder, Decoder]:
    """A decoder of FFmpeg's twice, the second without in-loop filters; it must heed skip_loop_filter."""
    filtering = open_decoder(decoder, err_detect=err_detect)
    return filtering.decode, open_decoder(decoder, skip_loop_filter="all").decode


def encode_once(
    clip: Clip, name: str, qp: int, encoder: av.VideoCodecContext, decoders: tuple[Decoder, Decoder],
    qp_of: Callable[[av.Packet], int], count_bits: Callable[[bytes, bool], int],
) -> Iterator[CodedFrame]:  # fmt: skip
    """What an encoder and the decoders with and without in-loop filters make of every frame, in bounded memory.

    `name` is what messages call the codec, `qp_of` gives the QP that a packet was coded at. Raises InputError if the
    encoder refuses, if a frame is not intra or its QP not the one asked for, or if the decoders find an error.
    """
    size = encoder.height, encoder.width
    with failures_named(clip, name, qp):
        coded = decode(packets(encoder, source_frames(clip)), decoders)
        for index, (original, (packet, pictures)) in enumerate(in_step(clip, source_frames(clip), coded)):
            used = qp_of(packet)
            check_qp(clip, name, qp, used)
            baseline, unfiltered = (fitted(picture, original, size) for picture in pictures)
            yield CodedFrame(original, baseline, unfiltered, count_bits(bytes(packet), index == 0), used)
