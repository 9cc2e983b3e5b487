"""The bubblewrap sandbox: namespaces made by a small program, without a daemon."""
from __future__ import annotations

import json
import os
import signal
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from api.sandbox.linux.cgroups import MEMORY, PARENT, PROCESSES, ROOT, Cgroups, Group, detect
from api.sandbox.linux.children import descendants
from api.sandbox.linux.enter import STAGE
from api.sandbox.linux.file_system import NAME_SERVERS, host_system, masks, root_system
from api.sandbox.linux.seccomp import filter_program, is_supported
from api.sandbox.linux.spawn import LaunchSpec, memory_file, spawn
from api.sandbox.probing import guards, try_sandbox
from api.sandbox.sandbox import MORE_PROCESSES, WORKSPACE, Capabilities, ExitStatus, Guard, Mount, Plan, SandboxFailure

INPUT, OUTPUT, ERRORS, STATUS, FILTER, FIRST_FILE = 0, 1, 2, 3, 4, 5
USER_INSIDE = 1000
# The monitor outside and the first process inside.
OWN_PROCESSES = 2
OPEN_FILES = 8192
# For a missing command, a shell's message and exit code are familiar; bubblewrap's would look like its own failure.
EXEC_COMMAND = ("/bin/sh", "-c", 'exec "$@"', "job")
ROOT_NAME = "root"
FILES = {
    "/etc/passwd": f"job:x:{USER_INSIDE}:{USER_INSIDE}::/tmp:/bin/sh\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n",
    "/etc/group": f"job:x:{USER_INSIDE}:\nnogroup:x:65534:\n",
    "/etc/hosts": "127.0.0.1 localhost job\n::1 localhost\n",
}
HOST_NETWORK = Guard(
    "allowed_network", False, "a step that may use the network shares the host's, with all that listens on its loopback address")


@dataclass(frozen=True)
class Bubblewrap:
    """The sandbox. `program` is bubblewrap's path; `cgroup_root` and `cgroup_parent` say where its control groups are made.

    `root` is a folder with a root file system, whose programs are run in place of this host's; empty: none.
    """

    program: str = "/usr/bin/bwrap"
    cgroup_root: str = str(ROOT)
    cgroup_parent: str = PARENT
    root: str = ""

    name = "bubblewrap"
    can_resume = False

    def description(self) -> dict[str, Any]:
        """See Sandbox.description."""
        return {"name": self.name, **asdict(self)}

    def launch(self, plan: Plan) -> BubblewrapProcess:
        """Start the command in namespaces of its own."""
        if not os.access(self.program, os.X_OK):
            raise SandboxFailure(f"bubblewrap is not installed as {self.program}")
        try:
            return BubblewrapProcess(plan, self, self._groups())
        except OSError as fault:
            raise SandboxFailure(f"bubblewrap: {fault}") from fault

    def probe(self) -> Capabilities:
        """Run a trial command, and report the restrictions."""
        trouble = try_sandbox(self)
        groups = self._groups()
        filtered = Guard(
            "system_calls", is_supported(), "by seccomp" if is_supported() else "no filter is known for this kind of processor")
        own_users = os.geteuid() == 0
        held = guards(
            memory=groups is not None and MEMORY in groups.enforced, own_users=own_users,
            processes=own_users or (groups is not None and PROCESSES in groups.enforced),
            cpus=groups is not None and "cpu" in groups.enforced, by=f"by control groups {groups.version}" if groups else "")
        return Capabilities(self.name, (*held, filtered, HOST_NETWORK), trouble)

    def sweep(self, created_before: float, in_use: Collection[str] = ()) -> int:
        """Remove empty control groups, but young ones, whose command may be about to start."""
        groups = self._groups()
        leftovers = groups.leftovers() if groups is not None else ()
        return sum(group.remove() for group in leftovers if group.created_at() < created_before and not group.members())

    def _groups(self) -> Cgroups | None:
        return detect(Path(self.cgroup_root), self.cgroup_parent)


