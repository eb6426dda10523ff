# Everything a newcomer needs: `make demo` and `make test` set up what they use.
# On a machine with only Python 3.11 or newer and make.

SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
RESUMEBASE := $(BIN)/resumebase
# The migrations that make the rooms; .squawk.toml is stricter with those that come after.
BASELINE := supabase/migrations/20261120*.sql

.DEFAULT_GOAL := help
.PHONY: help setup up down reset demo quickstart test check format types access bench webhooks plans snapshot mutants proofs clean

help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: ## Install Python and Node packages into .venv and node_modules, if anything changed
	@$(PYTHON) cli/bootstrap.py

up: setup ## Start the local stack: Postgres, the Supabase API and a worker
	@$(RESUMEBASE) up

down: setup ## Stop the local stack; data stays
	@$(RESUMEBASE) down

reset: setup ## Rebuild the local database from migrations and seed; its data is lost
	@$(RESUMEBASE) reset --yes

demo: setup ## Run the main job on a real résumé and show each step
	@$(RESUMEBASE) demo

quickstart: setup ## The same journey as a web client: supabase-js in Node
	@$(RESUMEBASE) up
	@$(RESUMEBASE) env exec -- node examples/web/quickstart.mjs

test: setup ## Run all tests; they start their own stacks and stop them again
	@$(BIN)/python -m pytest

mutants: setup ## Weaken the security model in every small way; the tests have to notice
	@$(BIN)/python -m rlstests.mutation --markdown docs/mutation.md $(MUTANTS)

proofs: setup ## Thousands of new examples for the properties of metering (minutes)
	@$(BIN)/python -m pytest rlstests/test_metering_properties.py --hypothesis-profile=thorough

check: setup ## Lint and type-check everything
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --disable-progress-bar supabase/migrations supabase/seed.sql
	@$(BIN)/squawk -c supabase/baseline.squawk.toml $(BASELINE)
	@later='$(filter-out $(wildcard $(BASELINE)),$(wildcard supabase/migrations/*.sql))'; \
	  test -z "$$later" || $(BIN)/squawk $$later

format: setup ## Format Python
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

types: setup ## Write supabase/types/database.ts from the local database
	@$(RESUMEBASE) db types

access: setup ## Write docs/access.md from rlstests/access.yml
	@$(BIN)/python -m rlstests.access_page

snapshot: setup ## Write rlstests/snapshots/schema.sql, the end state of the migrations
	@$(BIN)/python -m rlstests.snapshot

bench: setup ## Measure; docs/performance.md says what the numbers mean
	@$(BIN)/python -m benchmarks.startup
	@$(BIN)/python -m benchmarks.metering

webhooks: setup ## Measure webhooks beside another service on the same Postgres (minutes; installs it)
	@$(BIN)/python -m benchmarks.webhooks

plans: setup ## Check the plans of client queries with 100k users and a million résumés (minutes)
	@$(BIN)/python -m benchmarks.volume

clean: ## Remove what setup installed; the state of stacks stays in .resumebase
	rm -rf .venv node_modules
