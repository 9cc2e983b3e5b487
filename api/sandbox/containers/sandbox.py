"""The container sandbox, with Docker or Podman. Output goes through our own pipes, not through the engine's logs.

The command writes into named pipes that the sandbox's holder reads, so that what it prints comes whole and in order.
"""
from __future__ import annotations

import json
import os
import resource
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from api.host.programs import module_command
from api.sandbox.containers.engine import Engine, EngineError
from api.sandbox.guard_process import GuardProcess, is_guarded, remove_place
from api.sandbox.linux.cgroups import Group
from api.sandbox.linux.file_system import masked_paths
from api.sandbox.linux.own_group import group_of
from api.sandbox.linux.seccomp import engine_profile
from api.sandbox.probing import guards, try_sandbox
from api.sandbox.sandbox import MORE_PROCESSES, WORKSPACE, Capabilities, ExitStatus, Guard, Mount, Plan, SandboxFailure

LABEL = "sample-platform-ci.folder"
PIPES = "/run/ci"
OUTPUT, ERRORS, INPUT = "output", "errors", "input"
# The engine's own first process, which hands signals on and reaps zombies.
OWN_PROCESSES = 2
OPEN_FILES = 8192
BRIDGE_NETWORK = Guard("allowed_network", True, "a step that may use the network gets the engine's default one, not the host's")


@dataclass(frozen=True)
class ContainerEngine:
    """The sandbox. `socket` is the engine's, `image` what is run, `prefix` what containers' names begin with.

    `folder` is an existing folder of this host in which the sandboxes' pipes lie; the engine must see it under the same path.
    """

    socket: str
    image: str
    folder: str
    prefix: str = "ci-"

    name = "container"
    can_resume = False

    def description(self) -> dict[str, Any]:
        """See Sandbox.description."""
        return {"name": self.name, **asdict(self)}

    def launch(self, plan: Plan) -> ContainerProcess:
        """Start the command in a container of its own."""
        engine = Engine(self.socket)
        try:
            process = ContainerProcess(engine, f"{self.prefix}{plan.name}", Path(self.folder, f"{self.prefix}{plan.name}"), plan)
        except OSError as fault:
            raise SandboxFailure(f"container: {fault}") from fault
        try:
            process.start(self.image, plan)
        except (EngineError, OSError) as fault:
            process.close()
            raise SandboxFailure(f"container: {fault}") from fault
        return process

    def probe(self) -> Capabilities:
        """Run a trial command, and report the restrictions."""
        trouble = try_sandbox(self)
        try:
            said = Engine(self.socket).get("/info")
        except EngineError as fault:
            return Capabilities(self.name, (), str(fault))
        filtered = any("seccomp" in option for option in said.get("SecurityOptions") or ())
        held = guards(
            memory=bool(said.get("MemoryLimit")), processes=bool(said.get("PidsLimit")), cpus=bool(said.get("CpuCfsQuota")),
            own_users=os.geteuid() == 0, by=f"by the engine, with control groups v{said.get('CgroupVersion', '1')}")
        words = "by seccomp" if filtered else "this engine has no seccomp"
        return Capabilities(self.name, (*held, Guard("system_calls", filtered, words), BRIDGE_NETWORK), trouble)

    def sweep(self, created_before: float, in_use: Collection[str] = ()) -> int:
        """Remove containers and folders of pipes without a living guard."""
        engine, removed = Engine(self.socket), 0
        filters = quote(json.dumps({"label": [f"{LABEL}={self.folder}"]}))
        with suppress(EngineError):
            for container in engine.get(f"/containers/json?all=true&filters={filters}"):
                name = container["Names"][0].lstrip("/")
                if not is_guarded(Path(self.folder, name)):
                    engine.remove_container(name)
                    removed += 1
        for place in Path(self.folder).glob(f"{self.prefix}*"):
            if place.stat().st_mtime < created_before and not is_guarded(place):
                remove_place(place)
        return removed


