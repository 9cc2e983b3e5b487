"""What must never be written down: passwords, tokens of users and workers, and the hashes of both."""
from __future__ import annotations

import logging
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import select

from api.domain.auth.access import Role
from api.specfirst.responses.access_log import configure_logging
from api.storage.platform_tables import TestRow, TokenRow, UserRow
from contract.application import WORKED_ON, worker_token
from contract.documents import load_documents
from contract.live_fuzz import serving
from tests.builders import BuiltTest, add_regression_test, add_run, add_user
from tests.handlers.site import PASSWORD, Site, quick_hash

TOKENS = "/api/v1/auth/tokens"
WRONG_PASSWORD = "hunter2 hunter2"
GITHUB_TOKEN = "gho_16C7e42F292c6912E7710c838347Ae178B4a"
NOT_OURS = ("httpx", "httpcore", "asyncio", "hypothesis")


def everything(site: Site, test: BuiltTest) -> list[Any]:
    """A session that tries every operation well and badly; returns its answers."""
    body = {"email": "tester@example.test", "password": PASSWORD, "token_name": "agent", "scopes": ["runs:read", "runs:write"]}
    answers = [site.client.post(TOKENS, json=body | change) for change in (
        {}, {"token_name": "bad name"}, {"password": WRONG_PASSWORD}, {"email": PASSWORD}, {})]
    answers.append(site.client.post(TOKENS, content=f'{{"password": "{PASSWORD}"'.encode()))
    value = answers[0].json()["token"]
    client = site.client.as_(value)
    for token in (value, value + "x", value[:-1], "Basic " + value):
        answers.append(site.client.get("/api/v1/runs", headers={"Authorization": f"Bearer {token}"}))
        answers.append(site.client.get(f"/api/v1/runs?token={token}"))
        answers.append(site.client.get(f"/api/v1/{token}"))
    for operation in (operation for document in load_documents() for operation in document.operations if operation.method == "get"):
        path = operation.full_path
        for parameter in operation.parameters:
            path = path.replace("{" + parameter["name"] + "}", "1")
        answers.append(client.get(path, params={"timeout": 1} if path.endswith("/stream") else {}))
    run_id = client.post("/api/v1/runs", json={"repository": "CCExtractor/ccextractor", "commit_sha": "a" * 40, "platform": "linux"})
    answers += [run_id, *_reports(site, run_id.json()["run_id"], test)]
    answers += [client.post(f"/api/v1/runs/{run_id.json()['run_id']}/{action}") for action in ("cancel", "retry")]
    return [*answers, client.delete(f"{TOKENS}/current"), client.get(TOKENS)]


def _reports(site: Site, run_id: int, test: BuiltTest) -> list[Any]:
    path = site.worker_path(run_id)
    forms: list[dict[str, object]] = [
        {"type": "progress", "status": "testing", "message": ""}, {"type": "equality", "test_id": 99, "test_file_id": 1},
        {"type": "finish", "test_id": test.regression_id, "exitCode": 0}, {"type": "finish"}, {}]
    sent = [site.client.post(address, data=form) for address in (path, path + "x", path[3:]) for form in forms]
    return [*sent, site.client.get(path), site.send(run_id, b"log", type="logupload"), site.client.post(path, content=b"\xff")]


def secrets_of(site: Site, answers: list[Any]) -> set[str]:
    """All that must stay secret, as it is after the session."""
    hashes = [*site.rows(select(UserRow.password)), *site.rows(select(TokenRow.token_hash)), *site.rows(select(TestRow.token))]
    return {PASSWORD, WRONG_PASSWORD, GITHUB_TOKEN, quick_hash(), answers[0].json()["token"], *(row[0] for row in hashes)} - {"*"}


@pytest.fixture
def test(site: Site) -> BuiltTest:
    """What runs consist of, and an account with a token of GitHub's."""
    site.account(Role.TESTER)
    add_user("linked", github_token=GITHUB_TOKEN)
    return add_regression_test()


def test_no_secret_is_ever_logged_however_much_is_logged(site: Site, test: BuiltTest, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    secrets = secrets_of(site, everything(site, test))

    written = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records if not record.name.startswith(NOT_OURS)]
    assert len(written) > 60
    assert [line for line in written for secret in secrets if secret in line] == []


def test_no_answer_repeats_a_secret_but_the_one_that_issues_it(site: Site, test: BuiltTest) -> None:
    answers = everything(site, test)

    secrets = secrets_of(site, answers)

    issued = answers[0].json()["token"]
    assert [answer for answer in answers for secret in secrets - {issued} if secret in answer.text + str(answer.headers)] == []
    assert [answer for answer in answers[1:] if issued in answer.text] == []


def test_a_crash_is_logged_without_the_secret_that_caused_it(
        site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    client = site.as_role(Role.TESTER)
    path = site.worker_path(add_run())

    def crash(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("api.services.runs.worker_reports.lock_worker_run", crash)
    answer = site.client.post(path, data={"type": "progress", "status": "testing", "message": ""})

    assert (answer.status_code, answer.text) == (500, "FAIL: Internal server error.")
    assert "RuntimeError: broken" in caplog.text
    assert path.rpartition("/")[2] not in caplog.text
    assert client._headers["Authorization"].removeprefix("Bearer ") not in caplog.text


def test_a_server_started_by_its_own_command_line_writes_no_worker_token(tmp_path: Path) -> None:
    run_id = WORKED_ON[0]

    with serving(tmp_path) as address:
        request = Request(f"{address}/ci/progress-reporter/{run_id}/{worker_token(run_id)}", b"type=progress&status=testing&message=x")
        with urlopen(request, timeout=10) as answer:
            told = answer.read()

    log = (tmp_path / "server.log").read_text()
    assert told == b"OK"
    assert "/ci/progress-reporter/{run_id}/{token}" in log
    assert worker_token(run_id) not in log


def test_the_log_is_set_up_to_pass_over_the_servers_own_lines(capsys: pytest.CaptureFixture[str]) -> None:
    before = list(logging.getLogger().handlers), logging.getLogger().level
    try:
        configure_logging("json")
        logging.getLogger("uvicorn.access").info('"POST /ci/progress-reporter/1/secret HTTP/1.1" 200')
    finally:
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)

    assert "secret" not in capsys.readouterr().err
