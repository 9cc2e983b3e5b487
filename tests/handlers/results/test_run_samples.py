"""The results of a run: everything it was to execute, filters, one result in full."""
from __future__ import annotations

from typing import Any

import pytest

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from api.storage.files import paths
from contract.client import ValidatingClient
from tests.builders import (
    BASELINE,
    BuiltTest,
    Output,
    add_event,
    add_finished_run,
    add_output,
    add_output_definition,
    add_passed_result,
    add_regression_test,
    add_result,
    add_run,
    add_sample,
    digest_of,
)
from tests.handlers.site import Site

GOT = digest_of("got")
VARIANT = digest_of("variant")


@pytest.fixture
def client(site: Site) -> ValidatingClient:
    """A client of somebody who may only look."""
    return site.as_role(Role.USER)


def path(run_id: int, sample_id: int | None = None) -> str:
    return f"/api/v1/runs/{run_id}/samples" + ("" if sample_id is None else f"/{sample_id}")


def listed(client: ValidatingClient, run_id: int, **query: Any) -> list[dict[str, Any]]:
    """The whole page of a run's results."""
    answer = client.get(path(run_id), params=query)
    assert answer.status_code == 200, answer.text
    assert answer.json()["pagination"]["total"] == len(answer.json()["data"])
    return list(answer.json()["data"])


def ids(client: ValidatingClient, run_id: int, **query: Any) -> list[int]:
    return [entry["regression_id"] for entry in listed(client, run_id, **query)]


def write_log(site: Site, run_id: int, test: BuiltTest, content: bytes) -> None:
    """Put the log of one regression test into the store."""
    log = site.files / paths.test_log_name(run_id, test.regression_id)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(content)


def test_everything_that_a_run_was_to_execute_is_listed_also_what_never_reported(site: Site, client: ValidatingClient) -> None:
    reported, silent = add_regression_test(), add_regression_test()
    run_id = add_finished_run(reported, tests=[reported.regression_id, silent.regression_id])  # type: ignore[arg-type]

    found = listed(client, run_id)

    assert [(entry["regression_id"], entry["sample_id"], entry["status"]) for entry in found] == [
        (reported.regression_id, reported.sample_id, "pass"), (silent.regression_id, silent.sample_id, "skipped")]


