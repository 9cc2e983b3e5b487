"""The workers' protocol over HTTP: the results and outputs of regression tests, each reported once."""
from __future__ import annotations

import hashlib

import pytest

from tests.builders import BASELINE, BuiltTest, add_regression_test, digest_of
from tests.handlers.site import Site
from tests.handlers.worker.reports import OK, outputs, results, stored, told


def test_an_equal_output_is_kept_without_a_hash(site: Site, run_id: int, test: BuiltTest) -> None:
    answers = [site.report(run_id, type="equality", test_id=test.regression_id, test_file_id=test.output_id) for _ in range(2)]

    assert [told(answer) for answer in answers] == [OK] * 2
    assert outputs(site) == [(test.output_id, BASELINE, None)]


def test_another_output_is_stored_by_its_hash_under_the_definitions_extension(site: Site, run_id: int, test: BuiltTest) -> None:
    content = b"1\r\n00:00:01,000 --> 00:00:02,000\r\nHello\r\n" * 10_000
    digest = hashlib.sha256(content).hexdigest()

    answer = site.send(run_id, content, type="upload", test_id=test.regression_id, test_file_id=test.output_ids[1])

    assert told(answer) == OK
    assert stored(site) == [f"TestResults/{digest}.txt"]
    assert (site.files / "TestResults" / f"{digest}.txt").read_bytes() == content
    assert outputs(site) == [(test.output_ids[1], digest_of("second"), digest)]


def test_an_output_takes_the_place_of_a_damaged_file_of_its_name(site: Site, run_id: int, test: BuiltTest) -> None:
    content = b"the whole output\n"
    path = site.files / "TestResults" / f"{hashlib.sha256(content).hexdigest()}.srt"
    path.write_bytes(content[:9])

    answer = site.send(run_id, content, type="upload", test_id=test.regression_id, test_file_id=test.output_id)

    assert told(answer) == OK
    assert path.read_bytes() == content


def test_the_first_report_of_an_output_stands(site: Site, run_id: int, test: BuiltTest) -> None:
    ids = {"test_id": test.regression_id, "test_file_id": test.output_id}
    first = hashlib.sha256(b"first").hexdigest()

    answers = [
        site.send(run_id, b"first", type="upload", **ids), site.send(run_id, b"second", type="upload", **ids),
        site.report(run_id, type="equality", **ids)]

    assert [told(answer) for answer in answers] == [OK] * 3
    assert outputs(site) == [(test.output_id, BASELINE, first)]


def test_a_produced_output_never_touches_the_baseline(site: Site, run_id: int, test: BuiltTest) -> None:
    content = b"baseline"
    baseline = site.files / "TestResults" / f"{BASELINE}.srt"
    baseline.write_bytes(content)

    site.send(run_id, b"produced", type="upload", test_id=test.regression_id, test_file_id=test.output_id)
    site.send(run_id, content, type="upload", test_id=test.regression_id, test_file_id=test.output_ids[1])

    assert baseline.read_bytes() == content
    assert outputs(site)[1] == (test.output_ids[1], digest_of("second"), BASELINE)


@pytest.mark.parametrize(("sent", "kept"), [("0", 0), ("-11", -11), ("3221225477", -1073741819), ("4294967295", -1), ("+10", 10),
    (" 10 ", 10)])
def test_exit_codes_are_kept_as_signed_numbers(site: Site, run_id: int, test: BuiltTest, sent: str, kept: int) -> None:
    answer = site.report(run_id, type="finish", test_id=test.regression_id, exitCode=sent, runTime=1840)

    assert told(answer) == OK
    assert results(site) == [(test.regression_id, kept, 10, 1840)]


@pytest.mark.parametrize(("sent", "kept"), [
    ("", 0), ("-5", 0), ("fast", 0), ("1.5", 0), ("9" * 18, 2_147_483_647), ("9" * 40, 0), ("600000", 600_000)])
def test_a_bad_runtime_never_costs_the_result(site: Site, run_id: int, test: BuiltTest, sent: str, kept: int) -> None:
    answer = site.report(run_id, type="finish", test_id=test.regression_id, exitCode=0, runTime=sent)

    assert told(answer) == OK
    assert results(site)[0][3] == kept


def test_a_runtime_may_be_missing(site: Site, run_id: int, test: BuiltTest) -> None:
    assert told(site.report(run_id, type="finish", test_id=test.regression_id, exitCode=0)) == OK


def test_the_first_end_of_a_test_stands(site: Site, run_id: int, test: BuiltTest) -> None:
    answers = [site.report(run_id, type="finish", test_id=test.regression_id, exitCode=code, runTime=1) for code in (10, 0)]

    assert [told(answer) for answer in answers] == [OK] * 2
    assert results(site) == [(test.regression_id, 10, 10, 1)]


def test_reports_of_one_test_at_once_leave_one_row(site: Site, run_id: int, test: BuiltTest) -> None:
    path = site.worker_path(run_id)

    answers = site.together(*[
        lambda code=code: told(site.client.post(path, data={"type": "finish", "test_id": test.regression_id, "exitCode": code}))
        for code in range(6)])

    assert answers == [OK] * 6
    assert len(results(site)) == 1


@pytest.mark.parametrize("ids", [
    {"test_id": 999_999, "test_file_id": 1}, {"test_id": 0, "test_file_id": 0}, {"test_id": -1, "test_file_id": -1},
    {"test_id": 2**40, "test_file_id": 2**40}])
def test_what_is_outside_of_the_runs_set_is_ok_and_not_kept(
        site: Site, run_id: int, ids: dict[str, int], caplog: pytest.LogCaptureFixture) -> None:
    answers = [
        site.report(run_id, type="equality", **ids), site.send(run_id, b"x", type="upload", **ids),
        site.report(run_id, type="finish", test_id=ids["test_id"], exitCode=0, runTime=0)]

    assert [told(answer) for answer in answers] == [OK] * 3
    assert (results(site), outputs(site), stored(site)) == ([], [], [])
    assert caplog.text.count("outside the run's set") == 3


def test_an_output_of_another_test_or_of_none_is_ok_and_not_kept(site: Site, run_id: int, test: BuiltTest) -> None:
    other = add_regression_test()

    answers = [site.report(run_id, type="equality", test_id=test.regression_id, test_file_id=number) for number in (
        other.output_id, -1, 0, 999_999)]

    assert [told(answer) for answer in answers] == [OK] * 4
    assert outputs(site) == []


def test_a_test_that_came_after_the_run_is_not_the_runs(site: Site, run_id: int) -> None:
    site.report(run_id, type="progress", status="testing", message="first sight")
    later = add_regression_test()

    answer = site.report(run_id, type="finish", test_id=later.regression_id, exitCode=0, runTime=0)

    assert told(answer) == OK
    assert results(site) == []
