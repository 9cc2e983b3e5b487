"""The bubblewrap sandbox: namespaces made by a small program, without a daemon."""
from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from api.sandbox.cgroups import MEMORY, PARENT, PROCESSES, ROOT, Cgroups, Group, detect
from api.sandbox.children import descendants
from api.sandbox.enter import STAGE
from api.sandbox.probing import guards, try_sandbox
from api.sandbox.sandbox import WORKSPACE, Capabilities, ExitStatus, Guard, Mount, Plan, SandboxFailure
from api.sandbox.seccomp import filter_program, is_supported
from api.sandbox.spawn import LaunchSpec, memory_file, spawn

INPUT, OUTPUT, ERRORS, STATUS, FILTER, FIRST_FILE = 0, 1, 2, 3, 4, 5
USER_INSIDE = 1000
# The monitor outside and the first process inside.
OWN_PROCESSES = 2
OPEN_FILES = 8192
# For a missing command, a shell's message and exit code are familiar; bubblewrap's would look like its own failure.
EXEC_COMMAND = ("/bin/sh", "-c", 'exec "$@"', "job")
SYSTEM_FOLDERS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
ETC_FILES = (
    "alternatives", "ca-certificates", "crypto-policies", "debian_version", "fonts", "gai.conf", "host.conf", "ld.so.cache", "ld.so.conf",
    "ld.so.conf.d", "localtime", "mime.types", "nsswitch.conf", "os-release", "pki", "protocols", "services", "ssl/certs",
    "ssl/openssl.cnf", "timezone")
FILES = {
    "/etc/passwd": f"job:x:{USER_INSIDE}:{USER_INSIDE}::/tmp:/bin/sh\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n",
    "/etc/group": f"job:x:{USER_INSIDE}:\nnogroup:x:65534:\n",
    "/etc/hosts": "127.0.0.1 localhost job\n::1 localhost\n",
}
HOST_NETWORK = Guard(
    "allowed_network", False, "a step that may use the network shares the host's, with all that listens on its loopback address")


@dataclass(frozen=True)
class Bubblewrap:
    """The sandbox. `program` is bubblewrap's path; `cgroup_root` and `cgroup_parent` say where its control groups are made."""

    program: str = "/usr/bin/bwrap"
    cgroup_root: str = str(ROOT)
    cgroup_parent: str = PARENT

    name = "bubblewrap"

    def description(self) -> dict[str, Any]:
        """See Sandbox.description."""
        return {"name": self.name, **asdict(self)}

    def launch(self, plan: Plan) -> BubblewrapProcess:
        """Start the command in namespaces of its own."""
        if not os.access(self.program, os.X_OK):
            raise SandboxFailure(f"bubblewrap is not installed as {self.program}")
        try:
            return BubblewrapProcess(plan, self.program, self._groups())
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

    def sweep(self, created_before: float) -> int:
        """Remove empty control groups, but young ones, whose command may be about to start."""
        groups = self._groups()
        leftovers = groups.leftovers() if groups is not None else ()
        return sum(group.remove() for group in leftovers if group.created_at() < created_before and not group.members())

    def _groups(self) -> Cgroups | None:
        return detect(Path(self.cgroup_root), self.cgroup_parent)


class BubblewrapProcess:
    """A running command: bubblewrap's monitor outside, its first process inside, and below that the command."""

    def __init__(self, plan: Plan, program: str, groups: Cgroups | None) -> None:
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
            self._pid = spawn(_launch_spec(plan, program, self._group), given)
        finally:
            for each in set(given.values()):
                os.close(each)
        self.ended = os.pidfd_open(self._pid)

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

    def close(self) -> None:
        """Kill what is left, close all descriptors, remove the group."""
        self.kill()
        for each in (self.output, self.errors, self.input, self._status, self.ended):
            if each is not None:
                with suppress(OSError):
                    os.close(each)
        if self._group is not None:
            self._group.remove()


def _launch_spec(plan: Plan, program: str, group: Group | None) -> LaunchSpec:
    mounts = [*plan.mounts, *([Mount(plan.workspace, WORKSPACE, writable=True)] if plan.workspace is not None else [])]
    # The slot's user has no access to these paths, so root binds them elsewhere first; without root there is one user only.
    shown = {str(number): mount.source for number, mount in enumerate(mounts)} if plan.user_id is not None else {}
    binds: list[str] = []
    for number, mount in enumerate(mounts):
        source = f"{STAGE}/{number}" if shown else str(mount.source)
        binds += ["--bind" if mount.writable else "--ro-bind", source, mount.target]
    argv = [program, *_namespaces(plan), *_system(plan), *binds, "--remount-ro", "/", *_variables(plan.variables)]
    argv += ["--chdir", plan.working_folder, "--json-status-fd", str(STATUS)]
    if is_supported():
        argv += ["--seccomp", str(FILTER)]
    return LaunchSpec(
        argv=[*argv, "--", *EXEC_COMMAND, *plan.command], groups=group.entrances if group else (), shown=shown, user_id=plan.user_id,
        limits=_limits(plan))


def _limits(plan: Plan) -> dict[str, int]:
    limits = {"RLIMIT_FSIZE": plan.limits.file_bytes, "RLIMIT_CORE": plan.core_bytes, "RLIMIT_NOFILE": OPEN_FILES}
    # Without a user of its own, all our processes would count.
    return limits if plan.user_id is None else {**limits, "RLIMIT_NPROC": plan.limits.processes + OWN_PROCESSES}


def _namespaces(plan: Plan) -> list[str]:
    wanted = [
        "--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
        "--uid", str(USER_INSIDE), "--gid", str(USER_INSIDE), "--hostname", "job", "--die-with-parent", "--new-session",
        "--cap-drop", "ALL", "--clearenv"]
    return wanted if plan.limits.network else ["--unshare-net", *wanted]


def _system(plan: Plan) -> list[str]:
    """The host's programs, read-only, and nothing else of the host; writable folders are bounded tmpfs."""
    words = ["--ro-bind", "/usr", "/usr"]
    for folder in map(Path, SYSTEM_FOLDERS):
        if folder.is_symlink():
            words += ["--symlink", os.readlink(folder), str(folder)]
        elif folder.is_dir():
            words += ["--ro-bind", str(folder), str(folder)]
    for setting in (*ETC_FILES, *(("resolv.conf",) if plan.limits.network else ())):
        words += ["--ro-bind-try", f"/etc/{setting}", f"/etc/{setting}"]
    for number, path in enumerate(FILES):
        words += ["--perms", "0444", "--file", str(FIRST_FILE + number), path]
    half, quarter = str(plan.limits.memory_bytes // 2), str(plan.limits.memory_bytes // 4)
    words += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", quarter, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    return [*words, "--perms", "1777", "--size", half, "--tmpfs", "/tmp"]


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
