"""Choose the pictures of a report's HTML file, filter them again, and put them there to be compared."""

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.dataset import ctu
from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import SIGNALS, ShardInfo
from codecnn.errors import InputError
from codecnn.models.chroma_rdn import CHROMA
from codecnn.video.picture import Picture, Plane
from command_line.arguments import positive, whole_number
from experiments.reports.shared.errors import ctu_sums, squared_error
from experiments.reports.shared.frames import FrameSignals, read_frame
from html_pages.comparison import Compared, View, comparison_html
from html_pages.page import Section
from html_pages.pictures import plane_uri

Kind = Literal["auto", "whole", "crops", "none"]
CHARACTERS = 13_500_000  # of all pictures together, so that a page stays below 15 MB
BORDER = 32  # samples around the CTU of a crop
WORST, BEST = 6, 2  # crops of a frame
Filter = Callable[[FrameSignals, Shard], Plane]  # gives the filtered luma of the first frame of a shard
ChromaFilter = Callable[[Picture, Picture, ShardInfo], tuple[Plane, Plane]]  # of the baseline and the unfiltered
DECODED = ("original", "baseline", "unfiltered")  # the layers that are not of a filter


class Pictures(NamedTuple):
    """Say which pictures are shown."""

    kind: Kind
    qp: int | None  # None: the highest of each codec
    clips: int


def add_pictures(parser: argparse._ActionsContainer) -> None:
    """Add --pictures, --pictures-qp and --pictures-clips."""
    add = parser.add_argument
    add("--pictures", choices=get_args(Kind), default="auto", help="what report.html shows to compare: whole pictures, "
        "crops of the CTUs with the least and the most gain, or none; auto: whole ones if the file stays below "
        "15 MB")  # fmt: skip
    add("--pictures-qp", type=whole_number, metavar="QP", help="of which QP; the highest if not given")
    add("--pictures-clips", type=positive, default=6, metavar="N", help="of how many clips, from the least gain to the "
        "most; the first frame of each")  # fmt: skip


def pictures_of(args: argparse.Namespace, shards: Sequence[Shard]) -> Pictures:
    """Return what the command line asks for; InputError for a QP that no file has."""
    if args.pictures != "none" and args.pictures_qp not in (None, *(shard.info.qp for shard in shards)):
        raise InputError(f"--pictures-qp {args.pictures_qp}: no file has this QP")
    return Pictures(args.pictures, args.pictures_qp, args.pictures_clips)


def picture_sections(
    shards: Sequence[Shard],
    gains: Mapping[tuple[str, str, int], float],
    filters: Mapping[str, Filter],
    asked: Pictures,
    chroma: ChromaFilter | None = None,
) -> list[Section]:
    """Return a section with pictures to compare; none if none is asked for.

    gains: by source, codec and QP. The CTUs of crops are those with the least and the most gain over all filters.
    chroma: for U and V as well, of clips at 4:2:0.
    """
    if asked.kind == "none":
        return []
    shown = chosen(shards, gains, asked)
    if not shown:
        return []
    share, clips = CHARACTERS // (len(shown) * (3 if chroma else 1)), list[Compared]()
    for shard in shown:
        clips.append(compared(shard, filters, asked.kind, share))
        if chroma and shard.info.chroma == CHROMA:
            clips += compared_chroma(shard, chroma, asked.kind, share)
    note = f"{len(shown)} of {len(shards)} files, from the least gain to the most: the first frame of each."
    return [Section("Pictures", comparison_html(clips, note))]


def chosen(shards: Sequence[Shard], gains: Mapping[tuple[str, str, int], float], asked: Pictures) -> list[Shard]:
    """Return the shards of one QP that are shown, in the order of their gains, spread evenly over it."""
    highest: dict[str, int] = {}
    for shard in shards:
        highest[shard.info.codec] = max(highest.get(shard.info.codec, shard.info.qp), shard.info.qp)
    of_qp = [s for s in shards if s.info.qp == (highest[s.info.codec] if asked.qp is None else asked.qp)]

    def gain(shard: Shard) -> float:
        value = gains[shard.info.source, shard.info.codec, shard.info.qp]
        return math.inf if math.isnan(value) else value

    ordered = sorted(of_qp, key=gain)
    places = np.linspace(0, len(ordered) - 1, min(asked.clips, len(ordered))).round()
    return [ordered[int(place)] for place in places]


