"""Measure how fast HEVC intra streams are read, in frames/s of 832x480, and beside libavcodec.

The clip is that of `benchmarks.dataset`, coded by libx265 medium at QP 32. Both decode the same bytes on one core,
libavcodec without in-loop filters.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import av

from benchmarks.dataset import FRAMES, QP, mosaic
from codecnn.codecs.libavcodec import encode_pictures, open_decoder
from codecnn.codecs.x265 import X265
from codecnn.hevc import read
from codecnn.video.clip import open_clip
from codecnn.video.raw import write_raw

ROUNDS = 5


def _seconds(pictures: Callable[[], Iterable[object]]) -> float:
    start = time.process_time()
    assert sum(1 for _ in pictures()) == FRAMES
    return time.process_time() - start


def main() -> None:
    """Print frames/s, and the median of the ratios over rounds in which both take turns."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip_832x480_25_8bit_420.yuv"
        write_raw(path, mosaic())
        clip = open_clip(path)
        packets = [bytes(packet) for packet in encode_pictures(X265().encoder(clip, QP), clip.frames())]
    stream = b"".join(packets)

    def decoded() -> Iterable[object]:
        decoder = open_decoder("hevc", skip_loop_filter="all")
        for packet in packets:
            yield from decoder.decode(av.Packet(packet))
        yield from decoder.decode(None)

    _seconds(lambda: read(stream))  # compiles
    rounds = [(_seconds(lambda: read(stream)), _seconds(decoded)) for _ in range(ROUNDS)]
    ours, theirs = (FRAMES / min(times) for times in zip(*rounds, strict=True))
    ratio = statistics.median(a / b for a, b in rounds)
    print(f"{len(stream) / FRAMES / 1000:.1f} kB a frame")
    print(f"read: {ours:.1f} frames/s; libavcodec: {theirs:.0f} frames/s, {ratio:.1f} times as fast")
