"""Read results.json of a report and check it against the schema."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMA = json.loads((files("experiments.reports.shared") / "results.schema.json").read_text())


def read_results(folder: Path) -> dict[str, Any]:
    """Return the content of a folder's results.json; raise ValidationError unless it fits the schema."""
    content: dict[str, Any] = json.loads((folder / "results.json").read_text())
    Draft202012Validator(SCHEMA).validate(content)
    return content
