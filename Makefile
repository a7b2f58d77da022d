# `make demo` and `make test` need python3, make, go, node, npm and cargo, and `make test-all` a JDK of
# 17 or later and Maven, too; all else is installed here.
# `make docs` needs python3 only.
# A test in a browser needs Debian's chromium, too: it is skipped without, and installed in CI.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CACHE := $(CURDIR)/.cache

# Tools that the tests use keep what they download in the checkout.
export npm_config_cache = $(CACHE)/npm
export PYRIGHT_PYTHON_CACHE_DIR = $(CACHE)/pyright
export PYRIGHT_PYTHON_IGNORE_WARNINGS = 1

# An installation of its own with the lowest versions, and the tests that run there.
FLOORS := $(CACHE)/floors
FLOOR_TESTS := $(addprefix tests/,inputs codec client sources cli) \
	$(addprefix tests/server/test_,fake.py rapidjson.py) \
	$(addprefix tests/generator/test_,cli.py drift.py names.py output.py quoting.py render.py)

# An installation of its own with Spark and Ray, beside what the tests have already.
ENGINES := $(CACHE)/engines

# Tests that compile and install in the checkout, one after the other; all others run beside them.
COMPILED := $(addsuffix /,$(addprefix tests/,demo docs generator packaging))
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync)

.PHONY: help demo docs test test-generator test-library test-all test-floors test-engines bench lint types regen clean

help:  ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

demo: $(VENV)/.demo  ## train, serve and call a model, and generate clients for it in every language
	$(BIN)/tfsclient demo

docs: $(VENV)/.docs  ## the site, in site/
	$(BIN)/python docs/build.py

test: lint types $(VENV)/.dev  ## everything that CI checks
	@echo "two processes run the tests; each prints when it ends"
	@$(MAKE) --no-print-directory --jobs=2 $(SYNC) test-generator test-library

test-generator: $(VENV)/.dev  # and all else that compiles and installs
	$(BIN)/python -m pytest $(COMPILED)

test-library: $(VENV)/.dev
	$(BIN)/python -m pytest $(filter-out $(COMPILED),$(wildcard tests/*/))

test-all: test test-floors test-engines  ## the tests that take minutes, too
	$(BIN)/python -m pytest -m slow --ignore tests/engines

test-floors: $(FLOORS)/.done  ## what needs no TensorFlow, on the lowest versions that pyproject.toml allows
	env -u CI $(FLOORS)/bin/python -m pytest -p no:cacheprovider $(FLOOR_TESTS)

test-engines: $(ENGINES)/.done  ## Spark and Ray on this machine
	$(ENGINES)/bin/python -m pytest -p no:cacheprovider -m slow tests/engines

bench: $(VENV)/.dev  ## side by side with the peers; writes benchmarks/results
	$(BIN)/python benchmarks/run.py --plot
	$(BIN)/python benchmarks/serve.py
	$(BIN)/python benchmarks/score.py
	$(BIN)/python benchmarks/generator.py
	$(BIN)/python benchmarks/generated.py

lint: $(VENV)/.dev  ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## mypy --strict and pyright
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

regen: $(VENV)/.dev  ## rewrite generated/ from the models; then read git diff
	$(BIN)/python codegen/dev/regen.py

clean:  ## remove what the other targets made
	rm -rf $(VENV) $(CACHE) build site

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip

$(FLOORS)/.done: pyproject.toml tests/packaging/floors.py | $(VENV)/.dev
	$(PYTHON) -m venv --clear $(FLOORS)
	$(BIN)/python tests/packaging/floors.py > $(FLOORS)/floors.txt
	$(FLOORS)/bin/pip install --quiet --requirement $(FLOORS)/floors.txt --editable . \
		crc32c cryptography hypothesis jsonschema pandas polars pyarrow pytest requests
	touch $@

$(ENGINES)/.done: pyproject.toml | $(VENV)/.dev
	$(PYTHON) -m venv --clear $(ENGINES)
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" > \
		$$($(ENGINES)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/tests.pth
	$(ENGINES)/bin/pip install --quiet --editable '.[spark,ray]'
	touch $@

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --editable '.[demo]'
	touch $@

$(VENV)/.docs: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --editable . --group docs
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --editable '.[demo,tensorflow,ui]' --group dev
	[ "$$CI" != true ] || command -v chromium || \
		{ apt-get update -qq && apt-get install -qq --no-install-recommends chromium; }
	touch $@ $(VENV)/.demo $(VENV)/.docs
