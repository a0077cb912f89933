"""Decide which pictures are shown, and in which order (H.265 8.1.3, 8.3.1, C.5.2)."""

from dataclasses import dataclass, field

from codecnn.hevc import nal as nal_types
from codecnn.hevc.nal import NalUnit
from codecnn.hevc.parameter_sets import Sps
from codecnn.hevc.picture import CodedPicture
from codecnn.hevc.slice_header import SliceHeader


@dataclass
class OutputOrder:
    """Bring the pictures of a stream from decoding order into output order, as a decoder does.

    What the size of the decoder's buffer adds to this is left out: it never changes the order.
    """

    waiting: list[CodedPicture] = field(default_factory=list)
    previous: int = 0  # PicOrderCntVal of the last picture with TemporalId 0 that can be a reference
    begins_sequence: bool = True  # if the next picture is an IRAP picture
    skips_leading: bool = False  # RASL pictures have no picture before their IRAP picture to refer to

    def end_sequence(self) -> None:
        """Note the end of a coded video sequence."""
        self.begins_sequence = True

    def enter(self, nal: NalUnit, header: SliceHeader) -> tuple[int | None, list[CodedPicture]]:
        """Note a new picture: return its PicOrderCntVal, and the pictures that are shown before it is decoded.

        None in place of the count: the picture is left out, because what it refers to is not there.
        """
        shown: list[CodedPicture] = []
        starts = False
        if nal_types.FIRST_IRAP <= nal.type <= nal_types.LAST_IRAP:
            starts = nal.type != nal_types.CRA or self.begins_sequence  # NoRaslOutputFlag
            self.skips_leading, self.begins_sequence = starts, False
            if starts:
                if not (header.discard_prior or nal.type == nal_types.CRA):  # NoOutputOfPriorPicsFlag
                    shown = sorted(self.waiting, key=lambda picture: picture.order_count)
                self.waiting.clear()
        elif nal.type in (nal_types.RASL_N, nal_types.RASL_R) and self.skips_leading:
            return None, []
        count = header.poc_lsb if starts else _order_count(header.poc_lsb, self.previous, 1 << header.sps.poc_bits)
        is_leading = nal_types.RADL_N <= nal.type <= nal_types.RASL_R
        if nal.temporal_id == 0 and not is_leading and nal.type not in nal_types.SUB_LAYER_NON_REFERENCE:
            self.previous = count
        return count, shown

    def add(self, picture: CodedPicture) -> list[CodedPicture]:
        """Note a decoded picture, and return those that are shown now."""
        if picture.slices[0].output:
            self.waiting.append(picture)
        shown: list[CodedPicture] = []
        while len(self.waiting) > picture.sps.reorder or self._is_late(picture.sps, picture.number):
            shown.append(min(self.waiting, key=lambda other: other.order_count))
            self.waiting.remove(shown[-1])
        return shown

    def _is_late(self, sps: Sps, number: int) -> bool:
        """Tell whether a picture has waited for as many pictures as the sequence allows (SpsMaxLatencyPictures)."""
        most = sps.reorder + sps.latency - 1
        return sps.latency > 0 and any(number - picture.number >= most for picture in self.waiting)

    def finish(self) -> list[CodedPicture]:
        """Return the pictures that are left at the end of the stream."""
        return sorted(self.waiting, key=lambda picture: picture.order_count)


def _order_count(lsb: int, previous: int, span: int) -> int:
    """Return PicOrderCntVal of a picture, close to that of a picture before it (8.3.1)."""
    before = previous % span
    count = previous - before + lsb
    if lsb < before and before - lsb >= span // 2:
        return count + span
    if lsb > before and lsb - before > span // 2:
        return count - span
    return count
