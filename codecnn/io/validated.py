"""Check the contents of a file against a type, by pydantic; all files are validated in this way."""

import json
from collections.abc import Hashable
from functools import cache
from typing import Any, Literal, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from codecnn.errors import InputError

T = TypeVar("T")


def validated(kind: type[T], value: object, where: str, extra: Literal["forbid", "ignore"] = "forbid") -> T:
    """Return plain values from a file (as JSON has them) as `kind`, such as a dataclass or `list[int]`.

    Nothing is converted: a number in quotes is no number, and true is no number. `extra` says whether fields that the
    type does not have are an error. Raises InputError in one line, which begins with `where` and names the field.
    """
    try:
        checked: T = _adapter(cast(Hashable, kind)).validate_json(json.dumps(value), strict=True, extra=extra)
        return checked
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise InputError(f"{where}: {_in_words(first)}") from error
    except (RecursionError, TypeError, ValueError) as error:  # YAML has types that JSON lacks, such as dates
        raise InputError(f"{where}: {' '.join(str(error).split())}") from error


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(Any, kind))


def _in_words(error: Any) -> str:  # noqa: ANN401
    """Describe an error of pydantic by the field, the rule and the value."""
    field = ".".join(str(part) for part in error["loc"])
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    said = f"{field}: {message}" if field else message
    missing_or_own = error["type"] in ("missing", "missing_argument", "value_error")  # these words say it all
    return said if missing_or_own else f"{said}, not {error['input']!r:.80}"
