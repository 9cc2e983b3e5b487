"""Infrastructure errors of a run: as machines told them, or classified from the words of the platform's workers and programs."""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from api.domain.results.failure import Failure, message_of
from api.domain.results.failure_code import Attribution, FailureCode, Severity
from api.domain.runs.infrastructure_code import InfrastructureCode, InfrastructureType
from api.domain.runs.run import Phase, ProgressEvent


@dataclass(frozen=True, slots=True)
class EventOrigin:
    """Where an event that this server wrote came from: a person (`type` None), or an infrastructure error of this type and code."""

    type: InfrastructureType | None
    stack: tuple[str, ...] = ()
    code: InfrastructureCode | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of a run's regression tests have a result."""

    executed: int
    expected: int

    @property
    def is_partial(self) -> bool:
        """Whether a result is missing."""
        return self.executed < self.expected


@dataclass(frozen=True, slots=True)
class InfrastructureError:
    """One infrastructure error. `key` is stable: the event's id, the failure's signature, or `unexecuted`.

    `failure` is that of a test which hit a limit, and is among the test's errors too; its time is the result's. `coverage` is how far
    the run had come, where the error is that it did not come to its end. Only what our own machines met, and limits, have a `code`.
    """

    key: str
    type: InfrastructureType
    severity: Severity
    message: str
    at: datetime | None
    failure: Failure | None = None
    stack: tuple[str, ...] = ()
    coverage: Coverage | None = None
    code: InfrastructureCode | FailureCode | None = None


# What machines said of runs that they completed without all of the tests, and of errors, before they told the type beside the words.
CONCLUDED = re.compile(r"Executed [0-9]{1,9} of [0-9]{1,9} regression tests\. \[(" + "|".join(InfrastructureType) + r")\] ")
TAGGED = re.compile(r"\[(" + "|".join(InfrastructureType) + r")\] ")

# Free text of the platform's own programs, most specific first. Every rule is anchored at the start of the message:
# a bare word anywhere in it (a branch's name, a file's) decides nothing.
DELIBERATE = re.compile(
    r"(?i)(?:cancell?ed (?:by|via)\b|(?:pr|pull request) (?:(?:was |is )?closed|converted to draft)\b|duplicate test\b|superseded\b|"
    r"tests (?:have been )?cancell?ed\Z|not ran\b)")
RULES: tuple[tuple[InfrastructureType, re.Pattern[str]], ...] = tuple((kind, re.compile("(?i)" + text)) for kind, text in (
    (InfrastructureType.VM_PROVISIONING,
     r"(?:vm|gcp|virtual machine|instance)\b.{0,60}\b(?:provision\w*|creat\w+|quota|start\w*)\b|"
     r"(?:can't|cannot|could not) create (?:vm|instance)|provisioning\b.{0,60}\b(?:vm|virtual machine|instance)\b|"
     r"gcp (?:operation|quota|resources?)\b|required gcp resource\b|a vm with this name\b|task (?:timed out|failed)\b"),
    (InfrastructureType.MERGE,
     r"merge (?:conflict|failed)|(?:can't|cannot|could not|unable to) merge|merging\b.{0,60}\bfailed|commit could not be merged\b"),
    (InfrastructureType.CHECKOUT,
     r"git (?:clone|fetch|checkout|pull)\b|(?:clone|checkout|fetch)(?:ing)?\b.{0,60}\bfailed|"
     r"(?:can't|cannot|could not) (?:clone|fetch|check out)"),
    (InfrastructureType.BUILD,
     r"build(?:ing)?\b.{0,60}\b(?:failed|error)|compil\w+\b.{0,60}\b(?:failed|error)|(?:make|cmake|cargo|configure)\b.{0,20}\b(?:failed|error)|"
     r"(?:no|missing) build artifact|artifact(?:s)? (?:was |were )?not found|build succeeded but artifact\b|"
     r"cancell?ing tests as github action|(?:artifact|build)\Z"),
    (InfrastructureType.STORAGE,
     r"disk (?:is )?full|no space left|(?:can't|cannot|could not) (?:store|upload|download|save)|storage\b|bucket\b|artifact download\b"),
    (InfrastructureType.QUEUE, r"queue\b|queued (?:too long|timeout)|invalid pr number\b"),
    (InfrastructureType.WEB_SERVER, r"web ?server\b|(?:http|server) (?:error|answered|timeout)|(?:502|503|504)\b"),
    (InfrastructureType.WORKER, r""),
))


