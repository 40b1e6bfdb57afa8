# NovaCron. The two commands: `make demo` and `make test`. Everything else is in `make help`.

# The system's Python, found before .venv comes first on PATH.
ifndef PYTHON
PYTHON := $(shell command -v python3 || echo python3)
endif
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/.build/bin:$(PATH)
export ETH_HASH_BACKEND := pysha3
export SOLCX_BINARY_PATH := $(CURDIR)/.build/solcx
export PYTHONDONTWRITEBYTECODE := 1

FORGE = .build/bin/forge
PYTEST_WORKERS ?= 2

.PHONY: help setup build abi demo test test-deep bench gas lint format lock clean

help:           ## list the commands
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup:          ## install what is pinned in the lock files (nothing to do: under a second)
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "setup: Python 3.11 or newer is needed and '$(PYTHON)' is not on PATH." >&2; exit 1; }
	@$(PYTHON) tools/setup.py

build: setup    ## compile the contracts
	@$(FORGE) build --quiet

abi: build      ## write the ABIs that the SDK ships
	@python tools/abi.py

demo: build     ## train a model, anchor and prove every checkpoint, catch a tampered one; writes out/report.html
	@python -m novacron.demo

test: build lint  ## every check and every test that fits in CI
	@$(FORGE) test
	@python -m pytest -n $(PYTEST_WORKERS) --dist loadfile -m "not deep"

test-deep: build  ## the same, deeper: long fuzzing, every crash point, symbolic proofs, PyTorch adapters
	@FOUNDRY_PROFILE=deep $(FORGE) test
	@python -m pytest -n $(PYTEST_WORKERS) --dist loadfile
	@$(PYTHON) tools/deep.py

bench: build    ## gas beside EAS and a string-struct contract, and throughput; nothing here is asserted
	@python -m tests.bench

gas: build      ## rewrite the committed gas snapshot
	@python -m tests.gas.snapshot --write

lint: build     ## ruff, mypy, forge fmt, solhint, Slither; any finding fails
	@python tools/lint.py

format: setup   ## format Python and Solidity
	@ruff check --fix --quiet . ; ruff format --quiet . && $(FORGE) fmt

lock: setup     ## compile the lock files again after changing requirements.in or package.json
	@python tools/lock.py

clean:          ## remove everything that a command made, the environments included
	rm -rf .venv .venv-* node_modules .build build .cache out cache contracts/.cache deployments/*-local .hypothesis .mypy_cache .ruff_cache .pytest_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
