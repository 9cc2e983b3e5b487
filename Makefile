# Everything runs in .venv, which is made from requirements.lock on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.DEFAULT_GOAL := help
.PHONY: help run test verify fuzz docs lock clean

help:  ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.lock setup.cfg setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name it with PYTHON=…")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: $(READY)  ## Server, worker, demo data and real runs on this machine; Ctrl-C stops it
	$(BIN)/ci-api demo $(ARGS)

test: $(READY)  ## Every test that this machine has the parts for
	$(BIN)/tox run -q -e check

verify: $(READY)  ## The longer checks, which nothing that is changed every day waits for
	$(BIN)/tox run -q -e verify

fuzz: $(READY)  ## schemathesis against a live server
	$(BIN)/tox run -q -e fuzz

docs: $(READY)  ## The documentation, into build/docs; a warning fails
	$(BIN)/mkdocs build --quiet

lock: $(READY)  ## Pin the newest versions that setup.cfg allows
	$(BIN)/uv pip compile setup.cfg --all-extras --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command "make lock" --upgrade --quiet -o requirements.lock

clean:  ## Forget the environments and the demo
	rm -rf $(VENV) .tox instance build *.egg-info
