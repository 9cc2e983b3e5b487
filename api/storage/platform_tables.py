"""The tables of the Sample Platform, as its own programs made them; never altered here.

Anything may stand in any column, whatever the platform's own models say; the columns' types see to it that reading it never raises.
"""
from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Table, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.domain.auth.access import Role
from api.domain.runs.run import Phase, Platform
from api.storage.column_types import NAME_LENGTH, Day, ExitCode, Flag, Prose, UtcDateTime, WholeNumber, Word
from api.storage.database import Base

FRESH = {
    "mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_general_ci", "mysql_row_format": "DYNAMIC"}
# Columns that have a value in every row, as the models say; what stands for it where the row has none. An `id` always has one, and
# columns of ours that refer to it are of its type, where there may be none.
Number, AnyText, Instant = WholeNumber(null=0), Prose(null=""), UtcDateTime(required=True)


class PlatformRow(Base):
    """A row of the platform's; its table is made with these options where a database has none yet."""

    __abstract__ = True
    __table_args__: Any = FRESH


class UserRow(PlatformRow):
    """An account."""

    __tablename__ = "user"

    id: Mapped[int] = mapped_column(WholeNumber, primary_key=True)
    name: Mapped[str] = mapped_column(Prose(50, null=""), unique=True)
    email: Mapped[str | None] = mapped_column(Prose(255), unique=True)
    github_token: Mapped[str | None] = mapped_column(Prose)
    github_login: Mapped[str | None] = mapped_column(Prose(255))
    password: Mapped[str] = mapped_column(Prose(255, null=""))
    role: Mapped[Role | None] = mapped_column(Word(Role, exact=True), nullable=False)


class TokenRow(PlatformRow):
    """An API token: its hash, never its value."""

    __tablename__ = "api_token"
    __table_args__ = (UniqueConstraint("user_id", "token_name", name="uq_user_token_name"), FRESH)

    id: Mapped[int] = mapped_column(WholeNumber, primary_key=True)
    user_id: Mapped[int] = mapped_column(Number, ForeignKey("user.id", ondelete="CASCADE"))
    token_name: Mapped[str] = mapped_column(Prose(50, null=""))
    token_hash: Mapped[str] = mapped_column(Prose(255, null=""))
    token_prefix: Mapped[str] = mapped_column(Prose(16, null=""), index=True)
    scopes_json: Mapped[str] = mapped_column(AnyText)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ForkRow(PlatformRow):
    """A repository, by its clone URL."""

    __tablename__ = "fork"

    id: Mapped[int] = mapped_column(WholeNumber, primary_key=True)
    github: Mapped[str] = mapped_column(Prose(256, null=""), unique=True)


class TestRow(PlatformRow):
    """A run. `token` is its worker's secret."""

    __test__ = False
    __tablename__ = "test"

    id: Mapped[int] = mapped_column(WholeNumber, primary_key=True)
    platform: Mapped[Platform | None] = mapped_column(Word(Platform), nullable=False)
    test_type: Mapped[str] = mapped_column(Prose(NAME_LENGTH, null=""))
    token: Mapped[str] = mapped_column(Prose(64, null=""), unique=True)
    fork_id: Mapped[int] = mapped_column(Number, ForeignKey("fork.id", onupdate="CASCADE", ondelete="RESTRICT"))
    branch: Mapped[str] = mapped_column(AnyText)
    commit: Mapped[str] = mapped_column(Prose(64, null=""))
    pr_nr: Mapped[int] = mapped_column(WholeNumber(null=0, odd=-1))


class ProgressRow(PlatformRow):
    """What a worker said of a run, newest id last."""

    __tablename__ = "test_progress"

    id: Mapped[int] = mapped_column(WholeNumber, primary_key=True)
    test_id: Mapped[int] = mapped_column(Number, ForeignKey("test.id", onupdate="CASCADE", ondelete="CASCADE"))
    status: Mapped[Phase | None] = mapped_column(Word(Phase), nullable=False)
    timestamp: Mapped[datetime] = mapped_column(Instant)
    message: Mapped[str] = mapped_column(AnyText)


class ResultRow(PlatformRow):
    """The end of one regression test in a run."""

    __tablename__ = "test_result"

    test_id: Mapped[int] = mapped_column(Number, ForeignKey("test.id", onupdate="CASCADE", ondelete="CASCADE"), primary_key=True)
    regression_test_id: Mapped[int] = mapped_column(
        Number, ForeignKey("regression_test.id", onupdate="CASCADE", ondelete="CASCADE"), primary_key=True)
    runtime: Mapped[int | None] = mapped_column(WholeNumber(odd=-1))
    exit_code: Mapped[int | None] = mapped_column(ExitCode)
    expected_rc: Mapped[int | None] = mapped_column(ExitCode)


