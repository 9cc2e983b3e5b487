"""The workers' protocol over HTTP: forms as workers write them, and the mistakes in them."""
from __future__ import annotations

import pytest

from tests.builders import add_run
from tests.handlers.site import Site
from tests.handlers.worker.reports import FILE, FORM, NAMED, OK, TYPE, events, multipart, told


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


@pytest.mark.parametrize(("body", "content"), [
    (multipart(TYPE, FILE + b"log"), b"log"), (multipart(FILE + b"log", TYPE), b"log"),
    (multipart(TYPE, FILE + b"a\r\n--Bx\r\n"), b"a\r\n--Bx\r\n"),
    (multipart(TYPE, FILE + b"\r\n\r\n"), b"\r\n\r\n"), (multipart(TYPE, FILE + b"log", end=b"--\r\n"), b"log"),
    (multipart(TYPE, b"content-disposition:form-data;name=file\r\n\r\nlog"), b"log")])
def test_multipart_is_read_as_workers_write_it(site: Site, run_id: int, body: bytes, content: bytes) -> None:
    answer = site.client.post(site.worker_path(run_id), content=body, headers={"Content-Type": "multipart/form-data; boundary=B"})

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
    ({"type": "artifactupload"}, "artifact_type"), ({"type": "artifactupload", "artifact_type": "../../x"}, "artifact_type")])
def test_a_field_that_is_missing_or_malformed_is_named(site: Site, run_id: int, fields: dict[str, object], named: str) -> None:
    answers = [site.report(run_id, **fields), site.send(run_id, b"x", **fields)]

    assert [told(answer) for answer in answers] == [(400, f"FAIL: {named} is missing or malformed.")] * 2


def test_a_urlencoded_body_that_is_larger_than_any_report_is_refused(site: Site) -> None:
    path = site.worker_path(add_run())
    longest = "\U0001f9ff" * 10_000

    fits = site.client.post(path, data={"type": "progress", "status": "testing", "message": longest})
    too_large = site.client.post(path, content=b"type=progress&message=" + b"m" * 130_000, headers=FORM)

    assert (told(fits), too_large.status_code) == (OK, 413)
