"""Say what a report was made by, and from which data."""

import argparse
from collections.abc import Sequence
from importlib.metadata import version

from codecnn.dataset.integrity import fingerprint
from codecnn.dataset.reader import Shard
from codecnn.training.provenance import commit


def provenance(args: argparse.Namespace, shards: Sequence[Shard] = ()) -> dict[str, str]:
    """Describe the command, the commit of the code, and the dataset."""
    data = {"dataset": f"{len(shards)} files, sha256 {fingerprint(shards)}"} if shards else {}
    return {**data, "command": args.command, "commit": f"{commit()}, version {version('codecnn')}"}
