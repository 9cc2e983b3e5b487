"""A worker over a run source in memory."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from api.domain.runs.worker_suite import SuiteFile, SuiteTest
from api.worker.options import WorkerOptions
from api.worker.programs.execution import RunProcess
from api.worker.programs.process import run_process
from api.worker.worker import Worker
from tests.worker.fake_run_source import FakeRunSource
from tests.worker.inputs import Store, a_test, sha256_of


def queue(run_source: FakeRunSource, *tests: SuiteTest) -> int:
    return run_source.add(tests=tests)


def run(options: WorkerOptions, run_source: FakeRunSource, run_process: RunProcess = run_process) -> int:
    return work(options, run_source, threading.Event(), until_idle=True, run_process=run_process)


def work(
    options: WorkerOptions, run_source: FakeRunSource, stop: threading.Event, *, until_idle: bool = False,
    run_process: RunProcess = run_process,
) -> int:
    return Worker(options, run_source, stop, run_process).work(until_idle=until_idle)


@contextmanager
def working(options: WorkerOptions, run_source: FakeRunSource) -> Iterator[threading.Event]:
    """A worker in a thread; it has ended when this is left."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(options, run_source, stop))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def a_captioned_test(store: Store, regression_id: int = 1, command: str = "--out=srt", baseline: bytes = b"CAPTIONS") -> SuiteTest:
    sample = store.sample(b"captions")
    return a_test(regression_id, command=command, sample=sample, files=(SuiteFile(11, sha256_of(baseline), "out.srt"),))


def await_hanging(store: Store) -> None:
    """Wait until the program of the running test is in its endless sleep."""
    waiting = threading.Event()
    for _ in range(3000):
        if list(store.temporary.glob("*/*/hanging")):
            return
        waiting.wait(0.01)
    raise AssertionError("the program never came that far")
