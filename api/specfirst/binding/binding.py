"""Finds the function of each operation that a document names, and checks its signature before the server starts."""
from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connexion.operations import AbstractOperation
from connexion.resolver import Resolution, Resolver

from api.specfirst.access.rate_limits import BUCKETS
from api.specfirst.access.security import is_for_machines
from api.specfirst.binding.documents import OperationText
from api.specfirst.responses.error_responses import not_implemented

# The caller's own account and tokens: whoever holds a token may see and end what is theirs, whatever the token was issued for.
WITHOUT_SCOPE = frozenset({
    "get_me", "change_password", "list_tokens", "revoke_token", "revoke_current_token", "platform_get_me", "platform_get_github_link",
    "platform_revoke_token", "platform_revoke_current_token"})
_ON_THE_LOOP_ONLY = "only operations on the event loop (x-native-async) take an upload"


class BindingError(Exception):
    """Raised if a document and its functions do not match. The server does not start."""


class Functions(Resolver):  # type: ignore[misc]
    """Finds each operation's function in its controller, by its id. An operation without one answers 501 and is listed as unbound."""

    def __init__(self, find: Callable[[str], Any]) -> None:
        super().__init__()
        self._find = find
        self._found: dict[str, Callable[..., Any]] = {}
        self.unbound: set[str] = set()

    def resolve(self, operation: AbstractOperation) -> Resolution:
        """Find an operation's function, when Connexion asks for it."""
        operation_id = operation.operation_id
        if operation_id not in self._found:
            native = bool(operation._operation.get("x-native-async"))
            self._found[operation_id] = self._bound(operation_id, self.resolve_operation_id(operation), native)
        return Resolution(self._found[operation_id], operation_id)

    def _bound(self, operation_id: str, name: str, native: bool) -> Callable[..., Any]:
        function = self._find(name)
        if function is None:
            self.unbound.add(operation_id)
            return _absent_on_the_loop if native else _absent
        if not callable(function):
            raise BindingError(f"{operation_id}: is bound to something that cannot be called")
        if inspect.iscoroutinefunction(function) != native:
            raise BindingError(f"{operation_id}: x-native-async is {native}, the function's being async is {not native}")
        return function  # type: ignore[no-any-return]


def find_function(dotted_name: str) -> Any:
    """Import `controller.operation_id`. Returns None if the module or the attribute does not exist; other failures are raised."""
    module_name, _, name = dotted_name.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as missing:
        if missing.name and (module_name == missing.name or module_name.startswith(missing.name + ".")):
            return None
        raise
    return getattr(module, name, None)


def check(texts: Iterable[OperationText], contents: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise BindingError for an operation without a unique id, a controller, or consistent rules for scope, role and rate."""
    seen: set[str] = set()
    for text in texts:
        identity = text.text.get("operationId")
        if not identity:
            raise BindingError(f"{text.method} {text.path}: has no operationId")
        if not text.controller:
            raise BindingError(f"{identity}: has no x-openapi-router-controller")
        if identity in seen:
            raise BindingError(f"{identity}: stands for two operations")
        seen.add(identity)
        _check_policy(text, contents[text.document.name])


def _check_policy(text: OperationText, content: Mapping[str, Any]) -> None:
    secured = bool(text.text.get("security", content.get("security")))
    for_machines = is_for_machines(text.text.get("security", content.get("security", ())))
    if secured and not for_machines and "x-required-scope" not in text.text and text.operation_id not in WITHOUT_SCOPE:
        raise BindingError(f"{text.operation_id}: is secured, but names no x-required-scope")
    if not secured and ("x-required-scope" in text.text or "x-required-roles" in text.text):
        raise BindingError(f"{text.operation_id}: asks for a scope or role of a caller who need not be known")
    bucket = text.text.get("x-rate-bucket")
    if bucket is not None and bucket not in BUCKETS:
        raise BindingError(f"{text.operation_id}: {bucket} is no bucket")


def check_body(operation: AbstractOperation) -> None:
    """Raise BindingError for an operation that takes an upload and does not run on the event loop."""
    kinds = {kind for kind in operation.consumes if kind not in ("application/json", "application/x-www-form-urlencoded")}
    if kinds and not operation._operation.get("x-native-async"):
        raise BindingError(f"{operation.operation_id}: {_ON_THE_LOOP_ONLY}")


def check_signature(operation: AbstractOperation, offered: Iterable[str], function: Callable[..., Any]) -> frozenset[str]:
    """The names of the offered arguments that the function takes. Raises BindingError if it requires an argument that is not offered."""
    parameters = inspect.signature(function).parameters.values()
    names = frozenset(offered)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return names
    needed = {
        parameter.name for parameter in parameters
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL}
    if needed - names:
        raise BindingError(f"{operation.operation_id}: nothing in the document fills {', '.join(sorted(needed - names))}")
    return names & {parameter.name for parameter in parameters}


def _absent(**_: Any) -> Any:
    raise not_implemented()


async def _absent_on_the_loop(**_: Any) -> Any:
    raise not_implemented()
