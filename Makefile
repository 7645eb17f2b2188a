# `make install && make demo` is all a newcomer needs: Python 3.11 or newer, make and pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
TESTS ?= tests

.PHONY: help install demo test proof check types services bench screens lock clean

help: ## What can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  \1\t/' | expand -t 14

install: $(BIN)/evenkeel ## Python packages, pinned with their hashes, and the evenkeel command, in .venv

# The lock names every package with its hash, so nothing is resolved again.
$(VENV)/installed: requirements/dev.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	touch $@

# It is an application, not a library: it runs from this folder, and the command finds it from anywhere.
$(BIN)/evenkeel: $(VENV)/installed Makefile
	printf '%s\n' '$(CURDIR)' > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/evenkeel.pth"
	printf '%s\n' '#!$(CURDIR)/$(BIN)/python' 'from api.__main__ import main' 'main(prog_name="evenkeel")' > $@
	chmod 755 $@
	$(BIN)/python -m compileall -q api billing kernel messaging migrations questionnaires registry staff_console

demo: install ## A fictional clinic at http://127.0.0.1:8000
	$(BIN)/evenkeel demo

test: install ## All tests; TESTS=tests/unit for some, JOBS=4 for more at once
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(TESTS)

proof: install ## The long profile: laws with thousands of examples, weeks of simulation
	EVENKEEL_PROOF=1 $(BIN)/python -m pytest tests/property tests/simulation tests/http/test_link_holds.py

check: install ## Style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

types: install ## Types alone
	$(BIN)/mypy

services: ## What some tests need from Debian, Chromium and LibreOffice; databases come with the Python packages
	command -v chromium >/dev/null && command -v soffice >/dev/null || { \
	  SUDO=$$(test "$$(id -u)" = 0 || echo sudo); \
	  $$SUDO apt-get update -q && \
	  $$SUDO apt-get install -y -q --no-install-recommends chromium libreoffice-calc-nogui; }

bench: install ## Measurements beside their baselines
	$(BIN)/python -m bench

screens: install ## Pictures of each console page, in docs/screens
	$(BIN)/python -m tests.support.take_screens

lock: ## Pin requirements/*.in again (needs uv)
	cd requirements && for set in app dev; do \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-header $$set.in -o $$set.txt || exit 1; done

clean: ## Remove the environment and what tests leave behind
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
