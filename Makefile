# make demo, make test and make bench each set themselves up on a bare machine (Python >= 3.11 with venv).
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# Some machines say that no bytecode is to be written. Then every process compiles all that it imports, and every worker
# rewrites the assertions of all tests: minutes of each run.
unexport PYTHONDONTWRITEBYTECODE
CODE   := canary_core ports adapters sims tests bench docs charts

# What changes most often, of which `make check` runs what is fast.
FAST_TESTS      := tests/core tests/ports tests/adapters tests/sims
# What the core must be covered by; what computes; and all else, which waits for processes most of its time, so that more
# of it runs at once than there are cores: whole files, so that the laboratory of a file is set up once, those with the
# most tests first.
CORE_TESTS      := tests/core tests/ports
COMPUTING_TESTS := tests/sims tests/fuzz $(addprefix tests/adapters/,campaign istio manifests prometheus)
WAITING_TESTS   := $(filter-out %__pycache__ $(CORE_TESTS) $(COMPUTING_TESTS) tests/adapters, \
	$(patsubst %/,%,$(wildcard tests/*/ tests/adapters/*/)))

.DEFAULT_GOAL := help
.PHONY: help setup lock format lint types layers fast check test coverage computing waiting alone explore test-cluster demo demo-waves simulate recording pictures audit sbom hostile torture pairs surroundings bench docs clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## install everything into .venv, as locked, with hashes

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(BIN)/helm: tests/tools/install_helm.py | $(STAMP)
	$(BIN)/python tests/tools/install_helm.py $(BIN)

$(VENV)/browser/axe.js: tests/tools/install_browser.py | $(STAMP)
	$(BIN)/python tests/tools/install_browser.py $(VENV)/browser
	@touch -c $@

$(VENV)/.programs: sims/install_programs.py | $(STAMP)
	$(BIN)/python sims/install_programs.py $(BIN) prometheus hey
	@touch $@

lock: ## write requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --all-extras --group dev --group bench --group build --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-emit-package canary-core --python-version 3.11 --universal \
		--no-header --no-annotate --quiet -o requirements.lock

format: setup ## put the code into shape
	$(BIN)/ruff check --quiet --fix $(CODE)
	$(BIN)/ruff format --quiet $(CODE)

lint: setup
	$(BIN)/ruff format --check --quiet $(CODE)
	$(BIN)/ruff check --quiet $(CODE)
	$(BIN)/python tests/tools/patterns.py $(filter-out tests,$(CODE))

types: setup
	$(BIN)/mypy
	$(BIN)/mypy tests

layers: setup
	$(BIN)/lint-imports --no-cache

fast: setup $(VENV)/.programs
	$(BIN)/pytest -q -n 2 --dist worksteal -m "not slow" $(FAST_TESTS)

check: setup $(VENV)/.programs ## format, lint, types, layers, fast tests: what every commit passes, in less than a minute
	$(MAKE) --no-print-directory --jobs=4 --output-sync=target lint types layers fast

test: setup ## every check there is
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint types layers
	$(MAKE) --no-print-directory coverage
	$(MAKE) --no-print-directory computing
	$(MAKE) --no-print-directory waiting
	$(MAKE) --no-print-directory alone

coverage: setup
	$(BIN)/coverage erase
	HYPOTHESIS_PROFILE=ci $(BIN)/pytest -n 2 --cov --cov-report=term $(CORE_TESTS)

computing: setup $(VENV)/.programs
	HYPOTHESIS_PROFILE=ci $(BIN)/pytest -n 2 --dist worksteal $(COMPUTING_TESTS)

waiting: setup $(BIN)/helm $(VENV)/.programs
	$(MAKE) --no-print-directory $(VENV)/browser/axe.js || echo "no browser could be installed: its tests are skipped" | tee $(VENV)/no-browser
	HYPOTHESIS_PROFILE=ci $(BIN)/pytest -n 5 --dist loadfile -m "not alone" $(WAITING_TESTS)

alone: setup $(VENV)/.programs
	$(BIN)/pytest -m alone $(WAITING_TESTS)

test-cluster: setup $(BIN)/helm $(VENV)/.programs ## what a real API server serves as well: that of CANARY_TEST_KUBECONFIG, or one made of the programs in KUBEBUILDER_ASSETS
	PYTHONPATH=tests $(BIN)/python -m tools.control_plane -- \
		$(BIN)/pytest tests/lab/cluster tests/adapters/kubernetes tests/adapters/istio tests/e2e tests/flows \
		tests/surroundings tests/security/test_tenants.py

demo: setup $(VENV)/.programs ## the article's rollout with real requests: a good version, then a bad one; ARGS="--fault crash --keep"
	$(BIN)/canary demo $(ARGS)

demo-waves: setup $(VENV)/.programs ## three clusters: a good version passes through all, a bad one stops in the first
	$(BIN)/canary demo --clusters 3 --interval 2 --rate 10 $(ARGS)

simulate: setup ## the article's rollout under virtual time: once healthy, once with a 5 % error rate
	$(BIN)/canary simulate examples/article/canary.yaml --scenario examples/scenarios/article.yaml
	@echo
	$(BIN)/canary simulate examples/article/canary.yaml --scenario examples/scenarios/errors.yaml || test $$? -eq 1

explore: setup ## every reachable state of every example policy, invariants checked
	for f in examples/strategies/*.yaml examples/article/canary.yaml; do $(BIN)/canary explore $$f || exit 1; done

torture: setup ## rollouts while everything around the controller fails
	$(BIN)/canary torture examples/article/canary.yaml --runs 20000 --jobs 2

pairs: setup ## every pair of faults of every story of the article's policy; about 15 minutes of one processor
	$(BIN)/python docs/generate_pairs.py 2

surroundings: setup ## all that surrounds a rollout, disturbed at each moment of one; some minutes of a quiet machine
	$(BIN)/python docs/generate_surroundings.py

bench: setup ## measure, and write the tables of docs/performance.md
	$(BIN)/python bench/run.py

docs: setup ## write what is made from code: docs/phases.md, the pictures, parts of the guide and of the charts
	$(BIN)/python docs/generate.py
	$(BIN)/python charts/generate_dashboard.py
	$(BIN)/python charts/generate_charts.py
	$(BIN)/python docs/generate_reliability.py

recording: setup $(VENV)/.programs ## record the demos: docs/pictures/demo.svg and waves.svg
	$(BIN)/python docs/record_demo.py

pictures: setup $(VENV)/browser/axe.js $(VENV)/.programs ## take pictures of the live page during the demo: docs/pictures/dashboard-*.png
	PYTHONPATH=tests $(BIN)/python docs/record_dashboard.py

audit: setup ## known vulnerabilities of all that is locked; passes where nobody can be asked
	$(BIN)/python tests/tools/audit.py requirements.lock

sbom: setup ## a CycloneDX bill of all that is locked, in sbom.json
	$(BIN)/python tests/tools/sbom.py requirements.lock sbom.json

hostile: setup ## long runs: 100 rollouts killed, 100 at 5 % errors, a day of churn, 10,000 objects of each kind
	CANARY_HOSTILE_ROLLOUTS=100 CANARY_HOSTILE_ROUNDS=50 $(BIN)/pytest -s --timeout=1800 tests/hostile \
		-k "killed or 5_percent or come_and_go"
	CANARY_FUZZ_EXAMPLES=10000 $(BIN)/pytest --timeout=1800 tests/fuzz

clean: ## remove what setup made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
