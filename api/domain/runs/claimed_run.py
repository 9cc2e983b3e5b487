"""What a machine says of a run that it has claimed: how far it is, what its tests came to, and how its claim ended."""
from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from api.domain.runs.infrastructure import EventOrigin
from api.domain.runs.infrastructure_code import InfrastructureCode, InfrastructureType
from api.domain.runs.run import Phase

# How many results may be reported at once, and how many bytes of what a test printed may come with its result.
MAX_RESULTS, MAX_RESULT_LOG = 100, 8 << 10


class RunOutcome(StrEnum):
    """How a claim ended: its tests were executed, or it was given up with an error; `lost` is to be executed elsewhere."""

    COMPLETED = "completed"
    GAVE_UP = "gave_up"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class ReportedError:
    """An infrastructure error that a machine met. The message is for people; what was kept before there were codes has none."""

    type: InfrastructureType
    code: InfrastructureCode | None
    message: str

    @classmethod
    def of(cls, code: InfrastructureCode, message: str) -> ReportedError:
        """The error of this code."""
        return cls(code.type, code, message)

    @property
    def origin(self) -> EventOrigin:
        """Where the event comes from that the error ends a run with."""
        return EventOrigin(self.type, code=self.code)

    def as_json(self) -> dict[str, Any]:
        """The error, as a machine says it."""
        return {"type": self.type.value, "code": self.code, "message": self.message}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ReportedError:
        """The reverse of `as_json`; the code is to be one of the type."""
        return cls.of(InfrastructureCode[values["code"]], values["message"])

    @staticmethod
    def has_code_of_type(values: Mapping[str, Any]) -> bool:
        """Whether the code that a machine says is one of the type that it says."""
        return InfrastructureCode[values["code"]].type is InfrastructureType(values["type"])


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What is known of the build of a run's executable: where a pull request left its base branch, and how long the build took."""

    merge_base_sha: str | None = None
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class RunProgress:
    """The stage that a run has reached, what is being done, and what is known of the build."""

    stage: Phase
    message: str
    build: BuildReport = BuildReport()

    def as_json(self) -> dict[str, Any]:
        """The progress, as a machine says it."""
        build = {"merge_base_sha": self.build.merge_base_sha, "duration_ms": self.build.duration_ms}
        return {"stage": self.stage.value, "message": self.message, "build": build}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RunProgress:
        """The reverse of `as_json`."""
        build = values["build"]
        return cls(Phase(values["stage"]), values["message"], BuildReport(build["merge_base_sha"], build["duration_ms"]))


@dataclass(frozen=True, slots=True)
class Ending:
    """How the program of a test ended, and which of its outputs are equal to their baselines; those that differ were sent before."""

    exit_code: int
    runtime_ms: int
    equal_outputs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TestResult:
    """What a test came to: its program ended, or it could not be executed. `log` is what it printed, unless that is sent by itself."""

    __test__ = False

    regression_id: int
    outcome: Ending | ReportedError
    log: bytes | None = None

    def as_json(self) -> dict[str, Any]:
        """The result, as a machine says it."""
        log = None if self.log is None else b64encode(self.log).decode()
        if isinstance(self.outcome, ReportedError):
            return {"regression_id": self.regression_id, "ending": None, "error": self.outcome.as_json(), "log": log}
        ending = {
            "exit_code": self.outcome.exit_code, "runtime_ms": self.outcome.runtime_ms, "equal_outputs": [*self.outcome.equal_outputs]}
        return {"regression_id": self.regression_id, "ending": ending, "error": None, "log": log}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TestResult:
        """The reverse of `as_json`; exactly one of ending and error is to be there."""
        ending, printed = values["ending"], values.get("log")
        log = None if printed is None else b64decode(printed, validate=True)
        if ending is None:
            return cls(values["regression_id"], ReportedError.from_json(values["error"]), log)
        return cls(values["regression_id"], Ending(ending["exit_code"], ending["runtime_ms"], tuple(ending["equal_outputs"])), log)


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a claim ended, with the error where it did not complete."""

    outcome: RunOutcome
    error: ReportedError | None = None

    def as_json(self) -> dict[str, Any]:
        """The end, as a machine says it."""
        return {"outcome": self.outcome.value, "error": None if self.error is None else self.error.as_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RunEnd:
        """The reverse of `as_json`."""
        error = values["error"]
        return cls(RunOutcome(values["outcome"]), None if error is None else ReportedError.from_json(error))


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The event that ends a run."""

    phase: Phase
    message: str
    origin: EventOrigin | None


def given_up(error: ReportedError) -> Conclusion:
    """The end of a run that an error ended."""
    return Conclusion(Phase.CANCELED, error.message, error.origin)


def concluded(executed: int, expected: int, errors: Sequence[ReportedError]) -> Conclusion:
    """The end of a run whose machines are done: so many of its tests were executed, and these errors kept others from it."""
    if errors and not executed:
        return given_up(errors[0])
    if executed == expected:
        return Conclusion(Phase.COMPLETED, f"Executed {executed} regression tests.", None)
    message = f"Executed {executed} of {expected} regression tests."
    if not errors:
        return Conclusion(Phase.COMPLETED, message, None)
    return Conclusion(Phase.COMPLETED, f"{message} {errors[0].message}", errors[0].origin)
