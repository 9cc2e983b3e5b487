"""What is done before an operation that shows runs: they are brought up to date, and the run of its path is found."""
from __future__ import annotations

import inspect
from collections.abc import Hashable
from typing import Any, Protocol

from connexion.operations import AbstractOperation

SHOWS, STORED = "x-shows-runs", "x-stored"
# The value of `x-shows-runs` for an answer that counts over all runs.
COUNTED = "counted"
# The value of `x-stored` for an answer that shows the library's names and tags, too.
LABELLED = "labelled"
RUN, RUN_ID = "run", "run_id"


class ShowsRuns(Protocol):
    """How runs are brought up to date; whatever it raises is the answer."""

    def one(self, run_id: int) -> Any:
        """The run of this id as of now."""
        ...

    def version(self, run: Any, *, labelled: bool) -> Hashable | None:
        """What changes whenever an answer about the run might; None where it changes all the time. `labelled` ones show samples' labels."""
        ...

    def any(self) -> None:
        """Bring all runs up to date."""
        ...

    def counted(self) -> None:
        """Bring all runs up to date, for an answer that counts over all of them."""
        ...


def takes_run(operation: AbstractOperation) -> bool:
    """Whether the operation's function has the argument `run`: it is given the run that its path names, and not the id."""
    return bool(operation._operation.get(SHOWS)) and RUN in inspect.signature(operation.function).parameters


class ShownRuns:
    """The step for an operation. One on the event loop does the same itself, in a thread, whenever it looks at a run."""

    def __init__(self, operation: AbstractOperation, shows: ShowsRuns | None) -> None:
        self._shows = shows
        self._how, self._stored = operation._operation.get(SHOWS), operation._operation.get(STORED)
        self._takes_run = takes_run(operation)

    def prepare(self, arguments: dict[str, Any]) -> Hashable | None:
        """Bring runs up to date, with the run in place of its id in the arguments where it is taken.

        Returns the version of an answer that may be stored; None for every other.
        """
        if self._shows is None or not self._how:
            return None
        if not self._takes_run:
            (self._shows.counted if self._how == COUNTED else self._shows.any)()
            return None
        run = arguments[RUN] = self._shows.one(arguments.pop(RUN_ID))
        return self._shows.version(run, labelled=self._stored == LABELLED) if self._stored else None
