# nutloop: every target makes what it needs, starting from Python 3.10+ and a C compiler.
#
#   make run        .venv, the board, `nutloop demo`
#   make test       the test suite; PYTEST_ARGS="-k iob" passes arguments on
#   make lint       ruff and mypy --strict
#   make soak       the long tests alone: many seeds, many megabytes
#   make fuzz       the protocols under a fuzzer with ASan and UBSan for FUZZ_SECONDS
#   make sanitize   the test suite on a C core built with ASan and UBSan (gcc)
#   make bench      the benchmarks, one JSON line a figure
#   make core       rebuild the C core in place after an edit
#   make clean      remove everything that was made

PYTHON      ?= python3
VENV        ?= .venv
CC          ?= cc
PYTEST_ARGS ?=
FUZZ_CC     ?= clang
FUZZ_SECONDS ?= 60
BENCHMARKS  ?= $(wildcard benchmarks/bench_*.py)

BIN      := $(VENV)/bin
CORE     := $(wildcard csrc/*.c csrc/*.h csrc/*.py csrc/cdef/*.h)
PROJECT  := pyproject.toml setup.py $(CORE)
INSTALL  := $(BIN)/python -m pip install --quiet --disable-pip-version-check --config-settings editable_mode=compat
SANITIZE := build/sanitize
FUZZ     := build/fuzz
FUZZED   := $(filter-out csrc/live.c,$(wildcard csrc/*.c)) $(filter-out fuzz/main.c,$(wildcard fuzz/*.c))
FUZZ_FLAGS := -std=c11 -O1 -g -Wall -Wextra -Werror -Icsrc -Ifuzz -fsanitize=address,undefined -fno-sanitize-recover=all

.DELETE_ON_ERROR:
.PHONY: run test lint soak fuzz sanitize bench core clean

run: $(VENV)/.run
	$(BIN)/nutloop demo

test: $(VENV)/.dev
	$(BIN)/pytest -n auto $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy

soak: $(VENV)/.dev
	$(BIN)/pytest -n auto -m soak $(PYTEST_ARGS)

# Under its own directory, so that the core of the checkout stays the fast one. libasan has to be loaded before Python,
# which is not built with it; PYTHONMALLOC=malloc lets it see an overrun of a Python buffer. CPython leaks by design, and
# greenlets move stacks about, which ASan's fake stacks do not survive.
sanitize: $(VENV)/.dev
	NUTLOOP_SANITIZE=1 $(BIN)/python setup.py -q build --build-base $(SANITIZE) --build-lib $(SANITIZE)/lib
	LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libubsan.so)" \
	ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:halt_on_error=1 \
	UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
	PYTHONMALLOC=malloc PYTHONPATH=$(SANITIZE)/lib \
	$(BIN)/pytest -n auto -p no:cacheprovider -m "not uninstrumented and not soak" $(PYTEST_ARGS)

# Needs no Python but for the seeds. What it finds is left in build/fuzz as crash-*; `build/fuzz/target FILE` repeats it.
fuzz: $(FUZZ)/target
	$(PYTHON) fuzz/seeds.py $(FUZZ)/seeds
	mkdir -p $(FUZZ)/corpus
	cd $(FUZZ) && ./target -max_total_time=$(FUZZ_SECONDS) -max_len=1200 -timeout=10 corpus seeds

# clang brings libFuzzer; without it fuzz/main.c stands in, which mutates but does not learn.
$(FUZZ)/target: $(FUZZED) fuzz/main.c $(wildcard csrc/*.h csrc/cdef/*.h fuzz/*.h)
	mkdir -p $(@D)
	if command -v $(FUZZ_CC) >/dev/null; then $(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer $(FUZZED) -o $@; \
	else $(CC) $(FUZZ_FLAGS) $(FUZZED) fuzz/main.c -o $@; fi

bench: $(VENV)/.dev
	@set -e; for program in $(BENCHMARKS); do $(BIN)/python $$program; done

core: $(VENV)/.dev
	$(BIN)/python setup.py -q build_ext --inplace --force

clean:
	rm -rf build dist *.egg-info $(VENV) kernel/_core*.so .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.run: $(VENV)/bin/python $(PROJECT)
	$(INSTALL) -e '.[scapy]'
	touch $@

$(VENV)/.dev: $(VENV)/bin/python $(PROJECT)
	$(INSTALL) -e '.[dev]'
	touch $@ $(VENV)/.run

# Name what is missing in one line, before pip would in fifty.
$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "nutloop: no $(PYTHON) on the PATH; install it with \`sudo apt-get install python3 python3-venv\`" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "nutloop: $$($(PYTHON) --version) is too old, 3.10 is needed; name another with \`make PYTHON=python3.12\`" >&2; exit 1; }
	@$(PYTHON) csrc/build_core.py
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  echo "nutloop: $(PYTHON) cannot make virtual environments; run \`sudo apt-get install python3-venv\`" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
