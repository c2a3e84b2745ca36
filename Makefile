# The commands of the house. `make help` lists them; all they need is make and Python 3.11 or newer.
# Every path is relative, so the folder may have spaces in its name.

# The versions the book was checked with. `make LOCK= serve` takes the ranges of pyproject.toml.
LOCK    ?= requirements.lock
# Where `make serve` listens.
ADDRESS ?= 127.0.0.1:8000
# Where `make export` writes the rendered Markdown, images and notebooks.
EXPORT  ?= export
# Processes that share the tests.
WORKERS ?= 2

BIN     := .venv/bin
PYTHON3 := $(BIN)/python
READY   := .venv/.installed-from-$(if $(LOCK),lock,ranges)
TOOLS   := tests/site/node_modules/.package-lock.json
PYTEST  := PDL_SITE_DIR=site OMP_NUM_THREADS=1 $(PYTHON3) -m pytest -n $(WORKERS) --dist loadgroup \
           --durations=15 --durations-min=10
PROSE   := README.md CONTRIBUTING.md CHANGELOG.md SECURITY.md CITATION.cff mkdocs.yml Makefile \
           .github .ci docs overrides src tests tutorials benchmarks scripts

# Material and MkDocs print notices about their future on every build; they are not about this site.
export NO_MKDOCS_2_WARNING := 1
export DISABLE_MKDOCS_2_WARNING := true
# Backlinks come out of sets: the same order in each build.
export PYTHONHASHSEED := 0

# On Linux: keep the memory of a training step for the next one, instead of giving it back to the
# system, which then has to clear it page by page. Convolutions on a CPU take up to half the time.
# The numbers are those of pdl.allocator, which does the same for `pdl train`.
export MALLOC_MMAP_THRESHOLD_ := 1073741824
export MALLOC_TRIM_THRESHOLD_ := 2147483647

.DEFAULT_GOAL := help
.SUFFIXES:
.PHONY: help serve build docs test check check-format check-lint check-types check-docstrings \
        check-imports check-spelling check-workflows tools system lock export offline pdf publish clean distclean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

serve: $(READY) ## read and write: the executed site, live at http://127.0.0.1:8000
	@$(PYTHON3) -m mkdocs serve --dev-addr $(ADDRESS)

build: $(READY) ## make site/; only chapters whose code, library or data changed run again
	@$(PYTHON3) -m mkdocs build --strict

docs: build ## the same as build

# Pytest comes last: its closing line is the last one printed, and its exit status is make's. Above it
# stand the slowest tests: half an hour on two cores is the bar for all.
# The browser's tests run by themselves: a browser keeps an event loop in the process it was started in.
test: $(READY) tools check build ## everything CI checks; takes minutes
	@$(PYTEST) --ignore=tests/site
	@$(PYTEST) tests/site

check: check-format check-lint check-types check-docstrings check-imports check-spelling check-workflows ## the quick gates, without running anything

check-format: $(READY) ## is the code formatted? (`.venv/bin/ruff format .` does it)
	@$(BIN)/ruff format --check .

check-lint: $(READY) ## unused names, forbidden calls, missing docstrings
	@$(BIN)/ruff check .

check-types: $(READY) ## mypy --strict on src/
	@$(BIN)/mypy

check-docstrings: $(READY) ## every argument documented, none invented
	@$(BIN)/pydoclint --quiet src/pdl

check-imports: $(READY) ## imports run downward only
	@$(BIN)/lint-imports --no-cache

check-spelling: $(READY) ## spelling
	@$(BIN)/codespell $(wildcard $(PROSE))

check-workflows: $(READY) ## the workflow files, by zizmor
	@$(BIN)/zizmor --offline --no-progress --quiet .github

tools: $(TOOLS) ## the checkers from npm that tests of the site use

# npm writes this file last, so it is there only after a whole installation.
$(TOOLS): tests/site/package.json tests/site/package-lock.json | system
	@if command -v npm >/dev/null; then \
	  npm ci --prefix tests/site --ignore-scripts --no-audit --no-fund --loglevel=error && touch $@; \
	else echo "npm is missing: the tests that need axe-core, html-validate or vnu can not run."; fi

system: ## system packages that tests want (Chromium, Node, Java); installs them when root
	@sh scripts/system_packages.sh

$(READY): pyproject.toml $(LOCK) scripts/environment.sh
	@sh scripts/environment.sh "$(LOCK)"
	@rm -f .venv/.installed-from-* && touch $@

lock: $(READY) ## write requirements.lock anew from pyproject.toml
	@$(PYTHON3) -m pip install --quiet --disable-pip-version-check uv
	@$(PYTHON3) -m uv pip compile --universal --generate-hashes --no-strip-extras --no-header --quiet \
	  --python-version 3.11 --constraint scripts/constraints.txt --all-extras pyproject.toml \
	  --output-file requirements.lock

export: $(READY) ## the chapters as plain Markdown, images and notebooks, for any site generator
	@$(PYTHON3) -m pdl_site export $(EXPORT)

offline: $(READY) ## dist/pdl-book.zip: the whole site, to be opened from a folder without a server
	@PDL_SITE_OFFLINE=true $(PYTHON3) -m mkdocs build --strict --site-dir dist/pdl-book
	@$(PYTHON3) -m pdl_site pack dist/pdl-book dist/pdl-book.zip

pdf: build system ## dist/pdl-book.pdf: all chapters in one file, printed by Chromium
	@$(PYTHON3) scripts/print_book.py --to dist/pdl-book.pdf

# The first version that is published becomes the one that the bare address leads to.
publish: $(READY) ## VERSION=1.2 ALIAS=latest: add the site as a version to the branch gh-pages, and push it
	@test -n "$(VERSION)" || { echo "make publish wants VERSION=1.2, and may have ALIAS=latest"; exit 2; }
	@git fetch --quiet origin gh-pages:gh-pages 2>/dev/null || true
	@PATH="$(CURDIR)/$(BIN):$$PATH" mike deploy --push --update-aliases $(VERSION) $(ALIAS)
	@PATH="$(CURDIR)/$(BIN):$$PATH" mike set-default --push \
	  $$(git show gh-pages:versions.json | grep -q '"latest"' && echo latest || echo $(VERSION))

clean: ## remove what the commands made, but for .venv
	@rm -rf site export .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage \
	  .coverage.* htmlcov dist tests/site/node_modules
	@find src tests tutorials benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove .venv as well
	@rm -rf .venv
