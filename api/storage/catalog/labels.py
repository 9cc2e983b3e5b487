"""Tags of samples and categories of regression tests: lists, adds, changes and deletes them."""
from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Delete, delete, func, select
from sqlalchemy.exc import IntegrityError

from api.domain.catalog.label import label_key
from api.domain.errors import Conflict, NotFound
from api.domain.page import Page
from api.storage.database import TransactionConflict, add_free_text, change, change_free_text, session
from api.storage.platform_tables import CategoryRow, RegressionCategoryRow, SampleTagRow, TagRow


@dataclass(frozen=True, slots=True)
class Label:
    """A tag or a category. `uses` is how many samples have it, or regression tests are in it; None where nobody asks."""

    label_id: int
    name: str
    description: str
    uses: int | None = None


def list_tags(*, limit: int, offset: int) -> Page[Label]:
    """Tags, by id."""
    total = session().execute(select(func.count()).select_from(TagRow).where(TagRow.id > 0)).scalar_one()
    rows = session().execute(
        select(TagRow.id, TagRow.name, TagRow.description).where(TagRow.id > 0).order_by(TagRow.id).limit(limit).offset(offset))
    return Page([Label(tag_id, name, description or "") for tag_id, name, description in rows], limit, offset, total)


def load_tag(tag_id: int, *, locked: bool = False) -> Label:
    """A tag; `locked`, within a transaction, holds its row until the end. Raises NotFound."""
    query = select(TagRow).where(TagRow.id == tag_id)
    row = session().execute((query.with_for_update() if locked else query).execution_options(populate_existing=True)).scalar_one_or_none()
    if row is None:
        raise NotFound("tag", tag_id, remedy="List tags with GET /tags.")
    uses = session().execute(select(func.count()).select_from(SampleTagRow).where(SampleTagRow.tag_id == tag_id)).scalar_one()
    return Label(row.id, row.name, row.description or "", uses)


def delete_tag_row(tag_id: int) -> None:
    """Within a transaction: delete a tag that no sample has. Raises TransactionConflict where one got it meanwhile."""
    _delete(delete(TagRow).where(TagRow.id == tag_id))


def insert_tag(name: str, description: str) -> Label:
    """Within a transaction: add a tag. Raises Conflict where there is one of this name."""
    if _find_twin(TagRow, name) is not None:
        raise Conflict("There is a tag of this name already.", remedy="Use that one; GET /tags lists it.")
    row = TagRow(name=name, description=description)
    _insert(row)
    return Label(row.id, name, description)


def list_categories(*, limit: int, offset: int) -> Page[Label]:
    """Categories with the number of their regression tests, by id."""
    total = session().execute(select(func.count()).select_from(CategoryRow).where(CategoryRow.id > 0)).scalar_one()
    uses = (
        select(func.count()).select_from(RegressionCategoryRow).where(RegressionCategoryRow.category_id == CategoryRow.id)
        .correlate(CategoryRow).scalar_subquery())
    rows = session().execute(
        select(CategoryRow.id, CategoryRow.name, CategoryRow.description, uses).where(CategoryRow.id > 0)
        .order_by(CategoryRow.id).limit(limit).offset(offset))
    return Page([Label(*row) for row in rows], limit, offset, total)


def load_category(category_id: int, *, locked: bool = False) -> Label:
    """A category; `locked`, within a transaction, holds its row until the end. Raises NotFound."""
    query = select(CategoryRow).where(CategoryRow.id == category_id)
    row = session().execute((query.with_for_update() if locked else query).execution_options(populate_existing=True)).scalar_one_or_none()
    if row is None:
        raise NotFound("category", category_id, remedy="List categories with GET /categories.")
    uses = session().execute(
        select(func.count()).select_from(RegressionCategoryRow).where(RegressionCategoryRow.category_id == category_id)).scalar_one()
    return Label(row.id, row.name, row.description, uses)


def insert_category(name: str, description: str) -> Label:
    """Within a transaction: add a category. Raises Conflict where there is one of this name."""
    _check_category_name(name, None)
    row = CategoryRow(name=name, description=description)
    _insert(row)
    return Label(row.id, name, description, 0)


def record_category(category_id: int, name: str | None, description: str | None) -> None:
    """Within a transaction: rename or describe a category; None leaves a thing as it is. Raises Conflict for a name that is taken."""
    row = session().get_one(CategoryRow, category_id)
    if name is not None:
        _check_category_name(name, category_id)
        row.name = name
        session().flush()
    if description is not None:
        change_free_text(row, "description", description)


def delete_category_row(category_id: int) -> None:
    """Within a transaction: delete a category that no regression test is in. Raises TransactionConflict where one came meanwhile."""
    _delete(delete(CategoryRow).where(CategoryRow.id == category_id))


def _delete(statement: Delete) -> None:
    try:
        with session().begin_nested():
            change(statement)
    except IntegrityError as used:
        raise TransactionConflict from used


def _check_category_name(name: str, category_id: int | None) -> None:
    known = _find_twin(CategoryRow, name, besides=category_id)
    if known is not None:
        raise Conflict("There is a category of this name already.", {"category_id": known}, remedy="Use that one, or another name.")


def _find_twin(row: type[TagRow | CategoryRow], name: str, besides: int | None = None) -> int | None:
    """The id of another label that the database, or any other one, takes for the same name."""
    found = session().execute(select(row.id, row.name, row.name == name).order_by(row.id))
    return next((
        label_id for label_id, known, same in found if (same or label_key(known) == label_key(name)) and label_id != besides), None)


def _insert(row: TagRow | CategoryRow) -> None:
    try:
        with session().begin_nested():
            add_free_text(row, "description")
    except IntegrityError as twin:
        raise TransactionConflict from twin
