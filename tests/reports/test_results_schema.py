"""Test that the schema of results.json refuses unknown fields, and that docs/results.md explains every field."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from experiments.reports.shared import page
from tests.reports.results_schema import SCHEMA

SWEEP = {
    "schema": page.SCHEMA,
    "report": "sweep",
    "about": {"trials": "1"},
    "tables": {
        "networks": [
            {
                "name": "C3", "recipe": {"steps": 3, "qps": [], "start": ""}, "kmac_per_sample": 1.5, "parameters": 7,
                "figure": "gain", "mean": None, "by_qp": {"22": 0.1}, "on_front": True,
            }
        ]
    },
}  # fmt: skip


def faults(content: object) -> int:
    return sum(1 for _ in Draft202012Validator(SCHEMA).iter_errors(content))


def test_the_schema_is_a_schema_and_takes_a_report() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert faults(SWEEP) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "codecnn-results-0"},
        {"report": "gain"},
        {"report": "weather"},
        {"about": {"trials": 1}},
        {"more": 1},
        {"memory": 1},
        {"notes": {}},
        {"tables": {}},
        {"tables": {"networks": [], "more": []}},
        {"tables": {"networks": [SWEEP["tables"]["networks"][0] | {"more": 1}]}},  # type: ignore[index]
        {"tables": {"networks": [SWEEP["tables"]["networks"][0] | {"mean": "0.1"}]}},  # type: ignore[index]
    ],
)
def test_what_is_not_described_is_refused(change: dict[str, Any]) -> None:
    assert faults(SWEEP | change) > 0


def objects(schema: object) -> Iterator[dict[str, Any]]:
    """Yield every description of an object within a schema."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for part in schema.values():
            yield from objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects(part)


def test_unknown_fields_are_refused_everywhere() -> None:
    found = list(objects(SCHEMA["$defs"]))
    assert len(found) > 20
    assert all("additionalProperties" in each for each in found)
    assert all(report in SCHEMA["$defs"] for report in SCHEMA["properties"]["report"]["enum"])


def test_every_field_is_explained() -> None:
    text = (Path(__file__).parents[2] / "docs" / "results.md").read_text()
    start, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    sections = {part.split(":")[0]: part for part in parts}
    assert list(sections) == SCHEMA["properties"]["report"]["enum"]
    assert all(f"| `{field}` |" in start for field in SCHEMA["properties"])
    for report, section in sections.items():
        for table, rows in SCHEMA["$defs"][report]["properties"].items():
            assert f"`{table}`: a row is {rows['description']}." in section
            for field, part in rows["items"]["properties"].items():
                if "description" in part:
                    assert re.search(
                        rf"^\| `{field}` \| .* \| {re.escape(part['description'])} \|$", section, re.MULTILINE
                    )
                else:  # a statistic of the labels
                    assert f"`{field}`" in section or field.startswith("rd.")
