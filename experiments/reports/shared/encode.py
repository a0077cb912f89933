"""Encode sequences for a report."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

from codecnn.codecs.registry import choose_codec
from codecnn.dataset.build import Settings, build_all, is_whole, plan
from codecnn.dataset.reader import Shard, open_folder
from codecnn.errors import InputError
from codecnn.video.format_options import FormatOptions
from command_line.progress import Progress

Value = int | str | Fraction


def encode(
    sequences: Sequence[Path], folder: Path, options: Mapping[str, Value | Sequence[int]], ctu_size: int = 128
) -> list[Shard]:
    """Return the shards of sequences, which are encoded where they are not there yet.

    options: the options of `command_line.encoding` that are given, such as {"codec": "x265", "qp": [22, 27]}. Each set
    of options has its own folder inside `folder`, so other QPs are in another one. Raises InputError as building a
    dataset does.
    """
    given = {name: value if isinstance(value, list | tuple) else [value] for name, value in options.items()}
    words = ("-".join((name.replace("_", "-"), *map(str, values))) for name, values in given.items())
    chosen = folder / ("_".join(words) or "default").replace("/", ",")  # in a rate such as 30000/1001
    formats = {field.name: options[field.name] for field in fields(FormatOptions) if field.name in options}
    preset, frames = options.get("preset"), options.get("frames", 0)
    settings = Settings(
        codec=choose_codec(str(options.get("codec", "x265")), None if preset is None else str(preset)),
        qps=[int(qp) for qp in given.get("qp", [])],  # type: ignore[arg-type]
        formats=FormatOptions(**formats),  # type: ignore[arg-type]
        first_frames=int(frames),  # type: ignore[arg-type]
        as_clip="as_clip" in options,
        ctu_size=ctu_size,
    )
    tasks = list(Progress(plan(sequences, chosen, settings), unit="file", desc="reading sources"))
    chosen.mkdir(parents=True, exist_ok=True)
    missing = [task for task in tasks if not is_whole(task)]
    for reason in Progress(build_all(missing), total=len(missing), unit="file", desc="encoding"):
        if reason:
            raise InputError(reason)
    names = {task.info.source for task in tasks}
    return [shard for shard in open_folder(chosen) if shard.info.source in names]  # others are of a former report
