"""A process that creates a Job, waits for its end and reports it, and deletes it when told to, or when the supervisor is gone.

Run as `python -m api.sandbox.kubernetes.guard CONFIG FOLDER`; the folder has the Job's manifest. Its standard input is the starter's
lifeline: one byte asks to end the command; the end, that the starter is gone. What it writes to its standard output is how the command
ended. The file `asked` in the folder says that the Job may have been created, and is not to be created again; `started` that its command
runs.
"""
from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from api.domain.jobs.job import JobReason
from api.sandbox.kubernetes.cluster import Cluster, ClusterError
from api.sandbox.kubernetes.job import DIGEST, START_SECONDS, Standing, has_ended, standing_of
from api.sandbox.kubernetes.sandbox import ASKED, MANIFEST, STARTED
from api.sandbox.sandbox import ExitStatus

CONFLICT = 409
# How long a question for changes lasts. So late, at the most, is seen what no event tells.
WATCH_SECONDS = 10
PAUSE = 1.0
# For so long it is tried to delete a Job, once the starter is gone; sweeps and the Job's own limits do it later.
DELETE_SECONDS = 30.0


class Conversation:
    """What is said with the cluster of one Job, from its creation to its end."""

    def __init__(
        self, cluster: Cluster, manifest: Mapping[str, Any], folder: Path, *, monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster, self._manifest, self._monotonic = cluster, manifest, monotonic
        self._asked, self._started = folder / ASKED, folder / STARTED
        self._name: str = manifest["metadata"]["name"]
        self._stopped = threading.Event()
        # The Job's pods by their names, and of what version this is; None where that is to be asked.
        self._pods: dict[str, dict[str, Any]] = {}
        self._version: str | None = None

    def run(self) -> Standing:
        """Create the Job, and wait for the command's end."""
        until = self._monotonic() + START_SECONDS
        trouble = self._create(until)
        if trouble is not None:
            return Standing(ending=trouble)
        while True:
            standing = self._look()
            if standing.ending is not None:
                return standing
            if self._started.exists():
                continue
            if standing.is_started:
                self._started.touch()
            elif self._monotonic() >= until:
                return Standing(ending=_lost(f"not started within {START_SECONDS} seconds: {standing.waiting}"))

    def delete(self, seconds: float) -> None:
        """Delete the Job, and try for so long."""
        self._stopped.set()
        until = self._monotonic() + seconds
        while not self._try_delete() and self._monotonic() < until:
            time.sleep(PAUSE)

    def _create(self, until: float) -> ExitStatus | None:
        """Create the Job, unless a guard before this one may have; why that cannot be."""
        if self._asked.exists():
            return None
        self._asked.touch()
        while not self._stopped.is_set():
            try:
                self._try_create()
                break
            except ClusterError as fault:
                if fault.is_refusal:
                    return ExitStatus(failure=str(fault))
                if self._monotonic() >= until:
                    return _lost(str(fault))
                self._stopped.wait(PAUSE)
        # Told to end meanwhile, it may have been deleted before it was there.
        if self._stopped.is_set():
            self._try_delete()
        return None

    def _try_create(self) -> None:
        try:
            self._cluster.create_job(self._manifest)
        except ClusterError as fault:
            # A request whose answer was lost may have been carried out. Another Job of this name is not ours.
            if fault.status != CONFLICT or _digest(self._cluster.read_job(self._name)) != _digest(self._manifest):
                raise

    def _try_delete(self) -> bool:
        with suppress(ClusterError):
            self._cluster.delete_job(self._name)
            return True
        return False

    def _look(self) -> Standing:
        """How far the command is; where it has not ended, something may have changed since, or a moment has passed."""
        try:
            if self._version is None:
                pods, self._version = self._cluster.list_pods(self._name)
                self._pods = {_name(pod): pod for pod in pods}
            job = self._cluster.read_job(self._name)
            standing = standing_of(job, [*self._pods.values()], is_deleted=self._stopped.is_set())
            if standing.ending is None:
                self._await_change(self._version)
            return standing
        except ClusterError as fault:
            self._version = None
            time.sleep(PAUSE)
            return Standing(waiting=str(fault))

    def _await_change(self, version: str) -> None:
        event = self._cluster.await_change(self._name, version, WATCH_SECONDS)
        if event is None:
            self._version = None
            return
        pod = event["object"]
        self._version = pod["metadata"]["resourceVersion"]
        self._pods[_name(pod)] = pod
        # What is gone says no more of its end than it did with its last word.
        if event["type"] == "DELETED" and not has_ended(pod):
            del self._pods[_name(pod)]


def _lost(words: str) -> ExitStatus:
    return ExitStatus(failure=words, reason=JobReason.LOST)


def _name(pod: Mapping[str, Any]) -> str:
    found: str = pod["metadata"]["name"]
    return found


def _digest(job: Mapping[str, Any] | None) -> str | None:
    found: str | None = ((job or {}).get("metadata", {}).get("annotations") or {}).get(DIGEST)
    return found


def _report(standing: Standing) -> None:
    said = {**asdict(standing.ending or ExitStatus()), "out_of_memory": standing.is_out_of_memory}
    os.write(1, json.dumps(said).encode())
    os.close(1)


def main(arguments: list[str]) -> int:
    """Wait for the lifeline's end."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    folder = Path(arguments[1])
    try:
        conversation = Conversation(Cluster(arguments[0]), json.loads((folder / MANIFEST).read_bytes()), folder)
    except (ClusterError, OSError) as fault:
        _report(Standing(ending=ExitStatus(failure=str(fault))))
        return 1
    threading.Thread(target=lambda: _report(conversation.run()), daemon=True).start()
    while True:
        select.select([0], [], [])
        if not os.read(0, 1):
            break
        threading.Thread(target=conversation.delete, args=(DELETE_SECONDS,), daemon=True).start()
    # However the starter ended, the Job is not needed any more.
    conversation.delete(DELETE_SECONDS)
    return 0


if __name__ == "__main__":
    # The threads may hang on the cluster, and are not waited for.
    os._exit(main(sys.argv[1:]))
