# make demo   eight directors behind one switch on this machine, and what happens when one leaves
# make test   lint, unit, FRR and kernel tests, two lanes at a time; builds a kernel for them once
# make coverage   which lines and branches the unit and the behaviour lane run, against the floor of each room
# All do all their own set-up (Debian packages as root, a virtual environment) and can be run again.

VENV := .venv

MEASURED := CLUSTERLB_COVERAGE="--cov --cov-report="

.PHONY: demo test coverage bench setup
demo: setup
	$(VENV)/bin/clusterlb lab demo

test: setup
	$(VENV)/bin/clusterlb lab kernel build || echo "==> going on without: labs run in a microVM" >&2
	$(MEASURED) $(VENV)/bin/tox run-parallel --parallel 2 --parallel-no-spinner

coverage: setup
	$(MEASURED) $(VENV)/bin/tox run -e unit,behaviour,coverage

bench: setup
	$(VENV)/bin/tox -e bench

setup:
	@scripts/setup $(VENV)
