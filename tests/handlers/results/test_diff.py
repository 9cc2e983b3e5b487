from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.domain.auth.access import Role
from api.domain.runs.run import Phase
from contract.client import ValidatingClient
from tests.builders import add_event, add_output, add_result, add_run
from tests.domain.text.diffs import git_applied, need
from tests.handlers.outputs import GONE, BuiltOutput, add_compared_output, add_reported_output, stored
from tests.handlers.site import Site

OUTCOMES = ("read", "unread", "late")
EXPECTED = b"1\n00:00:01,000 --> 00:00:02,000\nfoo\n"
ACTUAL = b"1\n00:00:01,000 --> 00:00:02,000\nbar"


@pytest.fixture
def client(site: Site) -> ValidatingClient:
    """A client of somebody who may only look."""
    return site.as_role(Role.USER)


def diff(site: Site, client: ValidatingClient, expected: bytes, actual: bytes, **query: Any) -> dict[str, Any]:
    answer = add_compared_output(site, expected, actual).get(client, "diff", **query)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def test_a_difference_is_shown_line_by_line(site: Site, client: ValidatingClient) -> None:
    output = add_compared_output(site, EXPECTED, ACTUAL)

    shown = output.get(client, "diff", context_lines=1).json()

    assert shown == {
        "run_id": output.run_id, "sample_id": output.test.sample_id, "regression_id": output.test.regression_id,
        "output_id": output.output_id, "status": "different", "encoding": "utf-8", "precision": "exact", "truncated": False,
        "summary": {"added_lines": 1, "removed_lines": 1, "changed_hunks": 1},
        "hunks": [{"expected_start": 2, "actual_start": 2, "lines": [
            {"kind": "context", "expected_line": 2, "actual_line": 2, "text": "00:00:01,000 --> 00:00:02,000"},
            {"kind": "removed", "expected_line": 3, "actual_line": None, "text": "foo"},
            {"kind": "added", "expected_line": None, "actual_line": 3, "text": "bar", "no_newline": True}]}]}


def test_the_unified_text_is_a_patch(site: Site, client: ValidatingClient, tmp_path: Path) -> None:
    need("git")

    shown = diff(site, client, EXPECTED, ACTUAL, format="unified")
    name = shown["unified"].split("\n")[1].removeprefix("--- a/")
    patch = shown["unified"].replace(name, "output.srt")

    assert name.endswith(".srt")
    assert "hunks" not in shown
    assert git_applied(tmp_path, EXPECTED, patch.encode()) == ACTUAL


@pytest.mark.parametrize("format", ["structured", "unified"])
def test_an_output_that_matched_is_identical_whether_its_file_is_there_or_not(site: Site, client: ValidatingClient, format: str) -> None:
    output = add_reported_output(None, baseline=GONE)

    shown = output.get(client, "diff", format=format).json()

    assert (shown["status"], shown["summary"]) == ("identical", {"added_lines": 0, "removed_lines": 0, "changed_hunks": 0})
    assert shown.get("hunks", shown.get("unified")) == ([] if format == "structured" else "")


def test_an_acceptable_variant_is_different_for_all_that(site: Site, client: ValidatingClient) -> None:
    variant = stored(site, ACTUAL)
    output = add_reported_output(variant, baseline=stored(site, EXPECTED), acceptable=(variant,))

    assert output.get(client, "diff").json()["status"] == "different"


@pytest.mark.parametrize(("build", "status"), [
    (lambda site: add_compared_output(site, None, ACTUAL), "missing_expected"),
    (lambda site: add_reported_output(stored(site, ACTUAL), baseline=""), "missing_expected"),
    (lambda site: add_reported_output(GONE, baseline=stored(site, EXPECTED)), "missing_actual"),
    (lambda site: add_reported_output("error", baseline=stored(site, EXPECTED)), "missing_actual"),
    (lambda site: add_reported_output(None, baseline=stored(site, EXPECTED), reported=False), "missing_actual")])
def test_what_cannot_be_compared_says_which_side_is_missing(
    site: Site, client: ValidatingClient, build: Callable[[Site], Any], status: str,
) -> None:
    output = build(site)

    shown = output.get(client, "diff").json()

    assert shown["status"] == status
    assert "hunks" not in shown


def test_a_change_of_line_ends_alone_is_a_difference(site: Site, client: ValidatingClient) -> None:
    shown = diff(site, client, b"a\nb\n", b"a\r\nb\r\n")

    assert (shown["status"], shown["summary"]["added_lines"]) == ("different", 2)
    assert [line["text"] for line in shown["hunks"][0]["lines"]] == ["a", "b", "a\r", "b\r"]


def test_a_change_of_the_last_newline_alone_is_a_difference(site: Site, client: ValidatingClient) -> None:
    shown = diff(site, client, b"a\n", b"a")

    assert [line.get("no_newline") for line in shown["hunks"][0]["lines"]] == [None, True]


def test_what_is_not_utf_8_is_shown_as_cp1252(site: Site, client: ValidatingClient) -> None:
    shown = diff(site, client, b"caf\xe9\n", "café\n".encode())

    assert shown["encoding"] == "cp1252"
    assert [line["text"] for line in shown["hunks"][0]["lines"]] == ["café", "cafÃ©"]


