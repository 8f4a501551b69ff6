# `make demo` shows what perfkit does, `make test` proves it. Both set everything up by themselves
# in .venv and need nothing but Python 3.11 or newer and make.

# The first interpreter on the path that is new enough; `make PYTHON=/path/to/python …` overrides it.
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
WORKERS := 2

.PHONY: test gate demo lint format bench clean help

help:
	@echo "make demo    record a real workload, analyse it, print the report"
	@echo "make test    set up and run every test, ruff and mypy included"
	@echo "make lint    ruff and mypy alone"
	@echo "make format  let ruff rewrite what it can"
	@echo "make bench   measure what recording, reading and sealing cost (about ten minutes)"
	@echo "make gate    is it slower than at its last tag? (about three minutes; BASE=COMMIT: than there)"
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

# Base is what BASE names, the last tag unless told otherwise; head is the work tree as it stands.
# Each is installed into a virtual environment of its own, in the same way. The gate itself is head's.
BASE = $(shell git describe --tags --abbrev=0 2>/dev/null)

gate: $(VENV)/.installed
	@git rev-parse --quiet --verify '$(BASE)^{commit}' >/dev/null || { \
		echo "there is no tag to gate against; name what to compare with: make gate BASE=COMMIT" >&2; exit 2; }
	rm -rf .gate/source && mkdir -p .gate/source
	git archive '$(BASE)^{commit}' | tar -x -C .gate/source
	for side in base head; do \
		test -x .gate/$$side/bin/python || "$(PYTHON)" -m venv .gate/$$side || exit; \
		test $$side = base && from=.gate/source || from=.; \
		.gate/$$side/bin/python -m pip install --quiet --disable-pip-version-check $$from || exit; \
		.gate/$$side/bin/python -m pip install --quiet --disable-pip-version-check \
			--force-reinstall --no-deps $$from || exit; \
	done
	.gate/head/bin/perfkit gate \
		--base '.gate/{side}/bin/perfkit analyze .gate/source/sample_data/leak.parquet' \
		--head '.gate/{side}/bin/perfkit analyze .gate/source/sample_data/leak.parquet'

clean:
	rm -rf $(VENV) .gate .pytest_cache .mypy_cache .ruff_cache .hypothesis

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
