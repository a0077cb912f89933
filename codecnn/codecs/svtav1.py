"""Code AV1 by SVT-AV1: encode twice, with and without in-loop filters."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from codecnn.codecs.codec import CodedFrame
from codecnn.codecs.coded_bits import count_av1_bits
from codecnn.codecs.frame_checks import (
    check_qp,
    check_unfiltered,
    crop_to_original,
    name_failures,
    read_source,
    zip_frames,
)
from codecnn.codecs.libavcodec import (
    decode,
    encode_pictures,
    open_decoder,
    open_encoder,
    padded_size,
    read_version,
)
from codecnn.codecs.picture_headers import HeaderReader, quantizer_of
from codecnn.video.clip import Clip
from codecnn.video.picture import Picture

FILTERS_ON = "enable-dlf=1:enable-cdef=1:enable-restoration=1"
FILTERS_OFF = "enable-dlf=0:enable-cdef=0:enable-restoration=0"
SUPERBLOCK = 64  # smaller pictures are padded


@contextmanager
def keep_priority() -> Iterator[None]:
    """Restore the priority of all threads of this process afterwards.

    When root opens SVT-AV1, it gives this thread and all of its own a real-time priority, for the rest of the process;
    all other work on the machine would have to wait.
    """
    if not hasattr(os, "sched_setscheduler"):  # only Linux has it, and there the encoder does this
        yield
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        # Again until there is none: a list of threads may lack one while another one ends.
        while before[0] != os.SCHED_FIFO and (threads := _real_time_threads()):
            for thread in threads:
                with suppress(ProcessLookupError):  # gone since
                    os.sched_setscheduler(thread, *before)


def _real_time_threads() -> list[int]:
    """Return the threads of this process that have a real-time priority."""
    found = []
    for thread in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):
            if os.sched_getscheduler(int(thread.name)) == os.SCHED_FIFO:
                found.append(int(thread.name))
    return found


@dataclass(frozen=True)
class SvtAv1:
    """Hold the settings of AV1 Main by SVT-AV1, through PyAV; decoded by dav1d.

    QP is SVT-AV1's quantizer, 0 to 63, for base_q_idx 0, 4, 8, ... 244, 249, 255; 0 is lossless and left out. Baseline:
    deblocking, CDEF and loop restoration. FFmpeg has no decoder that leaves the filters out, so the unfiltered picture
    is from a second encoding: its tiles have neither CDEF indices nor restoration coefficients, and its decisions may
    differ. If deblocking is the only filter, its tiles are the same bits.
    """

    preset: str = "4"
    name: str = "svtav1"
    presets: tuple[str, ...] = tuple(str(preset) for preset in range(10))  # the library treats 10 as 9
    default_preset: str = "4"
    qp_range: tuple[int, int] = (1, 63)
    default_qps: tuple[int, ...] = (14, 25, 35, 43)  # the PSNR of x265 at 22, 27, 32, 37
    decoder: str = "libdav1d"
    unfiltered_by: str = "a second encoding with deblocking, CDEF and restoration off; its decisions may differ"
    encodes_twice: bool = True
    coded_bit_depth: int = 0

    def parameters(self, qp: int) -> str:
        """Return the SVT-AV1 options without those of the filters; none may change the QP."""
        return (
            f"rc=0:qp={qp}:aq-mode=0:keyint=1:lp=1:scm=0:enable-tf=0:enable-overlays=0:enable-qm=0:"
            "enable-variance-boost=0:film-grain=0"
        )

    def describe(self, qp: int) -> str:
        """Return all parameters of both encodings, for a dataset's attributes."""
        return f"preset={self.preset} {self.parameters(qp)}:{FILTERS_ON} unfiltered: {FILTERS_OFF}"

    def encode(self, clip: Clip, qp: int) -> Iterator[CodedFrame]:
        """Encode a clip with and without in-loop filters side by side, frame by frame in bounded memory.

        Raises InputError if the encoder refuses, or if a frame's QP is not the requested one.
        """
        size = padded_size(clip.format, SUPERBLOCK)
        with name_failures(clip, self.name, qp):
            filtered = self._coded(clip, qp, FILTERS_ON)
            plain = self._coded(clip, qp, FILTERS_OFF)
            rows = zip_frames(clip, read_source(clip), filtered, plain)
            for original, (picture, bits, filters), (plain_picture, plain_bits, plain_filters) in rows:
                check_unfiltered(clip, self.name, plain_filters)
                baseline, unfiltered = (
                    crop_to_original(coded, original, size, original.bit_depth) for coded in (picture, plain_picture)
                )
                yield CodedFrame(original, baseline, unfiltered, bits, qp, plain_bits, filters)

    def _coded(self, clip: Clip, qp: int, filters: str) -> Iterator[tuple[Picture, int, dict[str, bool]]]:
        os.environ.setdefault("SVT_LOG", "0")  # it writes to the terminal itself; errors are told by open_encoder
        options = {"preset": self.preset, "svtav1-params": f"{self.parameters(qp)}:{filters}"}
        with keep_priority():
            encoder = open_encoder("libsvtav1", clip, options, minimum=SUPERBLOCK)
        headers, decoder = HeaderReader(self.decoder), open_decoder(self.decoder).decode
        for index, (packet, (picture,)) in enumerate(decode(encode_pictures(encoder, read_source(clip)), [decoder])):
            unit = bytes(packet)
            said = headers.read(unit)
            check_qp(clip, self.name, qp, quantizer_of(said.qp))
            yield picture, count_av1_bits(unit, index == 0), said.in_loop_filters

    def version(self) -> str:
        """Return the version that SVT-AV1 logs."""
        return "SVT-AV1 " + read_version("libsvtav1", r"SVT-AV1 Encoder Lib (\S+)")
