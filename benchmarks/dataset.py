"""Measure how fast a dataset is built and read: CTU/s, the encoder's share of the time, random windows/s.

The clip is a mosaic of photographs that come with scikit-image, 832x480, 8 bit, libx265 medium at QP 32.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import skimage

from codecnn.codecs.x265 import X265
from codecnn.dataset.build import ShardTask, build_shard, plan
from codecnn.dataset.reader import CtuDataset, Shard, open_folder
from codecnn.dataset.schema import Signal
from codecnn.video.clip import open_clip
from codecnn.video.frames import frame_from_picture
from codecnn.video.picture import Picture
from codecnn.video.raw import write_raw
from data_tools.arguments import parse
from data_tools.build_dataset import settings_of

FRAMES, WIDTH, HEIGHT, QP = 8, 832, 480, 32
READS = 2000


def mosaic() -> Iterator[Picture]:
    """Make frames of 832x480 that move over two photographs placed side by side."""
    folder = Path(skimage.__path__[0]) / "data"
    left, right = (next(open_clip(folder / f"{name}.png").frames()) for name in ("astronaut", "motorcycle_left"))
    for index in range(FRAMES):
        shift = 2 * index
        planes = []
        for a, b, scale in zip(left.planes, right.planes, (1, 2, 2), strict=True):
            top, height = shift // scale, HEIGHT // scale
            parts = [a[top : top + height], b[:height, shift // scale :][:, : (WIDTH - 512) // scale]]
            planes.append(np.concatenate(parts, axis=1))
        yield Picture.of(planes, 8)


def encoder_seconds(task: ShardTask) -> float:
    """Return the seconds that the encoder itself takes for the clip, with its frames in memory."""
    frames = [frame_from_picture(p.pad(HEIGHT, WIDTH)) for p in task.clip.frames()]
    encoder = X265().encoder(task.clip, QP)
    start = time.perf_counter()
    for index, frame in enumerate(frames):
        frame.pts = index
        encoder.encode(frame)
    encoder.encode(None)
    return time.perf_counter() - start


def timed_build(source: Path, out: Path, *options: str) -> tuple[float, ShardTask]:
    """Build one shard in this process; return the seconds and its task."""
    args = parse([str(source), "--out", str(out), "--qp", str(QP), *options], None)
    (task,) = plan([source], out, settings_of(args))
    out.mkdir()
    start = time.perf_counter()
    reason = build_shard(task)
    if reason:
        raise RuntimeError(reason)
    return time.perf_counter() - start, task


def windows_per_second(folder: Path, signals: tuple[Signal, ...]) -> float:
    """Return how many windows (Y, U and V) are read in a second, at random and one by one."""
    shard = Shard(next(folder.glob("*.h5")))
    rows = np.random.default_rng(0).integers(0, len(shard), READS)
    shard.windows(signals[0], 0)
    start = time.perf_counter()
    for row in rows:
        for signal in signals:
            shard.windows(signal, int(row))
    return READS * len(signals) / (time.perf_counter() - start)


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        source = root / f"mosaic_{WIDTH}x{HEIGHT}_30_8bit_420.yuv"
        write_raw(source, mosaic())
        timed_build(source, root / "warm")  # compiles the label engine
        plain, task = timed_build(source, root / "plain", "--no-labels")
        labelled, _ = timed_build(source, root / "labelled")
        compact, _ = timed_build(source, root / "compact", "--no-labels", "--storage", "compact")
        encoder = encoder_seconds(task)
        ctus = len(CtuDataset(open_folder(root / "plain")))
        print(
            f"{FRAMES} frames of {WIDTH}x{HEIGHT}, {ctus} CTUs, one process; {task.info.codec_version} medium, QP {QP}"
        )
        print(f"{'':34}{'s':>8}{'CTU/s':>8}{'of encoder':>12}{'encoder share':>15}")
        for name, seconds in (
            ("encoder only", encoder),
            ("build without labels", plain),
            ("build without labels, compact", compact),
            ("build with all labels", labelled),
        ):
            print(f"{name:34}{seconds:8.2f}{ctus / seconds:8.1f}{seconds / encoder:12.2f}{encoder / seconds:15.0%}")
        for storage in ("plain", "compact"):
            size = next((root / storage).glob("*.h5")).stat().st_size / 1e6
            one = windows_per_second(root / storage, ("baseline",))
            print(f"random reads, {'fast' if storage == 'plain' else storage} storage ({size:.0f} MB): "
                  f"{one:,.0f} windows/s, {one / 3:,.0f} CTU/s of three signals")  # fmt: skip


if __name__ == "__main__":
    main()
