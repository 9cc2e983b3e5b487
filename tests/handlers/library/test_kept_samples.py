"""People upload samples, describe them, and delete what nothing refers to."""
from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from api.domain.auth.access import Role
from api.storage.platform_tables import (
    ForbiddenExtensionRow,
    ForbiddenTypeRow,
    SampleRow,
    TagRow,
    UploadRow,
    VersionRow,
)
from tests.builders import add_regression_test, add_sample, save
from tests.handlers.conftest import MakeSite
from tests.handlers.library.sending import MEDIA, SAMPLES, digest_of, send, stored
from tests.handlers.site import Client, Site


@pytest.fixture
def client(site: Site) -> Client:
    """Somebody who keeps the library."""
    return site.as_role(Role.CONTRIBUTOR)


def tag(name: str) -> None:
    save(TagRow(name=name, description=None))


def test_an_uploaded_file_is_a_sample_under_its_hash_and_its_name(site: Site, client: Client) -> None:
    answer = send(client)

    shown = answer.json()
    assert answer.status_code == 201
    assert (shown["sha256"], shown["name"], shown["extension"]) == (digest_of(MEDIA), "news.ts", "ts")
    assert stored(site) == {f"TestFiles/{digest_of(MEDIA)}.ts"}
    assert client.get(f"{SAMPLES}/{shown['sample_id']}").headers["ETag"] == answer.headers["ETag"]


@pytest.mark.parametrize(("given", "kept", "extension"), [
    ("../../etc/passwd.ts", "passwd.ts", "ts"), ("C:\\films\\a.mpg", "a.mpg", "mpg"), ("no extension", "no extension", ""),
    (".hidden", ".hidden", ""), ("Σ λ.dvr-ms", "Σ λ.dvr-ms", "dvr-ms"), ("100% 'x' $(rm -rf).ts", "100% 'x' $(rm -rf).ts", "ts")])
def test_of_a_name_the_last_part_is_kept_and_no_path_is_made_of_it(
    site: Site, client: Client, given: str, kept: str, extension: str,
) -> None:
    answer = send(client, name=given)

    assert (answer.json()["name"], answer.json()["extension"]) == (kept, extension)
    assert stored(site) == {f"TestFiles/{digest_of(MEDIA)}" + (f".{extension}" if extension else "")}


@pytest.mark.parametrize("name", ["..", "a.\x01ts", "a.t s", "a." + "x" * 11, "x" * 256, "a/.."])
def test_a_name_that_is_none_is_refused_and_nothing_is_kept(site: Site, client: Client, name: str) -> None:
    answer = send(client, name=name)

    assert (answer.status_code, stored(site)) == (400, set())


def test_a_file_that_is_there_already_names_its_sample(site: Site, client: Client) -> None:
    first = send(client).json()["sample_id"]

    again = send(client, file="other.mpg")

    assert (again.status_code, again.json()["details"]["sample_id"]) == (409, first)
    assert len(stored(site)) == 1


def test_the_same_file_sent_by_several_at_once_is_one_sample(site: Site, client: Client) -> None:
    answers = site.together(*[lambda: send(client) for _ in range(4)])

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert len({answer.json().get("sample_id") or answer.json()["details"]["sample_id"] for answer in answers}) == 1


@pytest.mark.parametrize(("name", "content"), [
    ("setup.EXE", b"anything"), ("film.ts", b"MZ\x90\x00"), ("film.ts", b"#!/bin/sh\n"), ("film.ts", b"")])
def test_what_the_platform_forbids_and_empty_files_are_refused(site: Site, client: Client, name: str, content: bytes) -> None:
    save(ForbiddenExtensionRow(extension="exe"))
    save(ForbiddenTypeRow(mimetype="text/x-shellscript"))

    answer = send(client, content, name)

    assert (answer.status_code, stored(site)) == (422, set())


def test_a_file_over_the_limit_is_refused_and_nothing_is_kept(make_site: MakeSite) -> None:
    site = make_site(sample_size=1024)

    answer = send(site.as_role(Role.ADMIN), b"x" * 1025)

    assert (answer.status_code, answer.json()["details"]["limit"], stored(site)) == (413, 1024, set())


