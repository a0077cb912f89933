"""Read the file of a study: a base configuration, and the fields that are varied."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from codecnn.errors import InputError
from codecnn.io.validated import validated
from codecnn.io.yaml_files import read_yaml
from codecnn.models.registry import FAMILIES
from codecnn.tasks.registry import TASKS
from codecnn.training.recipe import Recipe, Training, describe

Fields = dict[str, Any]  # fields of a recipe, by their dotted names
T = TypeVar("T")


def read_study(path: Path, kind: type[T]) -> T:
    """Return the study of a YAML file as a dataclass; InputError, naming the file, if it is not valid."""
    return validated(kind, read_yaml(path), str(path))


def flatten(fields: object, where: str, task: str) -> Fields:
    """Return fields of a recipe, nested or dotted, by dotted names; InputError if a field is unknown or given twice."""
    if not isinstance(fields, Mapping):
        raise InputError(f"{where}: must be a mapping of fields of a configuration, not {fields!r}")
    flat: Fields = {}
    known = known_fields(task, str(fields.get("network", TASKS[task].network)), where)
    for key, value in fields.items():
        nested = isinstance(value, Mapping) and not isinstance(known.get(str(key)), dict)  # weights are one field
        inner = {f"{key}.{name}": v for name, v in value.items()} if nested else {str(key): value}
        for name in inner:
            if name in flat:
                raise InputError(f"{where}: {name} is given twice")
        flat |= inner
    for name in flat:
        if name not in known:
            raise InputError(f"{where}: unknown field {name}")
    return flat


def known_fields(task: str, network: str, where: str) -> Fields:
    """Return all fields of a recipe with their defaults; InputError if there is no such network."""
    if network not in FAMILIES:
        raise InputError(f"{where}: network must be one of {', '.join(FAMILIES)}, not {network!r:.80}")
    return describe(Recipe(Training(), TASKS[task](), FAMILIES[network].config()))


def known_task(name: str, where: str) -> str:
    """Return the name of a task; InputError if there is no such task."""
    if name not in TASKS:
        raise InputError(f"{where}: task must be one of {', '.join(TASKS)}, not {name!r:.80}")
    return name
