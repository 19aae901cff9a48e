"""All rows of `index.sqlite` at once: copied to another file, and replaced by those of one. The verbs of an `Index`."""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import msgspec

from emulator.model import ObjectType
from emulator.storage.schema import migrate


class KeptBlob(msgspec.Struct, frozen=True, gc=False):
    """A blob that a row names. `grown_to` is how many bytes of an appendable object's count; `None` of all others."""

    id: str
    grown_to: int | None


class SnapshotIndex:
    """An index as a whole, over its connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def kept_blobs(self) -> Iterator[KeptBlob]:
        """All blobs, of objects and of parts."""
        return self._kept_blobs("main")

    def attached_blobs(self) -> Iterator[KeptBlob]:
        """All blobs of the attached index."""
        return self._kept_blobs("attached")

    def _kept_blobs(self, schema: str) -> Iterator[KeptBlob]:
        query = f"""
        SELECT blob, size, type FROM {schema}.live
        UNION ALL SELECT blob, size, type FROM {schema}.past WHERE blob NOT NULL
        UNION ALL SELECT DISTINCT blob, NULL, NULL FROM {schema}.part
        """
        for blob, size, kind in self._connection.execute(query):
            yield KeptBlob(blob, size if kind == ObjectType.APPENDABLE.value else None)

    def stand_still(self) -> None:
        """Show the present state from now on, whatever others commit, until `go_on`."""
        self._connection.execute("BEGIN")
        self._connection.execute("SELECT 1 FROM run").fetchone()  # a transaction begins with its first question

    def go_on(self) -> None:
        """Show what there is."""
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")

    def copy_to(self, path: Path) -> None:
        """Write the index as it is in the open transaction to the new file `path`."""
        with closing(sqlite3.connect(path, isolation_level=None)) as target:
            migrate(target)
            target.execute("PRAGMA synchronous = OFF")  # a copy that a power cut spoils is no snapshot yet
            target.execute("BEGIN")
            for table in self._tables():
                rows = self._connection.execute(f"SELECT * FROM {table}")
                places = ", ".join("?" * len(rows.description))
                target.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
            target.execute("COMMIT")

    def attach(self, path: Path) -> None:
        """Have the index `path`, of the same schema, beside this one. Outside a transaction, as `detach`."""
        self._connection.execute("ATTACH ? AS attached", (os.fspath(path),))

    def detach(self) -> None:
        """Let go of the attached index, if there is one."""
        if any(name == "attached" for _, name, _ in self._connection.execute("PRAGMA database_list").fetchall()):
            self._connection.execute("DETACH attached")

    def become_attached(self, new_ids: Mapping[str, str]) -> None:
        """Hold what the attached index holds; its blobs are called by their new ids. Inside `transaction`."""
        self._connection.create_function("new_id", 1, new_ids.get)  # a delete marker has no blob
        for table in self._tables():
            columns = [name for _, name, *_ in self._connection.execute(f"PRAGMA main.table_info({table})")]
            values = ", ".join("new_id(blob)" if name == "blob" else name for name in columns)
            self._connection.execute(f"DELETE FROM main.{table}")
            self._connection.execute(
                f"INSERT INTO main.{table} ({', '.join(columns)}) SELECT {values} FROM attached.{table}"
            )

    def _tables(self) -> list[str]:
        """The tables that say what exists; `run` speaks of this directory alone."""
        query = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT IN ('run', 'sqlite_sequence')"
        return [name for (name,) in self._connection.execute(query)]
