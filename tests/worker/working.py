"""A worker over a run source in memory."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from api.domain.runs.worker_suite import SuiteFile, SuiteTest
from api.worker.options import WorkerOptions
from api.worker.worker import work
from tests.worker.fake_run_source import FakeRunSource
from tests.worker.inputs import Store, a_test


def queue(store: Store, run_source: FakeRunSource, *tests: SuiteTest) -> int:
    run_id = run_source.add()
    store.suite(run_id, tests)
    return run_id


def run(options: WorkerOptions, run_source: FakeRunSource) -> int:
    return work(options, run_source, stop=threading.Event(), until_idle=True)


@contextmanager
def working(options: WorkerOptions, run_source: FakeRunSource) -> Iterator[threading.Event]:
    """A worker in a thread; it has ended when this is left."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(options, run_source), kwargs={"stop": stop})
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def a_captioned_test(store: Store, regression_id: int = 1, command: str = "--out=srt", baseline: bytes = b"CAPTIONS") -> SuiteTest:
    sample = store.sample(b"captions")
    return a_test(regression_id, command=command, input_file=sample, files=(SuiteFile(11, store.baseline(baseline), "out.srt"),))


def await_hanging(store: Store) -> None:
    """Wait until the program of the running test is in its endless sleep."""
    waiting = threading.Event()
    for _ in range(3000):
        if list(store.folders.temporary.glob("*/*/hanging")):
            return
        waiting.wait(0.01)
    raise AssertionError("the program never came that far")
