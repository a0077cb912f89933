"""Read YAML files of plain values."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from codecnn.errors import InputError
from codecnn.io.files import require_file


def read_yaml(path: Path) -> object:
    """Return the content of a YAML file: scalars, lists and dictionaries; InputError if it cannot be read or parsed.

    Aliases are refused: with them a short file can expand to gigabytes. So are null characters, and a key that a
    mapping has twice, as only the last of its values would count.
    """
    require_file(path)
    try:
        text = path.read_text("utf-8")
        for token in yaml.scan(text):
            line = token.start_mark.line + 1
            if isinstance(token, yaml.AliasToken):
                raise InputError(f"{path}: line {line} has an alias, *{token.value}: not supported")
            if isinstance(token, yaml.ScalarToken) and "\0" in token.value:  # no argument or attribute can hold it
                raise InputError(f"{path}: line {line} has a null character")
        for key in _repeated(yaml.compose(text, yaml.SafeLoader)):
            raise InputError(f"{path}: line {key.start_mark.line + 1} gives {key.value:.80} a second time")
        return yaml.safe_load(text)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: no text file ({error.reason})") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: no YAML ({' '.join(str(error).split())})") from error


def _repeated(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Yield the keys that a mapping already has, in all that a node holds."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    yield key
                seen.add(key.value)
            yield from _repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated(item)
