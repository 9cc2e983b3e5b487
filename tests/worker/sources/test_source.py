"""Sources of executables, asked one after the other."""
from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.commands.executable_sources import sources
from api.commands.failure import CommandFailed
from api.config import Settings
from api.domain.runs.infrastructure_code import InfrastructureCode
from api.host.slots import Slot
from api.sandbox.linux.bubblewrap import Bubblewrap
from api.worker.cancellation import Cancellation, Cancelled, CancelReason
from api.worker.run_error import RunError
from api.worker.sources.artifact import ArtifactSource
from api.worker.sources.build import BuildSource
from api.worker.sources.build_log import BuildLog
from api.worker.sources.source import FetchRequest, FolderSource, MissingSource, Source, provide
from tests.worker.fake_run_source import FakeRunSource
from tests.worker.inputs import COMMIT, REPOSITORY, a_claim

RUNS = FakeRunSource(Path("nowhere"))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class FakeSource:
    """A source that gives what it is told to."""

    name: str
    result: Path | Exception
    needs_sandbox: bool = False
    asked: list[str] = field(default_factory=list)

    def provide(self, request: FetchRequest) -> Path:
        """Give it."""
        self.asked.append(request.claimed.commit)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


Ask = Callable[..., Path]


@pytest.fixture
def cancellation() -> Cancellation:
    return Cancellation(threading.Event())


@pytest.fixture
def ask(tmp_path: Path, cancellation: Cancellation) -> Ask:
    def ask(*asked: Source, sandboxed: bool = True) -> Path:
        with BuildLog(tmp_path / "build.log", lambda: NOW) as build_log:
            return provide(asked, FetchRequest(a_claim(), tmp_path, build_log, cancellation, lambda _: None), sandboxed=sandboxed)

    return ask


def an_error(reason: str, code: InfrastructureCode = InfrastructureCode.EXECUTABLE_MISSING) -> RunError:
    return RunError(code, reason)


def test_the_first_source_that_has_the_executable_is_the_last_that_is_asked(ask: Ask, tmp_path: Path) -> None:
    first, second, third = FakeSource("a", an_error("Not there.")), FakeSource("b", tmp_path / "b"), FakeSource("c", tmp_path / "c")

    assert ask(first, second, third) == tmp_path / "b"
    assert (first.asked, second.asked, third.asked) == ([COMMIT], [COMMIT], [])


def test_each_refusal_is_in_the_log_with_its_source_and_type(ask: Ask, tmp_path: Path) -> None:
    ask(FakeSource("a", an_error("Conflicts.", InfrastructureCode.MERGE_CONFLICT)), FakeSource("b", tmp_path / "b"))

    assert (tmp_path / "build.log").read_text().splitlines() == [
        "[2026-01-01T00:00:00Z] [WARNING] [worker] No executable from the source a: [merge] Conflicts.",
        "[2026-01-01T00:00:00Z] [INFO] [worker] The executable is from the source b."]


def test_where_no_source_has_it_all_are_named_under_the_last_ones_type(ask: Ask) -> None:
    with pytest.raises(RunError) as caught:
        ask(FakeSource("a", an_error("Not there.")), FakeSource("b", an_error("Conflicts.", InfrastructureCode.MERGE_CONFLICT)))

    assert caught.value.message == "[merge] No source has the executable. a: Not there. b: Conflicts."


def test_the_error_of_an_only_source_stays_as_it_is(ask: Ask) -> None:
    run_error = an_error("Not there.")

    with pytest.raises(RunError) as caught:
        ask(FakeSource("a", run_error))

    assert caught.value is run_error


def test_a_source_that_needs_a_sandbox_is_not_asked_without_one(ask: Ask, tmp_path: Path) -> None:
    build = FakeSource("build", tmp_path / "b", needs_sandbox=True)

    with pytest.raises(RunError, match=r"^\[worker\] The source build needs a sandbox, and this worker has none\.$"):
        ask(build, sandboxed=False)

    assert build.asked == []


def test_a_stop_is_no_refusal(ask: Ask, tmp_path: Path, cancellation: Cancellation) -> None:
    second = FakeSource("b", tmp_path / "b")

    with pytest.raises(Cancelled):
        ask(FakeSource("a", Cancelled(CancelReason.WORKER_STOPPED)), second)
    cancellation.cancel(CancelReason.RUN_CLOSED)
    with pytest.raises(Cancelled):
        ask(second)

    assert second.asked == []


def configured(*names: str, **settings: str) -> Settings:
    return Settings.from_environment({"CI_EXECUTABLE_SOURCES": ",".join(names), **settings})


def test_sources_come_in_the_configured_order(tmp_path: Path) -> None:
    settings = configured("build", "folder", "artifact", CI_BUILD_ARTIFACT="linux", CI_MAIN_REPOSITORY=REPOSITORY)

    made = sources(settings, RUNS, Bubblewrap(), Slot(0, 1000, -1))

    assert [type(each) for each in made] == [BuildSource, FolderSource, ArtifactSource]
    assert [(each.name, each.needs_sandbox) for each in made] == [("build", True), ("folder", False), ("artifact", True)]


def test_unless_others_are_configured_the_folder_is_the_only_source() -> None:
    assert [each.name for each in sources(Settings(), RUNS, None, None)] == ["folder"]


def test_without_a_sandbox_a_build_is_configured_but_refused(ask: Ask) -> None:
    made, = sources(configured("build"), RUNS, None, None)

    assert isinstance(made, MissingSource)
    for sandboxed in (True, False):
        with pytest.raises(RunError, match=r"^\[worker\] The source build needs a sandbox"):
            ask(made, sandboxed=sandboxed)


def test_an_artifact_without_a_name_cannot_be_asked_for() -> None:
    with pytest.raises(CommandFailed, match="CI_BUILD_ARTIFACT"):
        sources(configured("artifact"), RUNS, Bubblewrap(), Slot(0, 1000, -1))
