"""Sequences that are encoded for a report."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from codecnn.dataset.store import Shard, open_folder
from codecnn.errors import InputError


def encode(sequences: Sequence[Path], folder: Path, options: Mapping[str, Sequence[str]]) -> list[Shard]:
    """The dataset files of sequences, made by build-dataset in a process of its own, which ends with this one.

    options: of build-dataset with their values, such as {"qp": ["22", "27"]}; what was made with others, which may be
    of other QPs, is in another folder inside of `folder`. Raises InputError with what build-dataset says if it fails.
    """
    made_with = "_".join("-".join((name, *values)) for name, values in options.items()) or "default"
    chosen = folder / made_with.replace("/", ",")  # in a rate such as 30000/1001
    command = [sys.executable, "-m", "data_tools.build_dataset", "--no-labels", f"--out={chosen}"]
    for name, values in options.items():
        command += [f"--{name}", *values]
    command += ["--", *map(str, sequences)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        try:
            _, said = process.communicate()
        except BaseException:
            process.terminate()  # not killed: it leaves no part of a file, and no encoder
            process.communicate()
            raise
    if process.returncode:
        lines = [line for line in said.splitlines() if line.startswith("build-dataset: ")]
        reason = lines[0].removeprefix("build-dataset: ") if lines else f"build-dataset ended with {process.returncode}"
        raise InputError(reason)
    names = {path.name for path in sequences}
    return [shard for shard in open_folder(chosen) if shard.info.source in names]  # others are of a former report
