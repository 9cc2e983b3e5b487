"""The files of runs on two servers that share a database and a bucket, and no disk."""
from __future__ import annotations

from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import cycle, product
from pathlib import Path

import pytest

from api.config import ConfigurationError
from api.domain.auth.access import Role
from api.domain.runs.machine import machine_token
from api.domain.runs.run import Phase
from api.services.runs.shard_files import LIVE_INTERVAL
from api.storage.files import paths
from api.supervision.loop import Background
from tests.builders import MAIN_REPOSITORY, Output, add_event, add_regression_test, add_run
from tests.e2e.processes import eventually
from tests.examples import each_day
from tests.handlers.conftest import MakeSite
from tests.handlers.runs.artifact_scene import EXPECTED, PRODUCED, Scene, digest, listed, one
from tests.handlers.site import Site
from tests.handlers.system.test_downloads import fetched
from tests.handlers.worker.machines import BYTES, append, claimed, end, ending, enrol
from tests.storage.files.emulator import BUCKET, UPLOADS, Emulator
from tests.storage.files.stalling import wire_to


def alone(make_site: MakeSite, emulator: Emulator, folder: Path, endpoint: str | None = None, **more: object) -> Site:
    """A server with an empty disk of its own."""
    return make_site(bucket=BUCKET, bucket_only=True, bucket_endpoint=endpoint or emulator.endpoint, storage_root=folder, **more)


def stored(site: Site) -> list[Path]:
    """The files on a server's disk."""
    return [path for path in site.files.rglob("*") if path.is_file()]


def test_what_one_server_took_the_other_one_has(make_site: MakeSite, emulator: Emulator, tmp_path: Path) -> None:
    sites = [alone(make_site, emulator, tmp_path / name) for name in ("one", "two")]
    takes, serves = cycle(sites), cycle(sites[::-1])
    test = add_regression_test(outputs=[Output(digest(EXPECTED))])
    run_id = add_run()
    add_event(run_id, Phase.TESTING)

    answers = [
        next(takes).send(run_id, b"the log\nits second line\n", type="logupload"),
        next(takes).send(run_id, PRODUCED, type="upload", test_id=test.regression_id, test_file_id=test.output_id),
        next(takes).send(run_id, b"all that was printed\n", type="artifactupload", artifact_type="combined_stdout"),
        next(takes).report(run_id, type="finish", test_id=test.regression_id, runTime=5, exitCode=0),
        next(takes).report(run_id, type="progress", status="completed", message="done")]

    assert [answer.text for answer in answers] == ["OK"] * len(answers)
    for _ in sites:
        reader = next(serves).as_role(Role.ADMIN)
        lines = reader.get(f"/api/v1/runs/{run_id}/logs").json()["data"]
        log = one(listed(reader, Scene(run_id, test, test)), f"{run_id}-build_log")
        assert [line["message"] for line in lines] == ["the log", "its second line"]
        assert fetched(next(serves).client, log["download_url"]) == b"the log\nits second line\n"
    assert emulator.content(str(paths.result_name(digest(PRODUCED), ".srt"))) == PRODUCED
    assert [stored(site) for site in sites] == [[], []]


def test_machines_of_one_run_report_to_either_server(make_site: MakeSite, emulator: Emulator, tmp_path: Path) -> None:
    sites = [alone(make_site, emulator, tmp_path / name) for name in ("one", "two")]
    tests = [add_regression_test() for _ in range(2)]
    body = {"repository": MAIN_REPOSITORY, "commit_sha": "c" * 40, "platform": "linux", "shards": 2}
    run_id = sites[0].as_role(Role.ADMIN).post("/api/v1/runs", json=body).json()["run_id"]
    machines = [enrol(site, f"linux-{number}") for number, site in enumerate(sites)]
    paths_of = [claimed(machine) for machine in machines]

    for number, (machine, path) in enumerate(zip(machines, paths_of, strict=True)):
        content = f"by {number}\n".encode()
        assert machine.put(f"{path}/run-files/combined_stdout", content=content, headers=BYTES).status_code == 204
        assert [append(machine, path, content)[0] for content in (b"by ", content)] == [200, 200]
        result = ending(tests[number].regression_id, *tests[number].output_ids) | {"log": b64encode(content).decode()}
        machine.post(f"{path}/results", json={"results": [result]})
    for machine, path in zip(machines, paths_of, strict=True):
        machine.put(f"{path}/end", json=end())

    joined = b"=== Shard 1 of 2\nby 0\n=== Shard 2 of 2\nby 1\n"
    assert emulator.content(paths.log_name(run_id)) == joined
    assert emulator.content(f"test_artifacts/{run_id}/combined_stdout.log") == joined
    assert emulator.content(paths.test_log_name(run_id, tests[1].regression_id)) == b"by 1\n"
    assert sites[0].as_role(Role.ADMIN).get(f"/api/v1/runs/{run_id}").json()["status"] == "pass"
    assert [stored(site) for site in sites] == [[], []]


