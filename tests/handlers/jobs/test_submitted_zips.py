"""What is sent as a project's zip: forms, rules, sizes and the scanner."""
from __future__ import annotations

import struct
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.domain.auth.access import Role
from contract.client import ValidatingClient
from tests.examples import examples
from tests.handlers.conftest import MakeSite
from tests.handlers.jobs.submitting import ASYNC, assert_nothing_is_left, kept_files, submit
from tests.handlers.site import Site
from tests.submitted_jobs import zip_of


def test_a_field_that_is_not_known_is_refused_by_its_name(site: Site, client: ValidatingClient) -> None:
    answer = submit(client, prioritty="3")

    assert (answer.status_code, answer.json()["details"]["fields"]) == (400, {"prioritty": "Is not known."})
    assert_nothing_is_left(site)


def test_a_form_without_a_file_is_refused(site: Site, client: ValidatingClient) -> None:
    answer = client.post(ASYNC, files={"project": ("project.zip", zip_of())})

    assert (answer.status_code, set(answer.json()["details"]["fields"])) == (400, {"file", "project"})
    assert_nothing_is_left(site)


def test_two_files_are_one_too_many(site: Site, client: ValidatingClient) -> None:
    answer = client.post(ASYNC, files=[("file", ("a.zip", zip_of())), ("file", ("b.zip", zip_of()))])

    assert (answer.status_code, set(answer.json()["details"]["fields"])) == (400, {"body"})
    assert_nothing_is_left(site)


@pytest.mark.parametrize(("content_type", "body", "status"), [
    ("application/json", b"{}", 415), ("application/zip", b"PK", 415), ("", b"PK", 415),
    ("multipart/form-data", b"PK", 400), ("multipart/form-data; boundary=x", b"no boundary", 400),
    ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nPK', 400),
    ("multipart/form-data; boundary=x", b"", 400)])
def test_what_is_no_whole_form_is_refused(site: Site, client: ValidatingClient, content_type: str, body: bytes, status: int) -> None:
    answer = client.post(ASYNC, content=body, headers={"Content-Type": content_type})

    assert answer.status_code == status
    assert_nothing_is_left(site)


@pytest.mark.parametrize("parts", [
    b"--x\r\na:\r\n\r\n\r\n" * 1000, b'--x\r\nContent-Disposition: form-data; name="priority"\r\n\r\n1\r\n' * 1000,
    b"--x\r\n" + b"a: b\r\n" * 1000 + b"\r\n\r\n", b"--x\r\n" + b"a" * 100_000 + b": b\r\n\r\n\r\n"])
def test_a_form_of_countless_parts_or_headers_is_refused(site: Site, client: ValidatingClient, parts: bytes) -> None:
    answer = client.post(ASYNC, content=parts + b"--x--\r\n", headers={"Content-Type": "multipart/form-data; boundary=x"})

    assert (answer.status_code, answer.json()["details"]["fields"]) == (400, {"body": "Is no multipart form that can be read."})
    assert_nothing_is_left(site)


def bomb() -> bytes:
    """A small zip of a large file."""
    return zip_of({"zeros": bytes(50 << 20)})


def overlapping() -> bytes:
    """A zip whose two entries share their content."""
    whole = bytearray(zip_of({"a.py": b"x" * 100, "b.py": b"y" * 100}))
    second = whole.rindex(b"PK\1\2")
    struct.pack_into("<L", whole, second + 42, 0)
    return bytes(whole)


@pytest.mark.parametrize(("project", "rule"), [
    (b"", "no_zip"), (b"no zip at all", "no_zip"), (zip_of()[:-5], "no_zip"), (zip_of({"../../etc/passwd": b"x"}), "name"),
    (zip_of({"/etc/passwd": b"x"}), "name"), (zip_of({"a": b"x", "a/b": b"y"}), "duplicate"), (bomb(), "ratio"),
    (overlapping(), "overlap"), (zip_of({}), "empty"), (zip_of({"src/": b"", "src/tests/": b""}), "empty"),
    (zip_of({"__MACOSX/a.py": b"x", "src/": b"", "src/._a.py": b"x"}), "empty")],
    ids=["no_bytes", "text", "cut_off", "parent", "absolute", "file_and_folder", "bomb", "overlap", "no_entries", "only_folders",
        "only_left_out"])