class ResultFileRow(PlatformRow):
    """One output of one regression test in a run; `got` is null where it matched."""

    __tablename__ = "test_result_file"

    test_id: Mapped[int] = mapped_column(Number, ForeignKey("test.id", onupdate="CASCADE", ondelete="CASCADE"), primary_key=True)
    regression_test_id: Mapped[int] = mapped_column(
        Number, ForeignKey("regression_test.id", onupdate="CASCADE", ondelete="CASCADE"), primary_key=True)
    regression_test_output_id: Mapped[int] = mapped_column(
        Number, ForeignKey("regression_test_output.id", onupdate="CASCADE", ondelete="CASCADE"), primary_key=True)
    expected: Mapped[str] = mapped_column(AnyText)
    got: Mapped[str | None] = mapped_column(Prose)


class CustomizedTestRow(PlatformRow):
    """One regression test that a run was restricted to."""

    __tablename__ = "customized_test"

    id: Mapped[int] = mapped_column(WholeNumber, primary_key=True)
    test_id: Mapped[int] = mapped_column(Number, ForeignKey("test.id", onupdate="CASCADE", ondelete="CASCADE"))
    regression_id: Mapped[int] = mapped_column(Number, ForeignKey("regression_test.id", onupdate="CASCADE", ondelete="CASCADE"))


class TestForkRow(PlatformRow):
    """Who triggered a run on a fork."""

    __test__ = False
    __tablename__ = "test_fork"

    id: Mapped[int] = mapped_column(WholeNumber, primary_key=True)
    user_id: Mapped[int] = mapped_column(Number, ForeignKey("user.id", onupdate="CASCADE", ondelete="RESTRICT"))
    test_id: Mapped[int] = mapped_column(Number, ForeignKey("test.id", onupdate="CASCADE", ondelete="CASCADE"))


class SampleRow(PlatformRow):
    """A media sample."""

    __tablename__ = "sample"

    id: Mapped[int] = mapped_column(WholeNumber, primary_key=True)
    sha: Mapped[str] = mapped_column(Prose(128, null=""), unique=True)
    extension: Mapped[str] = mapped_column(Prose(64, null=""))
    original_name: Mapped[str] = mapped_column(AnyText)


class SampleExtraRow(PlatformRow):
    """A further file that belongs to a sample."""

    __tablename__ = "sample_extra"

    id: Mapped[int] = mapped_column(WholeNumber, primary_key=True)
    sample_id: Mapped[int] = mapped_column(Number, ForeignKey("sample.id", onupdate="CASCADE", ondelete="CASCADE"))
    original_name: Mapped[str] = mapped_column(AnyText)
    extension: Mapped[str] = mapped_column(Prose(64, null=""))


class TagRow(PlatformRow):
    """A word that samples are found by."""

    __tablename__ = "tag"

    id: Mapped[int] = mapped_column(WholeNumber, primary_key=True)
    name: Mapped[str] = mapped_column(Prose(64, null=""), unique=True)
    description: Mapped[str | None] = mapped_column(Prose(1024))


