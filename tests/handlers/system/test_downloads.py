"""Signed addresses: the file itself, whole and in parts, for who has the address and as long as it is good."""
from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import pytest

from api.domain.auth.access import Role
from api.domain.auth.signing import SigningKey
from api.domain.files.signed_url import FileKind, SignedUrl
from api.domain.runs.run import Platform
from api.domain.runs.worker_message import ArtifactKind
from api.storage.auth.signing_key_file import FILE
from api.storage.files import paths
from api.storage.files.paths import kind_of, log_name, result_name
from api.storage.files.stored_file import Source
from contract.client import ValidatingClient
from tests.handlers.conftest import MakeSite
from tests.handlers.site import Site

CONTENT = bytes(range(256)) * 9000
NAME = result_name(sha256(CONTENT).hexdigest(), ".srt") or ""


def write(site: Site, name: str, content: bytes) -> None:
    path = site.files / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def address(site: Site, name: str = NAME, filename: str = "out.srt", content_type: str = "text/plain", hours: float = 1) -> str:
    kind = kind_of(name)
    assert kind is not None
    return signed(site, SignedUrl(kind, name, filename, content_type, site.clock.now + timedelta(hours=hours)))


def signed(site: Site, ticket: SignedUrl) -> str:
    return "/api/v1/downloads/" + ticket.sealed(SigningKey(site.settings.signing_key.encode()))


@pytest.fixture
def url(site: Site) -> str:
    """The address of a file that is there."""
    write(site, NAME, CONTENT)
    return address(site)


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_whoever_has_the_address_gets_the_file_without_a_token(site: Site, url: str) -> None:
    answer = site.client.get(url)

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["Content-Length"] == str(len(CONTENT))


def test_a_file_comes_as_an_attachment_that_no_browser_makes_more_of(site: Site, url: str) -> None:
    headers = site.client.get(url).headers

    assert headers["Content-Disposition"] == 'attachment; filename="out.srt"'
    assert headers["Content-Type"].startswith("text/plain")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("content_type", ["text/html", "image/svg+xml", "application/x-subrip"])
def test_a_file_of_any_other_kind_is_just_bytes(site: Site, url: str, content_type: str) -> None:
    answer = site.client.get(address(site, content_type=content_type))

    assert answer.headers["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize(("asked", "start", "end"), [
    ("bytes=0-0", 0, 1), ("bytes=1048570-1048585", 1048570, 1048586), (f"bytes={len(CONTENT) - 3}-", len(CONTENT) - 3, len(CONTENT)),
    ("bytes=-5", len(CONTENT) - 5, len(CONTENT)), ("bytes=0-999999999", 0, len(CONTENT))])
def test_a_range_is_that_part_of_the_file(site: Site, url: str, asked: str, start: int, end: int) -> None:
    answer = site.client.get(url, headers={"Range": asked})

    assert (answer.status_code, answer.content) == (206, CONTENT[start:end])
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"


