"""The workers' protocol over HTTP: every kind of message, its repeats, its mistakes, and what must not be left behind."""
from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from api.storage.platform_tables import GeneralDataRow, InstanceRow, ProgressRow, RegressionTestRow, ResultFileRow, ResultRow
from tests.builders import (
    BASELINE,
    BuiltTest,
    Output,
    add_event,
    add_machine,
    add_regression_test,
    add_run,
    digest_of,
    set_maintenance,
)
from tests.handlers.conftest import MakeSite
from tests.handlers.site import Site

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ROOTS = ["/ci", ""]
OK = (200, "OK")
FAIL = (200, "FAIL")


@pytest.fixture
def test(site: Site) -> BuiltTest:
    """The one regression test that there is; it has two outputs."""
    return add_regression_test(outputs=[Output(), Output(digest_of("second"), extension=".txt")], expected_exit_code=10)


@pytest.fixture
def run_id(site: Site, test: BuiltTest) -> int:
    """A run that is being tested."""
    made = add_run()
    add_event(made, Phase.PREPARATION)
    add_event(made, Phase.TESTING, "Running 1 test")
    return made


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """No message leaves a file on its way in."""
    shared = request.getfixturevalue("site") if "site" in request.fixturenames else None
    yield
    if shared is not None:
        assert list((shared.files / "TempFiles").iterdir()) == []


def told(answer: Any) -> tuple[int, str]:
    """What a worker gets to hear; always as text, with the limits' headers."""
    assert answer.headers["Content-Type"].startswith("text/plain")
    return answer.status_code, answer.text


def events(site: Site, run_id: int) -> list[tuple[str, str]]:
    """What a run went through, in the workers' own words."""
    query = select(ProgressRow.status, ProgressRow.message).where(ProgressRow.test_id == run_id).order_by(ProgressRow.id)
    return [(row.status, row.message) for row in site.rows(query)]


def results(site: Site) -> list[tuple[int, int, int, int]]:
    """The ends of regression tests."""
    return [tuple(row) for row in site.rows(select(
        ResultRow.regression_test_id, ResultRow.exit_code, ResultRow.expected_rc, ResultRow.runtime))]


def outputs(site: Site) -> list[tuple[int, str, str | None]]:
    """The outputs that were reported."""
    return [tuple(row) for row in site.rows(select(
        ResultFileRow.regression_test_output_id, ResultFileRow.expected,
        ResultFileRow.got).order_by(ResultFileRow.regression_test_output_id))]


def stored(site: Site) -> list[str]:
    """The files of the store."""
    return sorted(str(path.relative_to(site.files)) for path in site.files.rglob("[!.]*") if path.is_file())


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


@pytest.mark.parametrize(("body", "message"), [
    (b"type=progress&status=testing&message=a+b%20c%2Bd", "a b c+d"), (b"type=progress&status=testing", ""),
    (b"status=testing&message=100%&type=progress", "100%"), (b"type=progress&status=testing&message=\xff\xfe", "\ufffd\ufffd"),
    (b"type=progress&status=testing&message=caf\xc3\xa9 \xf0\x9f\xa7\xbf", "caf\u00e9 \U0001f9ff"),
    (b"type=progress&status=testing&message=error: g++ & clang failed", "error: g++ & clang failed"),
    (b"type=progress&status=testing&message=a & b && c=d&e", "a & b && c=d&e"),
    (b"type=progress&message=100 % done, %20 left&status=testing", "100 % done, %20 left"),
    (b"type=progress&status=testing&message=failed&status=completed&type=finish", "failed&status=completed&type=finish"),
    (b"type=progress&status=testing&message=error%3A+g%2B%2B+%26+clang", "error: g++ & clang"),
    (b"type=progress&status= testing &message=x", "x"), (b"type=progress&status=testing&message=" + b"m" * 20_000, "m" * 10_000)])
def test_forms_are_taken_as_workers_write_them(site: Site, body: bytes, message: str) -> None:
    run_id = add_run()

    answer = site.client.post(site.worker_path(run_id), content=body, headers=FORM)

    assert told(answer) == OK
    assert events(site, run_id) == [("testing", message)]


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


def test_a_log_is_kept_and_a_later_one_replaces_it(site: Site, run_id: int) -> None:
    answers = [site.send(run_id, content, type="logupload") for content in (b"first and longer", b"second")]

    assert [told(answer) for answer in answers] == [OK] * 2
    assert stored(site) == [f"LogFiles/{run_id}.txt"]
    assert (site.files / "LogFiles" / f"{run_id}.txt").read_bytes() == b"second"


def test_a_tests_own_log_is_kept_beside_the_runs(site: Site, run_id: int, test: BuiltTest) -> None:
    known = site.send(run_id, b"own", type="logupload", test_id=test.regression_id)
    unknown = site.send(run_id, b"own", type="logupload", test_id=999_999)

    assert (told(known), told(unknown)) == (OK, OK)
    assert stored(site) == [f"LogFiles/{run_id}/{test.regression_id}.txt"]


