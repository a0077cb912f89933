"""What a file holds against a type: nothing is converted, and an error is one line that names the field."""

from dataclasses import dataclass, field
from datetime import date

import pytest

from codecnn.errors import InputError
from codecnn.io.validated import validated


@dataclass(frozen=True)
class Inner:
    """A part."""

    low: int
    high: int = 3

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"low must be {self.high} at most, not {self.low}")


@dataclass(frozen=True)
class Outer:
    """A whole."""

    name: str
    share: float = 0.5
    pair: tuple[int, int] = (1, 2)
    parts: dict[str, Inner] = field(default_factory=dict)


def test_plain_values_become_the_type() -> None:
    found = validated(Outer, {"name": "a", "share": 1, "pair": [3, 4], "parts": {"x": {"low": 2}}}, "file")
    assert found == Outer("a", 1.0, (3, 4), {"x": Inner(2)})
    assert validated(dict[str, float], {"a": 2}, "file") == {"a": 2.0}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "name: "),
        ({"name": 3}, "name: must be a valid string, not 3"),
        ({"name": "a", "share": "1"}, "share: must be a valid number, not '1'"),
        ({"name": "a", "share": True}, "share: must be a valid number, not True"),
        ({"name": "a", "pair": [1]}, "pair.1: "),
        ({"name": "a", "pair": [1, 2.0]}, "pair.1: must be a valid integer, not 2.0"),
        ({"name": "a", "more": 1}, "more: Unexpected"),
        ({"name": "a", "parts": {"x": {"low": 4}}}, "parts.x: low must be 3 at most, not 4"),
        ({"name": date(2024, 1, 1)}, "not JSON serializable"),
        ([], "an object"),
    ],
)
def test_what_is_wrong_is_one_line(value: object, said: str) -> None:
    with pytest.raises(InputError) as error:
        validated(Outer, value, "a.yaml")
    text = str(error.value)
    assert text.startswith("a.yaml: ")
    assert said in text
    assert "\n" not in text


def test_more_fields_may_be_ignored() -> None:
    assert validated(Inner, {"low": 1, "more": 1}, "file", extra="ignore") == Inner(1)