def test_a_long_line_is_cut_and_says_so(site: Site, client: ValidatingClient) -> None:
    shown = diff(site, client, b"x" * 100_000, b"x" * 1000)

    assert [(len(line["text"]), line.get("text_truncated")) for line in shown["hunks"][0]["lines"]] == [(1000, True), (1000, None)]


def test_lines_of_any_bytes_are_shown(site: Site, client: ValidatingClient) -> None:
    actual = bytes(range(256)) + "\u2028 \ufeff".encode()

    shown = diff(site, client, b"", actual)

    assert [line["kind"] for line in shown["hunks"][0]["lines"]] == ["added"] * 2


@pytest.mark.parametrize(("context", "lines"), [(0, [2, 2]), (1, [4, 4]), (2, [12]), (50, [41])])
def test_as_many_equal_lines_as_asked_for_stand_around_a_change(
    site: Site, client: ValidatingClient, context: int, lines: list[int],
) -> None:
    before = [b"%d\n" % number for number in range(39)]
    after = [b"x\n" if number in (18, 23) else line for number, line in enumerate(before)]

    shown = diff(site, client, b"".join(before), b"".join(after), context_lines=context)

    assert [len(hunk["lines"]) for hunk in shown["hunks"]] == lines
    assert shown["summary"] == {"added_lines": 2, "removed_lines": 2, "changed_hunks": len(lines)}


@pytest.mark.parametrize("context", [-1, 51, "x"])
def test_other_numbers_of_lines_are_refused(site: Site, client: ValidatingClient, context: object) -> None:
    output = add_compared_output(site, EXPECTED, ACTUAL)

    answer = output.get(client, "diff", context_lines=context)

    assert answer.status_code == 400


def test_beyond_500_hunks_the_rest_is_counted_but_not_shown(site: Site, client: ValidatingClient) -> None:
    shown = diff(site, client, b"same\nold\n" * 501, b"same\nnew\n" * 501, context_lines=0)

    assert (len(shown["hunks"]), shown["truncated"]) == (500, True)
    assert shown["summary"] == {"added_lines": 501, "removed_lines": 501, "changed_hunks": 501}


def test_a_hunk_over_500_lines_is_split(site: Site, client: ValidatingClient) -> None:
    shown = diff(site, client, b"", b"line\n" * 1200)

    assert [(hunk["expected_start"], hunk["actual_start"], len(hunk["lines"])) for hunk in shown["hunks"]] == [
        (0, 1, 500), (0, 501, 500), (0, 1001, 200)]
    assert (shown["truncated"], shown["summary"]["changed_hunks"]) == (False, 1)


def test_a_unified_text_beyond_its_limit_is_truncated(site: Site, client: ValidatingClient) -> None:
    shown = diff(site, client, b"", b"line\n" * 300_000, format="unified")

    assert shown["truncated"]
    assert len(shown["unified"]) <= 1_048_576
    assert shown["summary"]["added_lines"] == 300_000


@pytest.mark.verify
def test_no_pair_of_files_keeps_the_server_from_answering_others(site: Site) -> None:
    client = site.as_role(Role.USER)
    words = [b"%x\n" % random.Random(number).getrandbits(40) for number in range(4000)]
    sides = [b"".join(random.Random(seed).choices(words, k=1_000_000)) for seed in (1, 2)]
    output = add_compared_output(site, *sides)
    overtaken = []

    def compare() -> Any:
        answer = output.get(client, "diff")
        overtaken.append(len(others))
        return answer

    others: list[int] = []

    def ask_others() -> None:
        others.extend(client.get(f"/api/v1/runs/{output.run_id}").status_code for _ in range(20))

    answer, _ = site.together(compare, ask_others)

    assert (answer.json()["status"], answer.json()["precision"]) == ("different", "coarse")
    assert others == [200] * 20
    assert overtaken == [20]


def test_a_binary_output_is_told_as_that_with_the_bytes_around_the_first_that_differs(site: Site, client: ValidatingClient) -> None:
    shown = diff(site, client, b"\0\1\2", b"\0\1\3")

    assert shown["binary"] == {"position": 2, "shown_from": 0, "expected": "000102", "actual": "000103"}


def test_an_output_is_compared_cue_by_cue(site: Site, client: ValidatingClient) -> None:
    shown = diff(site, client, EXPECTED.replace(b"foo", b"foo it is"), b"1\n00:00:01,000 --> 00:00:01,960\nbar it is\n", view="cues")

    assert "hunks" not in shown
    assert (shown["status"], shown["truncated"]) == ("different", False)
    assert [fact["words"] for fact in shown["cues"]["facts"]] == ["the text of every cue has other words", "every cue ends 40 ms earlier"]
    assert shown["cues"]["offsets"] == [{"column": "end", "ms": -40, "cues": 1}, {"column": "start", "ms": 0, "cues": 1}]
    assert shown["cues"]["changes"] == [{"op": "changed", "index": 0, "expected": {
        "start_ms": 1000, "end_ms": 2000, "text": "foo it is", "settings": ""}, "actual": {
        "start_ms": 1000, "end_ms": 1960, "text": "bar it is", "settings": ""}}]
    assert shown["cues"]["omitted"] == {"offsets": 0, "changes": 0}


