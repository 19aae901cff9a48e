"""Folders whose files are objects of a bucket from the start, and again after every reset.

The files are copied: whoever edits one changes nothing here before the next start. The bytes of every object that was
loaded keep a second name in `staging/`, so that a reset reads no file and moves no byte.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from emulator.model import Bucket, ObjectRecord, ObjectType
from emulator.storage.adoption import FILES_AT_ONCE, guess_attributes
from emulator.storage.blobs import Blobs, remove_file, telling_full_disk
from emulator.storage.directory import StoreError
from emulator.storage.staging import StagedBytes
from emulator.storage.tree import MAX_KEY_BYTES, PASSING
from emulator.storage.uploads import Put
from emulator.storage.writer import Batch

logger = logging.getLogger(__name__)


class _Loaded(msgspec.Struct, frozen=True):
    """An object that was loaded, and where its bytes wait for a reset."""

    record: ObjectRecord
    kept: str


class Loading:
    """What was loaded into a store."""

    def __init__(self, blobs: Blobs, find: Callable[[str, str], ObjectRecord | None], put: Put) -> None:
        self._blobs = blobs
        self._find = find
        self._put = put
        self._loaded: dict[tuple[str, str], _Loaded] = {}

    async def load(self, bucket: Bucket, folder: Path) -> int:
        """Make the files below `folder` objects of `bucket`, their paths being the keys; how many.

        What is in the bucket with the same bytes already stays as it is.

        Raises:
            StoreError: the folder or one of its files cannot be read.
        """
        files = await asyncio.to_thread(lambda: list(_files(folder)))
        for start in range(0, len(files), FILES_AT_ONCE):
            await asyncio.gather(*(self._load(bucket, *file) for file in files[start : start + FILES_AT_ONCE]))
        return len(files)

    def bring_back(self) -> dict[tuple[str, str], str]:
        """Make a new blob of every object that was loaded; their ids by bucket and key. Blocks.

        Raises:
            OSError: the disk is full, or broken; nothing is left of them.
        """
        made: dict[tuple[str, str], str] = {}
        try:
            for place, loaded in self._loaded.items():
                made[place] = self._blobs.new_id()
                self._blobs.bring_back(loaded.kept, made[place], None)
        except BaseException:
            self.take_back(made)
            raise
        return made

    def take_back(self, made: dict[tuple[str, str], str]) -> None:
        """Undo `bring_back`."""
        for blob in made.values():
            self._blobs.remove(blob)

    def put_rows(self, batch: Batch, made: dict[tuple[str, str], str], now: datetime) -> None:
        """Make the new blobs `made` the objects that were loaded, in the buckets that there are."""
        for (bucket, key), blob in made.items():
            if batch.index.has_bucket(bucket):
                record = self._loaded[bucket, key].record
                batch.index.put(msgspec.structs.replace(record, blob=blob, last_modified=now))
                batch.shown[bucket, key] = blob

    async def _load(self, bucket: Bucket, key: str, path: Path) -> None:
        content = await asyncio.to_thread(self._stage, path)
        record = self._find(bucket.name, key)
        if record is not None and record.md5 == content.digests.md5:
            content.discard()
        else:
            record = await self._put(
                content,
                bucket.name,
                key,
                attributes=guess_attributes(bucket, key),
                type=ObjectType.NORMAL,
                forbid_overwrite=False,
            )
        kept = self._blobs.staging_path()
        await asyncio.to_thread(self._blobs.keep, record.blob, kept, None)
        self._loaded[bucket.name, key] = _Loaded(record, kept)

    def _stage(self, path: Path) -> StagedBytes:
        """A copy of the file `path`."""
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise StoreError(f"{path}: cannot be loaded: {error.strerror}") from error
        try:
            with telling_full_disk():
                staged = self._blobs.stage_copy(file, 0, os.fstat(file).st_size)
        finally:
            os.close(file)
        try:
            return StagedBytes(self._blobs, self._blobs.measure_staged(staged), path=staged)
        except BaseException:
            remove_file(staged)
            raise


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The regular files below `folder` by key, sorted; what editors leave behind is none. Links to folders are not
    followed."""

    def fail(error: OSError) -> None:
        raise StoreError(f"{error.filename}: cannot be loaded: {error.strerror}") from error

    for top, folders, names in os.walk(folder, onerror=fail):
        folders.sort()
        for name in sorted(names):
            path = Path(top, name)
            if PASSING.match(name) or not path.is_file():
                continue
            key = path.relative_to(folder).as_posix()
            with suppress(UnicodeEncodeError):
                if len(key.encode()) <= MAX_KEY_BYTES and not key.startswith("\\"):
                    yield key, path
                    continue
            logger.warning("%a is not loaded: its path below %s can be no key", os.fspath(path), folder)
