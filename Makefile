# Everything a person or a CI machine does with this project; needs make and Python 3.11 or newer with venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Three processes, each with servers of its own, because one of them mostly waits; servers that the environment names
# are one process's alone.
BESIDE := $(if $(TEST_REDIS_URL),,-n 3 --dist loadfile --no-loadscope-reorder)

PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install -q -c constraints.txt
NEEDS_PYTHON := Scenepay needs Python 3.11 or newer with venv: install it (on Debian or Ubuntu: apt-get install python3 python3-venv) or name one, for example make PYTHON=/usr/bin/python3.12 run

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help run test check bench soak mutants clean

help: ## Show these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/.run ## Start the whole system in demo mode on http://127.0.0.1:8080
	@$(BIN)/python -m bot demo $(ARGS)

test: $(VENV)/.test ## Run every test on every engine; ARGS="-k word" runs some of them
	@$(BIN)/python -m tests.services
	@$(BIN)/python -m pytest $(if $(ARGS),$(ARGS),$(BESIDE) --all-engines)

check: $(VENV)/.test ## Lint, types, floors and the quick tests, on SQLite alone
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary
	@SCENEPAY_TEST_ENGINES=sqlite,memory $(BIN)/python -m pytest -m "not slow and not browser" $(ARGS)

bench: $(VENV)/.test ## Measure turns and paid notices beside their yardsticks
	@$(BIN)/python -m bench $(ARGS)

soak: $(VENV)/.test ## Run the tests with full counts: every kill, every random message
	@$(BIN)/python -m tests.services
	@$(BIN)/python -m pytest --soak --timeout=3600 $(if $(ARGS),$(ARGS),--all-engines)

mutants: $(VENV)/.test ## Remove each defence in turn; its named test must fail; ARGS="word" tries some of them
	@$(BIN)/python -m tests.services
	@$(BIN)/python -m tests.mutants.run $(ARGS)

clean: ## Remove .venv and caches; databases in var/ stay
	@rm -rf $(VENV) .services .mypy_cache .ruff_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo '$(NEEDS_PYTHON)' >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); echo '$(NEEDS_PYTHON)' >&2; exit 1; }

# The build backend comes from constraints.txt too, hence no build isolation.
$(VENV)/.run: constraints.txt pyproject.toml | $(BIN)/python
	@echo 'setting up $(VENV), once; this takes about a minute' >&2
	@$(PIP) hatchling
	@$(PIP) --no-build-isolation -e .
	@touch $@

$(VENV)/.test: constraints.txt pyproject.toml $(VENV)/.run | $(BIN)/python
	@echo 'setting up $(VENV) for the tests, once' >&2
	@$(PIP) setuptools wheel # What one of the tests' packages, given as source alone, is built with.
	@$(PIP) --no-build-isolation -e '.[test]'
	@touch $@
