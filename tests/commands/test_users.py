"""Accounts on the command line: made, changed, listed, their passwords never shown."""
from __future__ import annotations

import pytest

from api.storage import accounts, passwords
from tests.commands.conftest import Call
from tests.databases import opened

PASSWORD = "correct horse battery staple"
ADA = "ada@example.test"


def add(call: Call, *words: str, typed: str = f"{PASSWORD}\n") -> None:
    said = call("users", "add", ADA, "--name", "Ada", *words, typed=typed)
    assert said.status == 0, said.errors


def listed(call: Call) -> list[list[str]]:
    return [line.split("\t") for line in call("users", "list").output.splitlines()]


def test_an_account_is_made_with_the_password_from_standard_input(call: Call, sqlite_path: object) -> None:
    said = call("users", "add", ADA, "--name", "Ada", "--role", "admin", "--github-login", "ada-l", typed=f"{PASSWORD}\n")

    assert (said.status, said.output, said.errors) == (0, "Account 1 is made.\n", "")
    assert listed(call) == [["1", "admin", "active", ADA, "Ada", "ada-l"]]
    with opened(f"sqlite:///{sqlite_path}", migrated=False):
        account = accounts.find_account(ADA)
        assert account is not None
        assert passwords.verify_password(PASSWORD, account.password_hash, platform=False)


def test_a_password_is_in_no_output(call: Call) -> None:
    said = call("users", "add", ADA, "--name", "Ada", typed=f"{PASSWORD}\n")

    assert PASSWORD not in said.output + said.errors + call("users", "list").output


def test_no_option_takes_a_password(call: Call) -> None:
    for action in ("add", "change"):
        text = call("users", action, "--help").output

        assert "--password PASSWORD" not in text


@pytest.mark.parametrize("typed", ["", "short\n", "x" * 129 + "\n"], ids=["none", "short", "long"])
def test_a_password_of_the_wrong_length_makes_no_account(call: Call, typed: str) -> None:
    said = call("users", "add", ADA, "--name", "Ada", typed=typed)

    assert (said.status, said.errors) == (1, "ci-api: A password has 8 to 128 characters.\n")
    assert listed(call) == []


def test_an_e_mail_is_taken_once_whatever_its_case(call: Call) -> None:
    add(call)

    said = call("users", "add", ADA.upper(), "--name", "Another", typed=f"{PASSWORD}\n")

    assert said.status == 1
    assert said.errors.startswith("ci-api: ")
    assert "Traceback" not in said.errors
    assert len(listed(call)) == 1


def test_only_what_is_named_changes(call: Call) -> None:
    add(call, "--github-login", "ada-l")

    said = call("users", "change", ADA, "--role", "contributor", "--disabled", "yes")

    assert (said.status, said.output) == (0, "Account 1 is changed.\n")
    assert listed(call) == [["1", "contributor", "disabled", ADA, "Ada", "ada-l"]]


def test_a_github_login_is_forgotten_when_it_is_empty(call: Call) -> None:
    add(call, "--github-login", "ada-l")

    call("users", "change", ADA, "--github-login", "")

    assert listed(call)[0][-1] == "-"


def test_a_new_password_ends_the_accounts_tokens(call: Call) -> None:
    add(call)
    call("tokens", "issue", ADA, "laptop")

    said = call("users", "change", ADA, "--password", typed="another good password\n")

    assert said.status == 0
    assert call("tokens", "list", ADA).output == ""
    assert call("tokens", "revoke", ADA, "1").status == 1
    assert call("tokens", "issue", ADA, "laptop").status == 0


def test_an_account_that_is_not_there_cannot_be_changed(call: Call) -> None:
    said = call("users", "change", ADA, "--role", "admin")

    assert (said.status, said.errors) == (1, "ci-api: There is no account with this e-mail.\n")


def test_on_a_platforms_database_passwords_are_in_its_format_and_not_changed_here(call: Call, sqlite_path: object) -> None:
    made = call("users", "add", ADA, "--name", "Ada", typed=f"{PASSWORD}\n", CI_ADOPTED_DATABASE="true")

    said = call("users", "change", ADA, "--password", typed="another good password\n")

    assert made.status == 0
    assert (said.status, said.errors) == (1, "ci-api: Passwords of a Sample Platform's database are changed on the platform.\n")
    with opened(f"sqlite:///{sqlite_path}", migrated=False):
        account = accounts.find_account(ADA)
        assert account is not None
        assert account.password_hash.startswith("$6$")
