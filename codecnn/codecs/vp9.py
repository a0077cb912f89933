"""Code VP9 by libvpx: encode once, decode twice."""

from collections.abc import Iterator
from dataclasses import dataclass

from codecnn.codecs.codec import CodedFrame
from codecnn.codecs.encode_once import UNFILTERED_BY, encode_once, open_decoder_pair
from codecnn.codecs.libavcodec import open_encoder, read_version
from codecnn.codecs.picture_headers import quantizer_of
from codecnn.video.clip import Clip


@dataclass(frozen=True)
class Vp9:
    """Hold the settings of VP9 profiles 0 and 1 by libvpx, through PyAV; only key frames. The preset is cpu-used.

    Preset 0 is the slowest. QP is libvpx's quantizer, 0 to 63, for base_q_idx 0, 4, 8, ... 244, 249, 255; 0 is lossless
    and left out.
    """

    preset: str = "1"
    name: str = "vp9"
    presets: tuple[str, ...] = ("0", "1", "2", "3", "4", "5")
    default_preset: str = "1"
    qp_range: tuple[int, int] = (1, 63)
    default_qps: tuple[int, ...] = (14, 25, 35, 43)  # the PSNR of x265 at 22, 27, 32, 37
    decoder: str = "vp9"
    unfiltered_by: str = UNFILTERED_BY["vp9"]
    encodes_twice: bool = False
    coded_bit_depth: int = 0

    def parameters(self, qp: int) -> dict[str, str]:
        """Return the options of FFmpeg's libvpx-vp9; none may change the QP."""
        return {
            "deadline": "good",
            "cpu-used": self.preset,
            "b": "0",
            **dict.fromkeys(("crf", "qmin", "qmax"), str(qp)),
            **dict.fromkeys(("aq-mode", "lag-in-frames", "auto-alt-ref", "row-mt", "tile-columns", "sharpness"), "0"),
        }

    def describe(self, qp: int) -> str:
        """Return all parameters of an encoding, for a dataset's attributes."""
        return ":".join(f"{name}={value}" for name, value in self.parameters(qp).items())

    def encode(self, clip: Clip, qp: int) -> Iterator[CodedFrame]:
        """Encode a clip and decode it with and without the loop filter, frame by frame in bounded memory.

        Raises InputError if the encoder refuses, or if a frame is no key frame or its QP is not the requested one.
        """
        decoders = open_decoder_pair(self.decoder, err_detect="explode")
        encoder = open_encoder("libvpx-vp9", clip, self.parameters(qp))
        return encode_once(clip, self.name, qp, encoder, self.decoder, decoders, quantizer_of)

    def version(self) -> str:
        """Return the version that libvpx logs."""
        return "libvpx " + read_version("libvpx-vp9", r"\bv(\d+\.\d+\S*)")
