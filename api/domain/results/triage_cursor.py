"""Cursors of triage: how many failures were listed already, signed so that a client cannot make one up."""
from __future__ import annotations

from dataclasses import dataclass

from api.domain.auth.signing import SigningKey
from api.domain.errors import Conflict, Invalid


@dataclass(frozen=True, slots=True)
class TriageCursors:
    """The cursors of one question: the triage of a run, of all failures or of those of one origin or cluster.

    `order` names what their order was made from; a cursor of another order leads nowhere any more.
    """

    run_id: int
    attribution: str | None
    key: SigningKey
    cluster: str | None = None
    order: str = ""

    def at(self, start: int) -> str:
        """The cursor behind so many failures."""
        return self.key.sign(self._purpose, f"{start} {self.order}".encode())

    def start_of(self, cursor: str | None) -> int:
        """How many failures lie before a cursor; none before no cursor.

        Raises Invalid for one of another question, and Conflict where the order has changed since it was made.
        """
        if cursor is None:
            return 0
        packed = self.key.read(self._purpose, cursor)
        if packed is None:
            raise Invalid({"cursor": "Not a cursor of this triage; start again without one."})
        start, _, order = packed.decode().partition(" ")
        if order != self.order:
            raise Conflict(
                "What is known of this run's failures, and with it their order, has changed since this cursor was made.",
                remedy="Start again without a cursor.")
        return int(start)

    @property
    def _purpose(self) -> str:
        return f"triage cursor {self.run_id} {self.attribution or 'all'} {self.cluster or 'all'}"
