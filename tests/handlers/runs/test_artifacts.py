"""The files of a run: which it should have, how they were found, and addresses that work."""
from __future__ import annotations

import pytest

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from api.storage.files import paths
from contract.client import ValidatingClient
from tests.builders import Output, add_event, add_finished_run, add_output, add_regression_test, add_result, add_run, digest_of
from tests.handlers.runs.artifact_scene import EXPECTED, PRODUCED, Scene, digest, listed, make_scene, one, write
from tests.handlers.site import Site
from tests.handlers.system.test_downloads import fetched


@pytest.fixture
def scene(site: Site) -> Scene:
    return make_scene()


@pytest.fixture
def client(site: Site) -> ValidatingClient:
    return site.as_role(Role.USER)


def test_a_run_is_listed_with_every_file_that_it_should_have_in_one_order(client: ValidatingClient, scene: Scene) -> None:
    first, second, run = scene.differing, scene.other, scene.run_id

    ids = [item["artifact_id"] for item in listed(client, scene)]

    assert ids == [
        f"{run}-build_log", f"{run}-combined_stdout", f"{run}-binary", f"{run}-coredump",
        f"{run}-media_info-{first.sample_id}",
        f"{run}-expected_output-{first.regression_id}-{first.output_ids[0]}",
        f"{run}-sample_output-{first.regression_id}-{first.output_ids[0]}",
        f"{run}-diff-{first.regression_id}-{first.output_ids[0]}",
        f"{run}-expected_output-{first.regression_id}-{first.output_ids[1]}",
        f"{run}-sample_output-{first.regression_id}-{first.output_ids[1]}",
        f"{run}-diff-{first.regression_id}-{first.output_ids[1]}",
        f"{run}-media_info-{second.sample_id}",
        f"{run}-expected_output-{second.regression_id}-{second.output_ids[0]}",
        f"{run}-expected_output-{second.regression_id}-{second.output_ids[1]}"]


def test_what_is_nowhere_is_missing_and_has_no_address(client: ValidatingClient, scene: Scene) -> None:
    items = listed(client, scene)

    assert {(item["storage_status"], item["download_url"], item["size_bytes"]) for item in items} == {("missing", None, None)}


def test_what_is_there_has_its_size_and_an_address_that_works(site: Site, client: ValidatingClient, scene: Scene) -> None:
    write(site.files, paths.log_name(scene.run_id), b"the log\n")
    write(site.files, f"test_artifacts/{scene.run_id}/ccextractor", b"\x7fELF")
    write(site.files, paths.media_info_name(scene.samples[scene.differing.sample_id]), b"<media/>")
    write(site.files, paths.result_name(digest(PRODUCED), ".srt"), PRODUCED)

    found = {item["artifact_id"]: item for item in listed(client, scene) if item["download_url"]}

    contents = {
        name: (item["storage_status"], item["size_bytes"], fetched(site.client, item["download_url"])) for name, item in found.items()}
    test = scene.differing
    assert contents == {
        f"{scene.run_id}-build_log": ("degraded", 8, b"the log\n"),
        f"{scene.run_id}-binary": ("degraded", 4, b"\x7fELF"),
        f"{scene.run_id}-media_info-{test.sample_id}": ("degraded", 8, b"<media/>"),
        f"{scene.run_id}-sample_output-{test.regression_id}-{test.output_ids[0]}": ("degraded", len(PRODUCED), PRODUCED)}


def test_a_damaged_output_is_missing_and_has_no_address_or_diff(site: Site, client: ValidatingClient, scene: Scene) -> None:
    write(site.files, paths.result_name(digest(EXPECTED), ".srt"), EXPECTED)
    write(site.files, paths.result_name(digest(PRODUCED), ".srt"), PRODUCED[:3])

    items, output = listed(client, scene), f"{scene.differing.regression_id}-{scene.differing.output_ids[0]}"

    damaged, diff = (one(items, f"{scene.run_id}-{kind}-{output}") for kind in ("sample_output", "diff"))
    assert (damaged["storage_status"], damaged["size_bytes"], damaged["download_url"]) == ("missing", None, None)
    assert diff["download_url"] is None


