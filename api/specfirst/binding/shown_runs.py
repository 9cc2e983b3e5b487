"""Brings runs up to date before an operation shows them, and finds the run that its path names."""
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
# And for an answer that shows the library alone, and no run.
CATALOG = "catalog"
RUN, RUN_ID = "run", "run_id"


class ShowsRuns(Protocol):
    """Brings runs up to date. An exception that it raises becomes the answer."""

    def one(self, run_id: int) -> Any:
        """Bring one run up to date and return it."""
        ...

    def version(self, run: Any, *, labelled: bool) -> Hashable | None:
        """A value that changes whenever an answer about the run may change; None if answers must not be stored.

        With `labelled` the answer also shows samples' names and tags.
        """
        ...

    def catalog_version(self) -> Hashable:
        """A value that changes whenever an answer about the library may change."""
        ...

    def any(self) -> None:
        """Bring all runs up to date."""
        ...

    def counted(self) -> None:
        """Bring all runs up to date, for an answer that counts runs."""
        ...


def takes_run(operation: AbstractOperation) -> bool:
    """Whether the operation's function takes the argument `run`, which is the run itself, in place of `run_id`."""
    return bool(operation._operation.get(SHOWS)) and RUN in inspect.signature(operation.function).parameters


class Preparation:
    """Prepares the requests of one operation. Operations on the event loop do not use it; they bring runs up to date themselves."""

    def __init__(self, operation: AbstractOperation, shows: ShowsRuns | None) -> None:
        self._shows = shows
        self._how, self._stored = operation._operation.get(SHOWS), operation._operation.get(STORED)
        self._takes_run = takes_run(operation)

    def prepare(self, arguments: dict[str, Any]) -> Hashable | None:
        """Bring runs up to date. If the function takes `run`, replace `run_id` by the run in `arguments`.

        Returns the version of what is shown, under which the answer may be stored; None if it must not be stored.
        """
        if self._shows is None:
            return None
        if self._stored == CATALOG:
            return self._shows.catalog_version()
        if not self._how:
            return None
        if not self._takes_run:
            (self._shows.counted if self._how == COUNTED else self._shows.any)()
            return None
        run = arguments[RUN] = self._shows.one(arguments.pop(RUN_ID))
        return self._shows.version(run, labelled=self._stored == LABELLED) if self._stored else None
