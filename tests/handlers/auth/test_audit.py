"""The audit log: what happens to accounts, tokens, runs and baselines is recorded, with whom and from where, and without secrets."""
from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from api.domain.auth.access import Role, Scope
from api.domain.auth.login_pause import FREE_ATTEMPTS
from api.specfirst.responses.audit import LOGGER, AuditEvent, audited
from tests.builders import MAIN_REPOSITORY, NOW, add_regression_test, add_run
from tests.handlers.baselines import Case
from tests.handlers.conftest import MakeSite
from tests.handlers.site import PASSWORD, Client, Site

TOKENS, RUNS = "/api/v1/auth/tokens", "/api/v1/runs"
KEYS = {
    "time", "logger", "event", "outcome", "source", "actor_id", "token_id", "subject", "address", "request_id", "reason", "detail"}


class Audit:
    """The lines of the audit log."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        caplog.set_level(logging.INFO, LOGGER)

    @property
    def text(self) -> str:
        """All that was written."""
        return "\n".join(record.getMessage() for record in self._caplog.records if record.name == LOGGER)

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The events."""
        return [json.loads(line) for line in self.text.splitlines()]

    def told(self, *names: str) -> list[tuple[Any, ...]]:
        """These fields of each event."""
        return [tuple(entry[name] for name in names) for entry in self.entries]


@pytest.fixture
def audit(caplog: pytest.LogCaptureFixture) -> Audit:
    """The audit log of this test."""
    return Audit(caplog)


def login(site: Site, email: str = "ada@example.test", password: str = PASSWORD, **changes: Any) -> Any:
    body = {"email": email, "password": password, "token_name": "agent"} | changes
    return site.client.post(TOKENS, json=body)


def test_a_login_and_its_token_are_recorded_with_whom_and_from_where(site: Site, audit: Audit) -> None:
    ada = site.account(name="ada")

    answer = login(site)

    first, second = audit.entries
    assert set(first) == KEYS
    assert first | {"time": None} == {
        "time": None, "logger": "api.audit", "event": "login", "outcome": "success", "source": "api", "actor_id": ada, "token_id": None,
        "subject": f"user:{ada}", "address": "127.0.0.1", "request_id": answer.headers["X-Request-Id"], "reason": None, "detail": None}
    assert first["time"] == "2026-11-21T12:00:00.000Z"
    assert (second["event"], second["outcome"], second["subject"]) == ("token_issued", "success", f"token:{answer.json()['token_id']}")


def test_failed_logins_are_recorded_without_what_was_typed(site: Site, audit: Audit) -> None:
    ada = site.account(name="ada")
    gone = site.account(name="gone", disabled=True)

    login(site, password="my secret password")
    login(site, "gone@example.test")
    login(site, "my-secret-password@example.test")

    assert audit.told("event", "outcome", "reason", "actor_id") == [("login", "failure", "invalid_credentials", None)] * 3
    subjects = [subject for (subject,) in audit.told("subject")]
    assert subjects[:2] == [f"user:{ada}", f"user:{gone}"]
    assert subjects[2].startswith("email-digest:")
    assert "secret" not in audit.text


def test_a_login_is_nobodys_doing_whatever_token_comes_with_it(site: Site, audit: Audit) -> None:
    ada, other = site.account(name="ada"), site.as_role(Role.ADMIN)

    for password in ("a wrong password", PASSWORD):
        other.post(TOKENS, json={"email": "ada@example.test", "password": password, "token_name": "agent"})

    assert audit.told("event", "actor_id", "token_id") == [("login", None, None), ("login", ada, None), ("token_issued", ada, None)]


def test_a_login_in_a_pause_and_a_token_that_is_refused_are_failures(make_site: MakeSite, audit: Audit) -> None:
    site = make_site()
    site.account(Role.USER, "ada")
    site.account(Role.USER, "bob")

    for _ in range(FREE_ATTEMPTS + 2):
        login(site, password="a wrong password")
    login(site, "bob@example.test", scopes=["baselines:write"])

    assert audit.told("event", "outcome", "reason")[-3:] == [
        ("login", "failure", "rate_limited"), ("login", "success", None), ("token_issued", "failure", "forbidden")]


