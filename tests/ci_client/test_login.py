"""`ci login` and `ci logout`: a token is kept where nobody else reads it, and given to its own server alone."""
from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from ci_client.credentials import credentials_file, forget_token, store_token, stored_token
from ci_client.errors import CiError
from tests.ci_client.stand_in import Asked, StandIn, answer, refusal, stand_in
from tests.e2e.processes import environment

CI = (sys.executable, "-m", "ci_client.command")
TOKEN = {"token": "spci_new", "expires_at": "2026-03-01T00:00:00Z"}
ME = {"email": "ada@example.org", "token": {"expires_at": None}}


def ci(words: list[str], server: StandIn, file: Path, typed: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """The command with this on its standard input, at its end."""
    variables = environment({"CI_SERVER": server.url, "CI_CREDENTIALS": str(file), **more})
    return subprocess.run((*CI, *words), env=variables, input=typed, capture_output=True, text=True, timeout=60, check=False)


def respond(asked: Asked) -> Iterable[bytes]:
    if asked.path == "/api/v1/auth/tokens":
        return answer(201, TOKEN)
    if asked.path == "/api/v1/auth/me":
        return answer(200, ME)
    return answer(204) if asked.method == "DELETE" else answer(200, [])


def test_a_password_is_exchanged_for_a_token_that_the_other_commands_use(tmp_path: Path) -> None:
    file = tmp_path / "folder/credentials.json"
    with stand_in(respond) as server:
        logged_in = ci(["login"], server, file, "ada@example.org\nten letters\n")
        ci(["list"], server, file)

    wanted = json.loads(server.asked[0].body)
    assert (logged_in.returncode, logged_in.stdout) == (
        0, f"Logged in to {server.url} as ada@example.org, until 2026-03-01T00:00:00Z.\n")
    assert (wanted["email"], wanted["password"], wanted["scopes"]) == ("ada@example.org", "ten letters", ["runs:read", "runs:write"])
    assert server.asked[1].headers["authorization"] == "Bearer spci_new"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert not any(secret in logged_in.stdout + logged_in.stderr for secret in ("spci_new", "ten letters"))


def test_a_token_can_be_brought_and_is_tried_before_it_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    with stand_in(respond) as server:
        ended = ci(["login", "--with-token", "--json"], server, file, "spci_brought\n")
    with stand_in(lambda asked: refusal(401, "unauthorized", "No.")) as other:
        refused = ci(["login", "--with-token"], other, file, "spci_wrong\n")

    assert json.loads(ended.stdout) == {"server": server.url, "email": "ada@example.org", "expires_at": None, "file": str(file)}
    assert server.asked[0].headers["authorization"] == "Bearer spci_brought"
    assert (refused.returncode, stored_token(server.url, file), stored_token(other.url, file)) == (4, "spci_brought", None)


def test_who_logs_out_leaves_no_token_behind(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    with stand_in(respond) as server:
        store_token(server.url, "spci_old", file)
        store_token("https://example.org", "spci_other", file)
        ended = ci(["logout"], server, file)

    assert (ended.returncode, server.asked[0].method, server.asked[0].path) == (0, "DELETE", "/api/v1/auth/tokens/current")
    assert (stored_token(server.url, file), stored_token("https://example.org", file)) == (None, "spci_other")


def test_a_token_that_was_over_already_is_forgotten_too(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    with stand_in(lambda asked: refusal(401, "unauthorized", "No.")) as server:
        store_token(server.url, "spci_old", file)
        ended = ci(["logout"], server, file)

    assert (ended.returncode, stored_token(server.url, file)) == (0, None)


def test_a_token_goes_to_no_other_server_and_behind_the_environments(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    store_token("http://127.0.0.1:1", "spci_elsewhere", file)
    with stand_in(respond) as server:
        ci(["list"], server, file)
        store_token(server.url, "spci_kept", file)
        ci(["list"], server, file, CI_TOKEN="spci_variable")

    assert [asked.headers.get("authorization") for asked in server.asked] == [None, "Bearer spci_variable"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_can_reach_is_not_used(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "credentials.json"
    store_token("https://example.org", "spci_old", file)
    file.chmod(mode)

    with pytest.raises(CiError, match="chmod 600"):
        stored_token("https://example.org", file)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"tokens": 1}', '{"tokens": [1]}'])
def test_a_broken_file_is_said_to_be_broken(tmp_path: Path, content: str) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(content)
    file.chmod(0o600)

    with pytest.raises(CiError, match="ci login"):
        forget_token("https://example.org", file)


def test_the_file_lies_where_programs_keep_their_configuration() -> None:
    assert credentials_file({"XDG_CONFIG_HOME": "/c"}) == Path("/c/ci/credentials.json")
    assert credentials_file({"CI_CREDENTIALS": "/elsewhere"}) == Path("/elsewhere")
    assert credentials_file({}) == Path("~/.config/ci/credentials.json").expanduser()
