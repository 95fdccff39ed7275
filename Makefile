# Everything sets itself up in .venv; only Python 3.11+, make and (on Debian) apt are needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint format docs audit lock release soak bench interop fuzz setup clean

demo: setup  ## A sandbox, an echo bot, and a conversation with it
	@$(BIN)/blazebot demo

test: setup chromium  ## Lint, types and every test, with the time of each part
	@$(BIN)/python -m tests.parts

lint: setup  ## Linter, formatter and strict types
	@$(BIN)/python -m tests.parts lint

format: setup
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: setup  ## The documentation site, into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "python -m http.server -d site shows it at http://127.0.0.1:8000/"

bench: setup  ## Blazebot beside the bare loop of its libraries, and what the sandbox carries
	@$(BIN)/python -m bench

interop: setup  ## Shipped clients, unmodified, against the sandbox under its real names; as root
	@$(BIN)/python -m interop

fuzz: setup  ## Ten minutes of coverage-guided fuzzing, two targets at a time
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fuzz]'
	@$(BIN)/python -m fuzz --all --seconds 95

soak: setup  ## Everything broken at once for half an hour (SOAK=10m: ten minutes), then long tests
	@$(BIN)/python -m soak
	@$(BIN)/python -m pytest -q -m soak tests

audit: setup .audit/.ready  ## Known faults in the pinned versions, and the list of what is inside: sbom.json
	@.ci/audit

LOCK := .audit/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

lock: .audit/.ready  ## Anew, by hashes: what a release is made and run with, and the audit's tools
	@echo hatchling | $(LOCK) --extra all --constraints constraints.txt \
		--output-file requirements.lock pyproject.toml -
	@$(LOCK) --output-file .ci/audit.lock .ci/audit.in

release: .audit/.ready  ## Wheel and sdist of the last commit, their hashes and SBOM, into dist/
	@test -z "$$(git status --porcelain)" || \
		{ echo "A release is of a commit: commit or stash first, new files too."; exit 1; }
	@rm -rf dist .release
	@$(PYTHON) -m venv .release
	@.release/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@mkdir .release/commit && git archive HEAD | tar -x -C .release/commit
	@cd .release/commit && SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
		../bin/python -m hatchling build -d ../../dist
	@.audit/bin/cyclonedx-py environment --pyproject pyproject.toml -o dist/sbom.json .release/bin/python
	@cd dist && sha256sum * > SHA256SUMS && cat SHA256SUMS

.audit/.ready: .ci/audit.lock
	@test -x .audit/bin/python || $(PYTHON) -m venv .audit
	@.audit/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Blazebot needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || $(MAKE) --no-print-directory venv-package
	@test -x $(BIN)/pip || { rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }
	@echo "Setting up $(VENV), once: a minute or two ..."
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
	rm -rf $(VENV) .audit .release sbom.json site .mypy_cache .pytest_cache .ruff_cache .hypothesis
