"""`ci-api machines`: a token is printed once and never again, and what is removed is gone."""
from __future__ import annotations

import re

from tests.commands.conftest import Call

TOKEN = re.compile(r"spcm_[A-Za-z0-9_-]{43}\n")


def test_a_machine_is_added_with_a_token_and_listed_without_it(call: Call) -> None:
    added = call("machines", "add", "windows-1", "--platform", "windows", "--takes", "run")
    call("machines", "add", "linux-1")

    listed = call("machines", "list")

    assert (added.status, added.errors) == (0, "")
    assert TOKEN.fullmatch(added.output)
    assert [line.split("\t") for line in listed.output.splitlines()] == [
        ["linux-1", "run job", "linux", "never", "nothing"], ["windows-1", "run", "windows", "never", "nothing"]]


def test_a_name_is_one_machines(call: Call) -> None:
    call("machines", "add", "linux-1")

    again = call("machines", "add", "linux-1")

    assert (again.status, again.output) == (1, "")
    assert again.errors == "ci-api: There is a machine of this name. Choose another name, or rotate that machine's token.\n"


def test_a_new_token_is_another(call: Call) -> None:
    first = call("machines", "add", "linux-1").output

    second = call("machines", "rotate", "linux-1").output

    assert TOKEN.fullmatch(second)
    assert first != second


def test_a_machine_that_is_removed_is_gone(call: Call) -> None:
    call("machines", "add", "linux-1")

    statuses = [call("machines", "remove", "linux-1").status for _ in range(2)]

    assert statuses == [0, 1]
    assert call("machines", "list").output == ""
    assert call("machines", "rotate", "linux-1").status == 1
