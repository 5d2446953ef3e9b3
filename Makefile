# make demo   eight directors behind one switch on this machine, and what happens when one leaves
# make test   lint, unit, FRR and kernel tests, two lanes at a time; builds a kernel for them once
# Both do all their own set-up (Debian packages as root, a virtual environment) and can be run again.

VENV := .venv

.PHONY: demo test bench setup
demo: setup
	$(VENV)/bin/clusterlb lab demo

test: setup
	$(VENV)/bin/clusterlb lab kernel build || echo "==> going on without: labs run in a microVM" >&2
	$(VENV)/bin/tox run-parallel --parallel 2 --parallel-no-spinner

bench: setup
	$(VENV)/bin/tox -e bench

setup:
	@scripts/setup $(VENV)
