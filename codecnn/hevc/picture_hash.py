"""Write the MD5 of a decoded picture as a supplemental message, for decoders to check (H.265 D.2.19, D.3.19)."""

import hashlib
from collections.abc import Iterable

import numpy as np

from codecnn.hevc.bit_writer import BitWriter

DECODED_PICTURE_HASH, MD5 = 132, 0  # payloadType, hash_type


def write_picture_hash(planes: Iterable[np.ndarray]) -> bytes:
    """Write sei_rbsp() with the MD5 of every plane; samples above 8 bit are hashed as two bytes, the lower one first.

    planes: of the whole coded picture, before the conformance window cuts it.
    """
    digests = [hashlib.md5(plane.astype(plane.dtype.newbyteorder("<")).tobytes()).digest() for plane in planes]
    payload = b"".join((bytes([MD5]), *digests))
    bits = BitWriter()
    for byte in (DECODED_PICTURE_HASH, len(payload), *payload):
        bits.u(byte, 8)
    return bits.end()
