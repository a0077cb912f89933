"""Build a wheel, install it into an empty virtual environment, and run the demo's commands there on small settings.

Nothing runs in the checkout and nothing is written to it: what the wheel lacks is missing. Run by `make wheel-test`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
IN_THE_WHEEL = (
    "codecnn",
    "command_line",
    "data_tools",
    "experiments",
    "html_pages",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)
PICTURES = ("astronaut", "chelsea")  # photographs that come with scikit-image
TRAINING = ("--steps=10", "--optimiser.warmup=2", "--batch=2", "--validate-every=10", "--checkpoint-every=10")

PACKAGE_DATA = """
from importlib.metadata import files, metadata
from importlib.resources import files as inside
from pathlib import Path

import codecnn
from codecnn.codecs.template_file import load_template, list_shipped_templates
from codecnn.intra.mip import predict_mip

assert Path(codecnn.__file__).is_relative_to(Path.cwd().parent / "venv"), codecnn.__file__
assert codecnn.__version__ == metadata("codecnn")["Version"]
assert metadata("codecnn")["License-Expression"] == "BSD-3-Clause"
for name in codecnn.__all__:
    getattr(codecnn, name)
for place, pattern, count in (
    ("codecnn", "py.typed", 1),
    ("codecnn", "__init__.pyi", 1),
    ("codecnn/codecs/templates", "*.yaml", 3),
    ("codecnn/intra", "mip_matrices.npz", 1),
    ("codecnn/labels", "magnitude_counts.npz", 1),
    ("codecnn/models/pretrained", "*.safetensors", 6),
    ("codecnn/models/pretrained", "*.md", 6),
    ("experiments/configs", "demo.yaml", 1),
    ("experiments/configs", "modes_8.yaml", 1),
    ("experiments/reports/shared", "results.schema.json", 1),
    ("experiments/reports/shared", "*.jinja", 1),
    ("html_pages/static/uplot", "*", 3),
):
    package, *rest = place.split("/")
    found = list(Path(str(inside(package))).joinpath(*rest).glob(pattern))
    assert len(found) >= count, f"{place}/{pattern}: {len(found)} files in the wheel, not {count}"
assert any(path.name == "LICENSE" for path in files("codecnn"))
for name in list_shipped_templates():
    load_template(name)
codecnn.load_weights("rdn_xs")
"""


def run(*command: object, folder: Path) -> None:
    """Run a command in a folder without what the caller's environment says of Python; end if it fails."""
    words = [str(word) for word in command]
    print("+", *(word if "\n" not in word else "..." for word in words), flush=True)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    if status := subprocess.run(words, cwd=folder, env=environment, check=False).returncode:
        sys.exit(f"check_wheel: {Path(words[0]).name} ended with exit status {status}")


def build_wheel(folder: Path) -> Path:
    """Build the wheel from a copy of the sources: setuptools leaves files beside them, and packs old ones again."""
    sources = folder / "sources"
    sources.mkdir()
    for name in IN_THE_WHEEL:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, sources)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, sources, folder=folder)
    (wheel,) = folder.glob("codecnn-*.whl")
    return wheel


def main() -> None:
    """Build, install, run."""
    with tempfile.TemporaryDirectory(prefix="codecnn-wheel.") as name:
        folder = Path(name).resolve()
        wheel = build_wheel(folder)
        venv.create(folder / "venv", with_pip=True)
        scripts, work = folder / "venv" / "bin", folder / "work"
        work.mkdir()
        pip = (scripts / "python", "-m", "pip", "--disable-pip-version-check")
        run(*pip, "install", "--quiet", "--no-compile", "--constraint", ROOT / "constraints.txt", wheel, folder=work)
        run(scripts / "python", "-c", PACKAGE_DATA, folder=work)
        (data,) = (folder / "venv" / "lib").glob("python*/site-packages/skimage/data")
        pictures = [data / f"{picture}.png" for picture in PICTURES]
        run(scripts / "build-dataset", *pictures, "--out=data", "--qp", "32", "37", "--no-labels", folder=work)
        run(scripts / "train-filter", "demo", "--data=data", "--out=run", *TRAINING, folder=work)
        run(scripts / "report-gain", "run", "--data=data", "--out=report", folder=work)
        for made in ("report.md", "results.json"):
            if not (work / "report" / made).is_file():
                sys.exit(f"check_wheel: report-gain wrote no {made}")
    print("the wheel works")


if __name__ == "__main__":
    main()
