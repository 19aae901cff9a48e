"""The tables of `index.sqlite`, and how the index of an older emulator becomes one of today's.

Times are milliseconds since 1970. `mtime` is that of the blob's file, in nanoseconds: another one means that somebody
has edited it. `live` has the objects that ListObjects shows, `past` the versions below them and the delete markers,
which have no blob. `rank` orders the versions of a key: the newer, the lower. `total` is what both add up to (delete
markers under no storage class), kept in the same transaction, because counting a million rows takes 185 ms.
`versioning` repeats what a bucket's settings say, for the writer. `position` is where a part begins in its blob, which
other parts may share. `run` has one row: the number of the run, and whether the run before it left index, blobs and
tree in agreement.
"""

import sqlite3

# What each version of the schema adds to the one before it. An index says in `user_version` how many it has.
STEPS = (
    """
    CREATE TABLE run (number INTEGER NOT NULL, is_settled INTEGER NOT NULL);
    INSERT INTO run VALUES (0, 1);
    CREATE TABLE bucket (name TEXT PRIMARY KEY, settings TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE live (
        bucket TEXT NOT NULL, key TEXT NOT NULL, blob TEXT NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL,
        etag TEXT NOT NULL, md5 BLOB, crc64 INTEGER NOT NULL, last_modified INTEGER NOT NULL, type TEXT NOT NULL,
        storage_class TEXT NOT NULL, attributes TEXT NOT NULL,
        PRIMARY KEY (bucket, key)
    ) WITHOUT ROWID;
    CREATE TABLE total (
        bucket TEXT NOT NULL, storage_class TEXT NOT NULL, size INTEGER NOT NULL, count INTEGER NOT NULL,
        last_modified INTEGER NOT NULL,
        PRIMARY KEY (bucket, storage_class)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE upload (
        bucket TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, initiated INTEGER NOT NULL,
        attributes TEXT NOT NULL,
        PRIMARY KEY (bucket, key, id)
    ) WITHOUT ROWID;
    CREATE TABLE part (
        upload TEXT NOT NULL, number INTEGER NOT NULL, blob TEXT NOT NULL, size INTEGER NOT NULL, md5 BLOB NOT NULL,
        crc64 INTEGER NOT NULL, last_modified INTEGER NOT NULL,
        PRIMARY KEY (upload, number)
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE part ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
    """,
    """
    ALTER TABLE bucket ADD COLUMN versioning TEXT;
    ALTER TABLE live ADD COLUMN version TEXT NOT NULL DEFAULT 'null';
    CREATE TABLE past (
        bucket TEXT NOT NULL, key TEXT NOT NULL, rank INTEGER NOT NULL, version TEXT NOT NULL, blob TEXT,
        size INTEGER NOT NULL, mtime INTEGER NOT NULL, etag TEXT NOT NULL, md5 BLOB, crc64 INTEGER NOT NULL,
        last_modified INTEGER NOT NULL, type TEXT NOT NULL, storage_class TEXT NOT NULL, attributes TEXT NOT NULL,
        PRIMARY KEY (bucket, key, rank)
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX past_version ON past (bucket, key, version);
    """,
)


class SchemaTooNew(Exception):
    """The index was written by a newer emulator. The message is one line."""


def migrate(connection: sqlite3.Connection) -> None:
    """Make the tables of a new index, and those that an older one lacks. What is in it stays.

    Raises:
        SchemaTooNew: the index comes from a newer emulator.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(STEPS):
        raise SchemaTooNew(f"its index has schema {version}, this emulator knows schemas up to {len(STEPS)}")
    if version < len(STEPS):
        steps = "".join(STEPS[version:])
        connection.executescript(f"BEGIN; {steps} PRAGMA user_version = {len(STEPS)}; COMMIT;")
