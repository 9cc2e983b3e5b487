from __future__ import annotations

from base64 import b64decode
from hashlib import sha256

import pytest

from api.domain.auth.access import Role, Scope
from contract.client import ValidatingClient
from tests.builders import Output, add_finished_run, add_regression_test
from tests.handlers.outputs import GONE, BuiltOutput, add_compared_output, add_reported_output, stored
from tests.handlers.site import Site

EXPECTED, ACTUAL = b"1\nfoo\n", b"1\nbar\n"


@pytest.fixture
def client(site: Site) -> ValidatingClient:
    """A client of somebody who may only look."""
    return site.as_role(Role.USER)


@pytest.mark.parametrize(("what", "content"), [("expected", EXPECTED), ("actual", ACTUAL)])
def test_a_file_is_shown_with_all_that_is_known_of_it(site: Site, client: ValidatingClient, what: str, content: bytes) -> None:
    output = add_compared_output(site, EXPECTED, ACTUAL)

    shown = output.get(client, what).json()
    link = shown.pop("download_url")

    digest = sha256(content).hexdigest()
    assert shown == {
        "run_id": output.run_id, "sample_id": output.test.sample_id, "regression_id": output.test.regression_id,
        "output_id": output.output_id, "filename": f"{digest}.srt", "content_type": "application/x-subrip", "encoding": "base64",
        "content": shown["content"], "truncated": False, "size_bytes": 6, "sha256": digest, "storage_status": "degraded"}
    assert b64decode(shown["content"]) == content
    assert link.startswith("https://ci.example.test/")


def test_the_download_url_leads_to_the_whole_file(site: Site, client: ValidatingClient) -> None:
    output = add_compared_output(site, EXPECTED, b"x" * 2_000_000)

    link = output.get(client, "actual").json()["download_url"]
    answer = client.as_(None).get(link.removeprefix("https://ci.example.test"))

    assert answer.content == b"x" * 2_000_000


@pytest.mark.parametrize("content", [b"", b"plain", "café \u2028 \0 \U0001f600 \ufeff".encode(), b"\r\n\f\x1a"])
def test_text_is_shown_as_text_where_it_is_asked_for(site: Site, client: ValidatingClient, content: bytes) -> None:
    output = add_compared_output(site, content, ACTUAL)

    shown = output.get(client, "expected", format="text").json()

    assert (shown["encoding"], shown["content"], shown["truncated"]) == ("utf-8", content.decode(), False)


@pytest.mark.parametrize("content", [b"caf\xe9", b"\xff\xfe", b"\xed\xa0\x80", b"cut in the middle of \xc3", b"a" * 3_000_000 + b"\xff"])
def test_what_is_not_utf_8_comes_as_base64_even_if_text_was_asked_for(site: Site, client: ValidatingClient, content: bytes) -> None:
    output = add_compared_output(site, content, ACTUAL)

    shown = output.get(client, "expected", format="text").json()

    assert shown["encoding"] == "base64"
    assert b64decode(shown["content"]) == content[:786_432]


@pytest.mark.parametrize(("size", "truncated"), [(786_432, False), (786_433, True), (5_000_000, True)])
def test_base64_ends_at_the_limit_of_the_field(site: Site, client: ValidatingClient, size: int, truncated: bool) -> None:
    content = b"\xff" * size
    output = add_compared_output(site, content, ACTUAL)

    shown = output.get(client, "expected").json()

    assert len(shown["content"]) <= 1_048_576
    assert b64decode(shown["content"]) == content[:786_432]
    assert (shown["truncated"], shown["size_bytes"], shown["sha256"]) == (truncated, size, sha256(content).hexdigest())


@pytest.mark.parametrize("character", ["a", "é", "€", "\U0001f600"])
@pytest.mark.parametrize(("length", "truncated"), [(1_048_576, False), (1_048_577, True)])
def test_text_ends_at_a_character(site: Site, client: ValidatingClient, character: str, length: int, truncated: bool) -> None:
    content = (character * length).encode()
    output = add_compared_output(site, content, ACTUAL)

    shown = output.get(client, "expected", format="text").json()

    assert shown["content"] == character * 1_048_576
    assert (shown["truncated"], shown["size_bytes"], shown["sha256"]) == (truncated, len(content), sha256(content).hexdigest())


def test_a_very_long_file_is_read_as_text_by_its_beginning(site: Site, client: ValidatingClient) -> None:
    content = "€".encode() * (6 << 20)
    output = add_compared_output(site, content, ACTUAL)

    shown = output.get(client, "expected", format="text").json()

    assert (shown["encoding"], shown["truncated"], shown["size_bytes"]) == ("utf-8", True, len(content))


def test_an_output_that_matched_has_no_content_of_its_own(site: Site, client: ValidatingClient) -> None:
    output = add_reported_output(None, baseline=stored(site, EXPECTED))

    answer = output.get(client, "actual")

    assert (answer.status_code, answer.content) == (204, b"")
    assert b64decode(output.get(client, "expected").json()["content"]) == EXPECTED


