"""Encode a clip once with libavcodec and decode it twice: with and without in-loop filters."""

from collections.abc import Callable, Iterator

import av

from codecnn.codecs.codec import CodedFrame
from codecnn.codecs.coded_bits import COUNT_BITS
from codecnn.codecs.frame_checks import check_qp, crop_to_original, name_failures, read_source, zip_frames
from codecnn.codecs.libavcodec import Decoder, decode, encode_pictures, open_decoder
from codecnn.codecs.picture_headers import HeaderReader
from codecnn.codecs.vp9_header import remove_loop_filter
from codecnn.video.clip import Clip

# How the decoders that can leave out the in-loop filters do it.
SKIPPED = "the same bits decoded with skip_loop_filter=all"
UNFILTERED_BY = {
    "h264": SKIPPED,
    "hevc": SKIPPED,
    "vp9": "the same bits decoded with loop_filter_level set to 0 in the frame headers",
}


def open_decoder_pair(decoder: str, err_detect: str) -> tuple[Decoder, Decoder]:
    """Open a decoder of FFmpeg twice, the second without in-loop filters; both must be in UNFILTERED_BY.

    Other decoders ignore skip_loop_filter without a message. The h264 decoder also tells the QPs of blocks, for
    `decode` to check.
    """
    options = {"err_detect": err_detect} | ({"export_side_data": "venc_params"} if decoder == "h264" else {})
    filtering = open_decoder(decoder, **options).decode
    if decoder != "vp9":
        return filtering, open_decoder(decoder, skip_loop_filter="all").decode
    plain = open_decoder(decoder)
    return filtering, lambda packet: plain.decode(packet and av.Packet(remove_loop_filter(bytes(packet))))


def encode_once(
    clip: Clip, name: str, qp: int, encoder: av.VideoCodecContext, decoder: str, decoders: tuple[Decoder, Decoder],
    scale: Callable[[int], int] = int,
) -> Iterator[CodedFrame]:  # fmt: skip
    """Encode a clip, and decode each packet with and without in-loop filters, in bounded memory.

    `name` is the codec's name in messages, `decoder` FFmpeg's name of the decoder, `scale` brings the QP in the headers
    to the codec's scale. Raises InputError if a frame is not intra, if it or one of its blocks has another QP than the
    requested one, or if a decoder finds an error.
    """
    headers = HeaderReader(decoder)
    size = encoder.height, encoder.width
    with name_failures(clip, name, qp):
        coded = decode(encode_pictures(encoder, read_source(clip)), decoders, qp)
        for index, (original, (packet, pictures)) in enumerate(zip_frames(clip, read_source(clip), coded)):
            unit = bytes(packet)
            said = headers.read(unit)
            used = scale(said.qp)
            check_qp(clip, name, qp, used)
            baseline, unfiltered = (
                crop_to_original(picture, original, size, original.bit_depth) for picture in pictures
            )
            bits = COUNT_BITS[decoder](unit, index == 0)
            yield CodedFrame(original, baseline, unfiltered, bits, used, None, said.in_loop_filters, unit)
