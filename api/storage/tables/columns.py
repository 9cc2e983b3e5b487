"""What the columns and tables of this server have in common."""
from __future__ import annotations

from sqlalchemy import LargeBinary, Text
from sqlalchemy.dialects import mysql

from api.storage.column_types import UtcDateTime

OWN = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_row_format": "DYNAMIC"}
LongText = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
LongBytes = LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
Exact = UtcDateTime(exact=True)
