"""Uploads wait to be described, as the platform's clients know it, and are samples already."""
from __future__ import annotations

from datetime import date

import pytest

from api.domain.auth.access import Role
from api.storage.platform_tables import VersionRow
from tests.builders import add_regression_test, add_sample, save
from tests.handlers.library.sending import MEDIA, digest_of, send, stored
from tests.handlers.platform.test_run_reads import BASE
from tests.handlers.site import Client, Site

QUEUE, UPLOAD = f"{BASE}/queued-samples", f"{BASE}/samples/upload"
DESCRIPTION = {"version": "0.94", "platform": "bsd", "parameters": "-autoprogram", "notes": "Off air."}


@pytest.fixture
def client(site: Site) -> Client:
    """Somebody who keeps the library."""
    return site.as_role(Role.CONTRIBUTOR)


def waiting(client: Client) -> list[int]:
    """The numbers of what waits for this client to describe it."""
    return [each["id"] for each in client.get(QUEUE).json()["data"]]


def test_an_upload_is_a_sample_that_waits_to_be_described(site: Site, client: Client) -> None:
    answer = send(client, path=UPLOAD)

    shown = answer.json()
    assert (answer.status_code, shown["sha"], shown["original_name"], shown["extension"]) == (201, digest_of(MEDIA), "news.ts", "ts")
    assert client.get(f"{QUEUE}/{shown['id']}").json() == shown
    assert client.get(f"{BASE}/samples/{shown['id']}").json()["sha"] == digest_of(MEDIA)
    assert stored(site) == {f"TestFiles/{digest_of(MEDIA)}.ts"}


def test_the_same_file_is_taken_once(client: Client) -> None:
    first = send(client, path=UPLOAD).json()

    again = send(client, path=UPLOAD)

    assert (again.status_code, again.json()["details"]["sample_id"]) == (409, first["id"])


def test_what_others_uploaded_is_seen_by_admins_alone(site: Site, client: Client) -> None:
    upload = send(client, path=UPLOAD).json()
    admin, tester = site.as_role(Role.ADMIN), site.as_role(Role.TESTER)

    assert [waiting(each) for each in (client, admin, tester)] == [[upload["id"]], [upload["id"]], []]
    assert tester.get(f"{QUEUE}/{upload['id']}").status_code == 404


def test_samples_that_nobody_uploaded_here_do_not_wait(site: Site) -> None:
    add_sample()

    assert waiting(site.as_role(Role.ADMIN)) == []


def test_an_upload_that_is_described_waits_no_longer(client: Client) -> None:
    save(VersionRow(version="0.94", released=date(2021, 12, 1), commit="c" * 40))
    upload = send(client, path=UPLOAD).json()

    described = client.post(f"{QUEUE}/{upload['id']}/finalize", json=DESCRIPTION)
    again = client.post(f"{QUEUE}/{upload['id']}/finalize", json=DESCRIPTION)

    assert (described.status_code, described.json()["sample_id"], again.status_code, waiting(client)) == (201, upload["id"], 404, [])
    shown = client.get(f"{BASE}/samples/{upload['id']}/details").json()["upload"]
    assert {name: shown[name] for name in DESCRIPTION} == DESCRIPTION


def test_a_release_that_there_is_none_of_leaves_an_upload_waiting(client: Client) -> None:
    upload = send(client, path=UPLOAD).json()

    refused = client.post(f"{QUEUE}/{upload['id']}/finalize", json=DESCRIPTION)

    assert (refused.status_code, waiting(client)) == (422, [upload["id"]])


def test_an_upload_becomes_a_further_file_of_a_sample(site: Site, client: Client) -> None:
    target = send(client, b"other", "film.ts").json()["sample_id"]
    upload = send(client, b"1\nwords\n", "words.srt", UPLOAD).json()

    linked = client.post(f"{QUEUE}/{upload['id']}/link", json={"sample_id": target})

    assert (linked.status_code, linked.json()["filename"]) == (201, "words.srt")
    assert client.get(f"/api/v1/samples/{target}/extra-files/{linked.json()['id']}").content == b"1\nwords\n"
    assert waiting(client) == [target] and client.get(f"{BASE}/samples/{upload['id']}").status_code == 404
    assert stored(site) == {
        f"TestFiles/{digest_of(b'other')}.ts", f"TestFiles/extra/{digest_of(b'other')}_{linked.json()['id']}.srt"}


def test_an_upload_that_a_test_is_made_of_stays_a_sample(client: Client) -> None:
    upload = send(client, path=UPLOAD).json()
    target = send(client, b"other", "film.ts").json()["sample_id"]
    add_regression_test(sample_id=upload["id"])

    refused = [
        client.post(f"{QUEUE}/{upload['id']}/link", json={"sample_id": target}).status_code,
        client.post(f"{QUEUE}/{upload['id']}/link", json={"sample_id": upload["id"]}).status_code,
        client.delete(f"{QUEUE}/{upload['id']}").status_code]

    assert (refused, client.get(f"/api/v1/samples/{target}").json()["extra_files"]) == ([409, 409, 409], [])


def test_an_upload_is_dropped(site: Site, client: Client) -> None:
    upload = send(client, path=UPLOAD).json()

    dropped = client.delete(f"{QUEUE}/{upload['id']}")

    assert (dropped.json(), waiting(client), stored(site)) == ({"id": upload["id"], "deleted": True}, [], set())
