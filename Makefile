# Two front doors: `make book` and `make test`; `make check` for the minutes between. They work in
# .venv/, which they create.

PYTHON ?= python3
# The versions that were tested; CONSTRAINTS=/dev/null takes the newest ones.
CONSTRAINTS ?= constraints.txt
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

PYTEST := $(BIN)/python -m pytest -n 2 --dist loadscope
NBVAL := --nbval-lax --nbval-current-env --nbval-sanitize-with tests/nbval.cfg
# What nbval's kernels record, for the tests of these values.
test: export PAPER_MEASURED := $(CURDIR)/_build/measured

.PHONY: help install book pdf test check accept lint clean

help:
	@echo "make install                only the environment in .venv/, for one chapter or an audit"
	@echo "make book                   build the book: _build/html/index.html"
	@echo "make pdf                    the whole book as one file, and its two-page summary (needs chromium)"
	@echo "make check                  lint, unit tests and the chapters you changed, in minutes"
	@echo "make test                   check everything, the built book included"
	@echo "make accept CHAPTER=slug    accept what a chapter now measures (review the diff)"
	@echo "make lint                   check style, spelling and layers only"
	@echo "make clean                  remove what was built"

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, not $$($(PYTHON) --version 2>&1); set PYTHON=..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) -e '.[book,test]'
	@touch $@

install: $(STAMP)

book: $(STAMP)
	@$(BIN)/paper build

pdf: book
	@$(BIN)/paper pdf

test: book lint
	@rm -rf $(PAPER_MEASURED)
	@$(PYTEST) $(NBVAL) -m "not (measured or long)"
	@$(BIN)/python -m pytest -q -m measured tests/test_chapters.py

check: lint
	@$(PYTEST) -m "not (browser or book or measured or slow)"
	@chapters=$$($(BIN)/python tests/changed.py) && \
	  { test -z "$$chapters" || $(PYTEST) $(NBVAL) $$chapters; }

accept: $(STAMP)
	@$(BIN)/python tests/accept.py $(CHAPTER)

lint: $(STAMP)
	@mkdir -p _build
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/nbqa "ruff check" notebooks --quiet
	@$(BIN)/codespell
	@$(BIN)/lint-imports --no-cache > _build/imports.log 2>&1 || { cat _build/imports.log; exit 1; }

clean:
	rm -rf _build book/chapters
