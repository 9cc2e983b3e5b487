"""Samples, regression tests and what they are found by, in the words of the platform."""
from __future__ import annotations

import pytest

from api.domain.auth.access import Role
from api.storage.files import paths
from api.storage.platform_tables import SampleExtraRow, UploadRow, VersionRow
from tests.builders import (
    NOW,
    Output,
    add_acceptable_hash,
    add_finished_run,
    add_regression_test,
    add_sample,
    digest_of,
    save,
)
from tests.handlers.platform.test_run_reads import BASE, add_failed_run, ask
from tests.handlers.site import Site


@pytest.mark.parametrize(("word", "expected"), [(None, True), ("True", True), ("false", False), ("0", False)])
def test_active_tests_are_listed_unless_others_are_asked_for(site: Site, word: str | None, expected: bool) -> None:
    tests = {True: add_regression_test(description="Words"), False: add_regression_test(active=False)}

    found = ask(site.as_role(Role.USER), "/regression-tests", **({} if word is None else {"active": word}))["data"]

    assert [test["regression_test_id"] for test in found] == [tests[expected].regression_id]
    assert [test["description"] for test in found] == ["Words" if expected else ""]


def test_a_test_is_shown_with_the_hashes_that_are_acceptable(site: Site) -> None:
    test = add_regression_test(outputs=[Output(suffix="_eng")])
    add_acceptable_hash(test.output_ids[0], digest_of("variant"))

    outputs = ask(site.as_role(Role.USER), f"/regression-tests/{test.regression_id}")["outputs"]

    assert [(output["expected_filename"], [each["hash"] for each in output["variants"]]) for output in outputs] == [
        ("_eng", [digest_of("variant")])]


def test_tags_stand_in_the_order_in_which_they_were_made(site: Site) -> None:
    add_sample(tags=["zebra"])
    sample_id = add_sample(tags=["zebra", "ant"])

    assert ask(site.as_role(Role.USER), f"/samples/{sample_id}")["tags"] == ["zebra", "ant"]


def test_a_sample_counts_the_active_tests_that_use_it(site: Site) -> None:
    test = add_regression_test()
    add_regression_test(sample_id=test.sample_id)
    add_regression_test(sample_id=test.sample_id, active=False)

    shown = ask(site.as_role(Role.USER), f"/samples/{test.sample_id}")

    assert (shown["regression_test_count"], shown["active"]) == (2, True)


def test_details_have_the_upload_and_the_further_files(site: Site) -> None:
    sample_id, user_id = add_sample(), site.account(Role.USER)
    release, extra = VersionRow(version="0.94", released=NOW.date(), commit="0" * 40), SampleExtraRow(
        sample_id=sample_id, original_name="words.txt", extension="txt")
    save(release)
    save(extra)
    save(UploadRow(user_id=user_id, sample_id=sample_id, version_id=release.id, platform="linux", parameters="-in=ts", notes="Live"))

    shown = ask(site.as_role(Role.USER), f"/samples/{sample_id}/details")

    assert shown["upload"] == {
        "platform": "linux", "parameters": "-in=ts", "notes": "Live", "version": "0.94", "version_released": NOW.date().isoformat()}
    assert [file["original_name"] for file in shown["extra_files"]] == ["words.txt"]
    assert shown["media_info"] is None


def test_a_download_is_an_address_that_needs_no_token(site: Site) -> None:
    sample_id = add_sample()
    path = site.files / (paths.sample_name(digest_of("known"), "ts") or "")
    other = add_sample(sha=digest_of("known"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"media")
    client = site.as_role(Role.USER)

    place = ask(client, f"/samples/{other}/download")

    assert client.get(f"{BASE}/samples/{sample_id}/download").status_code == 404
    assert site.client.get(place["download_url"].removeprefix("https://ci.example.test")).content == b"media"


def test_a_history_has_what_came_to_an_end_and_how_it_failed(site: Site) -> None:
    test = add_regression_test()
    passed, failed = add_finished_run(test), add_failed_run(test)

    found = ask(site.as_role(Role.USER), f"/samples/{test.sample_id}/history")["data"]

    assert {(entry["run_id"], entry["status"], entry["failure_signature"]) for entry in found} == {
        (passed, "pass", None), (failed, "fail", f"diff_mismatch:output:{test.output_ids[0]}")}


def test_categories_count_their_tests(site: Site) -> None:
    add_regression_test(categories=["DVB"])
    add_regression_test(categories=["DVB", "Broken"], active=False)

    found = ask(site.as_role(Role.USER), "/categories")["data"]

    assert [(category["name"], category["test_count"]) for category in found] == [("Broken", 1), ("DVB", 2)]
