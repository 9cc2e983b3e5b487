"""The workers' protocol over HTTP: how a run comes forward, ends once, and what is still taken after its end."""
from __future__ import annotations

import pytest
from sqlalchemy import select

from api.domain.auth.access import Role
from api.storage.platform_tables import GeneralDataRow, InstanceRow, RegressionTestRow
from tests.builders import BuiltTest, add_machine, add_regression_test, add_run
from tests.handlers.site import Site
from tests.handlers.worker.reports import FAIL, FORM, OK, ROOTS, events, outputs, results, stored, told


@pytest.mark.parametrize("root", ROOTS)
def test_progress_is_kept_with_the_workers_own_words(site: Site, root: str) -> None:
    run_id = add_run()
    path = site.worker_path(run_id, root=root)

    answers = [site.client.post(path, content=body, headers=FORM) for body in (
        b"type=progress&status=preparation&message=Loaded variables, created log file and checking for CCExtractor build artifact",
        b"type=progress&status=testing&message=Running tests", b"type=progress&status=completed&message=")]

    assert [told(answer) for answer in answers] == [OK] * 3
    assert events(site, run_id) == [
        ("preparation", "Loaded variables, created log file and checking for CCExtractor build artifact"),
        ("testing", "Running tests"),
        ("completed", "")]


def test_progress_may_come_as_multipart_too(site: Site) -> None:
    run_id = add_run()

    answer = site.client.post(site.worker_path(run_id), files={
        "type": (None, "progress"), "status": (None, "testing"), "message": (None, "a\r\nb")})

    assert told(answer) == OK
    assert events(site, run_id) == [("testing", "a\r\nb")]


def test_the_same_words_again_are_no_second_event(site: Site, run_id: int) -> None:
    answers = [site.report(run_id, type="progress", status=status, message=message) for status, message in (
        ("testing", "Running 1 test"), ("testing", "Ran 1 test"), ("testing", "Running 1 test"), ("preparation", ""))]

    assert [told(answer) for answer in answers] == [OK, OK, OK, OK]
    assert [message for _, message in events(site, run_id)] == ["", "Running 1 test", "Ran 1 test"]


@pytest.mark.parametrize("last", ["completed", "canceled"])
def test_a_state_moves_forward_only_and_its_end_is_final(site: Site, run_id: int, last: str) -> None:
    backwards = told(site.report(run_id, type="progress", status="preparation", message="once more"))
    ended = told(site.report(run_id, type="progress", status=last, message="over"))
    repeated = told(site.report(run_id, type="progress", status=last, message="over"))
    late = [told(site.report(run_id, type="progress", status=status, message="late")) for status in (
        "preparation", "testing", "completed", "canceled")]

    assert (backwards, ended, repeated, late) == (FAIL, OK, OK, [FAIL] * 4)
    assert [status for status, _ in events(site, run_id)] == ["preparation", "testing", last]


def test_ends_at_once_leave_one_end(site: Site, run_id: int) -> None:
    path = site.worker_path(run_id)

    answers = site.together(*[
        lambda status=status: told(site.client.post(path, data={"type": "progress", "status": status, "message": "over"}))
        for status in ("completed", "canceled") * 3])

    assert {answer for answer in answers} <= {OK, FAIL}
    assert len(events(site, run_id)) == 3


def test_after_the_end_the_log_and_artifacts_are_taken_for_a_while(site: Site) -> None:
    test = add_regression_test()
    run_id = add_run()
    path = site.worker_path(run_id)
    site.report(run_id, type="progress", status="canceled", message="build failed")
    site.clock.advance(hours=1)

    late = [
        site.send(run_id, b"log", type="logupload"), site.send(run_id, b"core", type="artifactupload", artifact_type="coredump"),
        site.report(run_id, type="equality", test_id=test.regression_id, test_file_id=test.output_id),
        site.send(run_id, b"x", type="upload", test_id=test.regression_id, test_file_id=test.output_id),
        site.report(run_id, type="finish", test_id=test.regression_id, exitCode=0, runTime=1)]
    site.clock.advance(seconds=1)
    dead = site.client.post(path, data={"type": "logupload"}, files={"file": ("log", b"later")})

    assert [told(answer) for answer in late] == [OK, OK, FAIL, FAIL, FAIL]
    assert told(dead) == (403, "FAIL")
    assert stored(site) == [f"LogFiles/{run_id}.txt", f"test_artifacts/{run_id}/coredump"]
    assert (results(site), outputs(site)) == ([], [])


def test_a_log_that_is_replaced_after_the_end_is_told_with_the_status_of_the_end(site: Site, run_id: int) -> None:
    reader = site.as_role(Role.USER)
    site.send(run_id, b"first", type="logupload")
    site.report(run_id, type="progress", status="canceled", message="build failed")
    site.clock.advance(seconds=5)

    for content in (b"first", b"second", b"second"):
        site.send(run_id, content, type="logupload")
    told_of = reader.get(f"/api/v1/runs/{run_id}/progress").json()["data"]

    assert [(event["status"], event["message"], event["step"]) for event in told_of[-2:]] == [
        ("canceled", "build failed", None), ("canceled", "The log was replaced.", None)]
    assert len(told_of) == 1 + len(events(site, run_id)) + 1


def test_the_first_log_after_the_end_replaces_none(site: Site, run_id: int) -> None:
    site.report(run_id, type="progress", status="canceled", message="build failed")

    site.send(run_id, b"late", type="logupload")

    shown = site.as_role(Role.USER).get(f"/api/v1/runs/{run_id}/progress").json()["data"]
    assert shown[-1]["message"] == "build failed"


def test_the_end_of_a_run_settles_what_the_platform_keeps_of_it(site: Site, run_id: int, test: BuiltTest) -> None:
    add_machine(run_id)
    for output_id in test.output_ids:
        site.report(run_id, type="equality", test_id=test.regression_id, test_file_id=output_id)
    site.report(run_id, type="finish", test_id=test.regression_id, exitCode=10, runTime=1)
    site.clock.advance(minutes=7)

    site.report(run_id, type="progress", status="completed", message="Done")

    assert site.rows(select(InstanceRow.name)) == []
    assert [tuple(row) for row in site.rows(select(GeneralDataRow.key, GeneralDataRow.value))] == [("average_time_linux", "420")]
    assert site.rows(select(RegressionTestRow.last_passed_on_linux))[0][0] == run_id
