"""Runs that a worker cannot execute, or not to their end: given up, and said why."""
from __future__ import annotations

from dataclasses import replace

import pytest

from api.worker.options import WorkerOptions
from tests.worker.fake_run_source import FakeRunSource
from tests.worker.inputs import Store, a_test
from tests.worker.stand_in import Reply, StandIn
from tests.worker.working import a_captioned_test, await_hanging, queue, run, working

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


@pytest.mark.usefixtures("extractor")
def test_without_trust_nothing_is_executed_and_the_run_is_given_up(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store))

    run(replace(options, trusted=False), run_source)

    assert server.briefs() == ["progress preparation", "logupload", "progress canceled"]
    assert server.of("progress")[-1].fields["message"].startswith("[worker] This worker has no sandbox")


def test_a_run_without_an_executable_is_given_up_with_the_reason(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store))

    run(options, run_source)

    assert server.of("progress")[-1].fields["message"] == "[build] No executable."


@pytest.mark.usefixtures("extractor")
def test_a_run_whose_suite_cannot_be_used_is_given_up(run_source: FakeRunSource, server: StandIn, options: WorkerOptions) -> None:
    run_source.add(tests=None)

    run(options, run_source)

    assert server.briefs()[-1] == "progress canceled"
    assert server.of("progress")[-1].fields["message"].startswith("[storage] The run's suite cannot be used")


@pytest.mark.usefixtures("extractor")
def test_a_test_that_cannot_be_executed_here_is_left_out_and_said(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(run_source, a_test(1), a_captioned_test(store, 2))

    run(options, run_source)

    assert [post.fields["test_id"] for post in server.of("finish")] == ["2"]
    assert server.of("progress")[-1].fields == {
        "type": "progress", "status": "completed",
        "message": "Executed 1 of 2 regression tests. [storage] The sample of regression test 1 is not in the store."}


@pytest.mark.usefixtures("extractor")
def test_a_run_of_which_nothing_can_be_executed_is_given_up(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store, 1, "an open ' quotation"))

    run(options, run_source)

    assert server.briefs()[-1] == "progress canceled"
    assert server.of("progress")[-1].fields["message"].startswith("[worker] Regression test 1 cannot be executed")


@pytest.mark.usefixtures("extractor")
@pytest.mark.parametrize("reply", [(403, "FAIL", {}), (200, "FAIL", {})])
def test_a_run_that_dies_in_the_middle_is_left_at_once(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions, reply: Reply,
) -> None:
    queue(run_source, a_captioned_test(store, 1), a_captioned_test(store, 2))
    server.script = lambda post: reply if post.kind == "finish" else None

    run(options, run_source)

    assert "equality 2 11" not in server.briefs()
    assert [post.fields["status"] for post in server.of("progress")] == ["preparation", "testing"]
    assert server.briefs()[-1] == "logupload"


@pytest.mark.usefixtures("extractor")
def test_a_cancel_in_the_middle_of_a_test_ends_its_program(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    run_id = queue(run_source, a_captioned_test(store, 1, "--hang"))

    with working(options, run_source):
        await_hanging(store)
        run_source.cancel(run_id)
        run_source.await_release()

    assert server.of("finish") == []
    assert [post.fields["status"] for post in server.of("progress")] == ["preparation", "testing"]


@pytest.mark.usefixtures("extractor")
def test_a_worker_that_is_stopped_gives_its_run_up_visibly(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store, 1, "--hang"))

    with working(options, run_source) as stop:
        await_hanging(store)
        stop.set()
        run_source.await_release()

    assert server.of("finish") == []
    assert server.of("progress")[-1].fields == {
        "type": "progress", "status": "canceled", "message": "[worker] The worker was stopped."}
    assert run_source.lost == set()


@pytest.mark.usefixtures("extractor")
def test_a_run_that_takes_too_long_is_ended_and_says_so(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store, 1, "--hang"))

    run(replace(options, run_seconds=1.5), run_source)

    assert server.of("finish") == []
    assert server.of("progress")[-1].fields == {
        "type": "progress", "status": "canceled", "message": "[worker] The run was ended at the time limit of 1.5 seconds."}
    assert run_source.lost == set()


@pytest.mark.usefixtures("extractor")
def test_a_worker_that_is_stopped_while_the_server_is_away_leaves_the_reason_with_the_claim(
    store: Store, run_source: FakeRunSource, server: StandIn, options: WorkerOptions,
) -> None:
    queue(run_source, a_captioned_test(store, 1, "--hang"))

    with working(options, run_source) as stop:
        await_hanging(store)
        server.stop()
        stop.set()
        run_source.await_release()

    assert run_source.released == [(1, "[worker] The worker was stopped.")]