@pytest.mark.parametrize("body", [
    b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.ts\"\r\n\r\nhalf", b"nonsense", b"--b--\r\n"])
def test_an_upload_that_breaks_off_or_is_no_form_leaves_nothing(site: Site, client: Client, body: bytes) -> None:
    answer = client.post(SAMPLES, content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})

    assert (answer.status_code, stored(site), site.rows(select(SampleRow.id))) == (400, set(), [])


def test_a_field_that_is_not_known_is_named(client: Client) -> None:
    answer = send(client, colour="red")

    assert answer.json()["details"]["fields"] == {"colour": "Is not known."}


def test_a_sample_is_downloaded_whole_and_in_parts(client: Client) -> None:
    content = bytes(range(256)) * 8
    path = f"{SAMPLES}/{send(client, content).json()['sample_id']}/download"

    whole, part = client.get(path), client.get(path, headers={"Range": "bytes=250-260"})
    beyond = client.get(path, headers={"Range": "bytes=9999-"})

    assert (whole.content, part.status_code, part.content) == (content, 206, content[250:261])
    assert 'filename="news.ts"' in whole.headers["Content-Disposition"]
    assert beyond.status_code == 416


def test_the_download_of_a_sample_whose_file_is_gone_is_404(client: Client) -> None:
    assert client.get(f"{SAMPLES}/{add_sample()}/download").status_code == 404


def test_a_sample_is_renamed_tagged_and_described(client: Client) -> None:
    tag("dvb")
    sample_id = send(client).json()["sample_id"]

    edited = client.patch(f"{SAMPLES}/{sample_id}", json={"name": "evening.ts", "tags": ["dvb"], "notes": "Off air."}).json()

    assert (edited["name"], edited["tags"], edited["notes"]) == ("evening.ts", ["dvb"], "Off air.")
    assert client.get(f"{SAMPLES}/{sample_id}").json() == edited


@pytest.mark.parametrize("name", ["../news.ts", "a\u202est.ts", "..", " ", " news.ts"])
def test_a_sample_is_renamed_to_no_path_and_nothing_that_cannot_be_seen(client: Client, name: str) -> None:
    sample_id = add_sample("news.ts")

    refused = client.patch(f"{SAMPLES}/{sample_id}", json={"name": name})

    assert (refused.status_code, set(refused.json()["details"]["fields"])) == (400, {"name"})
    assert client.get(f"{SAMPLES}/{sample_id}").json()["name"] == "news.ts"


def test_notes_stand_in_the_platforms_upload_where_there_is_one(site: Site, client: Client) -> None:
    sample_id = send(client).json()["sample_id"]
    client.patch(f"{SAMPLES}/{sample_id}", json={"notes": "Before."})
    save(VersionRow(version="0.94", released=date(2021, 12, 1), commit="c" * 40))

    answer = client.patch(f"{SAMPLES}/{sample_id}", json={"version": "0.94", "platform": "bsd"})
    client.patch(f"{SAMPLES}/{sample_id}", json={"parameters": "-autoprogram", "notes": "After."})

    assert answer.json()["upload"] == {"version": "0.94", "platform": "bsd", "parameters": ""}
    assert answer.json()["notes"] == "Before."
    assert [tuple(row) for row in site.rows(select(UploadRow.platform, UploadRow.parameters, UploadRow.notes))] == [
        ("bsd", "-autoprogram", "After.")]


@pytest.mark.parametrize("body", [{"tags": ["dvb", "no such"]}, {"version": "9.9", "platform": "bsd"}, {"parameters": "-x"}])
def test_what_does_not_exist_cannot_be_said_of_a_sample(client: Client, body: dict[str, Any]) -> None:
    tag("dvb")
    sample_id = send(client).json()["sample_id"]

    answer = client.patch(f"{SAMPLES}/{sample_id}", json={"name": "other.ts", **body})

    assert answer.status_code == 422
    assert client.get(f"{SAMPLES}/{sample_id}").json()["name"] == "news.ts"


