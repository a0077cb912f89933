"""Read the command line of a training: a configuration file, and options for any of its fields."""

import re
from argparse import ArgumentError, HelpFormatter
from collections.abc import Sequence
from dataclasses import fields
from importlib.resources import files
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any, get_origin

from jsonargparse import ArgumentParser

from codecnn.errors import InputError
from codecnn.io.yaml_files import read_yaml
from codecnn.models.registry import FAMILIES
from codecnn.tasks.task import Task
from codecnn.training.recipe import Recipe, Run, Training
from command_line.arguments import path

CONFIGS = Path(str(files("experiments") / "configs"))


class HyphenParser(ArgumentParser):
    """Show options with hyphens, where jsonargparse has underscores."""

    def format_help(self, formatter: HelpFormatter | None = None) -> str:
        """Return the help text."""
        return re.sub(r"--[\w.-]+", lambda option: option[0].replace("_", "-"), super().format_help(formatter))


def parse_run(prog: str, task: type[Task[Any]], argv: Sequence[str]) -> Run:
    """Return the run that a command line describes; InputError if it is not valid.

    The first argument may be a configuration file, or the name of one that comes with the project, such as "demo".
    """
    lists = [part.name for kind in (Training, task) for part in fields(kind) if get_origin(part.type) is tuple]  # type: ignore[arg-type]
    words = _with_lists(_normalised(argv), lists)
    parser = _parser(prog, task, _network_name(words, task.network))
    try:
        return _run(parser, task, words)
    except InputError as error:
        for file in (value for option, value in pairwise(words) if option == "--config"):
            its = _network_name(["--config", file], task.network)
            try:
                _run(_parser(prog, task, its), task, ["--config", file, "--data", "data", "--out", "out"])
            except InputError as of_file:
                if str(of_file) == str(error):  # not a fault of the options
                    raise InputError(f"{file}: {error}") from error
        raise


def _run(parser: ArgumentParser, task: type[Task[Any]], words: Sequence[str]) -> Run:
    """Return the run; InputError if a field is unknown, or has a value that cannot be."""
    try:
        given = parser.instantiate(parser.parse_args(words))
        training, its = ({part.name: given[part.name] for part in fields(kind)} for kind in (Training, task))  # type: ignore[arg-type]
        recipe = Recipe(Training(**training), task(**its), given.model)
    except (ArgumentError, ValueError) as error:
        raise InputError(" ".join(str(error).split())) from error
    except TypeError as error:
        raise InputError("model and optimiser must be sets of fields, not a single value or none") from error
    return Run(recipe, tuple(given.data), given.val, given.out, given.resume, given.test)


def _parser(prog: str, task: type[Task[Any]], network: str) -> ArgumentParser:
    parser = HyphenParser(
        prog=prog,
        usage=f"{prog} CONFIG --data DIR ... --out DIR [--val DIR] [--test DIR] [--resume] "
        "[--quiet | --verbose] [--any.field VALUE ...]",
        description=f"Train a network on folders of datasets. Task: {task.name}.",
        exit_on_error=False,
    )
    add = parser.add_argument
    add("--config", action="config", help="the configuration file, where it is not the first argument")
    add("--data", type=path, nargs="+", required=True, help="folders of dataset files to train on")
    add("--val", type=path, help="folder of dataset files to validate on, in place of held-out sources")
    add("--test", type=path, help="folder of dataset files that the best weights are judged on once, at the end")
    add("--out", type=path, required=True, help="folder of the run: weights, checkpoint, metrics.jsonl")
    add("--resume", action="store_true", help="continue the run in --out")
    parser.add_class_arguments(FAMILIES[network].config, "model")
    add("--network", default=task.network, help=f"the network, whose fields are those of model: {', '.join(FAMILIES)}")
    parser.add_class_arguments(Training)
    parser.add_class_arguments(task)
    titles = {"model": f"the network, {network}", "Training": "the training", task.__name__: f"the task, {task.name}"}
    for name, group in (parser.groups or {}).items():
        group.title = titles.get(name, group.title)
    return parser


def _normalised(argv: Sequence[str]) -> list[str]:
    """Return the words in the form that jsonargparse needs.

    Names of fields get underscores. --config is put before a configuration file that is the first argument, and stands
    apart from its value. Names of configurations become paths.
    """
    words = list(argv)
    if words and not words[0].startswith("-"):
        words = ["--config", *words]
    split: list[str] = []
    for word in words:
        if word.startswith("--"):
            option, equals, value = word.partition("=")
            word = "--" + option[2:].replace("-", "_") + equals + value
        split += word.split("=", 1) if word.startswith("--config=") else [word]
    for place, (option, value) in enumerate(pairwise(split)):
        if option == "--config":
            if not Path(value).is_file() and (CONFIGS / f"{value}.yaml").exists():
                split[place + 1] = str(CONFIGS / f"{value}.yaml")
            file = Path(split[place + 1])
            if not isinstance(read_yaml(file), dict):  # which refuses files that the parser would need too long for
                raise InputError(f"{file}: no configuration: it has no fields, such as steps: 1000")
    return split


def _with_lists(words: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the words with the numbers after one of these options as one value: --qps 22 27 as --qps=[22,27]."""
    rest, joined = list(words), []
    while rest:
        word = rest.pop(0)
        numbers = list(takewhile(str.isdecimal, rest)) if word.removeprefix("--") in names else []
        joined.append(f"{word}=[{','.join(numbers)}]" if numbers else word)
        rest = rest[len(numbers) :]
    return joined


def _network_name(words: Sequence[str], name: str) -> str:
    """Return the last network that a configuration or an option names; InputError if it is not known."""
    for option, value in pairwise([*words, ""]):
        if option == "--config":
            fields_of_file = read_yaml(Path(value))
            assert isinstance(fields_of_file, dict)  # `_normalised` refuses others
            name = str(fields_of_file.get("network", name))
        elif option == "--network":
            name = value
        elif option.startswith("--network="):
            name = option.partition("=")[2]
    if name not in FAMILIES:
        raise InputError(f"network must be one of {', '.join(FAMILIES)}, not {name!r:.80}")
    return name
