"""The specification of an attempt, which the agent writes for the supervisor."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from api.sandbox.limits import Limits
from api.sandbox.sandbox import Mount


@dataclass(frozen=True, slots=True)
class Step:
    """One command of an attempt. `heading` is put into the log before its output. A step that fails ends the attempt.

    `mounts` are shown to this step alone.
    """

    name: str
    command: tuple[str, ...]
    limits: Limits = field(default_factory=Limits)
    environment: Mapping[str, str] = field(default_factory=dict)
    heading: str = ""
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True)
class Spec:
    """An attempt: what to run, in which sandbox and workspace, as which user of the host.

    `name` is unique on the host and safe as a file's name. `disk` holds the workspace where no file system of
    its own limits it, so that the supervisor must poll its size. `grace_seconds` is the time between SIGTERM and SIGKILL.
    """

    name: str
    fence: int
    sandbox: Mapping[str, Any]
    workspace: Path
    steps: tuple[Step, ...]
    mounts: tuple[Mount, ...] = ()
    user_id: int | None = None
    disk: Path | None = None
    grace_seconds: float = 5

    def as_json(self) -> dict[str, Any]:
        """The spec as it is written into a file."""
        steps = [
            {"name": step.name, "command": list(step.command), "limits": step.limits.as_json(), "environment": dict(step.environment),
             "heading": step.heading, "mounts": _listed(step.mounts)} for step in self.steps]
        return {
            "name": self.name, "fence": self.fence, "sandbox": dict(self.sandbox), "workspace": str(self.workspace), "steps": steps,
            "mounts": _listed(self.mounts), "user_id": self.user_id, "disk": None if self.disk is None else str(self.disk),
            "grace_seconds": self.grace_seconds}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Spec:
        """The reverse of `as_json`."""
        steps = tuple(
            Step(each["name"], tuple(each["command"]), Limits.from_json(each["limits"]), each["environment"], each["heading"],
                 _mounts(each["mounts"]))
            for each in values["steps"])
        return cls(**{
            **values, "workspace": Path(values["workspace"]), "steps": steps, "mounts": _mounts(values["mounts"]),
            "disk": None if values["disk"] is None else Path(values["disk"])})


def _listed(mounts: Iterable[Mount]) -> list[dict[str, Any]]:
    return [{"source": str(mount.source), "target": mount.target, "writable": mount.writable} for mount in mounts]


def _mounts(listed: Iterable[Mapping[str, Any]]) -> tuple[Mount, ...]:
    return tuple(Mount(Path(each["source"]), each["target"], each["writable"]) for each in listed)
