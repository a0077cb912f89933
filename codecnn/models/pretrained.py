"""The weights that come with the project, and those of a user, by their name."""

from importlib.resources import files
from pathlib import Path

from codecnn.errors import InputError

SHIPPED = Path(str(files("codecnn.models") / "pretrained_files"))


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
