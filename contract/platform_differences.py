"""Where this server answers otherwise than the Sample Platform on purpose, each with its reason."""
from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """A member of an answer, named by its place, that is other than the platform's; a place in a list is `[]`."""

    method: str
    path: str
    place: str
    theirs: Any
    ours: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}\n    {self.place}: theirs {str(self.theirs)[:150]!r}, ours {str(self.ours)[:150]!r}"


@dataclass(frozen=True)
class Reason:
    """Why members differ: of requests and at places that match these patterns."""

    request: str
    place: str
    why: str

    def explains(self, found: Difference) -> bool:
        """Whether this is the reason of a difference."""
        return bool(re.fullmatch(self.request, f"{found.method} {found.path}") and re.fullmatch(self.place, found.place))


REASONS: Sequence[Reason] = (
    Reason(r".*", r"(data\[\]\.)?(created_at|queued_at)", "times: the platform does not know when a run was made that nobody has started"),
    Reason(r"GET /system/queue.*", r"data\[\]\.position", "a place in the queue is counted for each platform, and always told"),
    Reason(r"GET /system/health", r"checked_at|dependencies(\[\])?", "another moment, and more that is looked at; no bucket is configured"),
    Reason(
        r"GET /runs/\d+/summary", r"duration_ms",
        "times: a run lasts from the start of testing to its end; its tests' runtimes do not add up to that"),
    Reason(
        r"GET /runs/\d+/samples.*", r"(data\[\]\.)?outputs\[\]\.status",
        "an acceptable variant is as good as the baseline, in the output as in the test"),
    Reason(
        r"GET .*", r"(data\[\]\.)?(storage_status|download_url)",
        "the recorded platform had a bucket in which every file was said to be"),
    Reason(r"GET /runs/\d+/(samples/\d+/)?logs.*", r"data\[\]\.timestamp", "times: a log's lines tell when they were written"),
    Reason(
        r"GET /runs/\d+/(samples/\d+/)?logs.*", r"pagination\.next_cursor",
        "a cursor is the server's own text, which leads to a place at once"),
    Reason(
        r"GET /samples/\d+/history.*", r"pagination\.total|data\[\]\..*",
        "totals: a history is of runs that are over; what a run has so far may still change"),
    Reason(r"GET /system/about", r"platform_commit", "this server is not the platform, and names no commit of it"),
    Reason(r"GET /auth/me/github", r"authorize_url", "a GitHub account is verified by an administrator, not by a visit to GitHub"),
    Reason(r"GET /auth/tokens.*", r"data(\[\]\..*)?|pagination.*", "the tokens of the recording's own login are not in the database"),
    Reason(r"GET /auth/me", r"scopes(\[\])?", "the recording's own login is another token, whose scopes are its own"),
    Reason(r"GET /regression-tests/\d+", r"outputs\[\]\.variants", "the variants that were refused are not there"),
    Reason(r"PATCH /auth/me", r"status", "administrators keep names and addresses: 501 names them, and where the password is changed"),
    Reason(r".*", r"message|details\..*", "a refusal is worded by this server, and says what to do next"),
    Reason(r"GET /auth/me/ftp-credentials", r"status", "there are no FTP accounts: 501 names the upload in their place"),
    Reason(
        r"GET /queued-samples.*", r"status",
        "uploads do not wait here: 501 names the upload that makes a sample at once"),
    Reason(r"POST /runs/\d+/restart", r"status", "a restart would erase results: 409 names the retry"),
    Reason(
        r"POST /regression-tests/\d+/outputs/\d+/variants", r"status",
        "a variant is an output that somebody has seen: 409 names the approval"),
    Reason(
        r"POST /runs/\d+/samples/\d+/baseline-approval", r"status|created_at|requested_by",
        "a new baseline takes two people: the request waits to be decided"),
)


def find_reason(found: Difference) -> str | None:
    """Why there is a difference; None for one that nobody intended."""
    return next((reason.why for reason in REASONS if reason.explains(found)), None)
