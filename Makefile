# Needs only Python (>= 3.9) and make: bin/bootstrap brings uv, the packages and, where missing, Python itself.
PYTHON := .venv/bin/python
STACK := $(PYTHON) -m config.embedded --with-parent
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help venv up test bench chaos check shell reset lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

venv:
	@bin/bootstrap

up: venv ## set up and run everything; Ctrl-C stops it (VOLLEY_PORT, VOLLEY_STATE_DIR, DATABASE_URL, REDIS_URL)
	@exec $(STACK) up

test: venv ## set up the same way and run the whole suite (ARGS="tests/audiences -k import")
	@exec $(STACK) test $(ARGS)

bench: venv ## run the load benchmarks
	@exec $(STACK) exec -- $(PYTHON) -m benchmarks $(ARGS)

chaos: venv ## run the crash matrix (ARGS="--short", "--seed 7 --only worker-kill")
	@exec $(PYTHON) -m tests.chaos $(ARGS)

check: venv ## lint, types, import direction, migrations, OpenAPI
	@exec $(STACK) exec -- bin/check

shell: venv ## a Django shell beside the running stack
	@exec $(STACK) exec -- $(PYTHON) manage.py shell

reset: venv ## forget all kept data (refused while running)
	@exec $(STACK) reset

lock: ## resolve the newest versions into requirements.lock
	@bin/bootstrap lock