class ContainerProcess:
    """A running container, its pipes, and the guard process that removes it if this process dies."""

    def __init__(self, engine: Engine, name: str, place: Path, plan: Plan) -> None:
        self._engine, self._name, self._place = engine, name, place
        self._exit_status: ExitStatus | None = None
        self._group: Group | None = None
        self._was_out_of_memory = self._was_out_of_processes = False
        place.mkdir(mode=0o700)
        wanted = [OUTPUT, *([ERRORS] if plan.separate_errors else [])]
        # Both ends stay open, so that a reader sees no end of file before the command has opened the pipe.
        self._write_ends = {each: _pipe(place / each) for each in wanted}
        self.output = os.open(place / OUTPUT, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self.errors = os.open(place / ERRORS, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC) if plan.separate_errors else None
        self._input: int | None = None
        self._unopened = _fifo(place / INPUT) if plan.has_input else None
        for each in (self.output, self.errors):
            if each is not None:
                os.set_blocking(each, True)
        self._guard = GuardProcess(place, [*module_command("api.sandbox.containers.guard"), engine.socket_path, name])
        self.ended = self._guard.ended

    @property
    def age(self) -> float:
        """It is asked at once."""
        return 0

    @property
    def input(self) -> int | None:
        """The write end of the command's input; None before the command has opened it, and once it is closed.

        An end that is closed before the command opens the pipe would take what was written along, and the command would wait for ever.
        """
        if self._unopened is not None:
            with suppress(OSError):
                self._input = os.open(self._unopened, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                self._unopened = None
        return self._input

    @input.setter
    def input(self, descriptor: int | None) -> None:
        self._input, self._unopened = descriptor, None

    def start(self, image: str, plan: Plan) -> None:
        """Create the container and start its command. Raises EngineError."""
        profile = self._place / "seccomp.json"
        profile.write_text(json.dumps(engine_profile()))
        described = _description(image, plan, self._place, profile, by_path=_is_podman(self._engine))
        self._engine.post(f"/containers/create?name={quote(self._name)}", described)
        self._engine.post(f"/containers/{quote(self._name)}/start")
        self._group = group_of(self._state().get("Pid", 0))
        self._guard.tell(b"s")

    def poll(self, seconds: float | None = 0) -> ExitStatus | None:
        """How the command ended; None while it runs."""
        if self._exit_status is None and (said := self._guard.report(seconds)) is not None:
            self._exit_status = ExitStatus(exit_code=said.get("exit_code"), failure=said.get("failure"))
            self._was_out_of_memory = self._was_out_of_memory or bool(self._state().get("OOMKilled"))
            self._close_write_ends()
        return self._exit_status

    def terminate(self) -> None:
        """Send SIGTERM to the first process, which hands it to the command."""
        with suppress(EngineError):
            self._engine.post(f"/containers/{quote(self._name)}/kill?signal=SIGTERM")

    def kill(self) -> None:
        """Kill everything in the container, and wait for that."""
        if self._exit_status is None and self._guard.is_open:
            with suppress(EngineError):
                self._engine.post(f"/containers/{quote(self._name)}/kill?signal=SIGKILL")
            self.poll(None)

    def is_out_of_memory(self) -> bool:
        """Whether the kernel killed something for the memory limit."""
        if self._group is not None and self._group.out_of_memory_kills() > 0:
            self._was_out_of_memory = True
        return self._was_out_of_memory

    def is_out_of_processes(self) -> bool:
        """Whether the kernel refused a process for the limit. The engine removes what counts that as soon as the command has ended."""
        if self._group is not None and self._group.refused_processes() > 0:
            self._was_out_of_processes = True
        return self._was_out_of_processes

    def close(self) -> None:
        """Remove the container, its guard and its pipes."""
        if not self._guard.is_open:
            return
        self._close_write_ends()
        self._guard.close()
        for each in (self.output, self.errors, self._input):
            if each is not None:
                with suppress(OSError):
                    os.close(each)
        remove_place(self._place)

    def _state(self) -> dict[str, Any]:
        with suppress(EngineError, KeyError):
            return dict(self._engine.get(f"/containers/{quote(self._name)}/json")["State"])
        return {}

    def _close_write_ends(self) -> None:
        while self._write_ends:
            os.close(self._write_ends.popitem()[1])


def _description(image: str, plan: Plan, place: Path, profile: Path, *, by_path: bool) -> dict[str, Any]:
    redirected = f'exec "$@" >{PIPES}/{OUTPUT}' + (f" 2>{PIPES}/{ERRORS}" if plan.separate_errors else " 2>&1")
    redirected += f" <{PIPES}/{INPUT}" if plan.has_input else " </dev/null"
    user = plan.user_id if plan.user_id is not None else os.geteuid()
    return {
        "Image": image,
        "Entrypoint": ["/bin/sh", "-c", redirected, "job"],
        "Cmd": list(plan.command),
        "Env": [f"{name}={value}" for name, value in plan.variables.items()],
        "WorkingDir": plan.working_folder,
        "User": f"{user}:{user}",
        "Hostname": "job",
        "Labels": {LABEL: str(place.parent)},
        "NetworkDisabled": not plan.limits.network,
        "HostConfig": _host_configuration(plan, place, profile, by_path=by_path),
    }


def _host_configuration(plan: Plan, place: Path, profile: Path, *, by_path: bool) -> dict[str, Any]:
    limits = plan.limits
    mounts = [*plan.mounts, Mount(place / OUTPUT, f"{PIPES}/{OUTPUT}", writable=True)]
    mounts += [Mount(place / ERRORS, f"{PIPES}/{ERRORS}", writable=True)] if plan.separate_errors else []
    mounts += [Mount(place / INPUT, f"{PIPES}/{INPUT}", writable=True)] if plan.has_input else []
    mounts += [Mount(plan.workspace, WORKSPACE, writable=True)] if plan.workspace is not None else []
    return {
        "Memory": limits.memory_bytes, "MemorySwap": limits.memory_bytes, "PidsLimit": limits.processes + OWN_PROCESSES,
        "NanoCpus": int(limits.cpus * 1e9), "CapDrop": ["ALL"], "ReadonlyRootfs": True, "Init": True, "OomScoreAdj": 500,
        # Podman takes a profile by its path and what is to be hidden as an option, Docker both by their content.
        "SecurityOpt": [
            "no-new-privileges", f"seccomp={profile if by_path else profile.read_text()}",
            *([f"mask={':'.join(masked_paths())}"] if by_path else [])],
        **({} if by_path else {"MaskedPaths": masked_paths()}),
        "Tmpfs": {"/tmp": f"rw,nosuid,nodev,exec,mode=1777,size={limits.memory_bytes // 2}"}, "ShmSize": limits.memory_bytes // 4,
        "NetworkMode": "bridge" if limits.network else "none", "LogConfig": {"Type": "none"}, "IpcMode": "private",
        "Ulimits": [{"Name": name, "Soft": value, "Hard": value} for name, value in _limits(plan).items()],
        "Binds": [f"{mount.source}:{mount.target}:{'rw' if mount.writable else 'ro'}" for mount in mounts],
    }


def _limits(plan: Plan) -> dict[str, int]:
    # Without a user of its own, all our processes would count. An engine's own defaults may be more than this host allows.
    processes = plan.limits.processes + OWN_PROCESSES + MORE_PROCESSES if plan.user_id is not None else -1
    wanted = {"fsize": plan.limits.file_bytes, "core": plan.core_bytes, "nofile": OPEN_FILES, "nproc": processes}
    return {name: _clamped(getattr(resource, f"RLIMIT_{name.upper()}"), value) for name, value in wanted.items()}


def _clamped(kind: int, wanted: int) -> int:
    _, hard = resource.getrlimit(kind)
    return wanted if hard == resource.RLIM_INFINITY else hard if wanted < 0 else min(wanted, hard)


def _is_podman(engine: Engine) -> bool:
    return any("podman" in component["Name"].lower() for component in engine.get("/version").get("Components") or ())


def _fifo(path: Path) -> Path:
    os.mkfifo(path)
    # The command's user must be able to open it; the folder above keeps others out.
    path.chmod(0o666)
    return path


def _pipe(path: Path) -> int:
    return os.open(_fifo(path), os.O_RDWR | os.O_CLOEXEC)