@pytest.mark.parametrize("place", ["log?start=0", "run-files/binary", "tests/{test}/log", "tests/{test}/outputs/{output}"])
def test_while_a_file_goes_to_the_bucket_other_reports_of_its_run_go_through(
    make_site: MakeSite, emulator: Emulator, tmp_path: Path, place: str,
) -> None:
    site = alone(make_site, emulator, tmp_path / "one")
    test = add_regression_test(outputs=[Output(digest(EXPECTED))])
    body = {"repository": MAIN_REPOSITORY, "commit_sha": "c" * 40, "platform": "linux"}
    site.as_role(Role.ADMIN).post("/api/v1/runs", json=body)
    machine = enrol(site)
    path = claimed(machine)
    before = len(emulator.requests)

    with ThreadPoolExecutor(1) as pool:
        with emulator.holding_uploads():
            sent = pool.submit(
                machine.put, f"{path}/{place.format(test=test.regression_id, output=test.output_id)}", content=PRODUCED, headers=BYTES)
            eventually(lambda: any(UPLOADS in each for each in emulator.requests[before:]), "upload")
            other = machine.post(f"{path}/results", json={"results": [ending(test.regression_id, exit_code=3)]})
            waits = not sent.done()
        first = sent.result()

    assert (other.status_code, waits, first.status_code) == (204, True, 200 if place.startswith("log") else 204)
    assert [emulator.content(name) for name in emulator.names()] == [PRODUCED]


@pytest.mark.parametrize(("cut_at", "shards"), each_day(product(range(9), (1, 2)), (0, 1), (2, 2), (4, 1), (7, 2)))
def test_a_log_in_the_bucket_has_each_byte_once_wherever_it_is_cut_off(
    make_site: MakeSite, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_at: int, shards: int,
) -> None:
    # Requests are counted: nothing but the reports asks the bucket.
    monkeypatch.setattr(Background, "_start", lambda _: None)
    site, again = alone(make_site, emulator, tmp_path / "one"), alone(make_site, emulator, tmp_path / "two")
    for _ in range(2):
        add_regression_test()
    body = {"repository": MAIN_REPOSITORY, "commit_sha": "c" * 40, "platform": "linux", "shards": shards}
    run_id = site.as_role(Role.ADMIN).post("/api/v1/runs", json=body).json()["run_id"]
    machine = enrol(site)
    path = claimed(machine)
    begun = append(machine, path, b"one\n")

    site.clock.now += LIVE_INTERVAL
    with emulator.failing_after(cut_at):
        cut = append(machine, path, b"two\n", 4)[0]
    other = again.client.as_(machine_token(sha256(b"linux-1").digest()))
    again.clock.now += 2 * LIVE_INTERVAL
    sent = append(other, path, b"two\nthree\n", 4)
    again.clock.now += LIVE_INTERVAL
    last = append(other, path, b"four\n", 14)

    assert (begun, sent, last) == ((200, (4, "held")), (200, (14, "held")), (200, (19, "held")))
    assert cut in (200, 503) and (cut_at > 0 or cut == 503)
    log = emulator.content(paths.log_name(run_id)) or b""
    assert log == (b"=== Shard 1 of 2\n" if shards > 1 else b"") + b"one\ntwo\nthree\nfour\n"


@pytest.mark.parametrize("cut_at", each_day(range(6), 1, 4))
def test_whoever_is_cut_off_and_sends_again_gets_the_same_end_and_no_file_is_half_there(
    make_site: MakeSite, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_at: int,
) -> None:
    # Requests are counted: nothing but the reports asks the bucket.
    monkeypatch.setattr(Background, "_start", lambda _: None)
    site, again = alone(make_site, emulator, tmp_path / "one"), alone(make_site, emulator, tmp_path / "two")
    test = add_regression_test(outputs=[Output(digest(EXPECTED))])
    run_id = add_run()
    add_event(run_id, Phase.TESTING)
    files = [
        ({"type": "logupload"}, b"the log\n" * 9, paths.log_name(run_id)),
        ({"type": "artifactupload", "artifact_type": "coredump"}, b"core" * 9, f"test_artifacts/{run_id}/coredump"),
        ({"type": "upload", "test_id": test.regression_id, "test_file_id": test.output_id}, PRODUCED,
         str(paths.result_name(digest(PRODUCED), ".srt")))]

    answers = []
    for fields, content, name in files:
        with emulator.failing_after(cut_at):
            answers.append(site.send(run_id, content, **fields).status_code)
        halfway = emulator.content(name)
        taken = again.send(run_id, content, **fields)
        assert (halfway in (None, content), taken.text, emulator.content(name)) == (True, "OK", content)

    assert (503 in answers) is (cut_at < 3)
    assert [each for each in emulator.names() if not each.startswith("TempFiles/")] == sorted(name for _, _, name in files)


def test_a_report_is_taken_once_its_file_is_in_the_bucket_and_not_before(
    make_site: MakeSite, emulator: Emulator, tmp_path: Path,
) -> None:
    with wire_to(emulator.port) as wire:
        site = alone(make_site, emulator, tmp_path / "one", wire.endpoint)
        run_id = add_run()
        add_event(run_id, Phase.TESTING)
        wire.cut()
        refused = site.send(run_id, b"the log", type="logupload")
    other = alone(make_site, emulator, tmp_path / "two")

    taken = other.send(run_id, b"the log", type="logupload")

    assert (refused.status_code, taken.text) == (503, "OK")
    assert emulator.content(paths.log_name(run_id)) == b"the log"


@pytest.mark.parametrize(("changes", "missing"), [({"bucket": ""}, "CI_BUCKET:"), ({"signing_key": ""}, "CI_SIGNING_KEY:")])
def test_what_servers_without_a_common_disk_need_is_asked_for(
    make_site: MakeSite, changes: dict[str, str], missing: str,
) -> None:
    with pytest.raises(ConfigurationError, match=missing):
        make_site(**{"bucket": BUCKET, "bucket_only": True, "bucket_endpoint": "http://127.0.0.1:9", **changes})
