# make run-sweep  the main job: set up what is missing, run the study, write its report
# make test       set up what is missing, pass the tests
# make figures    redraw every report from records alone
# make check      format, lint, types, tests        make bench   speed against the usual way
# make test-faults a hundred thousand inputs that nobody meant, sweeps that are killed (10 min; FUZZ=10: ten times as many)
# make docs      the documentation: docs/_build/html/index.html
# make calibration  coverage of intervals and error rates of tests, simulated at the sizes of the studies (10 min)
# make validation  accuracy of every adaptation on texts held out of training, by which settings were picked (40 min)
STUDY ?= inheritance
PRESET ?= laptop
JOBS ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
LAUNCHER ?= joblib
RESULTS ?= results
ARGS ?=
PYTHON ?= python3
BIN := .venv/bin

# uv does not read pip's settings: pass on the folder of wheels, where one is set
UV_FIND_LINKS ?= $(shell $(PYTHON) -m pip config get :env:.find-links 2>/dev/null || $(PYTHON) -m pip config get global.find-links 2>/dev/null)
export UV_FIND_LINKS
ifeq ($(strip $(UV_FIND_LINKS)),)
unexport UV_FIND_LINKS
endif

LAUNCH := hydra/launcher=$(LAUNCHER) $(if $(filter joblib,$(LAUNCHER)),hydra.launcher.n_jobs=$(JOBS))

# tests in a process for each core, a module to a process, in the order of tests/conftest.py
SPREAD := --numprocesses=$(JOBS) --dist=loadscope --no-loadscope-reorder

.PHONY: run-sweep test test-faults figures fetch docs check format bench calibration validation lock clean

run-sweep: .venv/ready
	$(BIN)/python -m homog sweep study=$(STUDY) preset=$(PRESET) results=$(RESULTS) $(LAUNCH) $(ARGS)

test: .venv/ready
	$(BIN)/python -m pytest $(SPREAD)

figures: .venv/ready
	$(BIN)/python -m homog report results=$(RESULTS)

fetch: .venv/ready
	$(BIN)/python -m homog sources

test-faults: .venv/ready
	$(BIN)/python -m pytest --numprocesses=$(JOBS) tests/faults/fuzz.py tests/faults/killed.py tests/faults/cluster.py

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/python -m pytest $(SPREAD)

docs: .venv/ready
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet -c constraints.txt --group docs
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo docs/_build/html/index.html

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/ready
	$(BIN)/python -m tests.bench

calibration: .venv/ready
	$(BIN)/python -m tests.calibration

validation: .venv/ready
	$(BIN)/python -m tests.validation

# exact versions for every platform; TORCH names a release that has builds for CPU and for CUDA
TORCH ?= 2.13.0
lock: .venv/ready
	echo "torch==$(TORCH)" | env -u UV_FIND_LINKS $(BIN)/uv pip compile --quiet -c - --universal --python-version 3.11 --no-annotate --no-header \
		--no-emit-find-links --all-extras --group test --group docs --upgrade pyproject.toml -o constraints.txt

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "homog needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --compile-bytecode -c constraints.txt -e . --group test
	touch $@

clean:
	rm -rf .venv .pytest_cache .ruff_cache results/runs
