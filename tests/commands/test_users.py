"""Accounts on the command line: made, changed, listed, their passwords never shown."""
from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from api.storage.auth import accounts, passwords
from tests.commands.conftest import Call
from tests.databases import opened

PASSWORD = "correct horse battery staple"
ADA = "ada@example.test"


def add(call: Call, *words: str, typed: str = f"{PASSWORD}\n", **variables: str) -> None:
    said = call("users", "add", ADA, "--name", "Ada", *words, typed=typed, **variables)
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
    made = call("users", "add", ADA, "--name", "Ada", typed=f"{PASSWORD}\n", CI_SHARED_WITH_PLATFORM="true")

    said = call("users", "change", ADA, "--password", typed="another good password\n")

    assert made.status == 0
    assert (said.status, said.errors) == (1, "ci-api: Passwords of a Sample Platform's database are changed on the platform.\n")
    with opened(f"sqlite:///{sqlite_path}", migrated=False):
        account = accounts.find_account(ADA)
        assert account is not None
        assert account.password_hash.startswith("$6$")


def test_who_knows_a_password_changes_it_on_a_platforms_database_too(call: Call, sqlite_path: object) -> None:
    call("users", "add", ADA, "--name", "Ada", typed=f"{PASSWORD}\n", CI_SHARED_WITH_PLATFORM="true")
    call("tokens", "issue", ADA, "laptop")

    said = call("users", "password", ADA, typed=f"{PASSWORD}\nanother good password\n")

    assert (said.status, said.output, said.errors) == (0, "The password is changed; all tokens of the account have ended.\n", "")
    assert call("tokens", "list", ADA).output == ""
    with opened(f"sqlite:///{sqlite_path}", migrated=False):
        account = accounts.find_account(ADA)
        assert account is not None
        assert account.password_hash.startswith("$6$")
        assert passwords.verify_password("another good password", account.password_hash, platform=True)


@pytest.mark.parametrize("email", [ADA, "nobody@example.test"])
def test_who_does_not_know_the_password_is_told_nothing_else(call: Call, email: str) -> None:
    add(call)

    said = call("users", "password", email, typed="a wrong password\nanother good password\n")

    assert (said.status, said.output, said.errors) == (1, "", "ci-api: E-mail or password is wrong.\n")


@pytest.mark.parametrize("typed", ["password123", "Ada Ada Ada", "ada@example.test", "12345678"])
def test_no_command_sets_a_password_that_is_guessed_first(call: Call, typed: str) -> None:
    refused = call("users", "add", ADA, "--name", "Ada Ada Ada", typed=f"{typed}\n")
    call("users", "add", ADA, "--name", "Ada Ada Ada", typed=f"{PASSWORD}\n")
    changed = call("users", "change", ADA, "--password", typed=f"{typed}\n")
    own = call("users", "password", ADA, typed=f"{PASSWORD}\n{typed}\n")

    assert [said.status for said in (refused, changed, own)] == [1, 1, 1]
    assert typed not in refused.errors + changed.errors + own.errors


def test_the_present_password_is_no_new_one(call: Call) -> None:
    add(call)

    assert call("users", "password", ADA, typed=f"{PASSWORD}\n{PASSWORD}\n").errors == "ci-api: This is the current password.\n"


@dataclass
class Users:
    """Who has which login at GitHub, told by a server of these tests' own."""

    url: str
    numbers: dict[str, int]


@pytest.fixture
def github() -> Iterator[Users]:
    """The GitHub that commands ask."""
    users = Users("", {"ada-l": 123})

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            login = self.path.rpartition("/")[2]
            found = login in users.numbers
            body = json.dumps({"login": login, "id": users.numbers[login]} if found else {}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        users.url = f"http://127.0.0.1:{server.server_port}"
        yield users
        server.shutdown()
        thread.join()


def number(sqlite_path: object) -> int | None:
    """What is stored of the account's user at GitHub."""
    with opened(f"sqlite:///{sqlite_path}", migrated=False):
        account = accounts.find_account(ADA)
        assert account is not None
        return account.github_number


def test_a_github_login_is_stored_with_its_users_number(call: Call, github: Users, sqlite_path: object) -> None:
    add(call, "--github-login", "ada-l", CI_GITHUB_API_URL=github.url)

    assert number(sqlite_path) == 123


def test_a_login_that_github_does_not_know_is_not_stored(call: Call, github: Users) -> None:
    add(call)

    said = call("users", "change", ADA, "--github-login", "nobody", CI_GITHUB_API_URL=github.url)

    assert (said.status, said.errors) == (1, "ci-api: GitHub has no user of this name.\n")
    assert listed(call)[0][-1] == "-"


def test_a_login_that_is_somebody_elses_by_now_has_to_be_forgotten_first(call: Call, github: Users, sqlite_path: object) -> None:
    add(call, "--github-login", "ada-l", CI_GITHUB_API_URL=github.url)
    github.numbers["ada-l"] = 999

    refused = call("users", "change", ADA, "--github-login", "ada-l")
    kept = number(sqlite_path)
    call("users", "change", ADA, "--github-login", "")
    call("users", "change", ADA, "--github-login", "ada-l")

    assert (refused.status, kept, number(sqlite_path)) == (1, 123, 999)


def test_a_silent_github_leaves_what_is_known(call: Call, github: Users, sqlite_path: object) -> None:
    add(call, "--github-login", "ada-l", CI_GITHUB_API_URL=github.url)

    said = call("users", "change", ADA, "--github-login", "ada-l", CI_GITHUB_API_URL="http://127.0.0.1:9")

    assert (said.status, number(sqlite_path)) == (0, 123)
