"""Draw a CTU with its blocks as a PNG file."""

from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Rectangle

from codecnn.dataset.schema import PREDICTION
from codecnn.intra.block_size import BlockSize
from command_line.terminal import printable
from data_tools.viewer.ctus import ShownCtu
from data_tools.viewer.page import Direction, directions

COLOURS = ("#ff9f1c", "#19b5fe", "#ff4fd8", "#7bd13b")  # of the measures, in their order
DIFFERENT = "#ffe14d"
ENCODER = "#ff5d5d"


def draw_ctu(shown: ShownCtu, size: BlockSize | None) -> bytes:
    """Return a CTU as PNG: with the modes of its blocks of a size, if there are any, and its signals beside it.

    A line has the direction of a mode. A mark of planar is a circle, of DC a square. Blocks in which the first two
    measures differ have a border. On the encoder's prediction, where it is stored, are its blocks.
    """
    modes = shown.blocks.get(size, {}) if size else {}
    planes = {**shown.signals, **{f"prediction, {name}": found.prediction for name, found in modes.items()}}
    figure = Figure(figsize=(6 + 2.9 * ((len(planes) + 1) // 2), 6.4), layout="constrained")
    grid = figure.add_gridspec(2, 2 + (len(planes) + 1) // 2)
    peak = (1 << shown.bit_depth) - 1
    whole = figure.add_subplot(grid[:, :2])
    whole.imshow(shown.signals["original"], "gray", vmin=0, vmax=peak)
    whole.set_title(f"blocks of {size}" if modes else "original", fontsize=10)
    for number, (name, plane) in enumerate(planes.items()):
        axis = figure.add_subplot(grid[number % 2, 2 + number // 2])
        axis.imshow(plane, "gray", vmin=0, vmax=peak)
        axis.set_title(name, fontsize=9, parse_math=False)
        if name == PREDICTION:
            _draw_decided(axis, shown)
    for axis in figure.axes:
        axis.set_axis_off()
    if size and shown.modes:
        _draw_modes(whole, shown, size, directions(shown.modes, size))
    if modes:
        keys = [Line2D([], [], color=colour, label=name) for colour, name in zip(COLOURS, modes, strict=False)]
        figure.legend(handles=keys, loc="outside lower left", ncols=len(keys), fontsize=9, frameon=False)
    info, (frame, x, y, _, _) = shown.shard.info, shown.place
    title = f"{info.source}, {info.codec}, QP {info.qp}, frame {frame}, x {x}, y {y}"
    figure.suptitle(printable(title), fontsize=10, parse_math=False)
    png = BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()


def _draw_modes(axis: Axes, shown: ShownCtu, size: BlockSize, ways: list[Direction]) -> None:
    names = list(shown.blocks[size])
    numbers = [shown.blocks[size][name].numbers for name in names]
    for row, column in np.ndindex(numbers[0].shape):
        left, top = column * size.width - 0.5, row * size.height - 0.5
        chosen = [int(of_name[row, column]) for of_name in numbers]
        different = len(set(chosen[:2])) > 1
        border, width = (DIFFERENT, 1.2) if different else ("#ffffff60", 0.4)
        axis.add_patch(Rectangle((left, top), *size, fill=False, edgecolor=border, linewidth=width))
        centre = left + size.width / 2, top + size.height / 2
        for place, (colour, mode) in enumerate(zip(COLOURS, chosen, strict=False)):
            _mark(axis, ways[mode], centre, 0.42 * min(size), colour, 3.2 if place == 0 else 1.2)


def _draw_decided(axis: Axes, shown: ShownCtu) -> None:
    """Draw the encoder's prediction blocks and their modes; none of PCM."""
    ways = dict(enumerate(directions("hevc-35", BlockSize(4, 4))))
    for x, y, side, mode, _ in shown.decided:
        edge = Rectangle((x - 0.5, y - 0.5), side, side, fill=False, edgecolor=ENCODER, linewidth=0.5)
        axis.add_patch(edge)
        if mode in ways:
            _mark(axis, ways[mode], (x - 0.5 + side / 2, y - 0.5 + side / 2), 0.36 * side, ENCODER, 0.7)
    height, width = shown.signals["original"].shape
    axis.set_xlim(-0.5, width - 0.5)
    axis.set_ylim(height - 0.5, -0.5)


def _mark(axis: Axes, way: Direction, centre: tuple[float, float], reach: float, colour: str, width: float) -> None:
    x, y = centre
    if isinstance(way, list):
        right, down = way[0] * reach, way[1] * reach
        axis.plot([x - right, x + right], [y - down, y + down], color=colour, linewidth=width)
    elif way == "planar":
        axis.add_patch(Circle(centre, reach / 2, fill=False, edgecolor=colour, linewidth=width))
    else:
        corner, side = (x - reach / 3, y - reach / 3), 2 * reach / 3
        axis.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=colour, linewidth=width))
