"""`ci-api machines add --token-file`: a machine is added once, however often that is called."""
from __future__ import annotations

import re
from pathlib import Path

from api.domain.runs.machine import machine_token
from tests.commands.conftest import Call

TOKEN = re.compile(r"spcm_[A-Za-z0-9_-]{43}\n")


def names(call: Call) -> list[str]:
    return [line.split("\t")[0] for line in call("machines", "list").output.splitlines()]


def test_a_token_in_a_file_is_the_owners_alone_and_not_printed(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "token"

    said = call("machines", "add", "machine-1", "--token-file", str(file))

    assert (said.status, said.output, said.errors) == (0, "", "")
    assert TOKEN.fullmatch(file.read_text())
    assert file.stat().st_mode & 0o777 == 0o600


def test_adding_a_machine_by_the_same_file_again_changes_nothing(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "token"
    call("machines", "add", "machine-1", "--token-file", str(file))
    token = file.read_text()

    said = call("machines", "add", "machine-1", "--token-file", str(file))

    assert said.status == 0
    assert file.read_text() == token
    assert names(call) == ["machine-1"]


def test_a_token_that_was_written_but_not_kept_is_kept_the_second_time(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "token"
    call("machines", "add", "machine-1", "--token-file", str(file))
    token = file.read_text()
    call("machines", "remove", "machine-1")

    call("machines", "add", "machine-1", "--token-file", str(file))

    assert file.read_text() == token
    assert names(call) == ["machine-1"]


def test_a_machine_whose_file_is_gone_is_not_added_again(call: Call, tmp_path: Path) -> None:
    call("machines", "add", "machine-1", "--token-file", str(tmp_path / "token"))

    said = call("machines", "add", "machine-1", "--token-file", str(tmp_path / "another"))

    assert said.status == 1
    assert said.errors == "ci-api: There is a machine of this name. Choose another name, or rotate that machine's token.\n"


def test_a_file_with_another_machines_token_adds_none(call: Call, tmp_path: Path) -> None:
    file = str(tmp_path / "token")
    call("machines", "add", "machine-1", "--token-file", file)

    renamed = call("machines", "add", "machine-2", "--token-file", file)
    moved = call("machines", "add", "machine-1", "--platform", "windows", "--token-file", file)

    assert renamed.errors == moved.errors == f"ci-api: {file} has the token of another machine: machine-1, linux\n"
    assert names(call) == ["machine-1"]


def test_a_file_that_is_something_else_is_left_as_it_is(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text("not a token, but notes")

    said = call("machines", "add", "machine-1", "--token-file", str(file))

    assert said.errors == f"ci-api: {file} holds something else than a machine's token\n"
    assert file.read_text() == "not a token, but notes"
    assert names(call) == []


def test_a_file_that_cannot_be_written_adds_none(call: Call, tmp_path: Path) -> None:
    said = call("machines", "add", "machine-1", "--token-file", str(tmp_path / "missing" / "token"))

    assert said.status == 1
    assert names(call) == []


def test_the_tokens_form_is_the_domains() -> None:
    assert TOKEN.fullmatch(machine_token(b"\xff" * 32) + "\n")
