"""Code VVC by libvvenc, in the ffmpeg of the package imageio-ffmpeg: encode twice."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from codecnn.codecs.codec import CodedFrame
from codecnn.codecs.encoder_process import read_output
from codecnn.codecs.template import CommandTemplate
from codecnn.errors import InputError
from codecnn.video.clip import Clip

# maxparallelframes=0 changes no bit, but without it FFmpeg loses frames of clips of some lengths, such as 7 to 10.
PARAMETERS = (
    "intraperiod=1:intraqpoffset=0:lookahead=0:bim=0:mctf=0:threads=1:maxparallelframes=0:ctusize=128:edo=0:"
    "decodedpicturehash=1:verbosity=6"  # MD5 of every picture for the decoder to check; QP of every frame in the log
)
FILTERS_OFF = "sao=0:alf=0:ccalf=0:loopfilterdisable=1"


@dataclass(frozen=True)
class VVenC:
    """Hold the settings of VVC Main 10 by libvvenc, 4:2:0, CTU 128, decoded by FFmpeg. QP is H.266's.

    8-bit originals are coded at an internal bit depth of 10, as in the JVET common test conditions, and the decoded
    pictures stay at 10 bit, at which JVET measures PSNR.

    Baseline: deblocking, SAO (not with the preset faster: no slice uses it), ALF and, by the encoder's choice, CC-ALF.
    LMCS, which works in the loop but is no filter, is off at every preset. FFmpeg's decoder cannot leave out the
    filters, so the unfiltered picture is from a second encoding: its slices have neither SAO nor ALF parameters, and
    its decisions may differ. If deblocking is the only filter, its slices are the same bits.
    """

    preset: str = "faster"
    name: str = "vvenc"
    presets: tuple[str, ...] = ("faster", "fast", "medium", "slow", "slower")
    default_preset: str = "faster"
    qp_range: tuple[int, int] = (0, 63)
    default_qps: tuple[int, ...] = (22, 27, 32, 37)
    decoder: str = "vvc"
    unfiltered_by: str = "a second encoding with deblocking, SAO, ALF and CC-ALF off; its decisions may differ"
    encodes_twice: bool = True
    coded_bit_depth: int = 10
    seconds_per_frame: float = 600.0

    def template(self) -> CommandTemplate:
        """Return the template with the command; InputError if the package with the encoder is missing."""
        return CommandTemplate(
            name=self.name,
            encoder=find_ffmpeg(),
            command=_command(PARAMETERS),
            command_unfiltered=_command(f"{PARAMETERS}:{FILTERS_OFF}"),
            version_command=("{encoder}", "-version"),
            decoder=self.decoder,
            qp_range=self.qp_range,
            default_qps=self.default_qps,
            input_bit_depth=self.coded_bit_depth,
            qp_pattern=r"^POC .*\bQP (-?\d+)",
            preset=self.preset,
            seconds_per_frame=self.seconds_per_frame,
        )

    def describe(self, qp: int) -> str:
        """Return all parameters of both encodings, for a dataset's attributes."""
        return self.template().describe(qp)

    def encode(self, clip: Clip, qp: int) -> Iterator[CodedFrame]:
        """Encode a clip with and without in-loop filters, then decode frame by frame in bounded memory.

        Raises InputError if the encoder refuses or takes too long, if a frame's QP is not the requested one, or if a
        decoded picture does not match the MD5 in the stream.
        """
        yield from self.template().encode(clip, qp)

    @cache  # noqa: B019 - a handful of settings in a process
    def version(self) -> str:
        """Return the versions that libvvenc and its ffmpeg print; InputError if this ffmpeg is without libvvenc."""
        source = ("-f", "lavfi", "-i", "color=size=16x16:duration=1:rate=1")
        program = find_ffmpeg()
        log = read_output([program, "-v", "debug", *source, "-c:v", "libvvenc", "-f", "null", "-"])
        found = re.search(r"libvvenc version: (\S+)", log)
        release = re.search(r"ffmpeg version (\S+)", log)
        if not found or not release:
            raise InputError(f"vvenc: {program} is without libvvenc; install codecnn[vvc], unset IMAGEIO_FFMPEG_EXE")
        return f"libvvenc {found[1]} in ffmpeg {release[1]}"


def find_ffmpeg() -> str:
    """Return the path of the ffmpeg with libvvenc; InputError if the extra is not installed."""
    try:
        return str(import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise InputError("vvenc: its encoder is not installed: pip install codecnn[vvc]") from error


def _command(parameters: str) -> tuple[str, ...]:
    return (
        *("{encoder}", "-hide_banner", "-nostats", "-loglevel", "error"),
        *("-f", "rawvideo", "-pix_fmt", "{pixel_format}", "-s:v", "{width}x{height}", "-framerate", "{fps}", "-i", "-"),
        *("-c:v", "libvvenc", "-preset", "{preset}", "-qpa", "0", "-qp", "{qp}", "-vvenc-params", parameters),
        *("-threads", "1", "-f", "vvc", "file:{bitstream}"),
    )
