"""Measure VMAF by the ffmpeg of imageio-ffmpeg, or any other with the filter libvmaf."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path

import numpy as np

from codecnn.codecs.vvenc import find_ffmpeg
from codecnn.errors import InputError
from codecnn.video.output import open_output
from codecnn.video.picture import Picture, VideoFormat
from codecnn.video.tags import Tags

ORIGINAL = "original"


@cache
def find_vmaf() -> str:
    """Return the path of an ffmpeg with libvmaf, on the PATH or of imageio-ffmpeg; InputError without one."""
    with suppress(InputError):
        for program in filter(None, (shutil.which("ffmpeg"), find_ffmpeg())):
            listed = subprocess.run([program, "-v", "error", "-filters"], capture_output=True, text=True, check=False)
            if " libvmaf " in listed.stdout:
                return program
    raise InputError("vmaf: there is no ffmpeg with the filter libvmaf; pip install 'codecnn[vvc]' brings one")


class VmafClips:
    """Keep an original and other pictures of it as files, frame by frame, until their scores are asked for."""

    def __init__(self, original: Picture, pictures: Mapping[str, Picture]) -> None:
        """Make the files; only luma is kept, since only luma counts."""
        self.stack = ExitStack()
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="codecnn-vmaf-")))
        height, width = original.y.shape
        fmt = VideoFormat(width, height, original.bit_depth)
        self.grey = np.full(fmt.plane_shapes[1], 1 << (original.bit_depth - 1), fmt.dtype.newbyteorder("="))
        self.files = {name: self.folder / f"{index}.y4m" for index, name in enumerate([ORIGINAL, *pictures])}
        self.writing = self.stack.enter_context(ExitStack())
        self.write = {n: self.writing.enter_context(open_output(f, fmt, Tags())) for n, f in self.files.items()}

    def add(self, original: Picture, pictures: Mapping[str, Picture]) -> None:
        """Add the next frame."""
        for name, picture in ({ORIGINAL: original} | dict(pictures)).items():
            self.write[name](Picture(picture.y, self.grey, self.grey, picture.bit_depth), 0)

    def close(self) -> None:
        """Remove the files."""
        self.stack.close()

    def scores(self) -> dict[str, list[float]]:
        """Return the score of every frame by picture, 0 to 100, and remove the files.

        By the model vmaf_v0.6.1. Li et al., "Toward a practical perceptual video quality metric", Netflix, 2016.
        """
        self.writing.close()
        with self.stack:
            return {name: self._scores(path) for name, path in self.files.items() if name != ORIGINAL}

    def _scores(self, path: Path) -> list[float]:
        # In the folder, since a path can hold what the syntax of filters does not take.
        command = [find_vmaf(), "-v", "error", "-nostdin", "-i", path.name, "-i", self.files[ORIGINAL].name]
        options = "libvmaf=log_fmt=json:log_path=log.json:model=version=vmaf_v0.6.1"
        done = subprocess.run(
            [*command, "-lavfi", options, "-f", "null", "-"],
            cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise InputError(f"vmaf: ffmpeg failed: {' '.join(done.stderr.split())[:300]}")
        log = json.loads((self.folder / "log.json").read_text())
        return [frame["metrics"]["vmaf"] for frame in log["frames"]]
