"""How soon after a run's end its causes are known, what triage of it takes then, and what the same costs through /mcp.

    python -m benchmarks.ready [--rounds 9] [--profile]

On each database a server in this process; 300 tests, of which 45 fail for five causes, behind 30 runs. Each round is a run whose outputs
nobody has compared before. With `--profile` it is told where one round's analysis spends its time.
"""
from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from sqlalchemy import insert

from api.domain.auth.access import Role
from api.domain.captions.cue import Format
from api.domain.runs.run import Phase
from api.services.results.analysing import Analyst
from api.storage.database import session, transaction
from api.storage.platform_tables import ProgressRow, ResultFileRow, ResultRow
from api.storage.results.analyses import load_analysis
from benchmarks.rounds import interleaved, ratios
from tests.builders import MAIN_REPOSITORY, BuiltTest, Output, add_regression_test
from tests.databases import opened
from tests.domain.captions.writers import Spoken, Style, written
from tests.handlers.site import Client, Site, build_site
from tests.mariadb import running_server
from tests.traffic import sent

TESTS, FAILING, PAST, CUES = 300, 45, 30, 60
MCP = {"Content-Type": "application/json", "Host": "ci.example.test"}


def spoken(test: int) -> list[Spoken]:
    """The cues of a test's sample."""
    return [Spoken(2000 * each, 2000 * each + 1500, (f"Line {each} of test {test},", "and another.")) for each in range(1, CUES)]


def changed(test: int, number: int) -> bytes:
    """What one of five causes makes of a test's output, in its own way in each round."""
    cues, style = spoken(test), Style()
    match test % 5:
        case 0:
            cues = [cue.moved(0, -40 - number) for cue in cues]
        case 1:
            cues = [cue.moved(7 + number, 0) for cue in cues]
        case 2:
            cues = [cue.saying(cue.lines[0] + "." * (number + 1), *cue.lines[1:]) for cue in cues]
        case 3:
            cues = cues[:-3 - number]
        case _:
            cues = [cue.saying(*(line.upper() for line in cue.lines)) for cue in cues[:-1]] + [cues[-1].moved(0, number)]
    return written(Format.SRT, cues, style)


@dataclass
class Scene:
    """A server with tests, and a line of runs."""

    site: Site
    client: Client
    tests: list[BuiltTest] = field(default_factory=list)
    baselines: list[str] = field(default_factory=list)
    count: int = 0

    def store(self, content: bytes) -> str:
        """Put an output into the store; its hash."""
        digest = sha256(content).hexdigest()
        folder = self.site.files / "TestResults"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{digest}.srt").write_bytes(content)
        return digest

    def fill(self) -> None:
        """Make the tests, and the runs before."""
        self.baselines = [self.store(written(Format.SRT, spoken(test), Style())) for test in range(TESTS)]
        self.tests = [add_regression_test(outputs=[Output(baseline)]) for baseline in self.baselines]
        for _ in range(PAST):
            self.end(self.run({}))

    def run(self, got: dict[int, str]) -> int:
        """A run of the next commit in which all tests have a result; it has not ended yet."""
        self.count += 1
        self.site.clock.now += timedelta(minutes=30)
        body = {"repository": MAIN_REPOSITORY, "commit_sha": commit(self.count), "platform": "linux", "branch": "master"}
        answer = self.client.post("/api/v1/runs", json=body | ({"parent_sha": commit(self.count - 1)} if self.count > 1 else {}))
        run_id = int(answer.json()["run_id"])
        own: list[dict[str, Any]] = [{"test_id": run_id, "regression_test_id": test.regression_id} for test in self.tests]
        with transaction() as current:
            current.execute(insert(ProgressRow), [
                {"test_id": run_id, "status": Phase.TESTING.value, "timestamp": self.site.clock.now, "message": ""}])
            current.execute(insert(ResultRow), [each | {"runtime": 100, "expected_rc": 0, "exit_code": 0} for each in own])
            current.execute(insert(ResultFileRow), [
                each | {"regression_test_output_id": test.output_id, "expected": self.baselines[place], "got": got.get(place)}
                for place, (each, test) in enumerate(zip(own, self.tests, strict=True))])
        return run_id

    def failing(self, number: int) -> int:
        """A run of which 45 tests fail, with outputs that nobody has seen, behind one that passes."""
        self.end(self.run({}))
        return self.run({test: self.store(changed(test, number)) for test in range(FAILING)})

    def end(self, run_id: int) -> tuple[float, float]:
        """End a run, as its worker does; the seconds until its analysis is kept, and this process's processor time meanwhile."""
        began, spent = time.perf_counter(), time.process_time()
        self.site.report(run_id, type="progress", status="completed", message="Done")
        while load_analysis(run_id) is None:
            session().rollback()
            time.sleep(0.01)
        return time.perf_counter() - began, time.process_time() - spent

    def triage(self, run_id: int, max_bytes: int) -> tuple[Any, int]:
        """What triage answers, and in how many bytes."""
        answer = self.client.get(f"/api/v1/runs/{run_id}/triage", params={"max_bytes": max_bytes})
        return answer.json(), len(answer.content)


