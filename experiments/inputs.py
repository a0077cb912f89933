"""What a report is made of: weights by their file, run folder or name, and sequences that are encoded for it."""

import subprocess
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from codecnn.errors import InputError

SHIPPED = Path(str(files("experiments") / "weights"))


def find_weights(name: str) -> Path:
    """The weights file of that name: a file, the best of a run folder, or those that come with the project."""
    path = Path(name)
    if path.is_dir():
        return path / "best.safetensors"
    shipped = {file.stem: file for file in SHIPPED.glob("*.safetensors")}
    if path.exists() or name not in shipped:
        if not path.exists():
            raise InputError(f"{name}: no such file or folder, and no weights of the project ({', '.join(shipped)})")
        return path
    return shipped[name]


def encode(sequences: Sequence[Path], folder: Path, options: Sequence[str]) -> None:
    """Make a dataset by build-dataset in a process of its own; InputError with what it says if it fails."""
    command = [sys.executable, "-m", "data_tools.build_dataset", "--no-labels", f"--out={folder}", *options]
    command += ["--", *map(str, sequences)]
    result = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if line.startswith("build-dataset: ")]
        reason = lines[0].removeprefix("build-dataset: ") if lines else f"build-dataset ended with {result.returncode}"
        raise InputError(reason)
