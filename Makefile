# make demo · make test · make check · make bench · make chaos; every target sets up what it needs.
SHELL := /bin/bash
PY := .venv/bin/python
ARGS ?=

.PHONY: help setup dev demo demo-clean run check test bench chaos clean

help:
	@sed -n '1s/^# //p' Makefile

setup:
	@bash scripts/setup.sh run

dev:
	@bash scripts/setup.sh dev

demo: setup
	@.venv/bin/kydai demo --data .demo $(ARGS)

demo-clean:
	@if [ -x .venv/bin/kydai ]; then .venv/bin/kydai demo --data .demo --stop; fi
	@rm -rf .demo

run: setup
	@.venv/bin/kydai up $(ARGS)

check: dev
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check -q .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(PY) -m pytest -q tests/test_layout.py

test: dev
	@bash tests/services.sh
	@$(PY) -m pytest -n 2 $(ARGS)

bench: dev
	@for b in bench/*.py; do echo "== $$b"; $(PY) $$b $(ARGS) || exit 1; done

chaos: dev
	@$(PY) -m pytest -q tests/chaos --chaos-rounds=200 $(ARGS)

clean:
	@rm -rf .venv .tools .demo console/dist console/node_modules
