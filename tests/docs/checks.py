"""How the documentation's code blocks are checked: one function a kind."""
from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from jsonschema import Draft202012Validator

from api.cli import make_parser
from api.config import Settings
from api.domain.catalog.library_file import read_library
from api.domain.jobs.orders import Orders, read_project
from api.library_folder.reading import SCHEMA
from api.storage.files.executables import find_executable
from contract.documents import load_documents
from contract.schemas import faults, validator
from tests.docs.pages import ROOT, Block

Check = Callable[[Block], None]

MAIN = "CCExtractor/ccextractor"
# What stands for a value in the path of an operation.
PLACE = re.compile(r"\{[a-z_]+\}")
TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
COPIED = re.compile(r"^COPY ([^-].*)$", re.MULTILINE)
INSTALLED = re.compile(r"missing\+=\((\S+)\)|for program in ([a-z ]+);")


def equals(file: str) -> Check:
    """The block is a file of ours."""
    def check(block: Block) -> None:
        assert block.text == (ROOT / file).read_text(encoding="utf-8"), f"make this block of {block.page} equal to {file}"

    return check


def settings_file(file: str) -> Check:
    """The block is a file of ours that systemd can read, and whose values the server takes."""
    def check(block: Block) -> None:
        equals(file)(block)
        settings(block)

    return check


def settings(block: Block) -> None:
    """Each line gives a setting a value that can be read; systemd knows no comment behind a value."""
    known = {each.metadata["variable"] for each in fields(Settings)}
    given = dict(line.split("=", 1) for line in block.lines)

    Settings.from_environment(given)

    assert set(given) <= known
    assert [line for line in block.lines if " #" in line] == []


def unit(file: str) -> Check:
    """The block is a unit of ours, which starts a command that there is, with settings that are shown."""
    def check(block: Block) -> None:
        equals(file)(block)
        told = dict(line.split("=", 1) for line in block.lines if "=" in line)
        program, *words = shlex.split(told["ExecStart"])

        make_parser().parse_args(words)

        assert program == "/opt/ci-api/.venv/bin/ci-api"
        assert (ROOT / "deploy" / told["EnvironmentFile"].removeprefix("/etc/")).is_file()

    return check


def make_targets(block: Block) -> None:
    """Each line is a target of the Makefile."""
    known = set(TARGET.findall((ROOT / "Makefile").read_text()))

    for line in block.lines:
        program, *target = shlex.split(line, comments=True)
        assert program == "make"
        assert set(target) <= known


def ci_api_calls(block: Block) -> None:
    """Each line calls `ci-api` as it can be called."""
    for line in block.lines:
        program, *words = shlex.split(line)
        assert program == "ci-api"
        make_parser().parse_args(words)


def image_built(block: Block) -> None:
    """The line builds the image of our file, from the folder in which all that the file copies lies."""
    [line] = block.lines
    program, build, _, file, *_, context = shlex.split(line)
    copied = {word for words in COPIED.findall((ROOT / file).read_text()) for word in words.split()[:-1]}

    assert (program, build, context) == ("docker", "build", ".")
    assert [name for name in copied if not (ROOT / context / name).exists()] == []
    assert copied == {name.removeprefix("!") for name in (ROOT / ".dockerignore").read_text().split() if name.startswith("!")}


def executable_places(block: Block) -> None:
    """An executable of the main repository is found at each of the places."""
    values = {"owner": "CCExtractor", "name": "ccextractor", "platform": "linux", "commit": "a" * 40}
    for line in block.lines:
        with TemporaryDirectory() as folder:
            place = Path(folder, line.format_map(values)).relative_to(Path(folder, "CI_EXECUTABLES"))
            path = Path(folder, place)
            path.parent.mkdir(parents=True)
            path.touch(0o755)
            assert find_executable(Path(folder), MAIN, values["commit"], "linux", main_repository=MAIN) == path


def orders_of_a_project(block: Block) -> None:
    """The block says in a pyproject.toml how a job is run, and all of it is known."""
    orders, errors = read_project(block.text)

    assert errors == {}
    assert orders != Orders()


def library_file(block: Block) -> None:
    """The block is the file of a library that can be imported, but for the files that it names."""
    content = yaml.safe_load(block.text)

    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(content)] == []
    assert read_library(content).paths


def requests(block: Block) -> None:
    """Each line asks the CI API what can be asked of it, with a body that its document allows."""
    [document] = [each for each in load_documents() if each.name == "openapi-ci-api.yaml"]
    for line in block.lines:
        program, *words = shlex.split(line)
        if program == "ask":
            options = make_curl_parser().parse_args(words)
            path = options.address.removeprefix("$API").partition("?")[0]
            method = options.request or ("POST" if options.json or options.form else "GET")
            [operation] = [
                each for each in document.operations
                if each.method == method.lower() and re.fullmatch(PLACE.sub("[^/]+", each.path), path)]
            [content] = operation.body["content"].values() if operation.body else [{}]
            sent = json.loads(options.json) if options.json else dict(field.split("=", 1) for field in options.form)
            assert faults(validator(document, content.get("schema", {})), sent) == [], line


def make_curl_parser() -> argparse.ArgumentParser:
    """The options of curl that the pages use."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json")
    parser.add_argument("--form", action="append", default=[])
    parser.add_argument("--request")
    parser.add_argument("address")
    return parser


def recipe(block: Block) -> None:
    """The lines do what the Makefile does for its own environment, but do not install for editing, nor the client."""
    made = (ROOT / "Makefile").read_text().replace("$(PYTHON)", "python3").replace("$(VENV)", ".venv")
    server = made.replace("$(PIP)", ".venv/bin/python -m pip install").replace(" --editable ./ci_client", "").replace("--editable ", "")

    assert block.lines[0].startswith("cd ")
    assert [line for line in block.lines[1:] if f"\t{line}\n" not in server] == []


def debian_packages(*others: str) -> Check:
    """The packages are those with which everything is tested, and these."""
    def check(block: Block) -> None:
        tested = {name for found in INSTALLED.findall((ROOT / ".ci/run").read_text()) for words in found for name in words.split()}
        [line] = block.lines
        assert line.startswith("apt-get install ")
        assert set(line.split()[2:]) <= tested | set(others)

    return check


def by_test(file: str) -> Callable[[str], Check]:
    """A test in this file takes the block from the page, and runs it."""
    def named(test: str) -> Check:
        def check(block: Block) -> None:
            assert f"\ndef {test}(" in (ROOT / file).read_text(), f"{file} has no {test}, which was to run a block of {block.page}"

        return check

    return named
