"""The workers' protocol over HTTP: who may report, how often, and by which addresses."""
from __future__ import annotations

import logging

import pytest

from api.domain.auth.access import Role
from tests.builders import add_regression_test, add_run, set_maintenance
from tests.handlers.conftest import MakeSite
from tests.handlers.site import Site
from tests.handlers.worker.reports import OK, ROOTS, events, told


@pytest.mark.parametrize("token", ["x" * 64, "x", "\u00e9", "x" * 255, "%00", "%F0%9F%A7%BF"])
@pytest.mark.parametrize("root", ROOTS)
def test_a_wrong_token_is_refused_like_an_unknown_run(site: Site, run_id: int, token: str, root: str) -> None:
    body = {"type": "progress", "status": "completed", "message": ""}

    answers = [site.client.post(f"{root}/progress-reporter/{number}/{token}", data=body) for number in (run_id, 4711)]

    assert [told(answer) for answer in answers] == [(403, "FAIL")] * 2
    assert len(events(site, run_id)) == 2


def test_the_token_of_another_run_is_a_wrong_one(site: Site, run_id: int) -> None:
    path = site.worker_path(add_run()).split("/")
    path[3] = str(run_id)

    assert told(site.client.post("/".join(path), data={"type": "progress", "status": "completed"})) == (403, "FAIL")


def test_tokens_of_users_and_of_workers_open_nothing_on_the_other_side(site: Site, run_id: int) -> None:
    admin = site.as_role(Role.ADMIN)
    users = admin._headers["Authorization"].removeprefix("Bearer ")
    workers = site.worker_path(run_id).rpartition("/")[2]

    assert site.client.post(f"/ci/progress-reporter/{run_id}/{users}", data={"type": "progress"}).status_code == 403
    assert admin.post(f"/ci/progress-reporter/{run_id}/{'x' * 64}", data={"type": "progress"}).status_code == 403
    assert site.client.as_(workers).get("/api/v1/runs").status_code == 401


def test_an_honest_worker_is_limited_by_its_runs_bucket_and_never_on_finish(make_site: MakeSite) -> None:
    site = make_site(rate_worker=3, rate_anonymous=1)
    test = add_regression_test()
    run_id, other = add_run(), add_run()

    told_first = [told(site.report(run_id, type="progress", status="testing", message=str(number)))[0] for number in range(5)]
    finished = told(site.report(run_id, type="finish", test_id=test.regression_id, exitCode=0, runTime=0))
    refused = site.send(run_id, b"x", type="logupload")

    assert told_first == [200, 200, 200, 429, 429]
    assert finished == OK
    assert (refused.status_code, refused.text.startswith("FAIL: ")) == (429, True)
    assert told(site.report(other, type="progress", status="testing", message="")) == OK


def test_wrong_tokens_are_limited_by_their_address(make_site: MakeSite) -> None:
    site = make_site(rate_anonymous=3)
    run_id = add_run()

    wrong = [site.client.post(f"/ci/progress-reporter/{run_id}/wrong", data={"type": "finish"}).status_code for _ in range(5)]

    assert wrong == [403, 403, 403, 429, 429]
    assert told(site.report(run_id, type="progress", status="testing", message="")) == OK


def test_a_workers_token_is_never_logged(site: Site, run_id: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    path = site.worker_path(run_id)
    token = path.rpartition("/")[2]

    for send in (path, path + "x", path[3:]):
        site.client.post(send, data={"type": "progress", "status": "testing", "message": token[:5]})
        site.client.get(send)
        site.client.post(send, content=b"\xff", headers={"Content-Type": "multipart/form-data; boundary=B"})

    assert "progress-reporter/{run_id}/{token}" in caplog.text
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert not any(token in record.getMessage() or token in str(record.__dict__) for record in ours)


@pytest.mark.parametrize(("platform", "disabled", "word"), [
    ("linux", None, "False"), ("linux", True, "True"), ("linux", False, "False"), ("windows", True, "True"), ("mac", None, "ERROR"),
    ("Linux", True, "ERROR"), ("%00", None, "ERROR")])
def test_maintenance_is_told_in_one_word(site: Site, platform: str, disabled: bool | None, word: str) -> None:
    if disabled is not None:
        set_maintenance(platform.lower(), disabled)

    assert told(site.client.get(f"/maintenance-mode/{platform}")) == (200, word)


@pytest.mark.parametrize("path", ["/ci/progress-reporter/1/x", "/progress-reporter/1/x"])
def test_reporting_is_done_by_post_alone(site: Site, path: str) -> None:
    answer = site.client.get(path)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
