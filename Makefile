# Both commands set themselves up: a virtual environment beside the project, with the versions of constraints.txt.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test docs hooks tables benchmarks gpu clean

demo: .venv/installed
	$(BIN)/lightning-infogeo demo $(ARGS)

test: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q --numprocesses=2 --dist=worksteal $(ARGS)

# The site, into docs/_build/html. Warnings are errors, and neither building nor reading it needs a network.
docs: .venv/installed
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -d docs/_build/doctrees docs docs/_build/html
	@echo "The site: docs/_build/html/index.html"

# Before every commit, what `test` checks before the tests (.pre-commit-config.yaml).
hooks: .venv/installed
	$(BIN)/python -m pip install --quiet 'pre-commit>=4'
	$(BIN)/pre-commit install

# Of quantities, in docs/, from lightning_infogeo/quantities.py; a test says where one is out of date.
tables: .venv/installed
	$(BIN)/python docs/write_tables.py

benchmarks: .venv/installed
	$(BIN)/python benchmarks/small_distances.py
	$(BIN)/python benchmarks/starts.py
	$(BIN)/python benchmarks/record_cost.py
	$(BIN)/python benchmarks/what_you_pay.py  # an hour
	$(BIN)/python benchmarks/pairwise.py
	$(BIN)/python benchmarks/tab.py
	$(BIN)/python benchmarks/long_run.py
	$(BIN)/python benchmarks/embedding_error.py
	$(BIN)/python benchmarks/parameter_cost.py
	$(BIN)/python benchmarks/archive_cost.py
	$(BIN)/python benchmarks/comparison_scaling.py
	$(BIN)/python benchmarks/many_runs.py
	$(BIN)/python benchmarks/input_spectrum.py
	$(BIN)/python benchmarks/topology.py
	$(BIN)/python benchmarks/sketch_error.py
	$(BIN)/python benchmarks/label_errors.py
	$(BIN)/python benchmarks/ddp_overhead.py
	$(BIN)/python benchmarks/endurance.py
	$(BIN)/python benchmarks/fuzz.py --examples 10000
	$(BIN)/python benchmarks/onset_data.py
	$(BIN)/python benchmarks/onset.py  # an hour the first time: it trains 204 networks
	$(BIN)/python benchmarks/velocity_change.py

# On a machine with CUDA; installs nothing: the virtual environment where there is one, else a Python that has torch.
gpu:
	if [ -x $(BIN)/python ]; then $(BIN)/python benchmarks/gpu.py $(ARGS); else $(PYTHON) benchmarks/gpu.py $(ARGS); fi

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("lightning-infogeo needs Python >= 3.10, this is " + sys.version if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache infogeo_demo docs/_build
