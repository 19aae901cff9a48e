"""Filling: a bucket with many keys, quickly, and a large file. The keys fall under ten prefixes, in byte order."""

import hashlib
import os
import time
from datetime import UTC, datetime
from pathlib import Path

EMPTY_MD5 = hashlib.md5(b"").digest()
PREFIXES = 10
MOST_FILES = 20_000
"""More files than this take longer to make, to list and to remove than a benchmark should."""


def key_of(number: int, count: int) -> str:
    """Give the key at place `number` of `count` keys in byte order, counted from 0."""
    return f"prefix-{number * PREFIXES // count}/key-{number:07d}"


def fill_folder(folder: Path, bucket: str, count: int) -> None:
    """Make empty files, for a server whose objects are the files of a folder."""
    for prefix in range(PREFIXES):
        (folder / bucket / f"prefix-{prefix}").mkdir(parents=True)
    for number in range(count):
        (folder / bucket / key_of(number, count)).touch()


def fill_emulator(folder: Path, bucket: str, count: int, *, versions: int = 1, uploads: int = 0) -> None:
    """Make the data directory of an emulator that has stored `count` empty objects and was stopped in good order.

    Each has so many `versions`; of the first keys `uploads` are under way.

    The rows are written by the emulator's own verbs, a row at a time, so everything that it keeps with a row (the
    bucket's totals above all) is as after `count` uploads. Only the blobs are left out: they would take minutes to
    make and to remove, and a listing opens none. Nobody may GET these keys.
    """
    # Late: the peers can be measured where the emulator cannot be imported.
    from emulator.clock import Ids
    from emulator.model import (
        NULL_VERSION,
        Bucket,
        MultipartUpload,
        ObjectAttributes,
        ObjectRecord,
        ObjectType,
        Versioning,
    )
    from emulator.storage.index import Index

    folder.mkdir(parents=True)
    now = datetime.now(UTC)
    ids = Ids()
    index = Index(folder / "index.sqlite", "none")
    try:
        index.prepare()
        run, _ = index.begin_run()
        with index.transaction():
            versioning = Versioning.ENABLED if versions > 1 else None
            index.put_bucket(Bucket(name=bucket, created=now, versioning=versioning))
            for place in range(count * versions):
                number = place // versions
                index.add(
                    ObjectRecord(
                        bucket=bucket,
                        key=key_of(number, count),
                        blob=f"{place & 0xFF:02x}-{run:x}-{place:x}",
                        size=0,
                        etag=EMPTY_MD5.hex().upper(),
                        md5=EMPTY_MD5,
                        crc64=0,
                        last_modified=now,
                        type=ObjectType.NORMAL,
                        attributes=ObjectAttributes(),
                        blob_mtime_ns=time.time_ns(),
                        version_id=ids.version_id(now) if versioning else NULL_VERSION,
                    ),
                    versioning,
                )
            for number in range(uploads):
                upload_id = ids.upload_id(now)
                index.uploads.put(MultipartUpload(bucket, key_of(number, count), upload_id, now, ObjectAttributes()))
        index.end_run()
        index.checkpoint("TRUNCATE")
    finally:
        index.close()


def write_random(file: Path, size: int) -> None:
    """Write `size` bytes that do not compress, a MiB of them over and over."""
    piece = os.urandom(1 << 20)
    with file.open("wb") as out:
        for _ in range(size >> 20):
            out.write(piece)
