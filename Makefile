# One command set for people and for CI. Everything runs in .venv, made from exact pins on first use.
PYTHON ?= python3.11
# Processes that share the tests out, file by file.
TEST_WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# A process that dies ends the run and names its test: pytest-xdist would start another, and may then wait forever.
PYTEST = $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --max-worker-restart 0

# TensorFlow's start-up chatter hides the lines that matter; pyright must not ask the network for a newer pyright.
export TF_CPP_MIN_LOG_LEVEL ?= 2
export PYRIGHT_PYTHON_IGNORE_WARNINGS ?= 1

# Tests start many processes, which would compile every module anew; and each has a core, not all of them.
unexport PYTHONDONTWRITEBYTECODE
test test-slow coverage: export TF_NUM_INTRAOP_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow coverage lint format docs bench growth reach lock

help:
	@echo 'make demo       build, train and evaluate three-digit additions (out/demo), and ask shipped models; run again, it'
	@echo '                goes on where it was interrupted, and begins anew with DEMO=--overwrite'
	@echo 'make test       the tests'
	@echo 'make test-slow  the tests that take minutes, and ten times as many examples of each property or more'
	@echo 'make coverage   the tests with branch coverage; fails below the floor in pyproject.toml'
	@echo 'make lint       ruff format --check, ruff check, pyright'
	@echo 'make format     ruff format and the safe fixes'
	@echo 'make docs       write docs/recipe.md and its schema anew from the code'
	@echo 'make bench      the tables of speeds (out/bench); BENCH=--large for the 50 M rows,'
	@echo '                BENCH="--before CLONE" for another version beside'
	@echo 'make growth     cost and memory by number of terms and of equations, as a picture (docs/growth.svg)'
	@echo 'make reach      three-digit addition: speed, samples, throughput (out/reach); REACH="--only speed" for a part'
	@echo 'make lock       resolve requirements.lock anew from setup.py (needs uv)'
	@echo 'make install    only the environment: $(VENV)'

install: $(INSTALLED)

$(INSTALLED): requirements.lock setup.py $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m pip --disable-pip-version-check check
	@touch $@

$(BIN)/python:
	@command -v $(PYTHON) > /dev/null || { \
	  echo "make: '$(PYTHON)' was not found: install Python 3.11, or name one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
	  echo "make: requirements.lock is for Python 3.11, got $$($(PYTHON) --version 2>&1): make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo "make: this $(PYTHON) has no venv module (on Debian: apt-get install python3.11-venv)" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)

demo: $(INSTALLED)
	$(BIN)/eqstream run addition-3digit --out out/demo $(DEMO)
	@echo 'Three questions to models that come with eqstream:'
	$(BIN)/eqstream predict --steps "131 + 83 - 744 * 33" "847 / 7 - 12" \
	  "123456789012345678901234567890 + 987654321098765432109876543210"

test: $(INSTALLED)
	$(PYTEST)

test-slow: $(INSTALLED)
	$(PYTEST) -m "slow or hypothesis" --hypothesis-profile thorough

coverage: $(INSTALLED)
	$(PYTEST) --cov --cov-report=term:skip-covered

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(INSTALLED)
	$(BIN)/python docs/make_recipe_reference.py

bench: $(INSTALLED)
	$(BIN)/python -m bench.run $(BENCH)

growth: $(INSTALLED)
	$(BIN)/python -m bench.growth $(GROWTH)

reach: $(INSTALLED)
	$(BIN)/python -m bench.reach $(REACH)

lock:
	@command -v uv > /dev/null || { echo "make: 'uv' was not found: pip install uv" >&2; exit 1; }
	uv pip compile setup.py --all-extras --python-version 3.11 --no-header --no-annotate --output-file requirements.lock
