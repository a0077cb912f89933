"""Imports go one way: the library knows no command, and the commands do not know each other."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def modules(package: str) -> list[Path]:
    return [path for path in (ROOT / package).rglob("*.py") if path.name != "__init__.py"]


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("codecnn", ("command_line", "data_tools", "experiments", "benchmarks", "tests", "argparse", "tqdm")),
        ("data_tools", ("experiments", "benchmarks", "tests")),
        ("experiments", ("data_tools", "benchmarks", "tests")),
    ],
)
def test_imports_go_one_way(package: str, forbidden: tuple[str, ...]) -> None:
    assert modules(package)
    for path in modules(package):
        wrong = {name for name in imported(path) if name.split(".")[0] in forbidden}
        assert not wrong, f"{path} imports {wrong}"


def test_the_library_prints_nothing() -> None:
    for path in modules("codecnn"):
        calls = [n.func for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
        assert not [f for f in calls if isinstance(f, ast.Name) and f.id == "print"], path


def test_packages_have_no_code_in_their_init() -> None:
    for package in ("codecnn", "data_tools", "experiments"):
        for path in (ROOT / package).rglob("__init__.py"):
            assert path.read_text() == "", path
