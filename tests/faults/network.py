"""Networks of machines: a namespace for each, and a link to it that a test makes lossy, late, slow, or cuts."""
from __future__ import annotations

import errno
import fcntl
import heapq
import math
import os
import random
import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.parts import lacking, need

DEVICE = Path("/dev/net/tun")
# Of <linux/if_tun.h>: the request that makes a device, and its flags, for packets without a header of their own.
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
MAX_PACKET = 65535
# What is on its way in one direction, as in a router: more is dropped.
QUEUED_PACKETS = 200
# Of <net/tcp_states.h>: established, and ended by the machine but not here.
UNENDED = "01", "08"
# How often it is looked whether a stalled link goes on, in seconds.
STALLED = 0.05
MAX_LINKS = 1 << 12


@dataclass
class Condition:
    """How a link carries packets, each way."""

    # The part of the packets that is lost.
    loss: float = 0.0
    # How long each takes, in seconds.
    delay: float = 0.0
    # How many bytes pass in a second.
    rate: float = math.inf
    # Whether all is lost, and whether all is kept on its way.
    is_cut: bool = False
    is_stalled: bool = False


class Carrier:
    """Carries what comes out of one device into the other."""

    def __init__(self, source: int, target: int, condition: Condition, seed: int) -> None:
        self.source, self._target, self._condition = source, target, condition
        self._random, self._numbers = random.Random(seed), count()
        self._free_at = 0.0
        self._waiting: list[tuple[float, int, bytes]] = []
        self.carried = 0

    def take(self, now: float) -> None:
        """Take the packet that the source has."""
        packet, condition = os.read(self.source, MAX_PACKET), self._condition
        is_lost = condition.is_cut or self._random.random() < condition.loss
        if is_lost or len(self._waiting) >= QUEUED_PACKETS:
            return
        self._free_at = max(self._free_at, now) + len(packet) / condition.rate
        heapq.heappush(self._waiting, (self._free_at + condition.delay, next(self._numbers), packet))

    def deliver(self, now: float) -> float:
        """Deliver what is due; return when there will be more, in seconds."""
        if self._condition.is_stalled:
            return STALLED
        while self._waiting and self._waiting[0][0] <= now:
            packet = heapq.heappop(self._waiting)[2]
            if not self._condition.is_cut:
                os.write(self._target, packet)
                self.carried += len(packet)
        return self._waiting[0][0] - now if self._waiting else math.inf


@dataclass
class Link:
    """The network of one machine. `server` is this host's address there."""

    namespace: str
    server: str
    machine: str
    here: Carrier
    there: Carrier
    condition: Condition
    _ends: tuple[int, int] = field(default_factory=os.pipe)

    @property
    def inside(self) -> tuple[str, ...]:
        """What a command begins with that is to run in the namespace."""
        return need("nsenter"), f"--net=/run/netns/{self.namespace}", "--"

    @property
    def sent(self) -> int:
        """How many bytes came from the machine."""
        return self.there.carried

    @property
    def received(self) -> int:
        """How many bytes reached the machine."""
        return self.here.carried

    def cut(self) -> None:
        """Let nothing pass."""
        self.condition.is_cut = True

    def stall(self) -> None:
        """Keep everything on its way."""
        self.condition.is_stalled = True

    def heal(self) -> None:
        """Let everything pass again."""
        self.condition.is_cut = self.condition.is_stalled = False

    def is_connected(self) -> bool:
        """Whether somebody on this host has a connection with the machine that the machine has not ended."""
        # The kernel writes an address as the number that its bytes are here.
        peer = f"{struct.unpack('=I', socket.inet_aton(self.machine))[0]:08X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return any(row[2].partition(":")[0] == peer and row[3] in UNENDED for row in rows)

    @contextmanager
    def carrying(self) -> Iterator[None]:
        """While the context lasts."""
        thread = threading.Thread(target=self._carry, name=self.namespace, daemon=True)
        thread.start()
        try:
            yield
        finally:
            os.close(self._ends[1])
            thread.join()
            os.close(self._ends[0])

    def _carry(self) -> None:
        carriers = {carrier.source: carrier for carrier in (self.here, self.there)}
        while True:
            wait = min(carrier.deliver(time.monotonic()) for carrier in carriers.values())
            ready, _, _ = select.select([*carriers, self._ends[0]], [], [], None if wait == math.inf else max(0.0, wait))
            if self._ends[0] in ready:
                return
            for source in ready:
                carriers[source].take(time.monotonic())


@contextmanager
def linked(condition: Condition | None = None) -> Iterator[Link]:
    """A namespace with a link to this host, where this machine can have one."""
    need("ip")
    if os.geteuid() or not DEVICE.exists():
        lacking(f"network namespaces need root and {DEVICE}")
    with ExitStack() as stack:
        number, here = _first_free(stack)
        there, namespace = _device(stack, f"ci-there-{number}"), f"ci-link-{number}"
        # What a test left that was killed.
        with suppress(subprocess.CalledProcessError):
            _ip("netns", "delete", namespace)
        _ip("netns", "add", namespace)
        stack.callback(_ip, "netns", "delete", namespace)
        _ip("link", "set", f"ci-there-{number}", "netns", namespace)
        # Of the network that is set apart for measurements (RFC 2544).
        server, machine = (f"198.18.{number * 2 // 256}.{number * 2 % 256 + end}" for end in (0, 1))
        for inside, device, own, other in (
            ((), f"ci-here-{number}", server, machine), (("-netns", namespace), f"ci-there-{number}", machine, server),
        ):
            _ip(*inside, "address", "add", own, "peer", other, "dev", device)
            _ip(*inside, "link", "set", device, "up")
        _ip("-netns", namespace, "link", "set", "lo", "up")
        kept = condition or Condition()
        link = Link(namespace, server, machine, Carrier(here, there, kept, number), Carrier(there, here, kept, ~number), kept)
        stack.enter_context(link.carrying())
        yield link


def _first_free(stack: ExitStack) -> tuple[int, int]:
    """The first number that no other test has, and this host's device of that number."""
    for number in range(MAX_LINKS):
        with suppress(_Taken):
            return number, _device(stack, f"ci-here-{number}")
    raise AssertionError("all links are taken")


class _Taken(Exception):
    """There is such a device."""


def _device(stack: ExitStack, name: str) -> int:
    """Make a device, which is there until the stack ends; return what its packets are read from and written to."""
    device = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    except OSError as fault:
        os.close(device)
        if fault.errno == errno.EBUSY:
            raise _Taken from fault
        if isinstance(fault, PermissionError):
            lacking("this process may make no network devices")
        raise
    stack.callback(os.close, device)
    return device


def _ip(*words: str) -> None:
    subprocess.run([need("ip"), *words], check=True, capture_output=True)
