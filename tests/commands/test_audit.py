"""What commands do to accounts and tokens is in the audit log, where there is a file for it."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import Call

ADA, PASSWORD, NEW = "ada@example.test", "correct horse battery staple", "seven tin lanterns drift north"


@pytest.fixture
def audit_log(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the commands write to."""
    path = tmp_path / "audit.log"
    monkeypatch.setenv("CI_AUDIT_LOG", str(path))
    return path


def events(path: Path) -> list[tuple[Any, ...]]:
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert {entry["source"] for entry in entries} == {"command"}
    return [(entry["event"], entry["outcome"], entry["subject"], entry["detail"]) for entry in entries]


def test_each_change_is_an_event(audit_log: Path, call: Call) -> None:
    call("users", "add", ADA, "--name", "Ada", typed=f"{PASSWORD}\n")
    call("users", "change", ADA, "--role", "admin", "--disabled", "no", "--github-login", "ada-l", "--password", typed=f"{NEW}\n")
    call("users", "change", ADA, "--disabled", "yes")
    call("tokens", "issue", ADA, "laptop")
    call("tokens", "revoke", ADA, "1")
    call("tokens", "revoke", ADA, "1")
    call("users", "password", ADA, typed=f"{NEW}\n{PASSWORD}\n")

    assert sorted(events(audit_log)) == sorted([
        ("account_created", "success", "user:1", "user"), ("password_changed", "success", "user:1", None),
        ("role_changed", "success", "user:1", "user to admin"), ("github_linked", "success", "user:1", "ada-l"),
        ("account_enabled", "success", "user:1", None), ("account_disabled", "success", "user:1", None),
        ("token_issued", "success", "token:1", "user:1"), ("token_revoked", "success", "token:1", None),
        ("token_revoked", "failure", "token:1", None), ("password_changed", "success", "user:1", None)])
    assert PASSWORD not in audit_log.read_text() and NEW not in audit_log.read_text()


def test_what_is_refused_is_an_event_that_failed(audit_log: Path, call: Call) -> None:
    for _ in range(2):
        call("users", "add", ADA, "--name", "Ada", typed=f"{PASSWORD}\n")

    assert events(audit_log)[1] == ("account_created", "failure", None, None)


def test_a_file_that_cannot_be_written_leaves_everything_as_it_is(call: Call, tmp_path: Path) -> None:
    said = call("users", "add", ADA, "--name", "Ada", typed=f"{PASSWORD}\n", CI_AUDIT_LOG=str(tmp_path / "missing" / "audit.log"))

    assert (said.status, said.errors) == (2, "ci-api: CI_AUDIT_LOG: the file cannot be written: No such file or directory.\n")
    assert call("users", "list").output == ""
