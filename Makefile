# Every target does all its own set-up. `make demo` first, `make test` before every commit.
SHELL := /bin/sh
BIN := .venv/bin
REPORT ?= edgekiln-demo.html
PARTS ?=
SECONDS ?= 300

.PHONY: demo run test lint bench fuzz environment window-packages test-packages

environment:
	@sh packaging/install-system-packages.sh base
	@sh packaging/make-environment.sh

window-packages:
	@sh packaging/install-system-packages.sh window

test-packages:
	@sh packaging/install-system-packages.sh window test
	@sh packaging/install-system-packages.sh browser || echo "No Chromium: its tests are skipped."

demo: environment
	@$(BIN)/edgekiln demo --report $(REPORT)

run: environment window-packages
	@$(BIN)/edgekiln

lint: environment
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint test-packages
	$(BIN)/python -m pytest

fuzz: environment
	@$(BIN)/python -m pip install --quiet --constraint packaging/constraints.txt --editable '.[fuzz]'
	$(BIN)/python tests/fuzz/readers.py $(SECONDS)

bench: environment test-packages
	$(BIN)/python tests/bench/bench.py $(PARTS)