def test_a_zip_that_no_honest_program_makes_is_refused_by_a_rule_with_a_name(
    site: Site, client: ValidatingClient, project: bytes, rule: str,
) -> None:
    answer = submit(client, project)

    assert (answer.status_code, answer.json()["code"]) == (422, "unprocessable")
    assert answer.json()["details"]["rule"] == rule
    assert_nothing_is_left(site)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 200))
def test_whatever_is_sent_as_a_zip_gets_an_answer_of_the_contract(site: Site, noise: bytes, at: int, cut: int) -> None:
    project = zip_of()
    broken = project[:at] + noise + project[at + cut:]

    answer = submit(site.as_role(Role.TESTER), broken)

    assert answer.status_code == 422 or (answer.status_code == 200 and zipfile.is_zipfile(BytesIO(broken)))


def test_a_zip_over_the_limit_is_refused_and_leaves_nothing(make_site: MakeSite) -> None:
    site = make_site(job_zip_size=10_000)
    client = site.as_role(Role.TESTER)

    answers = [submit(client, b"x" * size) for size in (10_001, 500_000)]

    assert [answer.status_code for answer in answers] == [413, 413]
    assert answers[0].json()["details"]["limit"] == 10_000
    assert_nothing_is_left(site)


def test_a_zip_may_be_larger_than_what_a_worker_may_send(make_site: MakeSite) -> None:
    site = make_site(max_upload=10_000, job_zip_size=1 << 20)
    project = zip_of({"noise.bin": Random(7).randbytes(200_000)})

    answer = submit(site.as_role(Role.TESTER), project)

    assert answer.status_code == 200


def test_a_zip_may_unpack_to_four_times_what_the_largest_has(make_site: MakeSite) -> None:
    site = make_site(job_zip_size=1 << 18)

    answers = [submit(site.as_role(Role.TESTER), zip_of({"a": b"x" * (1 << 20), **more})) for more in ({}, {"b": b"x"})]

    assert answers[0].status_code == 200
    assert answers[1].json()["details"]["rule"] == "total_size"


def test_a_zip_has_20000_files_at_most(site: Site) -> None:
    answer = submit(site.as_role(Role.TESTER), zip_of({str(number): b"" for number in range(20_001)}))

    assert answer.json()["details"]["rule"] == "entries"


SCANNER = """
import pathlib, sys
content = pathlib.Path(sys.argv[-1]).read_bytes()
sys.exit({b"P": 0}.get(content[:1], 3) if b"EICAR" not in content else 1)
"""


def scanning(*words: str) -> str:
    return " ".join(f"'{word}'" for word in words)


def test_the_scanner_sees_each_zip_and_its_verdict_counts(make_site: MakeSite, tmp_path: Path) -> None:
    program = tmp_path / "scanner.py"
    program.write_text(SCANNER)
    site = make_site(job_scanner=scanning(sys.executable, str(program)))
    client = site.as_role(Role.TESTER)

    clean, infected = submit(client), submit(client, zip_of({"EICAR.txt": b"x"}))

    assert (clean.status_code, infected.status_code) == (200, 422)
    assert infected.json()["details"]["rule"] == "scanner"
    assert len(kept_files(site)) == 1


@pytest.mark.parametrize("command", [
    "/nonexistent/scanner", scanning(sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"),
    scanning(sys.executable, "-c", "raise SystemExit(2)")], ids=["none", "killed", "failed"])
def test_a_scanner_that_cannot_look_accepts_nothing(make_site: MakeSite, command: str) -> None:
    site = make_site(job_scanner=command)

    answer = submit(site.as_role(Role.TESTER))

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert_nothing_is_left(site)
