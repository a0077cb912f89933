"""Choose the pictures of a report's HTML file, filter them again, and put them there to be compared."""

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from codecnn.dataset import ctu
from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import ShardInfo
from codecnn.video.picture import Plane
from command_line.arguments import positive, whole_number
from experiments.reports.shared.errors import ctu_sums, squared_error
from experiments.reports.shared.frames import Frame, read_frame
from html_pages.comparison import Compared, View, comparison_html
from html_pages.page import Section
from html_pages.pictures import plane_uri

Kind = Literal["auto", "whole", "crops", "none"]
CHARACTERS = 13_500_000  # of all pictures together, so that a page stays below 15 MB
BORDER = 32  # luma samples around the CTU of a crop
WORST, BEST = 6, 2  # crops of a frame
Filter = Callable[[Frame, ShardInfo], Plane]  # gives the filtered luma of a frame


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


def pictures_of(args: argparse.Namespace) -> Pictures:
    """Return what the command line asks for."""
    return Pictures(args.pictures, args.pictures_qp, args.pictures_clips)


def picture_sections(
    shards: Sequence[Shard], gains: Mapping[tuple[str, str, int], float], filters: Mapping[str, Filter], asked: Pictures
) -> list[Section]:
    """Return a section with pictures to compare; none if none is asked for, or has the QP.

    gains: by source, codec and QP. The CTUs of crops are those with the least and the most gain over all filters.
    """
    if asked.kind == "none":
        return []
    shown = chosen(shards, gains, asked)
    if not shown:
        return []
    share = CHARACTERS // len(shown)
    clips = [compared(shard, filters, asked.kind, share) for shard in shown]
    note = f"{len(shown)} of {len(shards)} files, from the least gain to the most: the first frame of each."
    return [Section("Pictures", comparison_html(clips, note))]


def chosen(shards: Sequence[Shard], gains: Mapping[tuple[str, str, int], float], asked: Pictures) -> list[Shard]:
    """Return the shards of one QP that are shown, in the order of their gains, spread evenly over it."""
    highest = {shard.info.codec: 0 for shard in shards}
    for shard in shards:
        highest[shard.info.codec] = max(highest[shard.info.codec], shard.info.qp)
    of_qp = [s for s in shards if s.info.qp == (highest[s.info.codec] if asked.qp is None else asked.qp)]

    def gain(shard: Shard) -> float:
        value = gains[shard.info.source, shard.info.codec, shard.info.qp]
        return math.inf if math.isnan(value) else value

    ordered = sorted(of_qp, key=gain)
    places = np.linspace(0, len(ordered) - 1, min(asked.clips, len(ordered))).round()
    return [ordered[int(place)] for place in places]


def compared(shard: Shard, filters: Mapping[str, Filter], kind: Kind, share: int) -> Compared:
    """Return the first frame of a shard in all layers, in the bit depth of the decoder.

    share: the characters that its pictures may have if `kind` is auto; if they have more, crops are taken.
    """
    info, frame = shard.info, read_frame(shard, 0)
    filtered = {name: filter_(frame, info) for name, filter_ in filters.items()}
    layers: dict[str, Plane] = {"original": frame.original, "baseline": frame.baseline.y, **filtered}
    layers["unfiltered"] = frame.unfiltered.y
    errors = {name: ctu_sums(squared_error(frame.original, plane), info.ctu_size) for name, plane in layers.items()}
    depth, views = frame.baseline.bit_depth, list[View]()
    if kind != "crops":
        views = [_view("whole picture", layers, (0, 0, info.width, info.height), None, depth)]
    if not views or (kind == "auto" and sum(map(len, views[0].pictures)) > share):
        ratio = np.sum([errors[name] for name in filters], axis=0) / np.maximum(errors["baseline"], 1)
        views = [_crop(layers, info, number, depth) for number in _extremes(ratio.ravel())]
    return Compared(
        f"{info.source}, {info.codec}, QP {info.qp}",
        *(info.width, info.height, info.ctu_size, depth, list(layers)),
        [error.ravel().tolist() for error in errors.values()],
        views,
    )


def _extremes(ratio: np.ndarray) -> list[int]:
    """Return the CTUs with the largest ratios of errors, and then those with the smallest."""
    order = np.argsort(-ratio, kind="stable").tolist()
    return list(dict.fromkeys([*order[:WORST], *order[::-1][:BEST]]))


def _crop(layers: Mapping[str, Plane], info: ShardInfo, number: int, depth: int) -> View:
    x, y, width, height = ctu.positions(info.height, info.width, info.ctu_size)[number].tolist()
    left, top = max(x - BORDER, 0), max(y - BORDER, 0)
    right, bottom = min(x + width + BORDER, info.width), min(y + height + BORDER, info.height)
    return _view(f"CTU at {x}, {y}", layers, (left, top, right - left, bottom - top), number, depth)


def _view(
    name: str, layers: Mapping[str, Plane], place: tuple[int, int, int, int], number: int | None, depth: int
) -> View:
    x, y, width, height = place
    inside = np.s_[y : y + height, x : x + width]
    return View(name, *place, number, [plane_uri(plane[inside], depth) for plane in layers.values()])
