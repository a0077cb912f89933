"""Hold results.json of every report to the one schema."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMA = json.loads((files("experiments.reports.shared") / "results.schema.json").read_text())


def read_results(folder: Path) -> dict[str, Any]:
    """The content of a folder's results.json, which is as the schema says."""
    content: dict[str, Any] = json.loads((folder / "results.json").read_text())
    Draft202012Validator(SCHEMA).validate(content)
    return content
