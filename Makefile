# Yimen. `make` lists what there is. Every target does its own set-up and is quick when nothing changed.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test check bench setup setup-dev setup-test lint types contracts tests lock clean

BIN := .venv/bin
PURE := $(wildcard tests/protocol tests/clients tests/keys tests/audit tests/release)
SERVED := postgres or redis or browser or pkcs11 or network or slow
JOBS ?= 2

help: ## what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## set up, then start the provider and four department apps; Ctrl-C stops all; PORT=8140 for other ports
	@exec $(BIN)/idp demo $(if $(findstring command,$(origin PORT)),--port $(PORT))

test: setup-test ## set up, then lint, types, contracts and every test
	@status=0; $(MAKE) --no-print-directory -k lint contracts || status=$$?; \
	$(MAKE) --no-print-directory -k -j 2 types tests || status=$$?; exit $$status

check: setup-dev ## in seconds: lint, types, contracts, the rules of the house and the pure tests
	@$(MAKE) --no-print-directory -k lint types contracts
	@$(BIN)/pytest -q -m "not ($(SERVED))" tests/house
	@$(BIN)/pytest -q -m "not ($(SERVED))" $(PURE)

bench: setup ## measure the real server; prints a table, writes JSON
	@exec $(BIN)/idp bench $(BENCH_ARGS)

setup: ## only the set-up of `make run`
	@bash .ci/setup run

setup-dev: # the tools of `make check`, no Debian packages
	@bash .ci/setup dev

setup-test: ## only the set-up of `make test`, with Debian's database, cache and browser
	@bash .ci/setup test

lint: # style and banned calls
	@$(BIN)/ruff check .

tests: # on every core, files that take long first (tests/longest_first.txt)
	@$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

types: # strict types
	@$(BIN)/mypy

contracts: # who may import whom
	@$(BIN)/lint-imports

lock: setup-dev ## renew both locks; takes no release younger than a week
	@bash .ci/lock

clean: ## remove the environment and caches, never the demo's data
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
