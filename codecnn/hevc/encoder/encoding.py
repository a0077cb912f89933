"""Encode pictures as an HEVC intra stream."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from joblib import delayed

from codecnn.errors import InputError
from codecnn.hevc.encoder.chooser import Chooser
from codecnn.hevc.encoder.headers import choose_level, make_headers
from codecnn.hevc.encoder.picture_coder import PictureCoder
from codecnn.hevc.header_writer import escape
from codecnn.hevc.nal import IDR_N_LP
from codecnn.hevc.picture import Bits, CodedPicture
from codecnn.hevc.preparation import planes_of
from codecnn.hevc.reading import read
from codecnn.hevc.slice_header import SliceHeader
from codecnn.hevc.slice_writer import UNITS, write_slice_data
from codecnn.hevc.usability import Usability
from codecnn.hevc.writing import write
from codecnn.io.processes import in_processes
from codecnn.video.picture import Picture, VideoFormat, check_picture

HEADER_BITS = 128  # more than the headers of a slice take


def encode(
    pictures: Iterable[Picture],
    format: VideoFormat,
    qp: int,
    choose: Chooser,
    full_range: bool | None = None,
    colour: tuple[int, int, int] | None = None,
    jobs: int = 1,
) -> tuple[bytes, list[CodedPicture]]:
    """Encode pictures as an HEVC intra stream, and return it with what `read` yields of it.

    Main, Main 10 or 4:0:0, one slice and one QP a picture, CTUs of 64, without in-loop filters: what a decoder gives
    is `unfiltered` of the records. Sizes that are no multiple of 8 are padded, and cut again by the conformance window.
    Level and tier are the lowest for the size, the frame rate and the largest picture.
    qp: 0..51. choose: what is tried, see `codecnn.hevc.encoder.chooser`. full_range: of the samples, None if it is not
    stated. colour: colour_primaries, transfer_characteristics and matrix_coeffs (table E.3 to E.5).
    jobs: pictures coded at the same time, a process each.
    Raises InputError for another format, a picture that is not of it, and if there are no pictures.
    """
    usability = Usability(
        full_range=full_range if colour is None else bool(full_range),
        colour=colour,
        timing=(format.fps.denominator, format.fps.numerator),
    )
    header = make_headers(format, qp, choose.transform_depth, usability)
    work = (
        delayed(_encode_picture)(picture, format, number, header, choose) for number, picture in enumerate(pictures)
    )
    records = list(in_processes(work, jobs))
    if not records:
        raise InputError("there are no pictures to encode")
    largest = max(8 * sum(len(escape(part.data)[0]) for part in write_slice_data(record)) for record in records)
    level = choose_level(header.sps.width, header.sps.height, format.fps, largest + HEADER_BITS)
    if level is None:
        raise InputError(f"no level allows {format.fps} pictures of {format.width}x{format.height} a second at QP {qp}")
    profile = replace(header.sps.profile, level=level[0], high_tier=level[1])
    header = replace(header, sps=replace(header.sps, profile=profile))
    records = [replace(record, sps=header.sps, slices=(header,)) for record in records]
    stream = write([header.sps, header.pps], records)
    coded = list(read(stream))
    for record, decoded in zip(records, coded, strict=True):
        same = all(np.array_equal(a, b) for a, b in zip(record.coded.planes, decoded.coded.planes, strict=True))
        assert same, "the encoder has reconstructed a picture otherwise than the decoder"
    return stream, coded


def _encode_picture(
    picture: Picture, format: VideoFormat, number: int, header: SliceHeader, choose: Chooser
) -> CodedPicture:
    """Return the record of a picture, without the bits; InputError if it is not of the format."""
    shapes = tuple(plane.shape for plane in picture.planes)
    if shapes != format.plane_shapes or picture.bit_depth != format.bit_depth:
        raise InputError(f"picture {number} is not of the format: its planes are {shapes}, {picture.bit_depth} bit")
    check_picture(picture, f"picture {number}")
    sps, pps = header.sps, header.pps
    coder = PictureCoder(sps, pps, header, picture.pad(sps.height, sps.width), choose)
    coder.code()
    arrays, depth = coder.arrays, sps.luma_depth
    units, blocks, transforms = (getattr(arrays, n)[: int(coder.states[n][0])] for n in UNITS)
    samples = [plane.astype(picture.y.dtype) for plane in planes_of(arrays.samples, sps)]
    predicted = [plane.astype(picture.y.dtype) for plane in planes_of(arrays.prediction, sps)]
    return CodedPicture(
        sps, pps, (header,), number, 0, IDR_N_LP, 0, Picture.of(samples, depth), Picture.of(predicted, depth),
        Picture.of(planes_of(arrays.levels, sps), depth), units, blocks, transforms, arrays.ctus, Bits(0, *[0.0] * 8),
    )  # fmt: skip
