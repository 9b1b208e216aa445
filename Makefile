# The verbs that people and CI use; each calls the command line in .venv/bin/eventmill.
.DEFAULT_GOAL := help
SHELL := bash
EVENTMILL := .venv/bin/eventmill
ENGINE ?= kafka
.PHONY: help bootstrap browser setup setup-docker up down status logs demo demo-compose presto test lint types unit dags e2e e2e-all compose-test compose-test-all bench bench-streaming fuzz lock clean distclean

help: ## show this help
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

bootstrap:
	@bin/bootstrap

setup: bootstrap ## fetch everything the stack needs
	@$(EVENTMILL) setup

up: setup ## start the stack and wait until every service is ready
	@$(EVENTMILL) up

down: bootstrap ## stop the stack
	@$(EVENTMILL) down

status: bootstrap ## show the services: state, memory, port
	@$(EVENTMILL) status

logs: bootstrap ## follow the logs of an engine: make logs ENGINE=kafka
	@$(EVENTMILL) logs $(ENGINE) --follow

demo: setup ## run all pipelines on sample data; DATA=file: your clicks
	@$(EVENTMILL) demo $(if $(DATA),--data '$(DATA)')

demo-compose: ## the same in containers, by docker compose
	@DATA='$(DATA)' bin/demo-compose

presto: bootstrap ## Presto's console; Hive's is .venv/bin/eventmill console hive
	@$(EVENTMILL) console presto

test: setup lint types unit dags e2e ## what CI runs: lint, types and all tests

lint: bootstrap ## ruff, and the layers by import-linter
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports --no-cache

types: bootstrap ## mypy, strict
	@.venv/bin/mypy

unit: setup ## the tests that need no running engine
	@.venv/bin/pytest tests/unit -n 2 --dist loadfile --durations 12

dags: setup ## the tests of the DAGs, in Airflow's own environment
	@.venv-airflow/bin/python -m pytest tests/dags

e2e: setup browser ## whole pipelines on a stack of its own
	@.venv/bin/pytest tests/e2e -m "not long" --durations 20

e2e-all: setup browser ## the same with the longest: YARN, a killed supervisor, a source of two brokers
	@.venv/bin/pytest tests/e2e --durations 20

browser: # without one its tests fail, the others can run
	@bin/browser || true

compose-test: setup setup-docker ## in containers: demo, secrets, down, kill -9 of broker, jobs, MySQL
	@.venv/bin/pytest tests/compose -m "not long" --durations 12

compose-test-all: setup setup-docker ## the same, every service killed, and a full disk
	@.venv/bin/pytest tests/compose --durations 20

fuzz: bootstrap ## 100,000 requests made from its description to the API of the running stack
	@.venv/bin/python -m tests.e2e.fuzz

bench: bench-streaming ## the benchmarks behind docs/performance.md
	@.venv/bin/python -m bench.api --chart .eventmill/api.svg
	@.venv/bin/python -m bench.filter
	@.venv/bin/python -m bench.visits
	@.venv/bin/python -m bench.export --chart .eventmill/export.svg
	@.venv/bin/python -m bench.compaction
	@.venv/bin/python -m bench.stack

bench-streaming: setup ## the clicks job beside its peers, Flink SQL among them
	@.venv/bin/python -m bench.streaming --chart .eventmill/streaming.svg

setup-docker: ## make this machine ready for docker compose up
	@bin/setup-docker

lock: bootstrap ## renew the hashed lock files
	@bin/lock

clean: ## stop the stack and remove its state
	@[ ! -x $(EVENTMILL) ] || $(EVENTMILL) down
	@find .eventmill -mindepth 1 -maxdepth 1 ! -name lib ! -name secrets -exec rm -rf {} + 2>/dev/null || true

distclean: clean ## remove also everything that was fetched
	@rm -rf .eventmill .venv .venv-airflow .venv-flink .env
