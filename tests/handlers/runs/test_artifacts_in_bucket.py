"""The files of a run on a server that has a bucket."""
from __future__ import annotations

import json

import httpx
import pytest
from sqlalchemy import select

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from api.storage.database import session
from api.storage.files import paths
from api.storage.tables.files import PendingUploadRow
from api.stores import GROWTH_INTERVAL
from tests.builders import NOW, Output, add_event, add_regression_test, add_run
from tests.e2e.processes import eventually
from tests.handlers.conftest import MakeSite
from tests.handlers.runs.artifact_scene import EXPECTED, PRODUCED, Scene, digest, listed, make_scene, one, write
from tests.handlers.site import Site
from tests.handlers.system.test_downloads import fetched
from tests.handlers.worker.machines import append, claimed, end, enrol
from tests.storage.files.emulator import BUCKET, Emulator
from tests.storage.files.stalling import wire_to


def with_bucket(make_site: MakeSite, emulator: Emulator, endpoint: str | None = None) -> Site:
    return make_site(
        bucket=BUCKET, bucket_endpoint=endpoint or emulator.endpoint, bucket_key_file=emulator.key_file)


def test_what_is_in_both_stores_is_ok_and_its_address_is_signed_by_the_bucket(make_site: MakeSite, emulator: Emulator) -> None:
    site = with_bucket(make_site, emulator)
    scene = make_scene()
    name = paths.log_name(scene.run_id)
    write(site.files, name, b"the log\n")
    emulator.put(name, b"the log\n")

    found = one(listed(site.as_role(Role.USER), scene), f"{scene.run_id}-build_log")

    assert (found["storage_status"], found["size_bytes"]) == ("ok", 8)
    assert httpx.get(found["download_url"]).content == b"the log\n"


@pytest.mark.parametrize("in_bucket", [True, False])
def test_what_is_in_one_store_is_degraded_and_served_from_there(make_site: MakeSite, emulator: Emulator, in_bucket: bool) -> None:
    site = with_bucket(make_site, emulator)
    scene = make_scene()
    name = paths.log_name(scene.run_id)
    emulator.put(name, b"the log\n") if in_bucket else write(site.files, name, b"the log\n")

    found = one(listed(site.as_role(Role.USER), scene), f"{scene.run_id}-build_log")

    assert found["storage_status"] == "degraded"
    assert found["download_url"].startswith(emulator.endpoint if in_bucket else "https://ci.example.test")


def test_a_log_that_the_bucket_alone_has_is_sent_anew_and_the_bucket_is_not_asked(make_site: MakeSite, emulator: Emulator) -> None:
    site = with_bucket(make_site, emulator)
    run_id = add_run(tests=[add_regression_test().regression_id])
    machine = enrol(site)
    path, log = claimed(machine), site.files / paths.log_name(run_id)
    append(machine, path, b"one\n")
    eventually(lambda: emulator.content(paths.log_name(run_id)) == b"one\n", "the file in the bucket")
    log.unlink()
    emulator.requests.clear()

    status, details = append(machine, path, b"two\n", start=4)
    asked = [*emulator.requests]
    again = append(machine, path, b"one\ntwo\n")

    assert (status, details["size"], again) == (409, 0, (200, (8, "held")))
    assert (log.read_bytes(), asked) == (b"one\ntwo\n", [])


def test_a_growing_log_is_sent_to_the_bucket_now_and_then_and_once_more_at_the_end(make_site: MakeSite, emulator: Emulator) -> None:
    site = make_site(bucket=BUCKET, bucket_endpoint=emulator.endpoint, bucket_key_file=emulator.key_file, sync_interval=0.1)
    run_id = add_run(tests=[add_regression_test().regression_id])
    machine, name = enrol(site), paths.log_name(run_id)
    path = claimed(machine)
    append(machine, path, b"a")
    eventually(lambda: emulator.content(name) == b"a", "the file in the bucket")

    for start, content in enumerate((b"b", b"c", b"d"), 1):
        append(machine, path, content, start)
    [due] = session().execute(select(PendingUploadRow.due_at)).scalars()
    site.clock.now += GROWTH_INTERVAL
    eventually(lambda: emulator.content(name) == b"abcd", "the file in the bucket")
    append(machine, path, b"e", 4)
    machine.put(f"{path}/end", json=end())

    assert due == NOW + GROWTH_INTERVAL
    eventually(lambda: emulator.content(name) == b"abcde", "the file in the bucket")


def test_what_a_worker_sends_comes_to_the_bucket_as_well(make_site: MakeSite, emulator: Emulator) -> None:
    site = with_bucket(make_site, emulator)
    test = add_regression_test(outputs=[Output(digest(EXPECTED))])
    run_id = add_run()
    add_event(run_id, Phase.TESTING)

    site.send(run_id, PRODUCED, type="upload", test_id=test.regression_id, test_file_id=test.output_id)
    site.send(run_id, b"the log", type="logupload")

    wanted = {paths.result_name(digest(PRODUCED), ".srt"): PRODUCED, paths.log_name(run_id): b"the log"}
    eventually(lambda: {name: emulator.content(str(name)) for name in wanted} == wanted, "the file in the bucket")


@pytest.mark.parametrize("fault", ["stalls", "breaks"])
def test_with_a_bucket_that_does_not_answer_workers_are_served_and_files_degraded(
    make_site: MakeSite, emulator: Emulator, fault: str,
) -> None:
    with wire_to(emulator.port) as wire:
        site = with_bucket(make_site, emulator, wire.endpoint)
        run_id = add_run()
        add_event(run_id, Phase.TESTING)
        wire.stalled = True
        if fault == "breaks":
            wire.cut()

        sent = site.send(run_id, b"the log", type="logupload")
        scene = Scene(run_id, add_regression_test(), add_regression_test())
        items = listed(site.as_role(Role.USER), scene)
        log = one(items, f"{run_id}-build_log")

        assert sent.text == "OK"
        assert {item["storage_status"] for item in items} == {"degraded"}
        assert fetched(site.client, log["download_url"]) == b"the log"
        assert [item["artifact_id"] for item in items if item["download_url"]] == [log["artifact_id"]]


def test_health_tells_of_a_bucket_that_does_not_answer_and_is_not_down_for_it(make_site: MakeSite, emulator: Emulator) -> None:
    with wire_to(emulator.port) as wire:
        site = with_bucket(make_site, emulator, wire.endpoint)
        wire.cut()

        answer = site.client.get("/api/v1/system/health")

    states = {each["name"]: each["status"] for each in answer.json()["dependencies"]}
    assert (answer.status_code, answer.json()["status"], states["bucket"], states["database"]) == (200, "degraded", "down", "ok")


def test_health_of_a_server_with_its_bucket_is_ok(make_site: MakeSite, emulator: Emulator) -> None:
    answer = with_bucket(make_site, emulator).client.get("/api/v1/system/health")

    assert json.loads(answer.text)["status"] == "ok"