@pytest.mark.parametrize(("platform", "kind", "name"), [
    ("linux", "binary", "ccextractor"), ("windows", "binary", "ccextractorwinfull.exe"),
    ("linux", "combined_stdout", "combined_stdout.log"),
    ("windows", "coredump", "coredump")])
def test_an_artifact_is_kept_under_a_fixed_name(site: Site, platform: str, kind: str, name: str) -> None:
    run_id = add_run(platform=platform)

    answer = site.send(run_id, b"\x7fELF", type="artifactupload", artifact_type=kind)

    assert told(answer) == OK
    assert stored(site) == [f"test_artifacts/{run_id}/{name}"]


@pytest.mark.parametrize("fields", [
    {"type": "upload", "test_id": 1, "test_file_id": 1}, {"type": "logupload"},
    {"type": "artifactupload", "artifact_type": "binary"}])
def test_a_message_without_a_part_for_its_file_is_empty(site: Site, run_id: int, fields: dict[str, object]) -> None:
    parts = {name: (None, str(value)) for name, value in fields.items()}

    answers = [
        site.report(run_id, **fields), site.report(run_id, file="", **fields), site.client.post(site.worker_path(run_id), files=parts)]

    assert [told(answer) for answer in answers] == [(200, "EMPTY")] * 3
    assert (stored(site), outputs(site)) == ([], [])


@pytest.mark.parametrize("name", ["../../../../etc/passwd", "/etc/passwd", "C:\\x.exe", "a\0b", "\u202e.txt", "", "x" * 1000])
def test_the_files_own_name_is_of_no_account(site: Site, run_id: int, name: str) -> None:
    answer = site.client.post(site.worker_path(run_id), data={"type": "logupload"}, files={"file": (name, b"log")})

    assert told(answer) == OK
    assert stored(site) == [f"LogFiles/{run_id}.txt"]


def multipart(*parts: bytes, end: bytes = b"--", boundary: bytes = b"B") -> bytes:
    """A body whose last boundary has no line end, as the runner in use writes it."""
    return b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + end


TYPE = b'Content-Disposition: form-data; name="type"\r\n\r\nlogupload'
NAMED = b'Content-Disposition: form-data; name="f%d"\r\n\r\n'
FILE = b'Content-Disposition: form-data; name="file"; filename="log"\r\nContent-Type: application/octet-stream\r\n\r\n'


@pytest.mark.parametrize(("body", "content"), [
    (multipart(TYPE, FILE + b"log"), b"log"), (multipart(FILE + b"log", TYPE), b"log"),
    (multipart(TYPE, FILE + b"a\r\n--Bx\r\n"), b"a\r\n--Bx\r\n"),
    (multipart(TYPE, FILE + b"\r\n\r\n"), b"\r\n\r\n"), (multipart(TYPE, FILE + b"log", end=b"--\r\n"), b"log"),
    (multipart(TYPE, b"content-disposition:form-data;name=file\r\n\r\nlog"), b"log")])
def test_multipart_is_read_as_workers_write_it(site: Site, run_id: int, body: bytes, content: bytes) -> None:
    answer = site.client.post(site.worker_path(run_id), content=body, headers={"Content-Type": "multipart/form-data; boundary=B"})

    assert told(answer) == OK
    assert (site.files / "LogFiles" / f"{run_id}.txt").read_bytes() == content


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 3_000_001])
def test_a_file_of_any_size_arrives_whole_in_whatever_pieces(site: Site, run_id: int, size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    body = multipart(TYPE, FILE + content)
    pieces = iter([body[start:start + 65_521] for start in range(0, len(body), 65_521)])

    answer = site.client.post(site.worker_path(run_id), content=pieces,
        headers={"Content-Type": 'multipart/form-data; boundary="B"'})

    assert told(answer) == OK
    assert (site.files / "LogFiles" / f"{run_id}.txt").read_bytes() == content


@pytest.mark.parametrize(("kind", "body"), [
    ("multipart/form-data; boundary=B", b"no boundary at all"),
    ("multipart/form-data; boundary=B", b"--C\r\n" + TYPE + b"\r\n--C--"),
    ("multipart/form-data; boundary=B", b"--B\r\nno header\r\n\r\nx\r\n--B--"),
    ("multipart/form-data; boundary=" + "B" * 200, b"--B--"),
    ("multipart/form-data; boundary=B", multipart(*[NAMED % number + b"x" for number in range(30)])),
    ("multipart/form-data; boundary=B", multipart(b'Content-Disposition: form-data; name="type"\r\n\r\n' + b"x" * 70_000)),
    ("multipart/form-data; boundary=B", b"--B\r\nX: " + b"y" * 70_000), ("multipart/form-data", b"--B--"),
    ("multipart/form-data; boundary=B", b""),
    ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 50)),
    ("application/x-www-form-urlencoded", b"")])