class SampleTagRow(PlatformRow):
    """A sample has a tag."""

    __tablename__ = "sample_tag_association"

    sample_id: Mapped[int] = mapped_column(Number, ForeignKey("sample.id", onupdate="CASCADE", ondelete="CASCADE"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(Number, ForeignKey("tag.id", onupdate="CASCADE", ondelete="CASCADE"), primary_key=True)


class ForbiddenExtensionRow(PlatformRow):
    """An extension, without its dot, that no sample may have."""

    __tablename__ = "extension_forbidden"

    extension: Mapped[str] = mapped_column(Prose(32, null=""), primary_key=True)


class ForbiddenTypeRow(PlatformRow):
    """A media type that no sample may be of, whatever its extension."""

    __tablename__ = "mimetype_forbidden"

    mimetype: Mapped[str] = mapped_column(Prose(64, null=""), primary_key=True)


class UploadRow(PlatformRow):
    """How a sample came to the platform."""

    __tablename__ = "upload"

    id: Mapped[int] = mapped_column(WholeNumber, primary_key=True)
    user_id: Mapped[int] = mapped_column(Number, ForeignKey("user.id", onupdate="CASCADE", ondelete="RESTRICT"))
    sample_id: Mapped[int] = mapped_column(Number, ForeignKey("sample.id", onupdate="CASCADE", ondelete="CASCADE"))
    version_id: Mapped[int] = mapped_column(Number, ForeignKey("ccextractor_version.id", onupdate="CASCADE", ondelete="RESTRICT"))
    platform: Mapped[str] = mapped_column(Prose(NAME_LENGTH, null=""))
    parameters: Mapped[str] = mapped_column(AnyText)
    notes: Mapped[str] = mapped_column(AnyText)


class CategoryRow(PlatformRow):
    """A group of regression tests."""

    __tablename__ = "category"

    id: Mapped[int] = mapped_column(WholeNumber, primary_key=True)
    name: Mapped[str] = mapped_column(Prose(64, null=""), unique=True)
    description: Mapped[str] = mapped_column(AnyText)


class RegressionCategoryRow(PlatformRow):
    """A regression test is in a category. The platform's table has no primary key; this pair is only our handle on it."""

    __tablename__ = "regression_test_category"

    regression_id: Mapped[int] = mapped_column(
        Number, ForeignKey("regression_test.id", onupdate="CASCADE", ondelete="RESTRICT"), primary_key=True)
    category_id: Mapped[int] = mapped_column(Number, ForeignKey("category.id", onupdate="CASCADE", ondelete="RESTRICT"), primary_key=True)


class RegressionTestRow(PlatformRow):
    """The definition of a regression test."""

    __tablename__ = "regression_test"

    id: Mapped[int] = mapped_column(WholeNumber, primary_key=True)
    sample_id: Mapped[int] = mapped_column(Number, ForeignKey("sample.id", onupdate="CASCADE", ondelete="CASCADE"))
    command: Mapped[str] = mapped_column(AnyText)
    input_type: Mapped[str | None] = mapped_column(Prose(NAME_LENGTH))
    output_type: Mapped[str | None] = mapped_column(Prose(NAME_LENGTH))
    expected_rc: Mapped[int | None] = mapped_column(ExitCode)
    active: Mapped[bool] = mapped_column(Flag)
    last_passed_on_windows: Mapped[int | None] = mapped_column(WholeNumber, ForeignKey("test.id", onupdate="CASCADE", ondelete="SET NULL"))
    last_passed_on_linux: Mapped[int | None] = mapped_column(WholeNumber, ForeignKey("test.id", onupdate="CASCADE", ondelete="SET NULL"))
    description: Mapped[str | None] = mapped_column(Prose(1024))


class RegressionOutputRow(PlatformRow):
    """One output that a regression test produces, and its baseline's hash."""

    __tablename__ = "regression_test_output"

    id: Mapped[int] = mapped_column(WholeNumber, primary_key=True)
    regression_id: Mapped[int] = mapped_column(Number, ForeignKey("regression_test.id", onupdate="CASCADE", ondelete="CASCADE"))
    correct: Mapped[str] = mapped_column(AnyText)
    correct_extension: Mapped[str] = mapped_column(Prose(64, null=""))
    expected_filename: Mapped[str] = mapped_column(AnyText)
    ignore: Mapped[bool] = mapped_column(Flag)


class AcceptableHashRow(PlatformRow):
    """One more hash that is as good as an output's baseline."""

    __tablename__ = "regression_test_output_files"

    id: Mapped[int] = mapped_column(WholeNumber, primary_key=True)
    file_hashes: Mapped[str] = mapped_column(AnyText)
    regression_test_output_id: Mapped[int] = mapped_column(
        Number, ForeignKey("regression_test_output.id", onupdate="CASCADE", ondelete="CASCADE"))


class VersionRow(PlatformRow):
    """A release of the extractor."""

    __tablename__ = "ccextractor_version"

    id: Mapped[int] = mapped_column(WholeNumber, primary_key=True)
    version: Mapped[str] = mapped_column(Prose(10, null=""), unique=True)
    released: Mapped[date | None] = mapped_column(Day, unique=True, nullable=False)
    commit: Mapped[str] = mapped_column(Prose(64, null=""), unique=True)


class GeneralDataRow(PlatformRow):
    """A value of the platform's own programs, by its key."""

    __tablename__ = "general_data"

    id: Mapped[int] = mapped_column(WholeNumber, primary_key=True)
    key: Mapped[str] = mapped_column(Prose(64, null=""), unique=True)
    value: Mapped[str] = mapped_column(AnyText)


class InstanceRow(PlatformRow):
    """The virtual machine of a run in preparation or testing."""

    __tablename__ = "gcp_instance"

    name: Mapped[str] = mapped_column(Prose(64, null=""), primary_key=True)
    test_id: Mapped[int] = mapped_column(Number, ForeignKey("test.id", onupdate="CASCADE", ondelete="RESTRICT"))
    timestamp: Mapped[datetime] = mapped_column(Instant)
    timestamp_prep_finished: Mapped[datetime | None] = mapped_column(UtcDateTime)


class MaintenanceRow(PlatformRow):
    """Whether runs of a platform may be started."""

    __tablename__ = "maintenance_mode"

    id: Mapped[int] = mapped_column(WholeNumber, primary_key=True)
    platform: Mapped[Platform | None] = mapped_column(Word(Platform), nullable=False)
    disabled: Mapped[bool] = mapped_column(Flag)


class BlockedUserRow(PlatformRow):
    """A GitHub user whose pull requests are not run."""

    __tablename__ = "blocked_users"

    user_id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    comment: Mapped[str | None] = mapped_column(Prose)


# Those of this server begin with `ci_`, and some may be known already.
PLATFORM_TABLES: tuple[Table, ...] = tuple(table for table in Base.metadata.sorted_tables if not table.name.startswith("ci_"))