class BubblewrapProcess:
    """A running command: bubblewrap's monitor outside, its first process inside, and below that the command."""

    def __init__(self, plan: Plan, sandbox: Bubblewrap, groups: Cgroups | None) -> None:
        self._exit_status: ExitStatus | None = None
        self._group: Group | None = None
        if groups is not None:
            self._group = groups.create(plan.name, plan.limits, extra_processes=OWN_PROCESSES)
        files = {"stdout": os.pipe(), "status": os.pipe()}
        if plan.separate_errors:
            files["stderr"] = os.pipe()
        if plan.has_input:
            files["stdin"] = os.pipe()[::-1]
        self.output, self.errors = files["stdout"][0], files["stderr"][0] if plan.separate_errors else None
        self.input = files["stdin"][0] if plan.has_input else None
        self._status = files["status"][0]
        given = {OUTPUT: files["stdout"][1], ERRORS: files.get("stderr", files["stdout"])[1], STATUS: files["status"][1]}
        given[INPUT] = files["stdin"][1] if plan.has_input else os.open(os.devnull, os.O_RDONLY)
        given |= _memory_files()
        try:
            self._pid = spawn(_launch_spec(plan, sandbox, self._group), given)
        finally:
            for each in set(given.values()):
                os.close(each)
        self.ended = os.pidfd_open(self._pid)

    @property
    def age(self) -> float:
        """It is asked at once."""
        return 0

    def poll(self) -> ExitStatus | None:
        """How the command ended; None while it runs."""
        if self._exit_status is None:
            pid, _ = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._exit_status = _exit_status(_read_all(self._status))
        return self._exit_status

    def terminate(self) -> None:
        """Send SIGTERM to all but bubblewrap's own two processes."""
        for pid in descendants(self._pid, skip=OWN_PROCESSES - 1):
            _send(pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill the first process inside, with which the kernel kills all of the sandbox, and wait for the monitor's end."""
        if self._exit_status is None:
            for pid in (*descendants(self._pid), self._pid):
                _send(pid, signal.SIGKILL)
        if self._group is not None:
            self._group.kill()
        if self._exit_status is None:
            os.waitpid(self._pid, 0)
            self._exit_status = _exit_status(_read_all(self._status))

    def is_out_of_memory(self) -> bool:
        """Whether the kernel killed something for the memory limit."""
        return self._group is not None and self._group.out_of_memory_kills() > 0

    def is_out_of_processes(self) -> bool:
        """Whether the kernel refused a process for the limit."""
        return self._group is not None and self._group.refused_processes() > 0

    def close(self) -> None:
        """Kill what is left, close all descriptors, remove the group."""
        self.kill()
        for each in (self.output, self.errors, self.input, self._status, self.ended):
            if each is not None:
                with suppress(OSError):
                    os.close(each)
        if self._group is not None:
            self._group.remove()


def _launch_spec(plan: Plan, sandbox: Bubblewrap, group: Group | None) -> LaunchSpec:
    mounts = [*plan.mounts, *([Mount(plan.workspace, WORKSPACE, writable=True)] if plan.workspace is not None else [])]
    # The slot's user has no access to these paths, so root binds them elsewhere first; without root there is one user only.
    shown = {str(number): mount.source for number, mount in enumerate(mounts)} if plan.user_id is not None else {}
    system: Iterable[str] = host_system()
    if sandbox.root and plan.user_id is not None:
        shown[ROOT_NAME] = Path(sandbox.root)
        system = root_system(Path(sandbox.root), f"{STAGE}/{ROOT_NAME}")
    elif sandbox.root:
        system = root_system(Path(sandbox.root), sandbox.root)
    binds: list[str] = []
    for number, mount in enumerate(mounts):
        source = f"{STAGE}/{number}" if plan.user_id is not None else str(mount.source)
        binds += ["--bind" if mount.writable else "--ro-bind", source, mount.target]
    argv = [sandbox.program, *_namespaces(plan), *system, *_own_files(plan), *binds, "--remount-ro", "/", *_variables(plan.variables)]
    argv += ["--chdir", plan.working_folder, "--json-status-fd", str(STATUS)]
    if is_supported():
        argv += ["--seccomp", str(FILTER)]
    return LaunchSpec(
        argv=[*argv, "--", *EXEC_COMMAND, *plan.command], groups=group.entrances if group else (), shown=shown, user_id=plan.user_id,
        limits=_limits(plan))


def _limits(plan: Plan) -> dict[str, int]:
    limits = {"RLIMIT_FSIZE": plan.limits.file_bytes, "RLIMIT_CORE": plan.core_bytes, "RLIMIT_NOFILE": OPEN_FILES}
    # Without a user of its own, all our processes would count.
    return limits if plan.user_id is None else {**limits, "RLIMIT_NPROC": plan.limits.processes + OWN_PROCESSES + MORE_PROCESSES}


def _namespaces(plan: Plan) -> list[str]:
    wanted = [
        "--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
        "--uid", str(USER_INSIDE), "--gid", str(USER_INSIDE), "--hostname", "job", "--die-with-parent", "--new-session",
        "--cap-drop", "ALL", "--clearenv"]
    return wanted if plan.limits.network else ["--unshare-net", *wanted]


def _own_files(plan: Plan) -> list[str]:
    """What every sandbox has of its own; writable folders are bounded tmpfs."""
    words = ["--ro-bind-try", f"/etc/{NAME_SERVERS}", f"/etc/{NAME_SERVERS}"] if plan.limits.network else []
    for number, path in enumerate(FILES):
        words += ["--perms", "0444", "--file", str(FIRST_FILE + number), path]
    half, quarter = str(plan.limits.memory_bytes // 2), str(plan.limits.memory_bytes // 4)
    words += ["--proc", "/proc", *masks(), "--dev", "/dev", "--perms", "1777", "--size", quarter, "--tmpfs", "/dev/shm"]
    return [*words, "--remount-ro", "/dev", "--perms", "1777", "--size", half, "--tmpfs", "/tmp"]


def _variables(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        yield from ("--setenv", name, value)


def _memory_files() -> dict[int, int]:
    files = {FIRST_FILE + number: memory_file("etc", text.encode()) for number, text in enumerate(FILES.values())}
    return {**files, FILTER: memory_file("filter", filter_program())} if is_supported() else files


def _read_all(descriptor: int) -> bytes:
    content = b""
    while chunk := os.read(descriptor, 1 << 16):
        content += chunk
    return content


def _exit_status(status: bytes) -> ExitStatus:
    """Parse bubblewrap's status, JSON lines; it has no exit code where the command could not be started."""
    for line in status.splitlines():
        with suppress(ValueError):
            said = json.loads(line)
            if "exit-code" in said:
                return ExitStatus(exit_code=said["exit-code"])
    return ExitStatus(failure="bubblewrap ended before the command did; the log has its output, if there was any")


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
