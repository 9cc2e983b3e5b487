"""The base of middlewares that act per operation."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connexion.middleware.abstract import RoutedAPI, RoutedMiddleware
from connexion.operations import AbstractOperation
from starlette.types import ASGIApp

_ARGUMENTS = "ci.arguments"

Step = Callable[[ASGIApp, AbstractOperation], ASGIApp]


def middleware_of(step: Step) -> Callable[[ASGIApp], ASGIApp]:
    """A middleware for Connexion's stack whose part for each operation is made, once, by `step(next_app, operation)`."""

    class Api(RoutedAPI[ASGIApp]):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.add_paths()

        def make_operation(self, operation: AbstractOperation) -> ASGIApp:
            return step(self.next_app, operation)

    class Middleware(RoutedMiddleware[Api]):  # type: ignore[misc]
        api_cls = Api

    return Middleware


def arguments_of(scope: Any) -> dict[str, Any]:
    """The keyword arguments that the handler gets; a request that no validation has seen has none, and breaks here."""
    found: dict[str, Any] = scope["extensions"][_ARGUMENTS]
    return found


def hand_over(scope: Any, arguments: dict[str, Any]) -> None:
    """Leave validated arguments for whatever calls the handler."""
    scope["extensions"][_ARGUMENTS] = arguments
