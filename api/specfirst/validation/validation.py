"""The middlewares that validate requests and responses, in place of Connexion's."""
from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
from cachetools import LRUCache
from connexion.middleware.request_validation import RequestValidationAPI, RequestValidationMiddleware
from connexion.middleware.response_validation import ResponseValidationAPI, ResponseValidationMiddleware
from connexion.operations import AbstractOperation
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.specfirst.access.security import context_of
from api.specfirst.binding.binding import check_body, check_signature
from api.specfirst.binding.operation_middleware import hand_over
from api.specfirst.binding.shown_runs import RUN, RUN_ID, takes_run
from api.specfirst.responses.error_responses import internal_error
from api.specfirst.responses.row_members import PARAMETER, RowMembers
from api.specfirst.validation.bodies import JSON, Body, BodyLimits
from api.specfirst.validation.engines import OFF, Engine, Validator, engine
from api.specfirst.validation.parameters import Parameters
from api.specfirst.validation.request_faults import Faults

log = logging.getLogger(__name__)

# An answer is read once more to be checked, while all other requests wait; a larger one takes longer than they should.
CHECKED_LIMIT = 2 << 20
# How many places of a broken answer are told to the log.
MAX_LOGGED = 10
# How many answers of each operation are known to keep the contract.
REMEMBERED = 256


class RequestOperation:
    """Validates a request, collects all of its faults, and passes on only values that were validated."""

    def __init__(self, next_app: ASGIApp, operation: AbstractOperation, engine: Engine, limits: BodyLimits) -> None:
        check_body(operation)
        self.next_app = next_app
        self._parameters = Parameters(operation, engine)
        self._body = Body(operation, engine, limits)
        offered = self._parameters.arguments | ({"body"} if self._body.validated else set())
        offered |= {"request"} if operation._operation.get("x-native-async") else set()
        if takes_run(operation):
            self._taken = check_signature(operation, offered | {RUN}, operation.function) - {RUN} | {RUN_ID}
        else:
            self._taken = check_signature(operation, offered, operation.function)
        self._row_members = RowMembers(operation) if PARAMETER in offered else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Validate the request, then call the next application. Raises Invalid with all faults found."""
        faults = Faults()
        read: dict[str, Any] = {}
        self._parameters.read(scope, read, faults)
        if self._body.declared:
            receive = await self._body.read(scope, receive, read, faults)
        if faults:
            raise faults.refusal()
        if self._row_members is not None:
            context_of(scope).row_members = self._row_members.asked_for(read[PARAMETER])
        hand_over(scope, {name: value for name, value in read.items() if name in self._taken})
        await self.next_app(scope, receive, send)


@dataclass(frozen=True)
class Declared:
    """What the document declares for an answer with a certain status: its media types, its schema, its required headers."""

    kinds: frozenset[str]
    validator: Validator | None
    required_headers: frozenset[bytes]


class ResponseOperation:
    """Validates JSON answers of up to 2 MiB before they are sent. The bodies of other answers are sent as they come."""

    def __init__(self, next_app: ASGIApp, operation: AbstractOperation, engine: Engine) -> None:
        self.next_app = next_app
        self._operation_id: str = operation.operation_id
        self._declared = {str(status): _declared(response, engine) for status, response in operation.responses.items()}
        self._passed: LRUCache[tuple[Validator, int, int], bool] = LRUCache(REMEMBERED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Validate the answer, then send it. An answer that breaks the contract is logged and answered as an internal error."""
        start: Message | None = None
        validator: Validator | None = None
        chunks: list[bytes] = []

        async def hold(message: Message) -> None:
            nonlocal start, validator
            if message["type"] == "http.response.start":
                validator = self._validator_for(message)
                if validator is not None:
                    start = message
                    return
            if start is None or validator is None:
                await send(message)
                return
            chunks.append(message.get("body", b""))
            if not message.get("more_body", False):
                body = b"".join(chunks)
                if len(body) <= CHECKED_LIMIT:
                    self._check(validator, body)
                await send(start)
                await send({"type": "http.response.body", "body": body})

        await self.next_app(scope, receive, hold)

    def _validator_for(self, start: Message) -> Validator | None:
        declared = self._declared.get(str(start["status"])) or self._declared.get("default")
        if declared is None:
            raise self._breach("status", f"{start['status']} is not declared")
        names = frozenset(name.lower() for name, _ in start["headers"])
        if not declared.required_headers <= names:
            raise self._breach("headers", "a required one is missing")
        kind = next((value for name, value in start["headers"] if name.lower() == b"content-type"), b"")
        kind_text = kind.split(b";", 1)[0].strip().lower().decode("latin-1")
        if kind_text not in declared.kinds and (declared.kinds or start["status"] not in (204, 303, 304)):
            raise self._breach("content-type", "is not declared")
        return declared.validator if kind_text == JSON else None

    def _check(self, validator: Validator, body: bytes) -> None:
        # What keeps the contract once keeps it always, and telling that by a hash takes a fraction of the time: of a stored answer none,
        # as Python keeps the hash of an object of bytes. Nobody knows the key of these hashes.
        known = validator, len(body), hash(body)
        if known in self._passed:
            return
        instance = orjson.loads(body)
        if not validator.is_valid(instance):
            faults = Faults(MAX_LOGGED)
            faults.collect(islice(validator.violations(instance), MAX_LOGGED))
            raise self._breach("body", faults.fields)
        self._passed[known] = True

    def _breach(self, what: str, why: Any) -> Exception:
        log.error("answer of %s breaks the contract: %s: %s", self._operation_id, what, why)
        return internal_error()


def _declared(response: Mapping[str, Any], engine: Engine) -> Declared:
    content: Mapping[str, Any] = response.get("content", {})
    schema = content.get(JSON, {}).get("schema")
    required = (name.lower().encode() for name, header in response.get("headers", {}).items() if header.get("required"))
    return Declared(
        kinds=frozenset(kind.split(";", 1)[0].strip().lower() for kind in content),
        validator=engine(schema) if schema is not None else None,
        # Those that every answer gets, and the tag of its bytes, are added further out.
        required_headers=frozenset(name for name in required if not name.startswith((b"x-ratelimit-", b"x-request-id", b"etag"))))


def request_validation(engine_name: str, limits: BodyLimits) -> type[RequestValidationMiddleware]:
    """Make the middleware that validates requests with the engine of this name."""

    class Api(RequestValidationAPI):  # type: ignore[misc]
        def make_operation(self, operation: AbstractOperation) -> Any:
            return RequestOperation(self.next_app, operation, engine(engine_name), limits)

    class Middleware(RequestValidationMiddleware):  # type: ignore[misc]
        api_cls = Api

    return Middleware


def response_validation(engine_name: str) -> type[ResponseValidationMiddleware]:
    """Make the middleware that validates answers with the engine of this name; with `off` it validates nothing."""

    class Api(ResponseValidationAPI):  # type: ignore[misc]
        def make_operation(self, operation: AbstractOperation) -> Any:
            return self.next_app if engine_name == OFF else ResponseOperation(self.next_app, operation, engine(engine_name))

    class Middleware(ResponseValidationMiddleware):  # type: ignore[misc]
        api_cls = Api

    return Middleware
