"""Find when the frames of a video file are shown, where that is not at a constant rate."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from codecnn.video.container import open_video

_NO_TIME = -(1 << 63)


@dataclass(frozen=True)
class UnevenTimes:
    """Hold the times of frames, in the order in which they are shown."""

    unit: Fraction  # seconds
    times: Sequence[int]


def find_uneven_times(path: Path, fps: Fraction) -> UnevenTimes | None:
    """Return the times of the frames of a video file; None if they have a constant rate, or not all have a time.

    All packets are read, and none is decoded.

    fps: the frame rate that the times are compared with.
    """
    with open_video(path) as video:
        packets = video.container.demux(video.stream)
        times = packet_times(packet for packet in packets if packet.size)
        return uneven_times(times, video.stream.time_base, fps)


def packet_times(packets: Iterable[av.Packet]) -> Sequence[int]:
    """Return when the frames of packets are shown, in units of their time base; `_NO_TIME` where it is not said."""
    return array("q", (_NO_TIME if packet.pts is None else packet.pts for packet in packets))


def uneven_times(times: Sequence[int], unit: Fraction | None, fps: Fraction) -> UnevenTimes | None:
    """Return what `find_uneven_times` does for the times of packets in units of so many seconds."""
    shown = sorted(times)
    if unit is None or not shown or shown[0] == _NO_TIME or _has_constant_rate(shown, unit * fps):
        return None
    return UnevenTimes(unit, array("q", shown))


def _has_constant_rate(times: Sequence[int], unit: Fraction) -> bool:
    """Return whether sorted times are those of a constant rate, up to the rounding to their unit, in frames."""
    places = [(time - times[0]) * unit for time in times]
    return places[-1] < len(places) - 0.5 and all(abs(place - round(place)) <= unit for place in places)
