"""Looks at the pages when the server starts, so that no reader waits for what a process does but once: it compiles each statement."""
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from string import Formatter

from starlette.types import ASGIApp

from api.specfirst.binding.documents import OperationText
from api.specfirst.binding.shown_runs import SHOWS
from api.specfirst.inner_request import ask
from api.specfirst.request_context import AppContext, RequestContext

# What is shown on the pages, by the names of their paths' parameters; called in a thread.
FindShown = Callable[[], Mapping[str, int]]
PAGES, PUBLIC = "pages", "x-public-results"


@dataclass(frozen=True)
class FirstLooks:
    """`app` is the stack of the operations, `operations` are those of all documents; what `find` does not find has no page to look at."""

    app: ASGIApp
    app_context: AppContext
    operations: Sequence[OperationText]
    find: FindShown

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look while the server begins to answer."""
        looking = asyncio.create_task(self.look())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def look(self) -> None:
        """Look at each page of runs once, whatever it answers."""
        [found] = await asyncio.gather(self.app_context.in_thread(self.find), return_exceptions=True)
        # Where the database is away, the pages say so too.
        shown = {} if isinstance(found, BaseException) else found
        for page in filter(_is_page_of_runs, self.operations):
            if {name for _, name, _, _ in Formatter().parse(page.path) if name} <= shown.keys():
                context = RequestContext(
                    "-", self.app_context, path=page.path.format_map(shown), operation_id=page.operation_id, is_page=True, is_open=True)
                await ask(self.app, context, page.document.base_path, shown)


def _is_page_of_runs(operation: OperationText) -> bool:
    """Whether it is one that servers may show to everybody: nobody in particular looks."""
    return operation.document.name == PAGES and operation.method == "get" and {SHOWS, PUBLIC} <= operation.text.keys()
