"""Releases of the program under test."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, select

from api.storage.database import session
from api.storage.platform_tables import VersionRow


@dataclass(frozen=True, slots=True)
class Release:
    """A release: its version, the day of it, and the commit that it was made of."""

    version: str
    released: date | None
    commit: str


def find_release(version: str) -> Release | None:
    """The release of this version; None where there is none."""
    return _first(select(VersionRow).where(VersionRow.version == version))


def find_newest_release() -> Release | None:
    """The release of the latest day; None where there is none."""
    return _first(select(VersionRow).order_by(VersionRow.released.desc(), VersionRow.id.desc()))


def _first(query: Select[VersionRow]) -> Release | None:
    row = session().execute(query.limit(1)).scalar_one_or_none()
    return None if row is None else Release(row.version, row.released, row.commit)