def test_of_two_editors_the_second_is_told_that_the_sample_has_changed(client: Client) -> None:
    sent = send(client)
    path, seen = f"{SAMPLES}/{sent.json()['sample_id']}", {"If-Match": sent.headers["ETag"]}

    first = client.patch(path, json={"notes": "One."}, headers=seen)
    second = client.patch(path, json={"notes": "Two."}, headers=seen)
    again = client.patch(path, json={"notes": "Two."}, headers={"If-Match": first.headers["ETag"]})

    assert [each.status_code for each in (first, second, again)] == [200, 412, 200]
    assert second.json()["code"] == "precondition_failed"


def test_a_sample_is_deleted_with_its_files_once_nothing_refers_to_it(site: Site, client: Client) -> None:
    used, free = (send(client, content).json()["sample_id"] for content in (MEDIA, b"other"))
    send(client, b"words", "words.txt", f"{SAMPLES}/{free}/extra-files")
    test = add_regression_test(sample_id=used)

    refused, done = client.delete(f"{SAMPLES}/{used}"), client.delete(f"{SAMPLES}/{free}")

    assert (refused.status_code, refused.json()["details"]["regression_ids"]) == (409, [test.regression_id])
    assert (done.status_code, client.get(f"{SAMPLES}/{free}").status_code) == (204, 404)
    assert stored(site) == {f"TestFiles/{digest_of(MEDIA)}.ts"}


def test_extra_files_are_kept_with_a_sample_and_deleted(site: Site, client: Client) -> None:
    sample_id = send(client).json()["sample_id"]
    path = f"{SAMPLES}/{sample_id}/extra-files"

    [extra] = send(client, b"words", "words.txt", path).json()["extra_files"]

    assert client.get(f"{SAMPLES}/{sample_id}").json()["extra_files"] == [extra]
    assert f"TestFiles/extra/{digest_of(MEDIA)}_{extra['extra_id']}.txt" in stored(site)
    assert client.get(f"{path}/{extra['extra_id']}").content == b"words"
    assert client.delete(f"{path}/{extra['extra_id']}").status_code == 204
    assert client.get(f"{path}/{extra['extra_id']}").status_code == 404
    assert stored(site) == {f"TestFiles/{digest_of(MEDIA)}.ts"}


def test_tags_are_added_once_and_listed(client: Client) -> None:
    made = client.post("/api/v1/tags", json={"name": "dvb", "description": "Digital"})
    again = client.post("/api/v1/tags", json={"name": "dvb"})

    assert (made.status_code, again.status_code) == (201, 409)
    assert client.get("/api/v1/tags").json()["data"] == [made.json()]


def test_who_changed_what_is_recorded(client: Client) -> None:
    sample_id = send(client).json()["sample_id"]
    client.patch(f"{SAMPLES}/{sample_id}", json={"notes": "Off air."})
    client.delete(f"{SAMPLES}/{sample_id}")

    found = client.get("/api/v1/library-changes", params={"kind": "sample", "subject_id": sample_id}).json()["data"]

    assert [each["action"] for each in found] == ["deleted", "changed", "created"]
    assert {each["changed_by"] for each in found} == {"contributor@example.test"}
    assert (found[1]["before"], found[1]["after"]) == ({"notes": None}, {"notes": "Off air."})


def test_a_tag_is_deleted_once_no_sample_has_it(client: Client) -> None:
    tag("dvb")
    sample_id = add_sample()
    tag_id = client.get("/api/v1/tags").json()["data"][0]["tag_id"]
    client.patch(f"{SAMPLES}/{sample_id}", json={"tags": ["dvb"]})

    refused = client.delete(f"/api/v1/tags/{tag_id}")
    client.patch(f"{SAMPLES}/{sample_id}", json={"tags": []})
    statuses = [client.delete(f"/api/v1/tags/{tag_id}").status_code for _ in range(2)]

    assert (refused.status_code, refused.json()["details"]["sample_count"]) == (409, 1)
    assert (statuses, client.get("/api/v1/tags").json()["data"]) == ([204, 404], [])
    changes = client.get("/api/v1/library-changes", params={"kind": "tag", "subject_id": tag_id}).json()["data"]
    assert [(each["action"], each["before"]["name"], each["after"]) for each in changes] == [("deleted", "dvb", {})]
