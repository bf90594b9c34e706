# Every target does the set-up it needs; a second run costs nothing.
.DEFAULT_GOAL := help
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export AIRFLOW__CORE__LOAD_EXAMPLES := false
# Hundreds of processes load the same modules; each would compile them anew.
unexport PYTHONDONTWRITEBYTECODE
# Tests that share nothing: those of one file in one process, for what they make together; the longest files first.
# Many of them wait for something, so that there are three processes for two cores.
SIDE_BY_SIDE := pytest -n $(shell echo $$(( ($$(nproc) * 3 + 1) / 2 ))) --dist loadfile --no-loadscope-reorder

.PHONY: help setup setup-python requirements openapi check audit format mirror lab-up lab-down demo demo-down production-images production-up production-down test test-unit test-e2e kills nightly soak bench docs docs-reference

help: ## Show the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## Install what is missing: system packages (as root, with apt) and the pinned Python packages
	@tools/setup all

setup-python:
	@tools/setup python

PIN := uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11
requirements: setup-python ## Pin pyproject.toml and requirements*.in anew, with hashes, for every Python that Windlass runs on
	$(PIN) --extra airflow pyproject.toml requirements.in -o requirements.txt
	$(PIN) --allow-unsafe requirements-dev.in -o requirements-dev.txt
	$(PIN) --allow-unsafe requirements-build.in -o requirements-build.txt
	$(PIN) --allow-unsafe requirements-docs.in -o requirements-docs.txt

openapi: setup-python ## Write docs/openapi.json, the description of the API, anew
	python -m tools.openapi

check: setup-python ## Lint, types, import contracts, the rules in tools/house
	ruff check .
	ruff format --check .
	mypy
	lint-imports --no-logo
	python -m tools.house

audit: setup-python ## Look for secrets, at licences, and whether anything pinned has a known flaw
	python -m tools.audit
	uvx pip-audit==2.10.1 --strict --disable-pip --require-hashes -r requirements.txt -r requirements-build.txt

format: setup-python ## Put the code into its one form
	ruff format .
	ruff check --fix .

mirror: setup ## Fill the local mirror with everything a host needs
	windlass mirror

lab-up: mirror ## Start a lab of real hosts (NAME=lab by default)
	windlass lab up $(if $(NAME),--name $(NAME))

lab-down: setup-python ## Remove the lab and all that it made
	windlass lab down $(if $(NAME),--name $(NAME))

demo: setup ## The main job: a lab, an Airflow and a Kubernetes cluster on them
	windlass demo

demo-down: setup-python ## Stop the demo and remove what it made
	windlass demo down

production-images: setup-python ## Make the images of docker-compose.yaml, of official ones or of Debian's packages
	@python -m tools.production images

production-up: setup-python ## Start an Airflow for production (docker-compose.yaml), with settings, secrets and images
	@python -m tools.production up

production-down: setup-python ## Stop it; what it keeps stays
	@python -m tools.production down

test: setup check docs ## Everything that CI runs: the site, unit, Airflow, integration and the fixed list of end-to-end tests
	windlass mirror
	$(SIDE_BY_SIDE) tests/airflow/whole_runs tests/airflow tests/unit; beside=$$?; pytest -m "not full" tests/integration tests/e2e && exit $$beside

test-unit: setup-python ## The tests that need no root, no Docker, no network
	$(SIDE_BY_SIDE) tests/unit

test-e2e: setup ## All tests in the lab, the long ones too
	windlass mirror
	pytest tests/integration tests/e2e

kills: setup-python ## Let runs of all operations die by seeds, in memory, and see that they converge (RUNS=10000 FIRST=1)
	AIRFLOW_HOME=$(CURDIR)/build/kills PYTHONPATH=tests python -m world.seeded --runs $(or $(RUNS),10000) --first $(or $(FIRST),1)

nightly: setup ## Run everything that there is, one after another, and write its times (ONLY=name for one)
	python -m tools.nightly $(ONLY)

soak: setup ## Break a cluster in the lab at random, and see that it heals (FAULTS=200 SEED=1 FROM=1)
	windlass mirror
	FAULTS=$(or $(FAULTS),200) SEED=$(or $(SEED),1) FROM=$(or $(FROM),1) pytest tests/e2e/test_soak.py --log-cli-level=WARNING

bench: setup ## Measure each promised figure (ONLY=name for one)
	windlass mirror
	python -m bench $(ONLY)

docs: ## Build the pages of docs/ into a site, build/site (in .venv-docs, which no test needs)
	@tools/setup docs
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/python -m mkdocs build --strict

docs-reference: setup-python ## Write the pages of docs/reference anew, which follow from the code
	python -m tools.docs.reference
