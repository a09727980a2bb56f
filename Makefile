# make demo    set up, then enrol and identify the sample people (PEOPLE=DIR PROBES=DIR: your own)
# make test    set up, then run the tests: the fast tier, then the slower one, which runs the models
# make lint    format, style, types, layers
# make operating-points  fit the shipped thresholds anew, and check them (MASKWISE_DATA=DIR)
# make lock    resolve the dependencies anew into requirements/

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast lint operating-points lock wheel clean

# The first Python on the PATH that is new enough; PYTHON=... names another.
PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11 python3.10,\
  $(if $(shell $(p) -c 'import sys; print(sys.version_info >= (3, 10) or "")' 2>/dev/null),$(p))))
VENV ?= .venv
BIN := $(VENV)/bin
# A process a core, a file of tests at a time: fixtures of a file are made once.
PARALLEL ?= -n auto --maxprocesses 4 --dist loadfile
OUT ?= demo-output

# pip, quiet but for errors; every package is checked against its hash in the lock file.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then echo "maskwise needs Python 3.10 or newer: install it, or name it with make PYTHON=/path/to/python3" >&2; exit 2; fi
	@# A venv that failed halfway (Debian without python3-venv) must not pass for one.
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 2; }

# Two stamps: what the demo needs, and what the tests need on top of it.
$(VENV)/.run: requirements/run.txt pyproject.toml | $(VENV)/bin/python
	$(INSTALL) --require-hashes -r requirements/run.txt
	$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

demo: $(VENV)/.run
	@$(BIN)/maskwise demo --out "$(OUT)" $(if $(PEOPLE),--people "$(PEOPLE)") $(if $(PROBES),--probes "$(PROBES)") \
	  || [ $$? -eq 1 ]  # 1: done, but some photos were skipped; the demo has named them

test: test-fast
	$(BIN)/pytest $(PARALLEL) -m "models or slow" --cov --cov-append --cov-report=term

test-fast: $(VENV)/.dev
	$(BIN)/pytest $(PARALLEL) -m "not models and not slow" --cov --cov-report=

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# After each change of detector, landmarks, alignment, encoder, mask state or drawn masks.
operating-points: $(VENV)/.dev
	$(BIN)/python training/operating_points/fit.py
	$(BIN)/python training/operating_points/check.py > training/operating_points/check.txt
	@cat training/operating_points/check.txt

wheel: $(VENV)/.run
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

# --universal: one file for every system and processor, and every Python from the oldest that
# we support (without its number: from the one that runs this).
lock:
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet uv
	$(VENV)-lock/bin/uv pip compile --quiet --universal --no-strip-extras --python-version 3.10 \
	  --generate-hashes --no-annotate --no-emit-index-url \
	  --custom-compile-command "make lock" pyproject.toml --group dev -o requirements/dev.txt
	$(VENV)-lock/bin/uv pip compile --quiet --universal --no-strip-extras --python-version 3.10 \
	  --generate-hashes --no-annotate --no-emit-index-url \
	  --custom-compile-command "make lock" pyproject.toml --group build \
	  -c requirements/dev.txt -o requirements/run.txt
	rm -rf $(VENV)-lock

clean:
	rm -rf $(VENV) dist build demo-output .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
