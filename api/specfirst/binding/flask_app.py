"""The Flask application behind Connexion, and the ASGI bridge to it."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from functools import partial
from http import HTTPStatus
from typing import Any, cast

import flask
from connexion.apps.flask import FlaskApi, FlaskASGIApp
from connexion.operations import AbstractOperation
from connexion.spec import Specification
from flask.typing import ResponseReturnValue

from api.specfirst import request_context
from api.specfirst.binding.operation_middleware import arguments_of
from api.specfirst.binding.shown_runs import Preparation, ShowsRuns
from api.specfirst.responses.json_responses import JSON, encode, etag
from api.specfirst.responses.next_page import next_page
from api.specfirst.responses.row_members import shown_items
from api.specfirst.responses.stored_answers import StoredAnswer, StoredAnswers, UnmadeAnswer
from api.specfirst.transport.asgi_to_wsgi import AsgiToWsgi


class Operation:
    """A Flask view. It brings runs up to date, calls the handler with the validated arguments and renders its result."""

    def __init__(self, operation: AbstractOperation, shows: ShowsRuns | None, stored: StoredAnswers) -> None:
        self._function: Callable[..., Any] = operation.function
        self.__name__ = str(operation.operation_id)
        self._text_kind: str | None = next((kind for kind in operation.produces if kind != JSON), None)
        self._preparation, self._stored = Preparation(operation, shows), stored

    def __call__(self, **_: Any) -> ResponseReturnValue:
        """Answer the request that Flask is handling, with the validated arguments. Flask's own arguments are ignored."""
        arguments = arguments_of(flask.request.environ["asgi.scope"])
        version = self._preparation.prepare(arguments)
        if version is not None:
            return self._stored_answer(UnmadeAnswer(version, partial(self._function, **arguments)))
        returned = self._function(**arguments)
        return self._stored_answer(returned) if isinstance(returned, UnmadeAnswer) else self._rendered(returned)

    def _stored_answer(self, wanted: UnmadeAnswer) -> flask.Response:
        key = self.__name__, request_context.asked_for(), wanted.version
        answer = self._stored.find(key)
        if answer is None:
            answer = _storable(self._rendered(wanted.make()))
            if wanted.is_current():
                self._stored.keep(key, answer)
        return flask.Response(answer.body, HTTPStatus.OK, cast(Any, answer.headers), content_type=answer.kind)

    def _rendered(self, returned: Any) -> flask.Response:
        if isinstance(returned, flask.Response):
            return returned
        content, status, headers = _unpacked(returned)
        if isinstance(content, Mapping) and "pagination" in content:
            headers = {**headers, **next_page(content["pagination"])}
            content = {**content, "data": shown_items(content["data"], request_context.current.get().row_members)}
        if content is None:
            empty = flask.Response(status=status, headers=cast(Any, headers))
            empty.headers.remove("Content-Type")
            return empty
        if self._text_kind and isinstance(content, str | bytes):
            return flask.Response(content, status, cast(Any, headers), content_type=self._text_kind)
        return flask.Response(encode(content), status, cast(Any, headers), mimetype=JSON)


def _storable(response: flask.Response) -> StoredAnswer:
    """Copy a response of status 200 into a form that can be stored, with its ETag."""
    body = response.get_data()
    headers = {name: value for name, value in response.headers if name not in ("Content-Type", "Content-Length")}
    return StoredAnswer(body, response.headers["Content-Type"], {**headers, "ETag": etag(body)})


def _unpacked(returned: Any) -> tuple[Any, int, Mapping[str, str]]:
    """Split a handler's result into content, status and headers. It is content, (content, status) or (content, status, headers)."""
    if not isinstance(returned, tuple):
        return returned, 204 if returned is None else 200, {}
    content, status, *rest = returned
    return content, int(status), rest[0] if rest else {}


class Api(FlaskApi):  # type: ignore[misc]
    """Registers one document's operations with the Flask application."""

    def __init__(self, specification: Specification, *, shows: ShowsRuns | None, stored: StoredAnswers, **kwargs: Any) -> None:
        self._shows, self._stored = shows, stored
        super().__init__(specification, **kwargs)

    def make_operation(self, operation: AbstractOperation) -> Operation:
        """Make the view of an operation."""
        return Operation(operation, self._shows, self._stored)


class FlaskBackend(FlaskASGIApp):  # type: ignore[misc]
    """The Flask application, as the last one in Connexion's stack of middlewares."""

    def __init__(self, import_name: str, pool: Executor, shows: ShowsRuns | None = None) -> None:
        super().__init__(import_name, {})
        self._shows, self._stored = shows, StoredAnswers()
        self.asgi_app = AsgiToWsgi(self.app.wsgi_app, pool)
        # Paths were matched before; a second opinion with redirects is not wanted.
        self.app.url_map.merge_slashes = False
        self.app.url_map.strict_slashes = True

    def add_api(self, specification: Specification, *, name: str | None = None, **kwargs: Any) -> Api:
        """Register a document's operations. Several documents may share a base path if each has its own `name`."""
        api = Api(specification, shows=self._shows, stored=self._stored, **kwargs)
        self.app.register_blueprint(api.blueprint, name=name)
        return api
