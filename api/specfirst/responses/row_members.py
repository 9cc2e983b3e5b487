"""Leaves out those members of a list's items that the client has not asked for in the parameter `fields`."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connexion.operations import AbstractOperation

PARAMETER = "fields"
# What it says of other members holds for those that are always there, too.
ALWAYS = "altered_fields"

Members = frozenset[str] | None
# A list's item: its members, or a function that gives it already encoded, with the members that are asked for.
Item = Mapping[str, Any] | Callable[[Members], Any]


class RowMembers:
    """Knows which members the items of an operation's list must have, by their schema."""

    def __init__(self, operation: AbstractOperation) -> None:
        page = operation.responses["200"]["content"]["application/json"]["schema"]
        items = page["properties"]["data"]["items"]
        self._needed = frozenset((*items.get("required", ()), ALWAYS))

    def asked_for(self, fields: Iterable[str] | None) -> Members:
        """The members that the items shall have; None stands for all."""
        return None if fields is None else self._needed.union(fields)


def shown_items(items: Iterable[Item], members: Members) -> list[Any]:
    """The items with these members alone, for the encoder."""
    return [item(members) if callable(item) else only(item, members) for item in items]


def only(item: Mapping[str, Any], members: Members) -> Mapping[str, Any]:
    """An item with these members alone."""
    return item if members is None else {name: value for name, value in item.items() if name in members}
