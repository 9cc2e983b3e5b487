"""The analysis of a finished run, as it is kept; reading never makes one."""
from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

import orjson

from api.domain.captions.facts import FACTS_VERSION
from api.domain.causes.analysis import Cause
from api.domain.causes.clustering import CLUSTERS_VERSION
from api.domain.causes.run_analysis import ANALYSIS_VERSION, AnalysisState, NotAnalysed, RunAnalysis, reason_not_analysed
from api.domain.errors import NotFound, NotReady
from api.domain.results.base_run import Line
from api.domain.results.judged_run import JudgedRun
from api.domain.runs.run import Run
from api.services.results import verdicts
from api.storage.results.analyses import load_analyses, load_analysis
from api.storage.results.occurrences import Elsewhere, load_analysis_and_elsewhere
from api.storage.runs.line import Source, load_line_and_sources


@dataclass(frozen=True, slots=True)
class AnalysisStatus:
    """What is known of the analysis of a run: of `of` failing tests `done` were analysed; `found` where it is ready, under its `name`.

    `elsewhere` has where else its causes were seen, by class, where that was asked for.
    """

    state: AnalysisState
    of: int
    done: int = 0
    reason: NotAnalysed | None = None
    found: RunAnalysis | None = None
    name: str | None = None
    elsewhere: Mapping[str, Elsewhere] = field(default_factory=dict)

    @property
    def is_due(self) -> bool:
        """Whether it is a matter of moments."""
        return self.state is AnalysisState.PENDING and self.reason is None


def find_analysis(run: Run, judged: JudgedRun, main_repository: str, *, since: datetime | None = None) -> AnalysisStatus:
    """The analysis of a run that is kept, if it was made from what is known now; in three statements.

    With `since` it is also told where else its causes were seen since then.
    """
    of, reason = sum(test.verdict.is_failure for test in judged.tests), reason_not_analysed(judged)
    if reason is not None:
        state = AnalysisState.PENDING if reason is NotAnalysed.NOT_OVER else AnalysisState.NOT_ANALYSABLE
        return AnalysisStatus(state, of, reason=reason)
    kept, elsewhere = (load_analysis(run.run_id), {}) if since is None else load_analysis_and_elsewhere(run.run_id, since)
    if kept is None or kept.name != name_of(run, *sources_of(run, main_repository)):
        return AnalysisStatus(AnalysisState.PENDING, of)
    found = kept.found
    if found is None:
        return AnalysisStatus(AnalysisState.NOT_ANALYSABLE, of, reason=NotAnalysed.FAULT)
    return AnalysisStatus(AnalysisState.READY, of, of, found=found, name=kept.name, elsewhere=elsewhere)


def load_causes(run: Run, main_repository: str) -> tuple[Cause, ...]:
    """The causes of a run's failures. Raises NotFound, and NotReady as long as they are not known."""
    return require_found(run, find_analysis(run, verdicts.judge_run(run), main_repository)).causes


def find_causes(run_ids: Collection[int]) -> dict[int, tuple[Cause, ...]]:
    """The causes of the failures of runs, by id, as they were last found; nothing of a run that was never analysed.

    In one statement: the analyst is about to find out what has happened since, and the run's own page knows of it.
    """
    kept = {run_id: each.found for run_id, each in load_analyses(run_ids).items()}
    return {run_id: found.causes for run_id, found in kept.items() if found is not None}


def require_found(run: Run, status: AnalysisStatus) -> RunAnalysis:
    """What was found out about a run. Raises NotFound, and NotReady as long as it is not known."""
    if status.state is AnalysisState.PENDING:
        raise NotReady("The causes of this run's failures are still being found.", retry_after=1)
    if status.found is None:
        raise NotFound("analysis", run.run_id, remedy="This run has too few results; retry it with POST /runs/{run_id}/retry.")
    return status.found


def sources_of(run: Run, main_repository: str) -> tuple[Line, tuple[Source, ...]]:
    """The line of a run, and the runs that tell of it."""
    return load_line_and_sources(run, main_repository)


def name_of(run: Run, line: Line, sources: Sequence[Source]) -> str:
    """A digest of all that an analysis is made from, and of the versions of the rules."""
    shown = [
        ANALYSIS_VERSION, CLUSTERS_VERSION, FACTS_VERSION, run.evidence, line.commits, line.merge_base,
        [(past.run_id, past.is_own, past.is_assumed) for past in line.runs], sorted((each.run_id, each.evidence) for each in sources)]
    return blake2b(orjson.dumps(shown), digest_size=16).hexdigest()
