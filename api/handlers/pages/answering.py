"""What the pages' operations share: a rendered page, another page that follows, and what the API would answer."""
from __future__ import annotations

from http import HTTPStatus
from typing import Any

import flask
import orjson

from api.rendering.pages.refusal import way_in
from api.rendering.pages.template import HEADERS, KIND, page, rendered
from api.specfirst import request_context
from api.specfirst.responses.json_responses import encode
from api.specfirst.transport.public_path import path_of


def show(template: str, status: int = HTTPStatus.OK, **values: Any) -> flask.Response:
    """A page from its template. Where nobody is logged in, it leads to the way in, and from there back, unless told otherwise."""
    context = request_context.current.get()
    values = {"way_in": way_in(context), **values}
    text = rendered(template, context.caller, request_context.values().public_url, request_context.now(), **values)
    return page(text, status)


def lead_to(path: str) -> flask.Response:
    """Another page of this server, by its path from the root."""
    address = path_of(request_context.values().public_url) + path
    return flask.Response("", HTTPStatus.SEE_OTHER, HEADERS | {"Location": address}, content_type=KIND)


def data_of(answer: Any) -> Any:
    """What an operation of the API answers, as its clients read it."""
    return orjson.loads(encode(answer))
