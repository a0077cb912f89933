"""Test what `import codecnn` loads and offers, and that all modules import without what only Unix has."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import codecnn

ROOT = Path(__file__).parent.parent.parent
SLOW_TO_LOAD = {"torch", "numba", "h5py", "scipy", "av", "numpy", "pydantic"}
ONLY_ON_UNIX = ("resource", "fcntl", "pwd", "grp", "termios")

LOADED = "import sys, codecnn; print(*sys.modules)"

# Other packages may use such modules after a look at the platform, so they are loaded before.
AS_ON_WINDOWS = """
import sys
from importlib import import_module
from pkgutil import walk_packages

packages = ("codecnn", "command_line", "data_tools", "experiments", "benchmarks")
names = [module.name for package in packages for module in walk_packages([package], f"{package}.")]
names.remove("benchmarks.__main__")
for name in names:
    import_module(name)
for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
    del sys.modules[name]
for name in sys.argv[1:]:
    sys.modules[name] = None
for name in names:
    import_module(name)
print(len(names))
"""


def python(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


def test_the_import_loads_nothing_slow() -> None:
    loaded = {name.partition(".")[0] for name in python(LOADED).split()}
    assert "codecnn" in loaded
    assert not loaded & SLOW_TO_LOAD


def test_every_module_can_be_imported_without_the_modules_of_unix() -> None:
    assert int(python(AS_ON_WINDOWS, *ONLY_ON_UNIX)) > 120


@pytest.mark.parametrize("name", codecnn.__all__)
def test_a_public_name_is_there(name: str) -> None:
    thing = getattr(codecnn, name)
    assert thing.__name__ == name
    assert thing.__doc__
    assert name in dir(codecnn)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        codecnn.no_such_name  # type: ignore[attr-defined]  # noqa: B018


def test_the_version_is_that_of_the_project_file() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        assert codecnn.__version__ == tomllib.load(file)["project"]["version"]
