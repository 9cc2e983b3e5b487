"""Tries a sandbox, and describes what it isolates."""
from __future__ import annotations

import os
import select
from collections.abc import Sequence

from api.sandbox.limits import Limits
from api.sandbox.sandbox import ExitStatus, Guard, Plan, Sandbox, SandboxFailure

SELF_CHECK = Limits(seconds=20, memory_bytes=128 << 20, processes=16)
SELF_CHECK_USER = 1_899_999_999
MAX_OUTPUT_LENGTH = 500
NOTHING = ("/bin/sh", "-c", "exit 0")


def try_sandbox(sandbox: Sandbox, command: Sequence[str] = NOTHING, seconds: float = 0) -> str | None:
    """Run a trial command, to the start of which belong so many seconds; None where it ends well, else what went wrong."""
    user_id = SELF_CHECK_USER if os.geteuid() == 0 else None
    try:
        process = sandbox.launch(Plan(f"probe-{os.urandom(6).hex()}", tuple(command), SELF_CHECK, user_id=user_id))
    except SandboxFailure as failure:
        return str(failure)
    try:
        select.select([process.ended], [], [], seconds + SELF_CHECK.seconds)
        ending = process.poll()
        process.kill()
        said = os.read(process.output, MAX_OUTPUT_LENGTH).decode(errors="replace").strip()
    finally:
        process.close()
    if ending == ExitStatus(exit_code=0):
        return None
    return said or (ending.failure if ending else None) or "a trial command did not end well"


def guards(*, memory: bool, processes: bool, cpus: bool, own_users: bool, by: str) -> tuple[Guard, ...]:
    """The restrictions of every sandbox; some depend on the host."""
    absent = "this host offers us no control group for it"
    return (
        Guard("network", True, "none, unless a step is allowed it"),
        Guard("files", True, "the system's programs read-only, a workspace, and nothing else of the host"),
        Guard("privileges", True, "no capabilities, and no way to new ones"),
        Guard("time", True, "by the supervisor"),
        Guard("log", True, "by the supervisor"),
        Guard("memory", memory, by if memory else absent),
        Guard("processes", processes, (by or "by the user's limit") if processes else absent),
        Guard("cpus", cpus, by if cpus else absent),
        Guard(
            "own_user", own_users,
            "each slot has a user of its own" if own_users else "only root can use a user per slot; all jobs run as this service's"),
    )
