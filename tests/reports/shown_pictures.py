"""Read what report.html compares, without a browser."""

import json
import math
import re
from pathlib import Path
from typing import Any


def read_pictures(folder: Path) -> list[dict[str, Any]]:
    """Return the pictures of a report as they are in its page."""
    text = (folder / "report.html").read_text("utf-8")
    (data,) = re.findall(
        r'<figure class="comparison">\s*<script type="application/json">(.*?)</script>', text, re.DOTALL
    )
    clips: list[dict[str, Any]] = json.loads(data)["clips"]
    return clips


def psnr_of(clip: dict[str, Any], layer: str) -> float:
    """Return the PSNR of a layer by the squared errors of its CTUs."""
    squared = sum(clip["errors"][clip["layers"].index(layer)])
    return 10 * math.log10((2 ** clip["bit_depth"] - 1) ** 2 * clip["width"] * clip["height"] / squared)
