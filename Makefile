# Everything sets itself up in .venv; only Python 3.11+, make and (on Debian) apt are needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint format audit soak bench interop fuzz setup clean

demo: setup  ## A sandbox, an echo bot, and a conversation with it
	@$(BIN)/blazebot demo

test: setup chromium  ## Lint, types and every test, with the time of each part
	@$(BIN)/python -m tests.parts

lint: setup  ## Linter, formatter and strict types
	@$(BIN)/python -m tests.parts lint

format: setup
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup  ## Blazebot beside the bare loop of its libraries, and what the sandbox carries
	@$(BIN)/python -m bench

interop: setup  ## Shipped clients, unmodified, against the sandbox under its real names; as root
	@$(BIN)/python -m interop

fuzz: setup  ## Ten minutes of coverage-guided fuzzing
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fuzz]'
	@$(BIN)/python -m fuzz content --seconds 300
	@$(BIN)/python -m fuzz codec --seconds 200
	@$(BIN)/python -m fuzz decryption --seconds 100

soak: setup  ## The long forms of the tests that break everything
	@$(BIN)/python -m pytest -q -m soak tests

audit: setup  ## Known faults in the pinned versions, and the list of what is inside: sbom.json
	@test -x .audit/bin/pip-audit || { $(PYTHON) -m venv .audit; \
		.audit/bin/pip install --quiet --disable-pip-version-check pip-audit==2.10.1 cyclonedx-bom==7.5.0; }
	@.audit/bin/cyclonedx-py environment $(BIN)/python -o sbom.json
	@.audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Blazebot needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || $(MAKE) --no-print-directory venv-package
	@test -x $(BIN)/pip || { rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }
	@echo "Setting up $(VENV) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

# Debian ships venv apart from Python.
.PHONY: venv-package
venv-package:
	@echo "Installing python3-venv ..."
	@$$(test "$$(id -u)" = 0 || echo sudo) apt-get update -qq
	@$$(test "$$(id -u)" = 0 || echo sudo) apt-get install -y -qq python3-venv

# What the page is tested in.
.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || { \
		echo "Installing Chromium ..."; \
		$$(test "$$(id -u)" = 0 || echo sudo) apt-get update -qq && \
		$$(test "$$(id -u)" = 0 || echo sudo) apt-get install -y -qq chromium; }

clean:
	rm -rf $(VENV) .audit sbom.json .mypy_cache .pytest_cache .ruff_cache .hypothesis