def commit(number: int) -> str:
    """The hash of a commit."""
    return sha256(f"commit {number}".encode()).hexdigest()[:40]


@contextmanager
def scene_on(url: str | None) -> Iterator[Scene]:
    """A server on a database of its own, SQLite where no URL is given."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with opened(url or f"sqlite:///{folder / 'ci.db'}"):
            pass
        site = build_site(folder, folder / "ci.db", **({"database_url": url} if url else {}))
        with site.client, site.app.flask.app_context():
            scene = Scene(site, site.as_role(Role.ADMIN))
            scene.fill()
            yield scene


def pairs(scene: Scene, run_id: int, rounds: int) -> dict[str, list[float]]:
    """Processor milliseconds of triage by GET and through /mcp, by turns; the same arguments, the same answer."""
    message = json.dumps({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "triage_run", "arguments": {"run_id": run_id, "max_bytes": 8192}}}).encode()

    # Beneath the check of answers against the documents, which takes longer than some answers.
    http, own = scene.client._http, scene.client._headers

    def by_get() -> float:
        spent = time.process_time()
        answer = http.get(f"/api/v1/runs/{run_id}/triage", params={"max_bytes": 8192}, headers=own)
        spent = time.process_time() - spent
        answer.raise_for_status()
        return 1000 * spent

    def by_mcp() -> float:
        spent = time.process_time()
        answer = http.post("/mcp", content=message, headers=own | MCP)
        spent = time.process_time() - spent
        assert not answer.json()["result"]["isError"], answer.text
        return 1000 * spent

    return interleaved({"GET": by_get, "/mcp": by_mcp}, rounds)


def measure(scene: Scene, rounds: int) -> Iterator[tuple[str, str]]:
    """The figures of one database."""
    found = [(run_id, scene.end(run_id)) for run_id in map(scene.failing, range(rounds))]
    run_id = found[-1][0]
    for words, place in (("analysis kept after the run's end", 0), ("processor time of that, without the comparing processes", 1)):
        figures = [spent[place] for _, spent in found]
        yield words, f"{1000 * median(figures):.0f} ms ({1000 * min(figures):.0f} … {1000 * max(figures):.0f})"
    counts = []
    for _ in range(rounds):
        with sent(scene.site.database.engine) as words_sent:
            whole, size = scene.triage(run_id, 32_768)
        counts.append(sum(not word.startswith("-- ") for word in words_sent))
    yield "triage, one call, 32 KiB", f"{size} bytes, {len(whole['failures'])} of {whole['failure_count']} failures"
    # Those of what is done in the background meanwhile are counted, too.
    yield "its statements", str(min(counts))
    short, size = scene.triage(run_id, 8192)
    yield "triage in 8 KiB", f"{size} bytes, {len(short['clusters'])} causes, {short['clusters_omitted_count']} left out"
    figures_of = pairs(scene, run_id, 10 * rounds)
    yield "triage by GET, processor time", f"{median(figures_of['GET']):.1f} ms"
    yield "through /mcp, against that", f"{ratios(figures_of, 'GET')['/mcp']:.2f}"


def profile(scene: Scene) -> None:
    """Tell where the analysis of one run spends its time."""
    run_id, profiler, analyse_next = scene.failing(0), cProfile.Profile(), Analyst.analyse_next
    with patch.object(Analyst, "analyse_next", lambda self: profiler.runcall(analyse_next, self)):
        scene.end(run_id)
    pstats.Stats(profiler).sort_stats("cumulative").print_stats(60)


def main() -> None:
    """Measure on both databases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    rows: dict[str, list[str]] = {}
    with ExitStack() as stack:
        server = stack.enter_context(running_server())
        for url in (None, server.create_database().render_as_string(hide_password=False)):
            with scene_on(url) as scene:
                if arguments.profile:
                    profile(scene)
                    continue
                for name, told in measure(scene, arguments.rounds):
                    rows.setdefault(name, []).append(told)
    print(f"| a run of {TESTS} tests, {FAILING} failing for five causes | SQLite | MariaDB |\n|---|---|---|")
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
