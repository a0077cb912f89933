"""Write HEVC intra bitstreams from parameter sets and the records of pictures."""

from collections.abc import Iterable, Sequence

import numpy as np

from codecnn.errors import InputError
from codecnn.hevc.errors import StreamError
from codecnn.hevc.header_writer import nal_unit, write_pps, write_slice, write_sps, write_vps
from codecnn.hevc.nal import PPS, SLICES, SPS, SUFFIX_SEI, VPS, NalUnit, split_stream
from codecnn.hevc.parameter_sets import Pps, Sps
from codecnn.hevc.picture import CodedPicture, decode_picture
from codecnn.hevc.picture_hash import write_picture_hash
from codecnn.hevc.slice_header import ParameterSets, SliceHeader, parse_slice_header
from codecnn.hevc.slice_writer import UNITS, write_slice_data

SLICE_FIELDS = (
    "address", "dependent", "qp", "cb_offset", "cr_offset", "sao_luma", "sao_chroma", "poc_lsb", "deblocking_disabled",
    "beta_offset", "tc_offset", "filter_across",
)  # fmt: skip
SAO_FIELDS = ("sao_merge", "sao_type", "sao_class", "sao_band", "sao_offset")


def write(headers: Sequence[Sps | Pps], pictures: Iterable[CodedPicture]) -> bytes:
    """Write an Annex B byte stream from parameter sets and what `read` yields of each picture.

    Slice data of a record that was read are the same bit for bit. Of a picture only the slice headers, the units, the
    levels, the SAO parameters and the samples of PCM units count; `bits`, `size` and other samples do not. Headers
    have what `Sps`, `Pps` and `SliceHeader` hold, and nothing else. Pictures are written in the order of `number`, each
    with an SEI message: the MD5 of what a decoder makes of it.
    Every picture is read again: InputError if a record is not what a stream can hold, or its headers are not there.
    """
    known = ParameterSets({}, {})
    sequences = [header for header in headers if isinstance(header, Sps)]
    if not sequences:
        raise InputError("a stream needs a sequence parameter set")
    units = [nal_unit(VPS, write_vps(sequences[0]))]
    for header in headers:
        sets, kind = (known.sps, SPS) if isinstance(header, Sps) else (known.pps, PPS)
        if header.id in sets:
            raise InputError(f"two parameter sets of one kind have the number {header.id}")
        sets[header.id] = write_sps(header) if isinstance(header, Sps) else write_pps(header)
        units.append(nal_unit(kind, sets[header.id]))
    for picture in sorted(pictures, key=lambda picture: picture.number):
        if picture.sps not in headers or picture.pps not in headers:
            raise InputError(f"picture {picture.number}: its parameter sets are not those of the stream")
        try:
            units.append(_write_picture(picture, known))
        except ValueError as error:
            raise InputError(f"picture {picture.number}: {error}") from error
    return b"".join(units)


def _write_picture(picture: CodedPicture, known: ParameterSets) -> bytes:
    """Write the slices of a picture, read them again, and write the hash of what they decode to."""
    if picture.nal_type not in SLICES:
        raise InputError(f"{picture.nal_type} is not the type of a NAL unit of a slice")
    written = zip(picture.slices, write_slice_data(picture), strict=True)
    stream = b"".join(write_slice(picture.nal_type, header, part.data, part.starts) for header, part in written)
    segments: list[tuple[NalUnit, SliceHeader]] = []
    try:
        for nal in split_stream(stream):
            segments.append((nal, parse_slice_header(nal, known, segments[-1][1] if segments else None)))
        decoded = decode_picture(segments, picture.number, picture.order_count)
    except StreamError as error:
        raise InputError(f"the record is none that a stream can hold: written and read again, {error}") from error
    if what := _difference(picture, decoded):
        raise InputError(f"the record is none that a stream can hold: written and read again, {what} differ")
    return stream + nal_unit(SUFFIX_SEI, write_picture_hash(decoded.coded_baseline.planes))


def _difference(picture: CodedPicture, decoded: CodedPicture) -> str | None:
    """Name what a record and the one that is read again have differently; None if nothing."""
    for name in UNITS:
        ours, theirs = getattr(picture, name), getattr(decoded, name)
        for field in ours.dtype.names:
            if field != "bits" and not np.array_equal(ours[field], theirs[field]):
                return f"`{field}` of `{name}`"
    if any((a != b).any() for a, b in zip(picture.coded_levels.planes, decoded.coded_levels.planes, strict=True)):
        return "levels"
    for a, b in zip(picture.slices, decoded.slices, strict=True):
        for field in SLICE_FIELDS:
            if getattr(a, field) != getattr(b, field):
                return f"`{field}` of slices"
    if picture.sps.sao and any((picture.ctus[name] != decoded.ctus[name]).any() for name in SAO_FIELDS):
        return "SAO parameters"
    for unit in picture.coding_units[picture.coding_units["pcm"]]:
        x, y, size = int(unit["x"]), int(unit["y"]), int(unit["size"])
        for plane, other in zip(picture.coded.planes, decoded.coded.planes, strict=True):
            down = picture.sps.height // plane.shape[0]
            area = np.s_[y // down : (y + size) // down, x // down : (x + size) // down]
            if (plane[area] != other[area]).any():
                return "samples of PCM units"
    return None
