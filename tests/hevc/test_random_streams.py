"""Test the reader and the writer of slice data on random streams: every sample is that of libavcodec."""

import av
import numpy as np
import pytest

from codecnn.hevc import read
from tests.hevc.random_streams import RandomStream
from tests.hevc.streams import decode_unfiltered
from tests.hevc.test_round_trip import faults


@pytest.mark.parametrize("seed", range(60))
def test_every_sample_of_a_random_stream_is_that_of_libavcodec(seed: int) -> None:
    stream = RandomStream(seed).stream()
    (expected,) = decode_unfiltered([av.Packet(stream)])
    (found,) = read(stream)
    for plane, reference in zip(found.unfiltered.planes, expected.planes, strict=True):
        np.testing.assert_array_equal(plane, reference)
    assert list(faults(stream)) == []
