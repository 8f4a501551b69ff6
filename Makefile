# `make demo` shows what perfkit does, `make test` proves it. Both set everything up by themselves
# in .venv and need nothing but Python 3.11 or newer and make.

# The first interpreter on the path that is new enough; `make PYTHON=/path/to/python …` overrides it.
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
WORKERS := 2

.PHONY: test demo lint format bench clean help

help:
	@echo "make demo    record a real workload, analyse it, print the report"
	@echo "make test    set up and run every test, ruff and mypy included"
	@echo "make lint    ruff and mypy alone"
	@echo "make format  let ruff rewrite what it can"
	@echo "make bench   measure what recording, reading and sealing cost (about ten minutes)"
	@echo "make clean   remove .venv and every cache"

test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS)

demo: $(VENV)/.installed
	@# Half a minute: below that, growth cannot be told from start-up.
	$(BIN)/python examples/workload.py 34 & workload=$$!; \
	$(BIN)/perfkit record --pid $$workload --duration 32s --force -o demo.parquet; \
	code=$$?; wait $$workload; exit $$code
	$(BIN)/perfkit analyze demo.parquet

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev
	@failed=; for file in benchmarks/*.py; do \
		echo "── $$file"; $(BIN)/python "$$file" || failed="$$failed $$file"; \
	done; test -z "$$failed" || { echo "over a limit:$$failed" >&2; exit 1; }

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Dependency groups (PEP 735) are understood by pip from 25.1 on.
$(VENV)/.installed: pyproject.toml Makefile
	@test -n "$(PYTHON)" || { echo "perfkit needs Python 3.11 or newer on the path, or: make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group test
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	@touch $@
