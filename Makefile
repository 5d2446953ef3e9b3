# make demo   eight directors behind one switch on this machine, and what happens when one leaves
# make test   lint, unit, FRR and kernel tests
# Both do all their own set-up (Debian packages as root, a virtual environment) and can be run again.

VENV := .venv

.PHONY: demo test bench setup
demo: setup
	$(VENV)/bin/clusterlb lab demo

test: setup
	$(VENV)/bin/tox

bench: setup
	$(VENV)/bin/tox -e bench

setup:
	@scripts/setup $(VENV)
