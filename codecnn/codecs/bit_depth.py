"""Convert pictures to another bit depth, as the reference software does."""

from codecnn.video.picture import Picture, Plane


def convert_bit_depth(picture: Picture, bit_depth: int) -> Picture:
    """Shift samples up, or down with rounding to nearest, halves up, and clipping to 2^bit_depth - 1.

    HM and VTM do the same between the bit depth of a file and the internal bit depth.
    """
    up = bit_depth - picture.bit_depth
    dtype = "uint8" if bit_depth == 8 else "uint16"

    def shifted(plane: Plane) -> Plane:
        wide = plane.astype("int32")
        wide = wide << up if up >= 0 else (wide + (1 << -up - 1)) >> -up
        return wide.clip(0, (1 << bit_depth) - 1).astype(dtype)

    return picture if up == 0 else Picture.of(map(shifted, picture.planes), bit_depth)
