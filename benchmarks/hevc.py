"""Measure how fast HEVC intra streams are read, written and encoded, in frames/s of 832x480, beside others.

The clip is that of `benchmarks.dataset`, coded by libx265 medium at QP 32. Reading is compared with libavcodec, which
decodes the same bytes on one core without in-loop filters; writing them again with reading; the full search for one
frame with libx265 medium.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import av

from benchmarks.dataset import FRAMES, QP, mosaic
from codecnn.codecs.libavcodec import encode_pictures, open_decoder
from codecnn.codecs.x265 import X265
from codecnn.hevc import Full, encode, read, write
from codecnn.hevc.parameter_sets import Pps, Sps
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
        frames = list(clip.frames())
        start = time.process_time()
        packets = [bytes(packet) for packet in encode_pictures(X265().encoder(clip, QP), frames)]
        by_x265 = (time.process_time() - start) / FRAMES
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
    records = list(read(stream))
    headers: list[Sps | Pps] = [records[0].sps, records[0].pps]
    write(headers, records)  # compiles
    start = time.process_time()
    write(headers, records)
    writing = (time.process_time() - start) / FRAMES
    print(f"read, filtered and checked: {FRAMES / _seconds(lambda: read(stream, check=True)):.1f} frames/s")
    print(f"write, and read again: {1 / writing:.1f} frames/s, {writing * ours:.1f} times the time of reading")
    encode([frames[0].crop(64, 64)], replace(clip.format, width=64, height=64), QP, Full())  # compiles
    start = time.process_time()
    encode(frames[:1], clip.format, QP, Full())
    searching = time.process_time() - start
    print(f"full search: {searching:.1f} s a frame, {searching / by_x265:.0f} times the time of libx265 medium")