def test_an_output_with_the_hash_of_its_baseline_matched(site: Site, client: ValidatingClient) -> None:
    baseline = stored(site, EXPECTED)
    output = add_reported_output(baseline.upper(), baseline=baseline)

    assert output.get(client, "actual").status_code == 204


def test_an_acceptable_variant_is_shown_since_its_bytes_are_its_own(site: Site, client: ValidatingClient) -> None:
    output = add_compared_output(site, EXPECTED, ACTUAL, acceptable=(sha256(ACTUAL).hexdigest(),))

    answer = output.get(client, "actual")

    assert b64decode(answer.json()["content"]) == ACTUAL


@pytest.mark.parametrize(("got", "reported"), [("error", True), (None, False)])
def test_an_output_that_was_never_written_is_missing(site: Site, client: ValidatingClient, got: str | None, reported: bool) -> None:
    output = add_reported_output(got, baseline=stored(site, EXPECTED), reported=reported)

    answer = output.get(client, "actual")

    assert (answer.status_code, answer.json()["code"]) == (404, "missing_output")


@pytest.mark.parametrize("what", ["expected", "actual"])
def test_a_file_that_is_gone_is_not_found(site: Site, client: ValidatingClient, what: str) -> None:
    output = add_compared_output(site, None, None, recorded=GONE.replace("a", "b"))

    answer = output.get(client, what)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.json()["details"]["resource"] == "output_file"


def test_a_file_whose_content_is_not_what_its_hash_says_is_not_shown(site: Site, client: ValidatingClient) -> None:
    output = add_compared_output(site, EXPECTED, ACTUAL)
    next((site.files / "TestResults").glob(f"{sha256(ACTUAL).hexdigest()}*")).write_bytes(b"forged")

    answer = output.get(client, "actual")

    assert answer.status_code == 404


def test_the_baselines_of_a_run_that_was_over_at_first_sight_are_those_of_its_reports(site: Site, client: ValidatingClient) -> None:
    output = add_reported_output(stored(site, ACTUAL), baseline=stored(site, b"a newer one\n"), recorded=stored(site, EXPECTED))

    shown = output.get(client, "expected", format="text").json()

    assert shown["content"] == EXPECTED.decode()


def test_a_baseline_that_is_no_hash_is_not_found(site: Site, client: ValidatingClient) -> None:
    output = add_reported_output(stored(site, ACTUAL), baseline="")

    assert output.get(client, "expected").status_code == 404


def test_the_regression_tests_number_serves_as_the_samples(site: Site, client: ValidatingClient) -> None:
    output = add_compared_output(site, EXPECTED, ACTUAL)
    by_test = BuiltOutput(output.run_id, output.test, output.output_id)

    answer = by_test.get(client, "expected", sample_id=output.test.regression_id)

    assert answer.json()["sample_id"] == output.test.sample_id


@pytest.mark.parametrize("what", ["expected", "actual", "diff"])
def test_run_sample_test_and_output_must_belong_together(site: Site, client: ValidatingClient, what: str) -> None:
    mine = add_compared_output(site, EXPECTED, ACTUAL)
    other = add_regression_test(outputs=[Output(stored(site, EXPECTED))])
    elsewhere = add_finished_run(other)
    wrong = [
        BuiltOutput(elsewhere, mine.test, mine.output_id), BuiltOutput(mine.run_id, mine.test, other.output_id),
        BuiltOutput(mine.run_id, other, other.output_id), BuiltOutput(2_000_000_000, mine.test, mine.output_id)]

    answers = [each.get(client, what) for each in wrong]
    answers.append(mine.get(client, what, sample_id=other.sample_id))

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "not_found")] * 5


@pytest.mark.parametrize("what", ["expected", "actual", "diff"])
def test_results_are_for_those_who_may_read_them(site: Site, what: str) -> None:
    output = add_compared_output(site, EXPECTED, ACTUAL)

    answer = output.get(site.as_role(Role.ADMIN, Scope.RUNS_READ), what)

    assert (answer.status_code, answer.json()["details"]["required_scope"]) == (403, "results:read")


@pytest.mark.parametrize("query", [{"format": "html"}, {"regression_id": 0}, {"output_id": "x"}, {"output_id": 2**31}, {"lines": 1}])
def test_what_the_document_does_not_know_is_refused(site: Site, client: ValidatingClient, query: dict[str, object]) -> None:
    output = add_compared_output(site, EXPECTED, ACTUAL)

    answer = output.get(client, "expected", **query)

    assert answer.status_code == 400
    assert list(answer.json()["details"]["fields"]) == list(query)


def test_the_same_number_of_statements_for_any_output(site: Site, client: ValidatingClient) -> None:
    one = add_compared_output(site, EXPECTED, ACTUAL)
    many = [add_regression_test(outputs=[Output(stored(site, EXPECTED))]) for _ in range(20)]
    big = BuiltOutput(add_finished_run(*many), many[7], many[7].output_id)
    counts = []
    for output in (one, big):
        output.get(client, "diff")
        with site.database.counted() as statements:
            output.get(client, "diff")
        counts.append(len(statements))

    assert counts[0] == counts[1]