def is_deliberate(message: str) -> bool:
    """Whether the platform's words for a cancel tell of no error: a person's doing, here or at the pull request, or no need of a run."""
    return DELIBERATE.match(message.strip()) is not None


def classify(message: str) -> InfrastructureType:
    """The type of an infrastructure error told in free text; `worker` where no rule knows better."""
    text = message.strip()
    tagged = TAGGED.match(text)
    if tagged:
        return InfrastructureType(tagged[1])
    return next(kind for kind, rule in RULES if rule.match(text))


def origin_of_report(phase: Phase, message: str) -> EventOrigin | None:
    """Where an event of a platform's worker comes from, decided as it is written; None for an event that is no error."""
    return EventOrigin(classify(message)) if phase is Phase.CANCELED else None


def infrastructure_errors(
    events: Sequence[ProgressEvent], origins: Mapping[int, EventOrigin], failures: Iterable[Failure], coverage: Coverage | None = None,
) -> tuple[InfrastructureError, ...]:
    """A run's infrastructure errors: cancelling events that nobody wanted, an end without all results, then tests that hit a limit."""
    lacking = coverage if coverage is not None and coverage.is_partial else None
    told = [_of_event(event, origins) for event in events if event.phase is Phase.CANCELED]
    if events and lacking is not None:
        if events[-1].phase is Phase.COMPLETED:
            told.append(_of_incomplete(events[-1], origins, lacking))
        elif events[-1].phase is Phase.CANCELED and told[-1] is not None:
            told[-1] = replace(told[-1], coverage=lacking)
    limits = (_of_failure(failure) for failure in failures if failure.code.attribution is Attribution.INFRASTRUCTURE)
    return tuple(error for error in (*told, *limits) if error is not None)


def end_origin(event: ProgressEvent, origins: Mapping[int, EventOrigin]) -> EventOrigin:
    """Where the event that ended a run comes from: as written down with it, else by its words."""
    known = origins.get(event.event_id)
    if known is not None:
        return known
    if event.phase is Phase.CANCELED:
        return EventOrigin(None if is_deliberate(event.message) else classify(event.message))
    concluded = CONCLUDED.match(event.message)
    return EventOrigin(InfrastructureType(concluded[1]) if concluded else InfrastructureType.WORKER)


def _of_incomplete(event: ProgressEvent, origins: Mapping[int, EventOrigin], coverage: Coverage) -> InfrastructureError:
    message = f"The worker ended after {coverage.executed} of {coverage.expected} tests."
    origin = end_origin(event, origins)
    return InfrastructureError(
        "unexecuted", origin.type or InfrastructureType.WORKER, Severity.CRITICAL, message, event.at, coverage=coverage, code=origin.code)


def _of_event(event: ProgressEvent, origins: Mapping[int, EventOrigin]) -> InfrastructureError | None:
    origin = end_origin(event, origins)
    if origin.type is None:
        return None
    message = TAGGED.sub("", event.message.strip(), count=1)
    return InfrastructureError(
        f"event-{event.event_id}", origin.type, Severity.CRITICAL, message, event.at, stack=origin.stack, code=origin.code)


def _of_failure(failure: Failure) -> InfrastructureError:
    return InfrastructureError(
        failure.signature, InfrastructureType.WORKER, Severity.CRITICAL, message_of(failure), None, failure, code=failure.code)
