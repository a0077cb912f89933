"""The schema of results.json refuses what it does not describe."""

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
        {"tables": {}},
        {"tables": {"networks": [], "more": []}},
        {"tables": {"networks": [SWEEP["tables"]["networks"][0] | {"more": 1}]}},  # type: ignore[index]
        {"tables": {"networks": [SWEEP["tables"]["networks"][0] | {"mean": "0.1"}]}},  # type: ignore[index]
    ],
)
def test_what_is_not_described_is_refused(change: dict[str, Any]) -> None:
    assert faults(SWEEP | change) > 0


def test_figures_that_are_not_finite_become_null() -> None:
    made = page.results("sweep", {}, {"networks": [{"mean": float("nan"), "by_qp": {22: float("inf")}}]})
    assert made.count(b"null") == 2
