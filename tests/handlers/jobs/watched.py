"""A job whose streams are followed over connections."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.domain.jobs.job import JobReason, end_message
from api.jobs.files import JobFiles
from api.streaming.log_follower import Follower
from tests.handlers.jobs.watching import HandRun, Stream
from tests.handlers.site import Site

PASSED = end_message(JobReason.EXIT_CODE, 0) + "\n"


@dataclass
class Watched:
    """A server that listens, and a job of the client's."""

    site: Site
    url: str
    owner: int
    token: str

    @property
    def follower(self) -> Follower:
        """What follows the logs."""
        found: Follower = self.site.app.app_context.collaborators[Follower]
        return found

    def job(self, **options: Any) -> HandRun:
        """A job that waits."""
        return HandRun.submitted(JobFiles(self.site.files), self.owner, **options)

    def watch(self, run: HandRun, headers: dict[str, str] | None = None, **parameters: Any) -> Stream:
        """A client at a job's stream."""
        return Stream(self.url, f"/jobs/{run.job_id}/stream", self.token, headers, **parameters)

    def watch_all(self, run: HandRun, **parameters: Any) -> Stream:
        """A client that wants the log from its beginning."""
        return self.watch(run, from_beginning="true", **parameters)