def test_revoked_tokens_and_new_passwords_are_recorded(site: Site, audit: Audit) -> None:
    ada = site.account(name="ada")
    client, token_id = site.as_user(ada), login(site).json()["token_id"]

    client.delete(f"{TOKENS}/{token_id}")
    client.delete(f"{TOKENS}/{token_id}")
    for current in ("a wrong password", PASSWORD):
        client.put("/api/v1/auth/password", json={"current_password": current, "new_password": "seven tin lanterns drift north"})

    assert audit.told("event", "outcome", "reason", "subject", "actor_id")[2:] == [
        ("token_revoked", "success", None, f"token:{token_id}", ada), ("token_revoked", "failure", "not_found", f"token:{token_id}", ada),
        ("password_changed", "failure", "forbidden", f"user:{ada}", ada), ("password_changed", "success", None, f"user:{ada}", ada)]
    assert "lanterns" not in audit.text and PASSWORD not in audit.text


def test_runs_that_are_triggered_retried_and_canceled_are_recorded_and_so_is_who_may_not(site: Site, audit: Audit) -> None:
    add_regression_test()
    tester, user = site.as_role(Role.TESTER), site.as_role(Role.USER)
    body = {"repository": MAIN_REPOSITORY, "commit_sha": "a" * 40, "platform": "linux"}

    run_id = tester.post(RUNS, json=body).json()["run_id"]
    new_id = tester.post(f"{RUNS}/{run_id}/retry", json={}).json()["new_run_id"]
    tester.post(f"{RUNS}/{run_id}/cancel", json={"reason": "{\n\"event\": \"forged\"}"})
    user.post(RUNS, json=body)
    user.post(f"{RUNS}/{run_id}/retry", json={})
    user.post(f"{RUNS}/{run_id}/cancel", json={})

    assert audit.told("event", "outcome", "subject", "detail") == [
        ("run_triggered", "success", f"run:{run_id}", f"{MAIN_REPOSITORY} {'a' * 40}"),
        ("run_retried", "success", f"run:{run_id}", f"run:{new_id}"), ("run_canceled", "success", f"run:{run_id}", "accepted"),
        ("run_triggered", "failure", None, None), ("run_retried", "failure", f"run:{run_id}", None),
        ("run_canceled", "failure", f"run:{run_id}", None)]
    assert "forged" not in audit.text


def test_decisions_about_baselines_are_recorded(site: Site, audit: Audit, case: Case, requester: Client, admin: Client) -> None:
    path = f"{RUNS}/{case.run_id}/samples/{case.test.sample_id}/baseline-approval"
    body = {"regression_id": case.test.regression_id, "output_id": case.test.output_id, "reason": "The new timing is right, see #2264."}
    approval_id = requester.post(path, json=body).json()["approval_id"]

    requester.post(f"/api/v1/baseline-approvals/{approval_id}/approve", json={})
    admin.post(f"/api/v1/baseline-approvals/{approval_id}/approve", json={})

    told = [each for each in audit.told("event", "outcome", "subject", "actor_id") if each[0].startswith("baseline")]
    assert told[-1] == ("baseline_approved", "success", f"approval:{approval_id}", site.accounts["admin"])


def test_a_decision_about_several_requests_is_recorded_for_each(audit: Audit) -> None:
    with audited(AuditEvent.BASELINE_APPROVED, "approval:1", "approval:2", at=NOW):
        pass

    assert audit.told("event", "outcome", "subject") == [
        ("baseline_approved", "success", "approval:1"), ("baseline_approved", "success", "approval:2")]


def test_each_event_is_one_line_of_bounded_length_whatever_it_is_about(audit: Audit) -> None:
    with audited(AuditEvent.RUN_TRIGGERED, 'run:1\n{"event": "forged"}\u2028', at=NOW) as deed:
        deed.detail = "d\0\x1b[31m" * 10_000

    line, = audit.text.split("\n")
    assert line.isascii() and len(line) < 2000
    assert json.loads(line)["source"] == "command"


def test_what_breaks_for_another_reason_than_a_refusal_is_not_called_done(audit: Audit) -> None:
    with pytest.raises(ZeroDivisionError), audited(AuditEvent.RUN_CANCELED, "run:1", at=NOW):
        raise ZeroDivisionError

    assert audit.told("event", "outcome", "reason") == [("run_canceled", "failure", "internal_error")]


def test_a_scope_that_lacks_makes_no_event(site: Site, audit: Audit) -> None:
    site.as_role(Role.ADMIN, Scope.RUNS_READ).post(f"{RUNS}/{add_run()}/cancel", json={})

    assert audit.entries == []