def test_a_range_behind_the_end_is_refused_with_the_size(site: Site, url: str) -> None:
    answer = site.client.get(url, headers={"Range": f"bytes={len(CONTENT)}-"})

    assert problem(answer) == (416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=9-3"])
def test_of_several_ranges_or_none_the_whole_is_sent(site: Site, url: str, asked: str) -> None:
    assert site.client.get(url, headers={"Range": asked}).status_code == 200


def test_an_interrupted_download_goes_on_while_the_file_is_the_same(site: Site, url: str) -> None:
    tag = site.client.get(url, headers={"Range": "bytes=0-9"}).headers["ETag"]

    same = site.client.get(url, headers={"Range": "bytes=10-19", "If-Range": tag})
    other = site.client.get(url, headers={"Range": "bytes=10-19", "If-Range": '"another"'})

    assert (same.status_code, same.content) == (206, CONTENT[10:20])
    assert (other.status_code, other.content) == (200, CONTENT)


def test_a_log_is_sent_whole_though_it_is_replaced_on_the_way(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    name = log_name(7)
    write(site, name, CONTENT)
    read = Source.read

    def read_and_replace(source: Source, start: int, length: int) -> bytes:
        found = read(source, start, length)
        write(site, "newer", b"another log\n" + CONTENT)
        (site.files / "newer").rename(site.files / name)
        return found

    monkeypatch.setattr(Source, "read", read_and_replace)

    answer = site.client.get(address(site, name))

    assert (answer.status_code, answer.content) == (200, CONTENT)


def test_the_tag_is_another_when_the_file_is(site: Site) -> None:
    write(site, log_name(7), b"first")
    before = site.client.get(address(site, log_name(7))).headers["ETag"]
    write(site, log_name(7), b"second one")

    assert site.client.get(address(site, log_name(7))).headers["ETag"] != before


@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=4-8"}])
def test_head_tells_all_that_get_tells_and_sends_nothing(site: Site, url: str, asked: dict[str, str]) -> None:
    head, get = site.client.head(url, headers=asked), site.client.get(url, headers=asked)

    own = {"x-request-id", "x-ratelimit-remaining"}
    assert head.content == b""
    assert {name: value for name, value in head.headers.items() if name not in own} == {
        name: value for name, value in get.headers.items() if name not in own}


def test_an_empty_file_is_sent_as_one(site: Site) -> None:
    write(site, log_name(7), b"")

    answer = site.client.get(address(site, log_name(7)))

    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")


def test_an_address_that_is_out_of_date_is_refused(site: Site, url: str) -> None:
    site.clock.advance(hours=1)

    answer = site.client.get(url)

    assert problem(answer) == (403, "forbidden")
    assert "download_url" in answer.json()["details"]["remedy"]


def test_a_forged_address_leads_nowhere(site: Site, url: str) -> None:
    expires = site.clock.now + timedelta(hours=1)
    other = SignedUrl(FileKind.RUN_LOG, "LogFiles/1.txt", "x", "text/plain", expires).sealed(SigningKey(b"guessed"))
    own, mac = url.rsplit("/", 1)[1].split(".")
    swapped = f"{other.split('.')[0]}.{mac}"

    for ticket in (other, swapped, f"{own}.{'A' * 43}"):
        assert problem(site.client.get(f"/api/v1/downloads/{ticket}")) == (404, "not_found")


KINDS = {
    FileKind.RUN_LOG: [log_name(7), paths.test_log_name(7, 3)], FileKind.RESULT: [NAME],
    FileKind.SAMPLE: [paths.sample_name("ab" * 32, ".ts") or "", paths.media_info_name("ab" * 32) or ""],
    FileKind.ARTIFACT: [paths.artifact_name(7, kind, platform) for kind in ArtifactKind for platform in Platform]}


@pytest.mark.parametrize("kind", FileKind)
def test_a_ticket_opens_files_of_its_own_kind_and_of_no_other(site: Site, kind: FileKind) -> None:
    for name in (name for own in KINDS.values() for name in own):
        write(site, name, CONTENT if name == NAME else b"content")

    opened = {
        name for own in KINDS.values() for name in own
        if site.client.get(signed(site, SignedUrl(kind, name, "x", "text/plain", site.clock.now + timedelta(hours=1)))).status_code == 200}

    assert opened == set(KINDS[kind])


JOB = "Jobs/6832c960-b9e2-45d9-a9a7-58ee942b049f"
SECRETS = [
    FILE, f"LogFiles/../{FILE}", "../ci.db", "TestResults/../../ci.db", "/etc/passwd", "vm_data/linux-1/ci-tests/TestAll.xml",
    "LogFiles/../vm_data/linux-1/ci-tests/TestAll.xml", f"{JOB}/project.zip", f"{JOB}/1-1/log", f"{JOB}/1-1/artifacts/junit.xml",
    f"LogFiles/../{JOB}/1-1/log", "TempFiles/upload-1", "TestResults/./x", "LogFiles//7.txt", "LogFiles/7.txt/", "LogFiles/7.txt\n",
    "LogFiles\\7.txt", "LogFiles", ""]


@pytest.mark.parametrize("name", SECRETS)
def test_not_even_our_own_signature_opens_a_file_of_no_kind(site: Site, name: str) -> None:
    for each in (FILE, "vm_data/linux-1/ci-tests/TestAll.xml", f"{JOB}/project.zip", f"{JOB}/1-1/log", "TempFiles/upload-1", log_name(7)):
        write(site, each, b"secret")

    answers = [
        site.client.get(signed(site, SignedUrl(kind, name, "x", "text/plain", site.clock.now + timedelta(hours=1)))) for kind in FileKind]

    assert [problem(answer) for answer in answers] == [(404, "not_found")] * len(FileKind)


def test_addresses_outlive_the_key_that_signed_them_while_it_is_the_previous_one(make_site: MakeSite) -> None:
    first, second = "first " * 6, "second " * 6
    old = make_site(signing_key=first)
    write(old, NAME, CONTENT)
    given = address(old)

    rotated = make_site(signing_key=second, signing_key_previous=first)
    later = make_site(signing_key=second)

    assert [site.client.get(given).status_code for site in (old, rotated, later)] == [200, 200, 404]
    assert later.client.get(address(rotated)).status_code == 200


@pytest.mark.parametrize("ticket", ["x", "a.b", "..", "a" * 3000 + "." + "A" * 43])
def test_what_no_address_of_ours_looks_like_is_refused(site: Site, ticket: str) -> None:
    assert site.client.get(f"/api/v1/downloads/{ticket}").status_code in (400, 404)


def test_a_file_that_is_gone_is_not_found(site: Site) -> None:
    answer = site.client.get(address(site))

    assert problem(answer) == (404, "not_found")


def test_a_file_whose_content_is_not_what_its_name_says_is_not_sent(site: Site, url: str) -> None:
    write(site, NAME, b"tampered with")

    assert problem(site.client.get(url)) == (404, "not_found")


def test_downloads_have_a_limit_of_their_own_per_address(make_site: MakeSite) -> None:
    site = make_site(rate_anonymous=2)
    write(site, NAME, CONTENT)
    url = address(site)

    statuses = [site.client.get(url).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert site.client.get("/api/v1/system/health").status_code == 200


def test_a_token_neither_helps_nor_harms(site: Site, url: str) -> None:
    assert site.as_role(Role.ADMIN).get(url).status_code == 200
    assert site.client.as_("spci_wrong").get(url).status_code == 200


def path_of(url: str) -> str:
    """The path of an address, for a client that is already at its host."""
    return urlsplit(url).path


def fetched(client: ValidatingClient, url: str) -> bytes:
    """What is at an address of this server."""
    answer = client.get(path_of(url))
    assert answer.status_code == 200, answer.text
    return bytes(answer.content)
