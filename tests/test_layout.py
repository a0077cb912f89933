"""Test the rules of the layout that import-linter cannot check; its own are in pyproject.toml."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("codecnn", "command_line", "data_tools", "experiments", "html_pages")


def modules(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found
    return found


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("package", [*PACKAGES, "benchmarks", "tests"])
def test_imports_are_absolute(package: str) -> None:
    for path in modules(package):
        relative = [node for node in nodes(path) if isinstance(node, ast.ImportFrom) and node.level]
        assert not relative, path


def test_the_library_prints_nothing() -> None:
    for path in modules("codecnn"):
        called = [node.func for node in nodes(path) if isinstance(node, ast.Call)]
        assert not [name for name in called if isinstance(name, ast.Name) and name.id == "print"], path


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_have_no_code_in_their_init(package: str) -> None:
    public_names = {ROOT / "codecnn" / "__init__.py", ROOT / "codecnn" / "hevc" / "__init__.py"}
    for path in modules(package):
        assert path.name != "__init__.py" or path in public_names or path.read_text(encoding="utf-8") == "", path
