"""The analyst: analyses the runs that ended or changed, and when there is nothing else to do, those of before."""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import monotonic

from flask import Flask

from api.domain.causes.run_analysis import AnalysisDue
from api.services.results.analysing import Analyst
from api.services.results.analysis_requests import AnalysisRequests
from api.storage.database import session, transact
from api.storage.results.analyses import require_analysis
from api.storage.runs.platform_changes import look
from api.supervision.loop import Task

# For so many seconds at a time runs of before are analysed, and then nothing is done for longer, so that requests go on.
SLICE, REST = 0.5, 1.5


class AnalystTask:
    """Analyses runs, as one of several processes may."""

    def __init__(self, app: Flask, analyst: Analyst, requests: AnalysisRequests, *, clock: Callable[[], float] = monotonic) -> None:
        self._app, self._analyst, self._requests, self._clock = app, analyst, requests, clock

    def task(self, *, every: float) -> Task:
        """A periodic task, which is woken when a run ends here."""
        return Task("analyses", self.analyse, every, wake=self._requests.wake)

    def analyse(self) -> bool | None:
        """Analyse all runs that ended, and of those of before as many as there is time for; None where no more wait."""
        with self._app.app_context():
            if wanted := self._requests.taken():
                transact(partial(require_analysis, wanted, AnalysisDue.ENDED))
            is_judging = look().has_pending
            session().rollback()
            # What a run is judged by may still change those behind it.
            if is_judging or not self._analyse_some():
                return None
        if self._requests.wake.wait(REST):
            self._requests.wake.clear()
        return True

    def _analyse_some(self) -> bool:
        """Whether more may wait."""
        end = self._clock() + SLICE
        while (due := self._analyst.analyse_next()) is not None:
            if due is AnalysisDue.BEHIND and self._clock() > end:
                return True
        return False
