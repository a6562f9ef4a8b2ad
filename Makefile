# Spendstream: `make up` runs everything, `make test` checks everything. `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
HOME_DIR := $(or $(SPENDSTREAM_HOME),$(CURDIR)/.spendstream)
SIMULATOR_PORT ?= $(or $(SPENDSTREAM_SIMULATOR_PORT),9180)
PROCESSES := kafka warehouse gateway worker dashboard ready
SOURCES := ingest streams warehouse dashboard gateway_shim tests bench

# Every process finds the environment's python first, prints as it goes, and belongs to this checkout.
export PATH := $(BIN):$(PATH)
export PYTHONUNBUFFERED := 1
export PYTHONDONTWRITEBYTECODE :=

# Ctrl-C reaches make, the shell and honcho at once: the shell waits (trap), honcho stops its children and answers 130
# (143 for SIGTERM), and that is a good end.
# A closed terminal (SIGHUP) ends honcho; its children have sessions of their own and end with their parent.
define run_processes
	@export SPENDSTREAM_STOP_WITH_PARENT=1; trap : INT TERM; honcho start $(1); rc=$$?; case $$rc in 130|143) exit 0;; *) exit $$rc;; esac
endef

.PHONY: help up demo test check unit integration e2e format lock bench bench-worker bench-pricing bench-aborts chaos clean

help:  ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

up: $(VENV)/.ready  ## run Kafka, the warehouse, the gateway, the worker and the dashboard, embedded; Ctrl-C stops
	$(call run_processes,$(PROCESSES))

# State of its own, so that simulated spend never mixes with real spend; the Kafka jars are shared.
demo: export SPENDSTREAM_HOME := $(HOME_DIR)/demo
demo: export SPENDSTREAM_CACHE ?= $(HOME_DIR)/cache
demo: export SPENDSTREAM_SIMULATOR_PORT := $(SIMULATOR_PORT)
demo: export SPENDSTREAM_SIMULATOR_ERROR_RATE ?= 0.02
demo: export SPENDSTREAM_UPSTREAM_OPENAI := http://127.0.0.1:$(SIMULATOR_PORT)/openai
demo: export SPENDSTREAM_UPSTREAM_ANTHROPIC := http://127.0.0.1:$(SIMULATOR_PORT)/anthropic
demo: export SPENDSTREAM_UPSTREAM_MISTRAL := http://127.0.0.1:$(SIMULATOR_PORT)/mistral
demo: export SPENDSTREAM_UPSTREAM_GEMINI := http://127.0.0.1:$(SIMULATOR_PORT)/gemini
demo: export OPENAI_API_KEY := simulated
demo: export ANTHROPIC_API_KEY := simulated
demo: export MISTRAL_API_KEY := simulated
demo: export GEMINI_API_KEY := simulated
demo: $(VENV)/.ready  ## the same with simulated providers and live traffic; nothing leaves this machine
	$(call run_processes,$(PROCESSES) providers traffic)

test: check  ## everything: the fast checks, then integration, end-to-end and browser tests on embedded servers
	@echo "== integration: embedded Kafka and ClickHouse, the gateway against simulated providers"
	@pytest -q -n 2 --dist loadfile -m "integration and not e2e"
	@echo "== end to end: all processes, the providers' own SDKs, a real browser"
	@pytest -q -m "e2e or browser"

check: $(VENV)/.ready-dev  ## the fast part: format, lint, types, architecture, unit and property tests
	@echo "== ruff: format and lint"
	@ruff format --check -q . && ruff check -q .
	@echo "== mypy: strict types"
	@mypy --no-error-summary
	@echo "== import-linter: who may import whom"
	@lint-imports --no-cache >/dev/null 2>&1 || lint-imports
	@echo "== unit, property and architecture tests"
	@pytest -q -n 2 -m "not integration and not e2e and not browser"

format: $(VENV)/.ready-dev  ## format the code
	@ruff format . && ruff check --fix .

lock:  ## pin the dependencies again, with hashes (needs uv)
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-strip-extras $(UPGRADE) \
		--extra embedded --group build --group dev pyproject.toml -o requirements-dev.lock >/dev/null
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-strip-extras $(UPGRADE) \
		--extra embedded --group build -c requirements-dev.lock pyproject.toml -o requirements.lock >/dev/null

bench: $(VENV)/.ready-dev  ## measure the whole pipeline on this machine
	@python -m bench.pipeline

bench-aborts: $(VENV)/.ready-dev  ## measure how soon a provider is cut off, and what a kill could lose of an answer
	@python -m bench.aborts

bench-worker: $(VENV)/.ready-dev  ## measure one worker on one core, beside a bare loop
	@python -m bench.worker

bench-pricing: $(VENV)/.ready-dev  ## measure pricing one call, beside genai-prices' own
	@python -m bench.pricing

chaos: $(VENV)/.ready-dev  ## ten minutes of load while everything is killed, then all books compared (SPENDSTREAM_CHAOS_SECONDS, SEED)
	@python -m tests.chaos

clean:  ## remove the environment; state in .spendstream stays
	rm -rf $(VENV)

# $(1): the lock, $(2): the stamp
define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Spendstream needs Python 3.11 or later; '$(PYTHON)' is older. Say which: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@test -x $(VENV)/bin/python || { echo "creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing $(1) (pinned, checked by hash)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-input --require-hashes -r $(1)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-input --no-deps --no-build-isolation -e .
	@touch $(2)
endef

$(VENV)/.ready: requirements.lock pyproject.toml
	$(call install,requirements.lock,$@)

$(VENV)/.ready-dev: requirements-dev.lock pyproject.toml
	$(call install,requirements-dev.lock,$@)
	@touch $(VENV)/.ready