def compared(shard: Shard, filters: Mapping[str, Filter], kind: Kind, share: int) -> Compared:
    """Return the luma of the first frame of a shard in all layers, in the bit depth of the decoder.

    share: the characters that its pictures may have if `kind` is auto; if they have more, crops are taken.
    """
    frame = read_frame(shard, 0)
    filtered = {name: filter_(frame, shard) for name, filter_ in filters.items()}
    layers = {"original": frame.original, "baseline": frame.baseline.y, **filtered, "unfiltered": frame.unfiltered.y}
    return _compared(_name(shard), layers, shard.info.ctu_size, frame.baseline.bit_depth, kind, share)


def compared_chroma(shard: Shard, filter_: ChromaFilter, kind: Kind, share: int) -> list[Compared]:
    """Return U and V of the first frame of a shard at 4:2:0, as `compared` does."""
    original, baseline, unfiltered = (shard.picture(signal, 0) for signal in SIGNALS)
    depth, size = baseline.bit_depth, shard.info.ctu_size // 2
    signals = {"original": convert_bit_depth(original, depth), "baseline": baseline, "unfiltered": unfiltered}
    found = []
    for number, filtered in enumerate(filter_(baseline, unfiltered, shard.info), 1):
        planes = {name: picture.planes[number] for name, picture in signals.items()}
        layers = {"original": planes["original"], "baseline": planes["baseline"], "filtered": filtered} | planes
        found.append(_compared(f"{_name(shard)}, {'YUV'[number]}", layers, size, depth, kind, share))
    return found


def _name(shard: Shard) -> str:
    return f"{shard.info.source}, {shard.info.codec}, QP {shard.info.qp}"


def _compared(name: str, layers: Mapping[str, Plane], size: int, depth: int, kind: Kind, share: int) -> Compared:
    """Return layers with CTUs of `size` samples; the first two are the original and the baseline."""
    height, width = layers["original"].shape
    errors = {layer: ctu_sums(squared_error(layers["original"], plane), size) for layer, plane in layers.items()}
    views = list[View]()
    if kind != "crops":
        views = [_view("whole picture", layers, (0, 0, width, height), None, depth)]
    if not views or (kind == "auto" and sum(map(len, views[0].pictures)) > share):
        of_filters = [error for layer, error in errors.items() if layer not in DECODED]
        ratio = np.sum(of_filters, axis=0) / np.maximum(errors["baseline"], 1)
        places = ctu.positions(height, width, size)
        views = [_crop(layers, places[number].tolist(), number, depth) for number in _extremes(ratio.ravel())]
    of_ctus = [error.ravel().tolist() for error in errors.values()]
    return Compared(name, width, height, size, depth, list(layers), of_ctus, views)


def _extremes(ratio: np.ndarray) -> list[int]:
    """Return the CTUs with the largest ratios of errors, and then those with the smallest."""
    order = np.argsort(-ratio, kind="stable").tolist()
    return list(dict.fromkeys([*order[:WORST], *order[::-1][:BEST]]))


def _crop(layers: Mapping[str, Plane], place: Sequence[int], number: int, depth: int) -> View:
    (x, y, width, height), (rows, columns) = place, layers["original"].shape
    left, top = max(x - BORDER, 0), max(y - BORDER, 0)
    right, bottom = min(x + width + BORDER, columns), min(y + height + BORDER, rows)
    return _view(f"CTU at {x}, {y}", layers, (left, top, right - left, bottom - top), number, depth)


def _view(
    name: str, layers: Mapping[str, Plane], place: tuple[int, int, int, int], number: int | None, depth: int
) -> View:
    x, y, width, height = place
    inside = np.s_[y : y + height, x : x + width]
    return View(name, *place, number, [plane_uri(plane[inside], depth) for plane in layers.values()])
