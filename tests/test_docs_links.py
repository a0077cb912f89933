"""Documents name only what exists: links, headings, files, modules, commands and their options."""

import re
import tomllib
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name

import pytest

from tests.extras import extra

ROOT = Path(__file__).parent.parent
CHANGELOG = ROOT / "CHANGELOG.md"  # it also names what was there before
CARDS = sorted((ROOT / "codecnn" / "models" / "pretrained").glob("*.md"))
CURRENT = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")), *CARDS]
TOOLS = {
    ".",
    "cd",
    "cp",
    "make",
    "mkdir",
    "pytest",
    "python",
    "torchrun",
}  # programs other than the project's that documents run

with (ROOT / "pyproject.toml").open("rb") as project:
    SCRIPTS: dict[str, str] = tomllib.load(project)["project"]["scripts"]


def prose(document: Path) -> str:
    """The text without fenced blocks."""
    return re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def spans(document: Path) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`\n]+)`", prose(document))


def commands(document: Path) -> list[str]:
    """The commands of indented blocks, and those between backticks that have arguments."""
    lines = re.findall(r"^ {4}(\S.*)$", prose(document).replace("\\\n", ""), re.MULTILINE)
    parts = [part.strip() for line in lines for part in line.partition(" #")[0].split("&&")]
    return parts + [span for span in spans(document) if re.match(f"({'|'.join([*SCRIPTS, 'make'])}) ", span)]


@pytest.mark.filterwarnings("ignore")  # of Sphinx, about its extensions
def test_the_pages_build_without_a_broken_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Links, headings, docstrings and the table of contents; the notebook has a test of its own."""
    build = extra("sphinx.cmd.build")
    options = ["-q", "-W", "--keep-going", "-b", "dummy", "-D", "nb_execution_mode=off", "-c", str(ROOT / "docs")]
    assert build.main([*options, str(ROOT), str(tmp_path)]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("document", CURRENT, ids=lambda path: path.name)
def test_files_and_modules_between_backticks_exist(document: Path) -> None:
    for span in spans(document):
        if re.match(r"(codecnn|command_line|data_tools|experiments|html_pages|benchmarks|tests)/[^<]*$", span):
            assert list(ROOT.glob(span)), span
        elif re.fullmatch(r"(codecnn|command_line|data_tools|experiments|html_pages)(\.\w+)+", span):
            resolve_name(span)


@pytest.mark.parametrize("document", [*CURRENT, CHANGELOG], ids=lambda path: path.name)
def test_commands_exist(document: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for command in commands(document):
        program, *words = command.split()
        assert program in SCRIPTS or program in TOOLS, command
        assert program != "make" or words[0] in targets, command
        for word in words:
            assert not re.match(r"(experiments|tests)/", word) or (ROOT / word).exists(), command


def test_options_of_commands_exist(capsys: pytest.CaptureFixture[str]) -> None:
    used: dict[str, set[str]] = {}
    for document in CURRENT:
        for command in commands(document):
            program, *words = command.split()
            used.setdefault(program, set()).update(word for word in words if word.startswith("--"))
    assert "--sequences" in used["report-gain"]
    for program in SCRIPTS.keys() & used.keys():
        module, _, function = SCRIPTS[program].partition(":")
        with pytest.raises(SystemExit, match="0"):
            getattr(import_module(module), function)(["--help"])
        help_text = capsys.readouterr().out
        assert "Verbosity." not in help_text
        known = set(re.findall(r"--[\w.-]+", help_text))
        assert used[program] <= known | {"--model.channels"}, program  # of the network in extending.md


def test_every_command_is_in_the_table() -> None:
    table = re.findall(r"^\| `([a-z-]+)", (ROOT / "docs" / "commands.md").read_text(), re.MULTILINE)
    assert sorted(table) == sorted(SCRIPTS)


def test_the_map_of_folders_is_complete() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    folders = [path.parent.relative_to(ROOT) for path in ROOT.glob("codecnn/*/__init__.py")]
    folders += [path.parent.relative_to(ROOT) for path in ROOT.glob("*/__init__.py") if path.parent.name != "codecnn"]
    assert len(folders) > 12
    assert not [str(folder) for folder in folders if f"| `{folder.as_posix()}`" not in text]
