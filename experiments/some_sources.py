"""Take a part of a dataset: some sources, evenly spaced."""

import argparse
from collections.abc import Sequence

from codecnn.dataset.reader import Shard
from command_line.arguments import positive


def add_sources(parser: argparse.ArgumentParser) -> None:
    """Add --sources."""
    parser.add_argument("--sources", type=positive, metavar="N", help="take N sources only, evenly spaced by name")


def some_sources(shards: Sequence[Shard], number: int | None) -> list[Shard]:
    """Return the files of a number of sources, evenly spaced in the order of their names; all if there is no number."""
    names = sorted({shard.info.source_sha256: shard.info.source for shard in shards}.items(), key=lambda item: item[1])
    number = min(number or len(names), len(names))
    taken = {names[index * len(names) // number][0] for index in range(number)}
    return [shard for shard in shards if shard.info.source_sha256 in taken]