def test_a_run_that_nobody_took_has_results_that_are_not_started(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test(command="-out=ttxt", expected_exit_code=10, categories=["Teletext", "DVB"])

    found = listed(client, add_run())

    assert found == [{
        "run_id": found[0]["run_id"], "sample_id": test.sample_id, "regression_id": test.regression_id, "category": "DVB",
        "command": "-out=ttxt", "status": "not_started", "runtime_ms": None, "exit_code": None, "expected_exit_code": 10,
        "result_message": None, "tags": [], "tags_total": 0, "outputs": [], "outputs_total": 0}]


def test_each_output_is_shown_with_its_status_and_hashes(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test(outputs=[
        Output(), Output(), Output(acceptable=(VARIANT,)), Output(), Output(baseline=""), Output(ignored=True)])
    run_id = add_run()
    matching, differing, variant, _missing, without, _ignored = test.output_ids
    add_event(run_id, Phase.TESTING)
    add_output(run_id, test.regression_id, matching)
    add_output(run_id, test.regression_id, differing, got=GOT)
    add_output(run_id, test.regression_id, variant, got=VARIANT)
    add_output(run_id, test.regression_id, without, got=GOT, expected="")
    add_result(run_id, test.regression_id, exit_code=3)

    entry = listed(client, run_id)[0]

    assert [(each["status"], each["expected_hash"], each["actual_hash"]) for each in entry["outputs"]] == [
        ("match", BASELINE, None), ("diff_mismatch", BASELINE, GOT), ("match", BASELINE, VARIANT), ("missing_output", BASELINE, None),
        ("missing_expected", None, GOT)]
    assert (entry["status"], entry["exit_code"], entry["expected_exit_code"]) == ("missing_output", 3, 0)
    assert entry["result_message"] == (
        f"Exit code 3, expected 0. Output {differing} differs from its baseline. Output {test.output_ids[3]} was not written.")


def test_outputs_that_have_come_are_shown_while_the_test_is_running(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test(outputs=[Output(), Output()])
    run_id = add_run()
    add_event(run_id, Phase.TESTING)
    add_output(run_id, test.regression_id, test.output_ids[1])

    entry = listed(client, run_id)[0]

    assert entry["status"] == "running"
    assert [each["output_id"] for each in entry["outputs"]] == [test.output_ids[1]]


def test_results_are_found_by_verdict(site: Site, client: ValidatingClient) -> None:
    passed, failed, silent = add_regression_test(), add_regression_test(), add_regression_test()
    run_id = add_run()
    add_event(run_id, Phase.TESTING)
    add_passed_result(run_id, passed)
    add_result(run_id, failed.regression_id, exit_code=1)

    found = {status: ids(client, run_id, status=status) for status in (
        "pass", "fail", "missing_output", "skipped", "running", "not_started")}

    assert found == {
        "pass": [passed.regression_id], "fail": [], "missing_output": [failed.regression_id], "skipped": [], "running": [],
        "not_started": [silent.regression_id]}


@pytest.mark.parametrize(("query", "expected"), [
    ({"name": "SPANISH"}, [1]), ({"name": "100%"}, [2]), ({"name": "%"}, [2]), ({"name": "_"}, [1]), ({"name": "é"}, [2]),
    ({"name": "É"}, []), ({"name": "nothing"}, []), ({"name": ""}, [1, 2]), ({"tag": "DVB"}, [1]), ({"tag": "dv"}, []),
    ({"tag": "live"}, [1, 2]), ({"category": "teletext"}, [1]), ({"category": "GENERAL"}, [1]), ({"category": "uncategorized"}, [2]),
    ({"category": "tele"}, []), ({"tag": "live", "name": "caf", "category": "uncategorized"}, [2])])
def test_results_are_found_by_name_tag_and_category(
    site: Site, client: ValidatingClient, query: dict[str, str], expected: list[int],
) -> None:
    first = add_regression_test(sample_id=add_sample("la1_spanish.ts", tags=["dvb", "live"]), categories=["Teletext", "General"])
    second = add_regression_test(sample_id=add_sample("café 100%.ts", tags=["live"]))
    numbers = {first.regression_id: 1, second.regression_id: 2}
    run_id = add_run()

    found = ids(client, run_id, **query)

    assert [numbers[each] for each in found] == expected


def test_results_come_in_pages_with_an_exact_total(site: Site, client: ValidatingClient) -> None:
    tests = [add_regression_test().regression_id for _ in range(5)]
    run_id = add_run()

    pages = [client.get(path(run_id), params={"limit": 2, "offset": offset}).json() for offset in (0, 2, 4, 6)]

    assert [[entry["regression_id"] for entry in page["data"]] for page in pages] == [tests[:2], tests[2:4], tests[4:], []]
    assert [page["pagination"]["next_offset"] for page in pages] == [2, 4, None, None]
    assert {page["pagination"]["total"] for page in pages} == {5}


def test_a_result_is_shown_as_it_is_listed_with_the_end_of_what_the_program_printed(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test(sample_id=add_sample(tags=["hd", "dvb"]))
    run_id = add_finished_run(test)
    write_log(site, run_id, test, "Opening file: café\nDone.\n".encode())

    shown = client.get(path(run_id, test.sample_id)).json()

    assert shown["tags"] == ["dvb", "hd"]
    assert shown.pop("output_tail") == "Opening file: café\nDone.\n"
    assert shown.pop("links") == {
        "log": f"https://ci.example.test/api/v1/runs/{run_id}/samples/{test.sample_id}/logs?regression_id={test.regression_id}"}
    assert listed(client, run_id) == [shown]


def test_a_long_print_is_shown_by_its_last_four_kibibytes(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test()
    run_id = add_finished_run(test)
    write_log(site, run_id, test, b"x" * 10_000 + "é".encode() * 2_000 + b"caf\xe9\n" + b"end")

    tail = client.get(path(run_id, test.sample_id)).json()["output_tail"]

    # The line in which the window begins is not UTF-8, so it is read as cp1252 from its first byte to its last.
    assert tail.endswith("é\nend")
    assert len(tail.encode("cp1252", "replace")) <= 4096


def test_the_last_lines_of_a_print_in_utf_16_are_read_as_that(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test()
    run_id = add_finished_run(test)
    write_log(site, run_id, test, ("Opening file: café\n" * 300 + "Done.\n").encode("utf-16"))

    tail = client.get(path(run_id, test.sample_id)).json()["output_tail"]

    assert tail.endswith("Opening file: café\nDone.\n")
    assert len(tail) == 2048


def test_a_test_that_printed_nothing_has_no_tail_and_no_link(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test()

    shown = client.get(path(add_finished_run(test), test.sample_id)).json()

    assert (shown["output_tail"], shown["links"]) == (None, {})


def test_a_sample_with_several_tests_means_the_worst_unless_one_is_named(site: Site, client: ValidatingClient) -> None:
    sample = add_sample()
    passed, failed = add_regression_test(sample_id=sample), add_regression_test(sample_id=sample)
    run_id = add_run()
    add_passed_result(run_id, passed)
    add_passed_result(run_id, failed)
    add_output(run_id, failed.regression_id, _second_output(failed), got=GOT)
    add_event(run_id, Phase.COMPLETED)

    worst = client.get(path(run_id, sample)).json()
    named = client.get(path(run_id, sample), params={"regression_id": passed.regression_id}).json()

    assert (worst["regression_id"], named["regression_id"]) == (failed.regression_id, passed.regression_id)


def _second_output(test: BuiltTest) -> int:
    return add_output_definition(test.regression_id, Output())


def test_a_number_that_is_no_sample_of_the_run_is_tried_as_a_regression_test(site: Site, client: ValidatingClient) -> None:
    sample = add_sample()
    tests = [add_regression_test(sample_id=sample) for _ in range(3)]
    run_id = add_run()
    number = next(test.regression_id for test in tests if test.regression_id != sample)

    shown = client.get(path(run_id, number)).json()

    assert (shown["regression_id"], shown["sample_id"]) == (number, sample)


@pytest.mark.parametrize("query", [{}, {"regression_id": 2_147_483_647}])
def test_what_is_not_of_the_run_is_not_found(site: Site, client: ValidatingClient, query: dict[str, int]) -> None:
    test, other = add_regression_test(), add_regression_test()
    run_id = add_run(tests=[test.regression_id])
    sample = test.sample_id if query else 2_147_483_000 + other.sample_id % 10

    answer = client.get(path(run_id, sample), params=query)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_an_unknown_run_has_no_results(site: Site, client: ValidatingClient) -> None:
    answers = [client.get(path(99)), client.get(path(99, 1))]

    assert [(answer.status_code, answer.json()["details"]["resource"]) for answer in answers] == [(404, "run"), (404, "run")]


def test_what_does_not_fit_is_cut_and_said_so(site: Site, client: ValidatingClient) -> None:
    test = add_regression_test(
        command="-o " * 300, outputs=[Output() for _ in range(25)],
        sample_id=add_sample(tags=["t" * 64, *(f"tag{number:02}" for number in range(60))]))
    run_id = add_finished_run(test)

    entry = listed(client, run_id)[0]

    assert sorted(entry["altered_fields"]) == ["command", "outputs", "tags"]
    assert (len(entry["command"]), len(entry["outputs"]), len(entry["tags"])) == (500, 20, 50)
    assert (entry["outputs_total"], entry["tags_total"]) == (25, 61)


def test_a_list_of_results_takes_the_same_number_of_statements_however_long_it_is(site: Site, client: ValidatingClient) -> None:
    counts = []
    for number in (1, 12):
        run_id = add_finished_run(*(add_regression_test(sample_id=add_sample(tags=["hd"])) for _ in range(number)))
        client.get(path(run_id))
        with site.database.counted() as statements:
            client.get(path(run_id), params={"tag": "hd"})
        counts.append(len(statements))

    assert counts[0] == counts[1]
    assert counts[0] <= 12
