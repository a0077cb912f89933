"""Codec templates read from YAML files."""

from argparse import ArgumentError
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from jsonargparse import ArgumentParser

from codecnn.codecs.template import CommandTemplate
from codecnn.errors import InputError
from codecnn.io.yaml_files import read_yaml

SHIPPED = Path(str(files("codecnn.codecs") / "templates"))


def shipped_templates() -> list[str]:
    """The names of the templates that come with the project."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def load_template(name: str, encoder: str = "", config: str = "") -> CommandTemplate:
    """A template from a file, or a shipped one by its name; `encoder` and `config`, if given, go before what it says.

    Raises InputError that names the file if it cannot be read, or is not a template that can work.
    """
    path = SHIPPED / f"{name}.yaml" if name in shipped_templates() else Path(name)
    if not name or not path.exists():
        known = ", ".join(shipped_templates())
        raise InputError(f"{name or repr(name)}: no such file, and no shipped template ({known})")
    fields = read_yaml(path)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(CommandTemplate, "template")
    try:
        template = parser.instantiate(parser.parse_object({"template": fields})).template
    except (ArgumentError, TypeError, ValueError) as error:
        reason = " ".join(str(error).replace("template.", "").replace("Group 'template'", "a template").split())
        raise InputError(f"{path}: {reason}") from error
    assert isinstance(template, CommandTemplate)
    return replace(template, encoder=encoder or template.encoder, config=config or template.config)
