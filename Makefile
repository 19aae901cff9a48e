# One word a task, the same here and in CI. `make` prints them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help serve test check fix bench clean

help: ## print this
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## / - /'

$(VENV)/serve: pyproject.toml # whoever reads the standard output of `make serve` waits for the ready line
	@echo 'Installing into $(VENV) ...' >&2
	@$(PYTHON) -m venv $(VENV) >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable . >&2
	@$(BIN)/python -m compileall -q emulator >&2
	@touch $@

$(VENV)/test: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,check]'
	@touch $@ $(VENV)/serve

serve: $(VENV)/serve ## run the emulator on http://127.0.0.1:8280 with bucket "examplebucket"
	@$(BIN)/oss-emulator serve

test: $(VENV)/test ## run every test
	$(BIN)/pytest

check: $(VENV)/test ## format, lint and types, without changing anything
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

fix: $(VENV)/test ## format and lint, mending what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/test ## measure beside whatever peers are installed; prints one table of ratios
	$(BIN)/python -m bench

clean: ## take away what make made
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