def test_a_diff_leads_to_the_operation_that_makes_it_once_both_files_are_there(
    site: Site, client: ValidatingClient, scene: Scene,
) -> None:
    wanted = f"{scene.run_id}-diff-{scene.differing.regression_id}-{scene.differing.output_ids[0]}"
    write(site.files, paths.result_name(digest(PRODUCED), ".srt"), PRODUCED)
    half = one(listed(client, scene), wanted)
    write(site.files, paths.result_name(digest(EXPECTED), ".srt"), EXPECTED)
    whole = one(listed(client, scene), wanted)

    assert (half["storage_status"], half["download_url"]) == ("missing", None)
    assert (whole["storage_status"], whole["size_bytes"], whole["content_type"]) == ("degraded", None, "application/json")
    assert client.get(whole["download_url"].removeprefix("https://ci.example.test")).json()["status"] == "different"


@pytest.mark.parametrize(("type", "count"), [
    ("build_log", 2), ("binary", 2), ("sample_output", 2), ("expected_output", 4), ("diff", 2), ("media_info", 2)])
def test_the_filter_leaves_one_type_and_its_exact_total(client: ValidatingClient, scene: Scene, type: str, count: int) -> None:
    items = listed(client, scene, type=type)

    assert [item["type"] for item in items] == [type] * count


def test_pages_make_up_the_whole_list(client: ValidatingClient, scene: Scene) -> None:
    whole = [item["artifact_id"] for item in listed(client, scene)]
    pages, offset = [], 0
    while offset is not None:
        answer = client.get(scene.address, params={"limit": 5, "offset": offset}).json()
        assert answer["pagination"]["total"] == len(whole)
        pages += [item["artifact_id"] for item in answer["data"]]
        offset = answer["pagination"]["next_offset"]

    assert pages == whole


def test_a_run_that_has_not_begun_has_its_baselines_already(client: ValidatingClient, site: Site) -> None:
    add_regression_test(outputs=[Output(digest(EXPECTED))])
    scene = Scene(add_run(), add_regression_test(), add_regression_test())

    types = {item["type"] for item in listed(client, scene)}

    assert types == {"build_log", "binary", "media_info", "expected_output"}


def test_a_windows_runs_executable_has_the_name_that_it_has_there(client: ValidatingClient, site: Site) -> None:
    test = add_regression_test()
    scene = Scene(add_finished_run(test, platform="windows"), test, test)

    assert one(listed(client, scene), f"{scene.run_id}-binary")["filename"] == "ccextractorwinfull.exe"


def test_hashes_and_names_of_old_rows_are_no_error(client: ValidatingClient, site: Site) -> None:
    test = add_regression_test(outputs=[
        Output("no hash", suffix="ü" * 300), Output("", extension="../../etc/passwd"), Output(digest(EXPECTED), extension="/x")])
    run_id = add_run()
    add_event(run_id, Phase.TESTING)
    for output_id, got in zip(test.output_ids, ("error", digest_of("x"), "../../secret"), strict=True):
        add_output(run_id, test.regression_id, output_id, got=got, expected="no hash")
    add_result(run_id, test.regression_id)
    add_event(run_id, Phase.COMPLETED)

    items = listed(client, Scene(run_id, test, test))

    assert {item["download_url"] for item in items} == {None}
    assert [item["altered_fields"] for item in items if "altered_fields" in item] == [["filename"]]


def test_a_run_that_does_not_exist_has_no_files(client: ValidatingClient) -> None:
    assert client.get("/api/v1/runs/999/artifacts").status_code == 404


def test_any_page_costs_the_same_few_statements(site: Site, client: ValidatingClient) -> None:
    def cost(tests: int) -> int:
        made = [add_regression_test() for _ in range(tests)]
        run_id = add_finished_run(*made)
        client.get(f"/api/v1/runs/{run_id}/artifacts")
        with site.database.counted() as statements:
            client.get(f"/api/v1/runs/{run_id}/artifacts", params={"limit": 5, "offset": 3})
        return len(statements)

    assert cost(1) == cost(30)