def test_what_is_no_form_is_refused(site: Site, run_id: int, kind: str, body: bytes) -> None:
    answer = site.client.post(site.worker_path(run_id), content=body, headers={"Content-Type": kind})

    assert answer.status_code == 400
    assert answer.text.startswith("FAIL: ")


@pytest.mark.parametrize(("kind", "body"), [
    ("", b"type=progress&status=testing&message=x"), ("application/json", b'{"type": "progress"}'), ("text/plain", b"hello"),
    ("multipart/form-data; boundary=" + "B" * 300, b"--B--")])
def test_a_body_that_is_not_even_said_to_be_a_form_is_415(site: Site, run_id: int, kind: str, body: bytes) -> None:
    answer = site.client.post(site.worker_path(run_id), content=body, headers={"Content-Type": kind})

    assert answer.status_code == 415
    assert answer.text.startswith("FAIL: ")


def test_a_file_that_breaks_off_is_not_kept(site: Site, run_id: int) -> None:
    body = multipart(TYPE, FILE + b"x" * 3_000_000)

    answer = site.client.post(
        site.worker_path(run_id), content=body[:2_000_000], headers={"Content-Type": "multipart/form-data; boundary=B"})

    assert answer.status_code == 400
    assert stored(site) == []


@pytest.mark.parametrize(("fields", "named"), [
    ({"type": "gossip"}, "type"), ({"status": "testing"}, "type"), ({"type": ""}, "type"), ({"type": "progress"}, "status"),
    ({"type": "progress", "status": "sleeping"}, "status"), ({"type": "progress", "status": "queued"}, "status"),
    ({"type": "equality"}, "test_id"), ({"type": "equality", "test_id": "1"}, "test_file_id"),
    ({"type": "equality", "test_id": "one", "test_file_id": "1"}, "test_id"),
    ({"type": "equality", "test_id": "1.5", "test_file_id": "1"}, "test_id"),
    ({"type": "equality", "test_id": "\u0661", "test_file_id": "1"}, "test_id"),
    ({"type": "equality", "test_id": "9" * 19, "test_file_id": "1"}, "test_id"),
    ({"type": "finish", "test_id": "1"}, "exitCode"), ({"type": "finish", "test_id": "1", "exitCode": "zero"}, "exitCode"),
    ({"type": "finish", "exitCode": "0"}, "test_id"), ({"type": "upload", "test_id": "1"}, "test_file_id"),
    ({"type": "artifactupload"}, "artifact_type"), ({"type": "artifactupload", "artifact_type": "../../x"}, "artifact_type"),
    ({"type": "logupload", "test_id": "x"}, "test_id")])
def test_a_field_that_is_missing_or_malformed_is_named(site: Site, run_id: int, fields: dict[str, object], named: str) -> None:
    answers = [site.report(run_id, **fields), site.send(run_id, b"x", **fields)]

    assert [told(answer) for answer in answers] == [(400, f"FAIL: {named} is missing or malformed.")] * 2


def test_a_file_that_is_too_large_is_refused_and_forgotten(make_site: MakeSite) -> None:
    site = make_site(max_upload=100_000)
    run_id = add_run()

    fits = site.send(run_id, b"x" * 100_000, type="logupload")
    announced = site.send(run_id, b"x" * 100_001, type="logupload")
    body = multipart(TYPE, FILE + b"x" * 5_000_000)
    pieces = iter([body[start:start + 50_000] for start in range(0, len(body), 50_000)])
    unannounced = site.client.post(site.worker_path(run_id), content=pieces,
        headers={"Content-Type": "multipart/form-data; boundary=B"})

    assert (told(fits), announced.status_code, unannounced.status_code) == (OK, 413, 413)
    assert stored(site) == [f"LogFiles/{run_id}.txt"]
    assert len((site.files / "LogFiles" / f"{run_id}.txt").read_bytes()) == 100_000


def test_a_urlencoded_body_that_is_larger_than_any_report_is_refused(site: Site) -> None:
    path = site.worker_path(add_run())
    longest = "\U0001f9ff" * 10_000

    fits = site.client.post(path, data={"type": "progress", "status": "testing", "message": longest})
    too_large = site.client.post(path, content=b"type=progress&message=" + b"m" * 130_000, headers=FORM)

    assert (told(fits), too_large.status_code) == (OK, 413)


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


def test_nothing_is_written_outside_of_the_store(site: Site, run_id: int, tmp_path: Path) -> None:
    before = sorted(site.files.parent.iterdir())

    site.send(run_id, b"x", type="artifactupload", artifact_type="binary")

    assert sorted(site.files.parent.iterdir()) == before
