"""The media library: lists and their filters, one sample with its media info, regression tests."""
from __future__ import annotations

from datetime import date
from hashlib import sha256
from typing import Any

import pytest

from api.domain.auth.access import Role
from api.storage.files import paths
from api.storage.platform_tables import SampleRow, UploadRow, VersionRow
from contract.client import ValidatingClient
from tests.builders import Output, add_regression_test, add_sample, add_user, digest_of, save
from tests.handlers.site import Site

SAMPLES = "/api/v1/samples"
TESTS = "/api/v1/regression-tests"
INFO = b"""<?xml version="1.0" encoding="UTF-8"?>
<Mediainfo version="0.7"><File>
<track type="General"><Complete_name>/srv/repository/TempFiles/la1.ts</Complete_name><Format>MPEG-TS</Format></track>
<track type="Text"><Format>Teletext</Format></track><track type="Text"><Format>DVB Subtitle</Format></track>
</File></Mediainfo>"""


@pytest.fixture
def client(site: Site) -> ValidatingClient:
    """A client of somebody who may only look."""
    return site.as_role(Role.USER)


def listed(client: ValidatingClient, address: str = SAMPLES, **query: Any) -> list[dict[str, Any]]:
    """A whole page."""
    answer = client.get(address, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.json()["pagination"]["total"] == len(answer.json()["data"])
    return list(answer.json()["data"])


def ids(client: ValidatingClient, **query: Any) -> list[int]:
    return [sample["sample_id"] for sample in listed(client, **query)]


def write_info(site: Site, digest: str, content: bytes) -> None:
    """Put what MediaInfo told of a sample into the store."""
    file = site.files / str(paths.media_info_name(digest))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def upload(sample_id: int, notes: str, number: int = 1) -> None:
    """Note how a sample came to the platform."""
    version = VersionRow(version=f"0.{number}", released=date(2020, 1, number), commit=digest_of(f"version {number}"))
    save(version)
    save(UploadRow(
        user_id=add_user(), sample_id=sample_id, version_id=version.id, platform="linux", parameters="", notes=notes))


def test_samples_are_listed_by_id_with_all_that_is_known_but_their_media_info(site: Site, client: ValidatingClient) -> None:
    first = add_sample("b.ts", sha=digest_of("b"), tags=["hd", "dvb"])
    second = add_sample("a.mp4", sha=digest_of("a"), extension=".mp4")
    upload(first, "Recorded off air.")

    assert listed(client) == [
        {"sample_id": first, "sha256": digest_of("b"), "name": "b.ts", "extension": "ts", "tags": ["dvb", "hd"], "tags_total": 2,
         "notes": "Recorded off air."},
        {"sample_id": second, "sha256": digest_of("a"), "name": "a.mp4", "extension": "mp4", "tags": [], "tags_total": 0,
         "notes": None}]


@pytest.mark.parametrize(("query", "expected"), [
    ({}, [1, 2, 3]), ({"status": "active"}, [1]), ({"status": "inactive"}, [2, 3]), ({"name": "LA1"}, [1]), ({"name": "100%"}, [2]),
    ({"name": "_"}, [1]), ({"name": "%"}, [2]), ({"name": "É"}, []), ({"name": "é"}, [3]), ({"tag": "HD"}, [1, 2]), ({"tag": "h"}, []),
    ({"tag": "hd "}, []), ({"extension": "TS"}, [1, 2]), ({"extension": "mp4"}, [3]), ({"extension": "t"}, []),
    ({"sha256": digest_of("one")}, [1]), ({"sha256": digest_of("one").upper()}, [1]), ({"sha256": digest_of("none")}, []),
    ({"tag": "hd", "extension": "ts", "name": "a", "status": "inactive"}, [2])])
def test_filters_leave_what_they_say_and_combine(
    site: Site, client: ValidatingClient, query: dict[str, str], expected: list[int],
) -> None:
    one = add_sample("la1_spanish.ts", sha=digest_of("one"), tags=["hd"])
    two = add_sample("100% A", extension=".ts", tags=["hd", "sd"])
    three = add_sample("café.mp4", extension="MP4")
    add_regression_test(sample_id=one)
    add_regression_test(sample_id=two, active=False)
    numbers = {one: 1, two: 2, three: 3}

    assert [numbers[each] for each in ids(client, **query)] == expected


@pytest.mark.parametrize("query", [{}, {"name": "sample"}])
def test_pages_have_exact_totals(site: Site, client: ValidatingClient, query: dict[str, str]) -> None:
    made = [add_sample() for _ in range(5)]

    pages = [client.get(SAMPLES, params={**query, "limit": 2, "offset": offset}).json() for offset in (0, 2, 4, 9)]

    assert [[each["sample_id"] for each in page["data"]] for page in pages] == [made[:2], made[2:4], made[4:], []]
    assert [page["pagination"]["next_offset"] for page in pages] == [2, 4, None, None]
    assert {page["pagination"]["total"] for page in pages} == {5}


def test_old_rows_are_shown_as_far_as_they_fit(site: Site, client: ValidatingClient) -> None:
    sample = add_sample("n" * 300, sha="no hash", extension=".transportstream", tags=["t" * 64])
    upload(sample, "x" * 2000)

    shown = listed(client)[0]

    assert sorted(shown["altered_fields"]) == ["extension", "name", "notes", "sha256", "tags"]
    assert (shown["sha256"], len(shown["name"]), shown["extension"]) == ("0" * 64, 255, "transport…")
    assert ids(client, tag=shown["tags"][0]) == [sample]


def test_a_sample_tells_what_mediainfo_told_without_the_servers_folders(site: Site, client: ValidatingClient) -> None:
    sample = add_sample(sha=digest_of("s"))
    write_info(site, digest_of("s"), INFO)

    shown = client.get(f"{SAMPLES}/{sample}").json()

    assert shown["media_info"] == {
        "General": {"Complete_name": "la1.ts", "Format": "MPEG-TS"}, "Text": {"Format": "Teletext"},
        "Text #2": {"Format": "DVB Subtitle"}}
    assert "altered_fields" not in shown


def test_a_sample_without_media_info_has_none(site: Site, client: ValidatingClient) -> None:
    sample = add_sample()

    shown = client.get(f"{SAMPLES}/{sample}").json()

    assert shown == listed(client)[0] | {"extra_files": [], "upload": None}


@pytest.mark.parametrize("content", [
    b"", b"<Mediainfo>", b"\xff\xfe\x00", b"<Mediainfo/>",
    b'<!DOCTYPE m [<!ENTITY a "b">]><Mediainfo><track type="General"><Format>&a;</Format></track></Mediainfo>',
    b'<!DOCTYPE m SYSTEM "file:///etc/passwd"><Mediainfo><track type="General"/></Mediainfo>',
    b"<a>" * 5000 + b"</a>" * 5000, b"<Mediainfo>" + b"<track/>" * 2000 + b"</Mediainfo>", b" " * 2_000_000])
def test_media_info_that_cannot_be_trusted_is_left_out_and_said_so(site: Site, client: ValidatingClient, content: bytes) -> None:
    sample = add_sample(sha=digest_of("s"))
    write_info(site, digest_of("s"), content)

    shown = client.get(f"{SAMPLES}/{sample}").json()

    assert (shown["media_info"], shown["altered_fields"]) == ({}, ["media_info"])


def test_of_several_uploads_the_newest_that_says_anything_counts(site: Site, client: ValidatingClient) -> None:
    sample = add_sample()
    for number, notes in enumerate(["old", "newer", ""], start=1):
        upload(sample, notes, number)

    assert client.get(f"{SAMPLES}/{sample}").json()["notes"] == "newer"


def test_an_unknown_sample_is_not_found(site: Site, client: ValidatingClient) -> None:
    answers = [client.get(f"{SAMPLES}/99"), client.get(f"{SAMPLES}/99/history")]

    assert [(each.status_code, each.json()["details"]["resource"]) for each in answers] == [(404, "sample")] * 2


def test_regression_tests_are_listed_with_their_baselines_left_out(site: Site, client: ValidatingClient) -> None:
    content = b"1\n00:00:01,000 --> 00:00:02,000\nHello\n"
    digest = sha256(content).hexdigest()
    (site.files / "TestResults").mkdir(exist_ok=True)
    (site.files / f"TestResults/{digest}.srt").write_bytes(content)
    sample = add_sample(sha=digest_of("s"), tags=["dvb"])
    test = add_regression_test(
        sample_id=sample, outputs=[Output(baseline=digest), Output(extension=".txt", suffix="_2"), Output(baseline="", extension=".bin")],
        categories=["Teletext", "DVB"], command="-out=srt")
    first, second, third = test.output_ids
    shared = {"run_id": None, "sample_id": sample, "regression_id": test.regression_id, "encoding": "base64", "content": "",
              "content_omitted": True}

    assert listed(client, TESTS) == [{
        "regression_id": test.regression_id, "sample_id": sample, "command": "-out=srt", "active": True, "category": "DVB",
        "tags": ["dvb"], "tags_total": 1, "expected_outputs_total": 3, "expected_outputs": [
            {**shared, "output_id": first, "filename": f"{digest_of('s')}.srt", "content_type": "application/x-subrip",
             "sha256": digest, "size_bytes": len(content), "storage_status": "degraded"},
            {**shared, "output_id": second, "filename": f"{digest_of('s')}_2.txt", "content_type": "text/plain",
             "sha256": digest_of("baseline"), "size_bytes": None, "storage_status": "missing"},
            {**shared, "output_id": third, "filename": f"{digest_of('s')}.bin", "content_type": "application/octet-stream",
             "size_bytes": None, "storage_status": "missing"}]}]


@pytest.mark.parametrize(("query", "expected"), [
    ({}, [1, 2, 3]), ({"active": True}, [1, 3]), ({"active": False}, [2]), ({"category": "dvb"}, [1, 2]), ({"category": "d"}, []),
    ({"tag": "HD"}, [2]), ({"sample_id": 1}, [1]), ({"sample_id": 77}, []), ({"category": "DVB", "active": True}, [1])])
def test_regression_tests_are_found_by_what_is_asked(
    site: Site, client: ValidatingClient, query: dict[str, Any], expected: list[int],
) -> None:
    save(SampleRow(id=1, sha=digest_of("1"), extension="ts", original_name="one.ts"))
    made = [
        add_regression_test(sample_id=1, categories=["DVB", "General"]),
        add_regression_test(sample_id=add_sample(tags=["hd"]), categories=["DVB"], active=False), add_regression_test()]
    numbers = {test.regression_id: number for number, test in enumerate(made, start=1)}

    found = [numbers[test["regression_id"]] for test in listed(client, TESTS, **query)]

    assert found == expected


def test_pages_of_regression_tests_have_exact_totals_and_a_constant_number_of_statements(site: Site, client: ValidatingClient) -> None:
    for number in range(12):
        add_regression_test(sample_id=add_sample(tags=[f"tag{number}"]), categories=[f"category {number}"])
    client.get(TESTS)
    counts, pages = [], []
    for limit in (1, 12):
        with site.database.counted() as statements:
            pages.append(client.get(TESTS, params={"limit": limit}).json())
        counts.append(len(statements))

    assert counts[0] == counts[1]
    assert [page["pagination"]["total"] for page in pages] == [12, 12]
    assert [page["pagination"]["next_offset"] for page in pages] == [1, None]


@pytest.mark.parametrize("query", [{}, {"name": "sample", "tag": "hd", "status": "inactive", "extension": "ts"}])
def test_a_list_of_samples_takes_the_same_number_of_statements_however_long_it_is(
    site: Site, client: ValidatingClient, query: dict[str, str],
) -> None:
    for _ in range(12):
        add_sample(tags=["hd", "dvb"])
    client.get(SAMPLES)
    counts = []
    for limit in (1, 12):
        with site.database.counted() as statements:
            client.get(SAMPLES, params={**query, "limit": limit})
        counts.append(len(statements))

    assert counts[0] == counts[1]


# How a sample came, and its further files, are read each time.
@pytest.mark.parametrize(("path", "most"), [(SAMPLES, 2), (f"{SAMPLES}/{{sample_id}}", 4), (TESTS, 2)])
def test_the_media_library_is_asked_for_once_while_nothing_in_it_changes(
    site: Site, client: ValidatingClient, path: str, most: int,
) -> None:
    sample = add_sample(tags=["hd"])
    address, counts = path.format(sample_id=sample), []
    client.get(address)
    for change in (lambda: None, lambda: add_regression_test(sample_id=sample)):
        change()
        with site.database.counted() as statements:
            answer = client.get(address)
        counts.append(len(statements))
        assert answer.status_code == 200

    assert counts[0] <= counts[1] <= most
