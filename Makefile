# `make` lists the targets. Everything that CI runs is `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The official client and what the tests need; the second one has the oldest client that is supported.
VENV := .venv
VENV_OLDEST := .cache/venv-oldest
BIMODAL := build/release/bin/bimodal
export BIMODAL_PYTHON ?= $(CURDIR)/$(VENV)/bin/python
export CCACHE_BASEDIR ?= $(CURDIR)
export CCACHE_NOHASHDIR ?= 1

CPP_FILES = $(shell git ls-files 'apps/*.cc' 'apps/*.h' 'cli/*.cc' 'cli/*.h' 'engine/*.cc' 'engine/*.h' 'runner/*.cc' 'runner/*.h' 'benchmarks/*.cc' 'benchmarks/*.h')

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

.PHONY: setup
setup: ## Install Debian and Python packages (again: does nothing)
	@tools/setup.sh "$(VENV)" "$(VENV_OLDEST)"

.PHONY: build
build: ## Build the release
	@tools/build.sh release

.PHONY: run
run: setup build ## Start the daemon, deploy examples/hello.py, print its URL
	@tools/run_example.sh "$(BIMODAL)"

.PHONY: test
test: setup build ## Everything that CI runs: unit tests, the suite against the real daemon, protocol drift, fuzzing
	@ctest --preset release --repeat until-pass:2
	@$(MAKE) instructions
	@$(VENV)/bin/python tools/proto_drift.py --newest
	@$(VENV_OLDEST)/bin/python tools/proto_drift.py
	@BIMODAL_RUNNER_DIR=build/release/runner $(VENV)/bin/python tools/run_tests.py -q runner/tests
	@$(VENV)/bin/python tools/run_tests.py -q tests
	@tools/fuzz.sh 60

.PHONY: check
check: ## Format, unit tests of the debug build, lints; for while you work
	@clang-format-19 --dry-run -Werror $(CPP_FILES)
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/ruff format --quiet --check .
	@python3 tools/check_layers.py
	@python3 tools/check_sizes.py
	@tools/build.sh debug
	@python3 tools/check_coroutines.py build/debug
	@ctest --preset debug

.PHONY: format
format: ## Format C++ and Python in place; draw the layers in ARCHITECTURE.md
	@clang-format-19 -i $(CPP_FILES)
	@$(VENV)/bin/ruff format --quiet .
	@python3 tools/check_layers.py --write

.PHONY: bench
bench: setup build ## Every goal beside its peers, about 50 minutes; writes benchmarks/results
	@tools/bench_peers.sh .cache/venv-bench
	@tools/build.sh release load_generator gateway_hop
	@$(VENV)/bin/python benchmarks/run.py

.PHONY: bench-quick
bench-quick: setup build ## Warm requests beside the peers that matter most, 3 minutes; writes benchmarks/results
	@tools/bench.sh $(VENV)/bin/python --quick --name quick

.PHONY: bench-cold
bench-cold: setup build ## Cold starts alone: one by one, and many at once
	@$(VENV)/bin/python benchmarks/run.py --goals 7 8

.PHONY: bench-micro
bench-micro: build ## Single steps of a request: parsing, routing, admission, frames, the ASGI scope
	@tools/build.sh release micro
	@build/release/benchmarks/gateway_micro
	@build/release/benchmarks/runner_micro

.PHONY: instructions
instructions: build ## Count the gateway's instructions per request, against the baseline
	@tools/build.sh release gateway_instructions
	@python3 benchmarks/instructions/count.py build/release/benchmarks/gateway_instructions

.PHONY: instructions-update
instructions-update: build ## Write that baseline anew
	@tools/build.sh release gateway_instructions
	@python3 benchmarks/instructions/count.py build/release/benchmarks/gateway_instructions --update

.PHONY: clean
clean: ## Remove what was built; installed packages stay
	@rm -rf build dist
