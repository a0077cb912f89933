"""Test the reader and the writer of slice data on random streams: every sample is that of foreign decoders."""

import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from codecnn.hevc import read
from tests.hevc.random_streams import RandomStream
from tests.hevc.streams import DEC265, decode, decode_unfiltered
from tests.hevc.test_round_trip import faults


@pytest.mark.parametrize("seed", range(60))
def test_every_sample_of_a_random_stream_is_that_of_libavcodec(seed: int) -> None:
    stream = RandomStream(seed).stream()
    (found,) = read(stream)
    for ours, (expected,) in (
        (found.unfiltered, decode_unfiltered([av.Packet(stream)])),
        (found.baseline, decode([av.Packet(stream)])),
    ):
        for plane, reference in zip(ours.planes, expected.planes, strict=True):
            np.testing.assert_array_equal(plane, reference)
    assert list(faults(stream)) == []


@pytest.mark.skipif(DEC265 is None, reason="the Debian package libde265-examples is not there")
@pytest.mark.parametrize("seed", range(100, 125))
def test_every_sample_of_a_random_stream_is_that_of_libde265(seed: int, tmp_path: Path) -> None:
    assert DEC265 is not None
    stream = RandomStream(seed, "libde265")
    (tmp_path / "stream.hevc").write_bytes(stream.stream())
    (found,) = read(tmp_path / "stream.hevc")
    subprocess.run([DEC265, "-q", "-o", "out.yuv", "stream.hevc"], cwd=tmp_path, check=True, capture_output=True)
    expected = (tmp_path / "out.yuv").read_bytes()
    assert b"".join(np.ascontiguousarray(plane).tobytes() for plane in found.baseline.planes) == expected
