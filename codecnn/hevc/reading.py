"""Read HEVC intra bitstreams, picture by picture, into arrays."""

from collections.abc import Iterable, Iterator
from itertools import chain
from os import PathLike
from pathlib import Path

from codecnn.errors import InputError
from codecnn.hevc import nal as nal_types
from codecnn.hevc.errors import StreamError, damaged
from codecnn.hevc.nal import NalUnit, split_stream
from codecnn.hevc.output import OutputOrder
from codecnn.hevc.parameter_sets import pps_id, sps_id
from codecnn.hevc.picture import CodedPicture, decode_picture
from codecnn.hevc.picture_hash import PictureHash, read_picture_hash
from codecnn.hevc.slice_header import ParameterSets, SliceHeader, begins_picture, parse_slice_header
from codecnn.hevc.source import read_nal_units


def read(source: str | PathLike[str] | bytes, check: bool = False) -> Iterator[CodedPicture]:
    """Yield the pictures of an HEVC intra stream in output order.

    source: a path or the bytes of an Annex B byte stream, or of a file in which FFmpeg finds one, such as MP4;
    of HEIC every coded item is a picture, tiles and thumbnails too.
    check: whether pictures for which the stream has a hash are filtered, and compared with it.
    Raises InputError if it is damaged or without pictures, or if it uses inter prediction, or a format or tool beyond
    version 1 with 4:0:0 or 4:2:0 and 8 to 10 bit.
    """
    name = "the stream" if isinstance(source, bytes) else str(source)
    return _read(read_nal_units(source if isinstance(source, bytes) else Path(source)), name, check)


def read_packets(packets: Iterable[bytes], name: str) -> Iterator[CodedPicture]:
    """Yield the pictures of an HEVC intra stream as `read` does; it comes in parts, each of whole NAL units.

    name: of the stream, in messages.
    """
    return _read(chain.from_iterable(map(split_stream, packets)), name)


def _read(units: Iterable[NalUnit], name: str, check: bool = False) -> Iterator[CodedPicture]:
    decoder = _Decoder(check)
    try:
        for nal in units:
            yield from decoder.take(nal)
        yield from decoder.finish()
        if decoder.number == 0:
            raise damaged("there are no pictures in it")
    except StreamError as error:
        raise InputError(f"{name}: picture {decoder.number}: {error}") from error
    except OSError as error:
        raise InputError(f"{name}: {error.strerror or error}") from error


class _Decoder:
    """Collect the slices of a picture, and decode it when they are all there."""

    def __init__(self, check: bool) -> None:
        self.check = check
        self.sets = ParameterSets({}, {})
        self.segments: list[tuple[NalUnit, SliceHeader]] = []
        self.hash: PictureHash | None = None  # of the picture whose slices are collected
        self.skips = False  # the slices of a picture that is left out
        self.count = 0  # PicOrderCntVal of the picture whose slices are collected
        self.number = 0  # of this picture in decoding order
        self.order = OutputOrder()

    def take(self, nal: NalUnit) -> Iterator[CodedPicture]:
        """Take a NAL unit, and yield the pictures that can be shown."""
        if nal.layer > 0:  # of an extension that a decoder of version 1 leaves out
            return
        if nal.type in nal_types.SLICES:
            if begins_picture(nal):
                yield from self._decode()
                yield from self._begin(nal)
            elif not self.skips:
                previous = self.segments[-1][1] if self.segments else None
                self.segments.append((nal, parse_slice_header(nal, self.sets, previous)))
            return
        if nal.type in (nal_types.SPS, nal_types.PPS, nal_types.END_OF_SEQUENCE, nal_types.END_OF_STREAM):
            yield from self._decode()
        if nal.type == nal_types.SPS:
            self.sets.sps[sps_id(nal.payload)] = nal.payload
        elif nal.type == nal_types.PPS:
            self.sets.pps[pps_id(nal.payload)] = nal.payload
        elif nal.type == nal_types.SUFFIX_SEI and self.segments:
            planes = 1 if self.segments[0][1].sps.chroma == "400" else 3
            self.hash = self.hash or read_picture_hash(nal.payload, planes)
        elif nal.type in (nal_types.END_OF_SEQUENCE, nal_types.END_OF_STREAM):
            self.order.end_sequence()

    def _begin(self, nal: NalUnit) -> Iterator[CodedPicture]:
        header = parse_slice_header(nal, self.sets, None)
        count, shown = self.order.enter(nal, header)
        yield from shown
        self.skips = count is None
        if count is not None:
            self.count = count
            self.segments.append((nal, header))

    def _decode(self) -> Iterator[CodedPicture]:
        """Decode the picture whose slices are there, if any."""
        if self.segments:
            picture = decode_picture(self.segments, self.number, self.count, self.hash)
            if self.check and self.hash and (wrong := self.hash.wrong_planes(picture.coded_baseline.planes)):
                raise damaged(f"its {' and '.join(wrong)} samples do not have the hash that the stream says")
            self.segments.clear()
            self.hash = None
            self.number += 1
            yield from self.order.add(picture)

    def finish(self) -> Iterator[CodedPicture]:
        """Yield what is left at the end of the stream."""
        yield from self._decode()
        yield from self.order.finish()
