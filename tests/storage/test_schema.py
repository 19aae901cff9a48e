import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from emulator.model import Bucket, MultipartUpload, ObjectAttributes
from emulator.storage.index import Index
from emulator.storage.schema import STEPS, SchemaTooNew
from emulator.storage.store import StoreError
from tests.storage.conftest import Opener
from tests.storage.words import content

TIME = datetime(2024, 2, 29, 12, 30, 15, 123000, UTC)

# What the first emulator made, word for word: it must stay readable whatever becomes of `STEPS`.
FIRST_SCHEMA = """
CREATE TABLE IF NOT EXISTS run (number INTEGER NOT NULL, is_settled INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS bucket (name TEXT PRIMARY KEY, settings TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS live (
    bucket TEXT NOT NULL, key TEXT NOT NULL, blob TEXT NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL,
    etag TEXT NOT NULL, md5 BLOB, crc64 INTEGER NOT NULL, last_modified INTEGER NOT NULL, type TEXT NOT NULL,
    storage_class TEXT NOT NULL, attributes TEXT NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS total (
    bucket TEXT NOT NULL, storage_class TEXT NOT NULL, size INTEGER NOT NULL, count INTEGER NOT NULL,
    last_modified INTEGER NOT NULL,
    PRIMARY KEY (bucket, storage_class)
) WITHOUT ROWID;
"""


@pytest.fixture
def old_folder(folder: Path) -> Path:
    """A data directory as the first emulator left it, with the object `key` of the bucket `bucket`."""
    blob = folder / "blobs" / "00" / "00-1-0"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"old")
    row = (
        "bucket",
        "key",
        "00-1-0",
        3,
        blob.stat().st_mtime_ns,
        "E" * 32,
        b"m" * 16,
        -1,
        0,
        "Normal",
        "Standard",
        "{}",
    )
    with closing(sqlite3.connect(folder / "index.sqlite")) as connection:
        connection.executescript(FIRST_SCHEMA)
        connection.execute("INSERT INTO run VALUES (1, 1)")
        connection.execute(
            "INSERT INTO bucket VALUES ('bucket', ?)", ('{"name":"bucket","created":"2024-02-29T00:00:00Z"}',)
        )
        connection.execute(f"INSERT INTO live VALUES ({', '.join('?' * len(row))})", row)
        connection.execute("INSERT INTO total VALUES ('bucket', 'Standard', 3, 1, 0)")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    return folder


async def test_index_of_the_first_emulator_keeps_its_objects_and_takes_uploads(
    old_folder: Path, open_store: Opener
) -> None:
    store = await open_store()
    assert await content(store, "key") == b"old"
    assert [bucket.name for bucket in store.buckets.page()[0]] == ["bucket"]
    assert (store.buckets.stat("bucket").counts, store.buckets.stat("bucket").uploads) == ({"Standard": 1}, 0)
    upload = MultipartUpload("bucket", "key", "0" * 32, TIME, ObjectAttributes())
    await store.uploads.begin(upload)
    assert store.uploads.find("bucket", "key", "0" * 32) == upload
    await store.close()
    assert version(old_folder / "index.sqlite") == len(STEPS)


def test_preparing_again_changes_nothing(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite", "none")
    index.prepare()
    with index.transaction():
        index.put_bucket(Bucket("bucket", TIME))
    index.prepare()
    assert index.buckets() == [Bucket("bucket", TIME)]
    index.close()
    assert version(tmp_path / "index.sqlite") == len(STEPS)


def test_step_that_fails_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"{FIRST_SCHEMA} CREATE TABLE part (in_the_way); PRAGMA user_version = 1;")
    index = Index(path, "none")
    with pytest.raises(sqlite3.OperationalError, match="part already exists"):
        index.prepare()
    index.close()
    assert version(path) == 1
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'upload'").fetchone() == (0,)


async def test_index_of_a_newer_emulator_is_refused_and_left_alone(folder: Path, open_store: Opener) -> None:
    await (await open_store()).close()
    with closing(sqlite3.connect(folder / "index.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match=f"its index has schema 99, this emulator knows schemas up to {len(STEPS)}"):
        await open_store()
    assert version(folder / "index.sqlite") == 99


def test_newer_index_is_told_by_its_number(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite", "none")
    index.prepare()
    index._connection.execute("PRAGMA user_version = 99")
    with pytest.raises(SchemaTooNew, match="99"):
        index.prepare()
    index.close()


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
