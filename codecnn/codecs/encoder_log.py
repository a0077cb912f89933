"""Find in an encoder's log why it refuses, and read the logs of the libraries behind libavcodec.

Some of these libraries write straight to the terminal, so a log is read in a process of its own, where nothing else can
come between.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping

PROGRAM = """
import json, sys, av
from fractions import Fraction
settings = json.loads(sys.argv[1])
av.logging.set_libav_level(getattr(av.logging, settings["level"]))
av.logging.restore_default_callback()
encoder = av.CodecContext.create(settings["library"], "w")
encoder.width, encoder.height, encoder.pix_fmt = settings["width"], settings["height"], settings["pixel_format"]
encoder.time_base, encoder.options = 1 / Fraction(settings["fps"]), settings["options"]
try:
    encoder.open()
except av.FFmpegError:
    pass
"""
# What FFmpeg, SVT-AV1, x264 and x265 write before a message.
PREFIX = re.compile(r"(\[[\w#:./ -]+ @ \w+\] ?)+|(Svt|x26[45]) ?\[\w+\]: ?")
FAILURE = re.compile(
    r"error|fail|invalid|illegal|unknown|unable|cannot|could not|not supported|unsupported|exceed|must be|out of range",
    re.IGNORECASE,
)


def find_reason(log: str) -> str:
    """Return the line of a program's log that says why it failed: the first that speaks of a failure, or the last."""
    lines = _messages(log)
    failures = (line for line in lines if FAILURE.search(line) and "warning" not in line.lower())
    return next(failures, lines[-1] if lines else "it printed nothing")


def log_of_opening(
    library: str, width: int, height: int, pixel_format: str, fps: str, options: Mapping[str, str], level: str = "ERROR"
) -> list[str]:
    """Return the lines that an encoder of libavcodec logs when it is opened; `level` is ERROR or INFO."""
    settings = {
        "library": library,
        "width": width,
        "height": height,
        "pixel_format": pixel_format,
        "fps": fps,
        "options": {name: value.replace("log-level=none", "log-level=error") for name, value in options.items()},
        "level": level,
    }
    environment = {**os.environ, "SVT_LOG": {"ERROR": "1", "INFO": "3"}[level]}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(settings)],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    return _messages(done.stderr.decode(errors="replace"))


def _messages(log: str) -> list[str]:
    """Return the lines that are not empty, each once, without what stands before the message."""
    lines = (PREFIX.sub("", line).strip() for line in re.split(r"[\r\n]+", log))
    return list(dict.fromkeys(line for line in lines if line))
