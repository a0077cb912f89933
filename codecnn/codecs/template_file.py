"""Read codec templates from YAML files."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from codecnn.codecs.placeholders import list_placeholders
from codecnn.codecs.template import CommandTemplate
from codecnn.errors import InputError
from codecnn.io.validated import validated
from codecnn.io.yaml_files import read_yaml

SHIPPED = Path(str(files("codecnn.codecs") / "templates"))


def list_shipped_templates() -> list[str]:
    """Return the names of the templates that come with the project."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def load_template(name: str, encoder: str = "", config: str = "") -> CommandTemplate:
    """Return the template of a file, or a shipped one by its name; `encoder` and `config`, if given, replace its own.

    Raises InputError with the name of the file if it cannot be read, or holds no template that can work.
    """
    path = SHIPPED / f"{name}.yaml" if name in list_shipped_templates() else Path(name)
    if not name or not path.exists():
        known = ", ".join(list_shipped_templates())
        raise InputError(f"{name or repr(name)}: no such file, and no shipped template ({known})")
    template = validated(CommandTemplate, read_yaml(path), str(path))
    for placeholder, given in (("encoder", encoder), ("config", config)):
        commands = (*template.commands, template.version_command)
        if given and not any(placeholder in list_placeholders(command) for command in commands):
            raise InputError(f"{given}: the template {template.name} has no {{{placeholder}}} in its commands")
    return replace(template, encoder=encoder or template.encoder, config=config or template.config)