def test_a_crash_is_a_fact_of_an_output(site: Site, client: ValidatingClient) -> None:
    output = add_reported_output(stored(site, ACTUAL[:40]), baseline=stored(site, EXPECTED), exit_code=139)

    shown = output.get(client, "diff", view="cues").json()

    assert [fact["kind"] for fact in shown["cues"]["facts"]] == ["exit", "text.other"]


@pytest.mark.parametrize("view", ["lines", "cues"])
def test_a_view_says_too_that_there_is_nothing_to_compare(site: Site, client: ValidatingClient, view: str) -> None:
    output = add_reported_output(GONE, baseline=stored(site, EXPECTED))

    assert output.get(client, "diff", view=view).json()["status"] == "missing_actual"


def add_run_with(site: Site, output: BuiltOutput, content: bytes | None, exit_code: int = 0, **of_run: Any) -> int:
    """Another run of the same test, which produced this; None for nothing."""
    run_id = add_run(tests=[output.test.regression_id], **of_run)
    add_event(run_id, Phase.TESTING)
    if content is not None:
        add_output(run_id, output.test.regression_id, output.output_id, got=stored(site, content), expected=stored(site, EXPECTED))
    add_result(run_id, output.test.regression_id, exit_code=exit_code)
    add_event(run_id, Phase.COMPLETED)
    return run_id


@pytest.mark.parametrize("view", ["lines", "cues"])
def test_an_output_is_compared_with_that_of_another_run(site: Site, client: ValidatingClient, view: str) -> None:
    output = add_compared_output(site, EXPECTED, EXPECTED.replace(b"foo", b"it is me"))
    other = add_run_with(site, output, EXPECTED.replace(b"foo", b"it is you"))
    same = add_run_with(site, output, EXPECTED.replace(b"foo", b"it is me"))
    without = add_run_with(site, output, None)

    shown = [output.get(client, "diff", view=view, against=str(each)).json() for each in (other, same, without)]

    assert [(each["against_run_id"], each["status"]) for each in shown] == [
        (other, "different"), (same, "identical"), (without, "missing_expected")]
    assert "it is you" in str(shown[0])
    assert "foo" not in str(shown[0])


def test_an_output_is_compared_with_that_of_the_base_run(site: Site, client: ValidatingClient) -> None:
    output = add_compared_output(site, EXPECTED, ACTUAL)
    run_id = add_run_with(site, output, EXPECTED.replace(b"foo", b"it is you"), commit="c" * 40)
    answered = [
        client.get(f"/api/v1/runs/{each}/samples/{output.test.sample_id}/diff", params={
            "regression_id": output.test.regression_id, "output_id": output.output_id, "against": "base"})
        for each in (run_id, output.run_id)]

    assert (answered[0].json()["against_run_id"], answered[0].json()["status"]) == (output.run_id, "different")
    assert (answered[1].status_code, answered[1].json()["details"]["resource"]) == (404, "base_run")


def test_how_a_program_ended_is_no_fact_where_it_ended_so_in_the_other_run_too(site: Site, client: ValidatingClient) -> None:
    output = add_reported_output(stored(site, ACTUAL), baseline=stored(site, EXPECTED), exit_code=139)
    crashed, ended = add_run_with(site, output, EXPECTED, exit_code=139), add_run_with(site, output, EXPECTED)

    shown = [output.get(client, "diff", view="cues", against=str(each)).json()["cues"]["facts"] for each in (crashed, ended)]

    assert [[fact["kind"] for fact in facts] for facts in shown] == [["bytes.end", "text.other"], ["exit", "text.other"]]


def test_a_run_that_there_is_not_is_not_found(site: Site, client: ValidatingClient) -> None:
    output = add_compared_output(site, EXPECTED, ACTUAL)

    assert output.get(client, "diff", against="999999").status_code == 404
    assert output.get(client, "diff", against="0").status_code == 400


def counted(site: Site) -> dict[str, float]:
    """How many outputs were compared cue by cue, by the outcome."""
    lines = site.as_role(Role.ADMIN).get("/metrics").text.splitlines()
    values = {
        outcome: [line for line in lines if line.startswith("ci_output_facts_total") and f'"{outcome}"' in line] for outcome in OUTCOMES}
    return {outcome: float(found[0].rpartition(" ")[2]) if found else 0.0 for outcome, found in values.items()}


def test_how_many_outputs_are_in_no_format_of_captions_is_counted(site: Site, client: ValidatingClient) -> None:
    before = counted(site)

    for expected, actual in ((EXPECTED, EXPECTED + b"\n"), (b"\0a", b"\0b"), (b"\0a", b"\0c")):
        diff(site, client, expected, actual, view="cues")

    after = counted(site)
    assert {outcome: after[outcome] - before[outcome] for outcome in OUTCOMES} == {"read": 1, "unread": 2, "late": 0}
