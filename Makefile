# Everything here needs git, make and Python 3.11 or later; the rest is installed into folders of the checkout.
PYTHON ?= python3
UV_VERSION := $(shell sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements-uv.txt)
UV := $(shell uv --version 2>/dev/null | grep -q "^uv $(UV_VERSION)\( \|$$\)" && command -v uv || echo .venv-uv/bin/uv)
RUN := .venv/bin/
PYTEST := $(RUN)pytest -n 2 --dist loadfile --no-loadscope-reorder
PRODUCT := __main__.py cli components lambdas policies rehearsal stacks tidewatch
PRODUCT_TESTS := $(addprefix tests/,cli components docs lambdas policies runbooks stacks tidewatch)

# Commands start in half the time when Python may keep what it compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo test test-all test-spark checkov fuzz check check-lock coverage bench docs wheels clean
.DEFAULT_GOAL := help

help:
	@echo "make demo        rehearse the whole story on this machine: publish, canary, rollback, a year of drift;"
	@echo "                 takes two or three minutes"
	@echo "make test        run the product's tests and the quick ones of the rehearsal; takes a minute or two"
	@echo "make test-all    run all tests; takes half an hour"
	@echo "make test-spark  count a million records inside Spark too; needs Java 17 or later"
	@echo "make checkov     scan the production stack's resources with checkov; takes a minute or two"
	@echo "make fuzz        read a million mutated records, gzip streams and references on two processors (SEED=1,"
	@echo "                 EXAMPLES=1000000): no exception, none lost, none over a second or 200 MiB; takes 13 minutes"
	@echo "make check       lint, types, walls between the rooms, security, lock file"
	@echo "make coverage    run the product's tests and print which share of its lines they run"
	@echo "make bench       measure what the README promises"
	@echo "make docs        build the documentation's site into build/site"
	@echo "make wheels      build the wheels of a release into build/wheels"

install: .venv/.installed

# By its hash: whoever gives us uv gives us everything else.
.venv-uv/bin/uv: requirements-uv.txt
	$(PYTHON) -m venv .venv-uv
	.venv-uv/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps -r $<
	@touch $@

ifeq ($(UV),.venv-uv/bin/uv)
UV_READY := .venv-uv/bin/uv
endif

.venv/.installed: pyproject.toml rehearsal/pyproject.toml uv.lock $(UV_READY)
	$(UV) sync --locked --quiet
	$(RUN)python -m components.lambda_layer
	@touch $@

.venv-awscli/.installed: pyproject.toml uv.lock $(UV_READY)
	UV_PROJECT_ENVIRONMENT=.venv-awscli $(UV) sync --locked --quiet --only-group awscli --no-install-project
	@touch $@

.venv-spark/.installed: pyproject.toml uv.lock $(UV_READY)
	UV_PROJECT_ENVIRONMENT=.venv-spark $(UV) sync --locked --quiet --only-group spark --no-install-project
	@touch $@

.venv-docs/.installed: pyproject.toml uv.lock $(UV_READY)
	UV_PROJECT_ENVIRONMENT=.venv-docs $(UV) sync --locked --quiet --only-group docs --no-install-project
	@touch $@

.venv-wheels/.installed: pyproject.toml uv.lock $(UV_READY)
	UV_PROJECT_ENVIRONMENT=.venv-wheels $(UV) sync --locked --quiet --only-group wheels --no-install-project
	@touch $@

.venv-peers/.installed: bench/peers/pyproject.toml bench/peers/uv.lock $(UV_READY)
	UV_PROJECT_ENVIRONMENT=$(CURDIR)/.venv-peers $(UV) sync --project bench/peers --locked --quiet
	@touch $@

.venv-checkov/.installed: tests/checkov/pyproject.toml tests/checkov/uv.lock $(UV_READY)
	UV_PROJECT_ENVIRONMENT=$(CURDIR)/.venv-checkov $(UV) sync --project tests/checkov --locked --quiet
	@touch $@

demo: .venv/.installed .venv-awscli/.installed
	$(RUN)tidewatch rehearse

test: .venv/.installed .venv-awscli/.installed
	$(PYTEST) -m "not slow and not real_cli"

test-all: .venv/.installed .venv-awscli/.installed
	$(PYTEST)

test-spark: .venv-spark/.installed
	.venv-spark/bin/python -m pytest tests/spark

checkov: .venv/.installed .venv-checkov/.installed
	$(RUN)pytest tests/checkov

fuzz: .venv/.installed
	$(RUN)python -m bench.fuzz --examples $(or $(EXAMPLES),1000000) --seed $(or $(SEED),1)
	TIDEWATCH_FUZZ_EXAMPLES=2000 $(RUN)pytest tests/tidewatch/capture/test_capture_fuzz.py \
	  tests/tidewatch/drift/counting/test_drift_counting.py tests/tidewatch/drift/test_drift_reference.py -k "mutated"

check-lock: $(UV_READY)
	$(UV) lock --check --quiet
	$(UV) lock --check --quiet --project bench/peers
	$(UV) lock --check --quiet --project tests/checkov

check: .venv/.installed check-lock
	$(RUN)python -m stacks.config.reference --check
	$(RUN)python -m policies.reference --check
	$(RUN)ruff check
	$(RUN)ruff format --check --quiet
	$(RUN)pyright
	$(RUN)lint-imports
	$(RUN)bandit --quiet --recursive --configfile pyproject.toml $(PRODUCT)

# The figure is of the product alone. A line that only another process runs, as a rehearsal's server does, is not counted.
coverage: .venv/.installed
	$(PYTEST) --cov --cov-report=term --cov-report=html:build/coverage \
	  $(PRODUCT_TESTS)
	@echo "The tests run $$($(RUN)coverage report --format=total) % of the product's lines: build/coverage/index.html"

bench: .venv/.installed .venv-peers/.installed
	$(RUN)python -m bench

# Not --quiet: it drops the warnings that --strict counts.
docs: .venv/.installed .venv-docs/.installed
	$(RUN)python -m stacks.config.reference
	$(RUN)python -m policies.reference
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict
	@echo "build/site/index.html"

# The build tools are those of the lock file, by their hashes: no build takes newer ones from the index.
wheels: .venv-wheels/.installed
	rm -rf build/wheels
	$(UV) build --all-packages --wheel --quiet --no-build-isolation --python .venv-wheels/bin/python --out-dir build/wheels

clean:
	rm -rf .venv .venv-uv .venv-awscli .venv-spark .venv-docs .venv-wheels .venv-peers .venv-checkov .cache build out
