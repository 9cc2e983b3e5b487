"""Whatever a worker says, in whatever order and however often: the run's status, lists, counts, progress and retry agree."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.domain.auth.access import Role
from contract.client import ValidatingClient
from tests.builders import MAIN_REPOSITORY, BuiltTest, Output, add_regression_test
from tests.examples import examples
from tests.handlers.site import Site

RUNS = "/api/v1/runs"
STATUSES = ("queued", "running", "pass", "fail", "canceled", "error", "incomplete")
VARIANT = b"as good as the baseline"
VARIANT_HASH = sha256(VARIANT).hexdigest()


@dataclass(frozen=True)
class Told:
    """What a worker tells of a regression test: of each output a file, None for a match or "" for nothing, and how it ended."""

    outputs: tuple[bytes | None | str, ...]
    exit_code: int | None

    @property
    def verdict(self) -> str:
        """The verdict of a test of a run that is over."""
        if self.exit_code is None:
            return "skipped"
        if "" in self.outputs:
            return "missing_output"
        return "pass" if self.exit_code == 0 and set(self.outputs) <= {None, VARIANT} else "fail"


told = st.builds(
    Told, st.lists(st.sampled_from([None, None, VARIANT, b"other", b"", ""]), max_size=2).map(tuple),
    st.sampled_from([None, 0, 0, 0, 1, 4294967295]))
ends = st.sampled_from([None, "completed", "canceled"])


def messages(tests: list[Told], built: list[BuiltTest], randomness: Random) -> list[tuple[dict[str, Any], bytes | None]]:
    """All reports of a run's tests, shuffled, some of them twice."""
    said: list[tuple[dict[str, Any], bytes | None]] = []
    for test, known in zip(tests, built, strict=True):
        for got, output_id in zip(test.outputs, known.output_ids, strict=True):
            ids = {"test_id": known.regression_id, "test_file_id": output_id}
            if got != "":
                said.append(({"type": "equality" if got is None else "upload", **ids}, got if isinstance(got, bytes) else None))
        if test.exit_code is not None:
            said.append(({"type": "finish", "test_id": known.regression_id, "exitCode": test.exit_code, "runTime": 5}, None))
    said += randomness.sample(said, len(said) // 2)
    randomness.shuffle(said)
    return said


def expected_status(tests: list[Told], end: str | None, began: bool) -> str:
    """The status that the contract gives such a run."""
    verdicts = {test.verdict for test in tests}
    if end is None:
        return "running" if began else "queued"
    if end == "canceled":
        return "canceled"
    if verdicts == {"skipped"}:
        return "error"
    return "incomplete" if "skipped" in verdicts else "fail" if verdicts & {"fail", "missing_output"} else "pass"


@settings(deadline=None, max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(told, min_size=1, max_size=4), ends, st.booleans(), st.randoms(use_true_random=False))
def test_all_views_of_a_run_agree_with_what_its_worker_said(
        site: Site, tests: list[Told], end: str | None, began: bool, randomness: Random) -> None:
    site.database.empty()
    site.accounts.clear()
    client = site.as_role(Role.TESTER)
    built = [add_regression_test(outputs=[Output(acceptable=(VARIANT_HASH,)) for _ in test.outputs]) for test in tests]
    body = {"repository": MAIN_REPOSITORY, "commit_sha": "a" * 40, "platform": "linux"}
    run_id = client.post(RUNS, json=body).json()["run_id"]

    if began or end:
        assert site.report(run_id, type="progress", status="testing", message="").text == "OK"
        for fields, content in messages(tests, built, randomness):
            answer = site.report(run_id, **fields) if content is None else site.send(run_id, content, **fields)
            assert answer.text == "OK"
    if end:
        assert site.report(run_id, type="progress", status=end, message="over").text == "OK"

    status = expected_status(tests, end, began)
    _check_lists(client, run_id, status)
    _check_counts(client, run_id, tests if began or end else [], len(tests), is_finished=end is not None)
    _check_progress(client, run_id, end, began)
    if end:
        _check_retry(client, run_id, [known.regression_id for test, known in zip(tests, built, strict=True) if test.verdict != "pass"])


def _check_lists(client: ValidatingClient, run_id: int, status: str) -> None:
    assert client.get(f"{RUNS}/{run_id}").json()["status"] == status
    found = {each: client.get(RUNS, params={"status": each}).json()["pagination"]["total"] for each in STATUSES}
    assert found == {each: int(each == status) for each in STATUSES}
    queue = client.get("/api/v1/system/queue").json()
    assert (queue["queue_depth"], queue["running_count"]) == (int(status == "queued"), int(status == "running"))


def _check_counts(client: ValidatingClient, run_id: int, tests: list[Told], total: int, *, is_finished: bool) -> None:
    summary = client.get(f"{RUNS}/{run_id}/summary").json()
    counts = {name: summary[f"{name}_count"] for name in ("pass", "fail", "missing_output", "skipped", "pending")}
    verdicts = Counter(test.verdict for test in tests)
    open_ones = 0 if is_finished else total - sum(verdicts[name] for name in ("pass", "fail", "missing_output"))
    assert sum(counts.values()) == summary["total_samples"] == total
    assert counts == {
        "pass": verdicts["pass"], "fail": verdicts["fail"], "missing_output": verdicts["missing_output"],
        "skipped": verdicts["skipped"] if is_finished else 0, "pending": open_ones}


def _check_progress(client: ValidatingClient, run_id: int, end: str | None, began: bool) -> None:
    events = client.get(f"{RUNS}/{run_id}/progress").json()["data"]
    assert [event["status"] for event in events] == ["queued", *(["testing"] if began or end else []), *([end] if end else [])]


def _check_retry(client: ValidatingClient, run_id: int, failed: list[int]) -> None:
    answer = client.post(f"{RUNS}/{run_id}/retry", json={"failed_only": True})
    assert answer.status_code == (202 if failed else 422)
    if failed:
        assert client.get(f"{RUNS}/{answer.json()['new_run_id']}/config").json()["regression_test_ids"] == failed
