# make demo, make weights, make docs, make test, make wheel-test and make bench set up all they need: a virtual
# environment in the checkout, with the versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
RUN := $(VENV)/bin

.PHONY: demo weights docs test wheel-test bench install clean
install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# Photographs that come with scikit-image: five to train on, three others to measure on.
PICTURES = $(shell $(RUN)/python -c 'import skimage; print(skimage.__path__[0])')/data
TRAINING = coffee motorcycle_left motorcycle_right coins moon
MEASURING = astronaut camera chelsea
YUV = --chroma 420 --range limited  # some are grey

demo: $(STAMP)
	rm -rf demo
	$(RUN)/build-dataset $(TRAINING:%=$(PICTURES)/%.png) $(YUV) --out demo/data/train --jobs 2
	$(RUN)/build-dataset $(MEASURING:%=$(PICTURES)/%.png) $(YUV) --out demo/data/val --jobs 2
	$(RUN)/train-filter experiments/configs/demo.yaml --data demo/data/train --out demo/run
	$(RUN)/report-gain demo/run --data demo/data/val --out demo

# All weights from photographs: make weights PHOTOGRAPHS=FOLDER OPTIONS="--jobs 4"; a rerun goes on where it stopped.
weights: $(STAMP)
	$(RUN)/train-weights $(PHOTOGRAPHS) --out weights $(OPTIONS)

# The documents as pages: build/docs/index.html.
docs: $(STAMP)
	$(RUN)/sphinx-build -q -W --keep-going -c docs . build/docs

test: $(STAMP)
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/lint-imports
	CODECNN_ALL_EXTRAS=1 OMP_NUM_THREADS=1 $(RUN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile

# Run the commands from an installed wheel, outside the checkout; most of the time is for pip.
wheel-test: $(STAMP)
	$(RUN)/python tests/packaging/check_wheel.py

bench: $(STAMP)
	$(RUN)/python -m benchmarks

clean:
	rm -rf $(VENV) demo build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
