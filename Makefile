# Everything runs in .venv, which is made on first use: from requirements.lock for running, with requirements-test.lock on top for the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
LOCK = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	--upgrade --quiet
PACKAGES := setup.cfg ci_client/pyproject.toml
SMOKE := tests/domain tests/test_packages.py tests/ci_client/test_command.py tests/e2e/test_server.py
RUN := $(VENV)/run
READY := $(VENV)/ready

.DEFAULT_GOAL := help
.PHONY: help run test verify smoke fuzz docs lock clean

help:  ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(RUN): requirements.lock pyproject.toml $(PACKAGES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name it with PYTHON=…")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation --editable . --editable ./ci_client
# What has installed all this is not needed to run it.
	$(BIN)/python -m pip uninstall --quiet --yes setuptools pip
	@touch $@

$(READY): $(RUN) requirements-test.lock
	$(BIN)/python -m ensurepip >/dev/null
	$(PIP) --require-hashes -r requirements-test.lock
	@touch $@

run: $(RUN)  ## Server, worker, demo data and real runs on this machine; Ctrl-C stops it
	$(BIN)/ci-api demo $(ARGS)

test: $(READY)  ## Every test but the long ones, as far as this machine has the parts
	$(BIN)/tox run -q -e check

verify: $(READY)  ## The longer checks, which nothing that is changed every day waits for
	$(BIN)/tox run -q -e verify

smoke: $(READY)  ## What every Python must pass: make smoke PYTHON=python3.13 VENV=.venv-3.13
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile $(SMOKE)

fuzz: $(READY)  ## schemathesis against a live server
	$(BIN)/python -m contract.live_fuzz $(ARGS)

docs: $(READY)  ## The documentation, into build/docs; a warning fails
	$(BIN)/mkdocs build --quiet

lock: $(READY)  ## Pin the newest versions that the packages allow
	echo setuptools | $(LOCK) $(PACKAGES) - --extra redis --extra sandbox -o requirements.lock
	echo kubernetes | $(LOCK) - --constraint requirements.lock -o requirements-kubernetes.lock
	$(LOCK) $(PACKAGES) --all-extras --constraint requirements.lock --constraint requirements-kubernetes.lock -o requirements-test.lock

clean:  ## Forget the environments and the demo
	rm -rf $(VENV) .tox instance build *.egg-info ci_client/build ci_client/*.egg-info
