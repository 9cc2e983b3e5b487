"""Tokens on the command line: issued once, listed without their value, revoked."""
from __future__ import annotations

import re

import pytest

from tests.commands.conftest import Call, Said

ADA = "ada@example.test"


@pytest.fixture
def ada(call: Call) -> Call:
    """The command line of a database that has one account, a tester's."""
    said = call("users", "add", ADA, "--name", "Ada", "--role", "tester", typed="correct horse battery staple\n")
    assert said.status == 0, said.errors
    return call


def issued(call: Call, *words: str) -> Said:
    return call("tokens", "issue", ADA, "laptop", *words)


def test_a_token_is_printed_once_and_alone(ada: Call) -> None:
    said = issued(ada)

    assert (said.status, said.errors) == (0, "")
    assert re.fullmatch(r"spci_[A-Za-z0-9_-]{43}\n", said.output)


def test_a_list_has_everything_but_the_value(ada: Call) -> None:
    value = issued(ada, "--scope", "runs:read", "--scope", "runs:write").output.strip()

    said = ada("tokens", "list", ADA)

    number, name, prefix, _, scopes = said.output.rstrip("\n").split("\t")
    assert (number, name, prefix, scopes) == ("1", "laptop", f"{value[:16]}…", "runs:read runs:write")
    assert value not in said.output


def test_a_token_has_all_scopes_that_the_role_can_use_unless_some_are_named(ada: Call) -> None:
    issued(ada)

    scopes = ada("tokens", "list", ADA).output.split("\t")[-1].split()

    assert "runs:write" in scopes
    assert "baselines:write" not in scopes


def test_a_scope_that_the_role_can_never_use_is_refused(ada: Call) -> None:
    said = issued(ada, "--scope", "baselines:write")

    assert said.status == 1
    assert said.errors.startswith("ci-api: ")
    assert ada("tokens", "list", ADA).output == ""


def test_a_name_is_unique_among_live_tokens(ada: Call) -> None:
    issued(ada)

    said = issued(ada)

    assert said.status == 1
    assert said.output == ""
    assert said.errors.startswith("ci-api: ")


def test_a_revoked_token_is_listed_no_more_and_frees_its_name(ada: Call) -> None:
    issued(ada)

    said = ada("tokens", "revoke", ADA, "1")

    assert (said.status, said.output) == (0, "The token is revoked.\n")
    assert ada("tokens", "list", ADA).output == ""
    assert issued(ada).status == 0


def test_a_token_that_is_not_there_cannot_be_revoked(ada: Call) -> None:
    said = ada("tokens", "revoke", ADA, "7")

    assert said.status == 1
    assert said.errors.startswith("ci-api: ")


@pytest.mark.parametrize("words", [("list", ADA), ("issue", ADA, "laptop"), ("revoke", ADA, "1")], ids=lambda words: words[0])
def test_an_account_that_is_not_there_has_no_tokens(call: Call, words: tuple[str, ...]) -> None:
    said = call("tokens", *words)

    assert (said.status, said.output, said.errors) == (1, "", "ci-api: There is no account with this e-mail.\n")
