"""The table of columns in Arrow's words: schemas, field metadata, and the data dictionary."""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from exporter.model import TableName
from exporter.tables.columns import SCHEMA_VERSION, TABLES, Column


@cache
def schema_of(table: TableName) -> pa.Schema:
    """The Arrow schema of a table; each field's metadata holds its `description`, `path` and `source`."""
    fields = [
        pa.field(
            column.name,
            column.type,
            nullable=not column.required,
            metadata={"description": column.description, "path": column.path, "source": column.source},
        )
        for column in TABLES[table]
    ]
    return pa.schema(fields, metadata={"table": table, "schema_version": str(SCHEMA_VERSION)})


def type_name(column: Column) -> str:
    """The column's type as the documentation writes it: `string`, `list<string>`, `timestamp[ms, UTC]`."""
    return str(column.type).replace("list<item: ", "list<").replace("tz=", "")


def data_dictionary() -> list[dict[str, object]]:
    """All columns of all tables, in order, as plain values."""
    return [
        {
            "table": table,
            "column": column.name,
            "type": type_name(column),
            "required": column.required,
            "path": column.path or None,
            "source": column.source,
            "description": column.description,
        }
        for table, columns in TABLES.items()
        for column in columns
    ]
