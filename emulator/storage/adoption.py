"""Files that people put into the tree, replace in it or edit become objects; and links that are missing come back.

A file is taken as it is: it gets a second name among the blobs. Whoever is still writing to it therefore goes on
writing to the object, and the next reader sees by size and modification time that it must be hashed again.
"""

import asyncio
import logging
import mimetypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import structs

from emulator.clock import Clock
from emulator.model import Bucket, ObjectAttributes, ObjectRecord, ObjectType
from emulator.storage.blobs import Blob, Blobs
from emulator.storage.digest import Digests
from emulator.storage.index import Index, IndexedBlob
from emulator.storage.tree import Tree
from emulator.storage.versions import Versions
from emulator.storage.writer import Batch, Job, Writer

logger = logging.getLogger(__name__)

# A blob's file has one name among the blobs and one in the tree. Any other number is worth a look.
LINKS_OF_A_SHOWN_BLOB = 2

# How many dropped files are hashed at once: their commits share transactions.
FILES_AT_ONCE = 32


class Adoption:
    """Sees what happened to files, and has the writer make it so in the index. In the event loop."""

    def __init__(
        self,
        index: Index,
        blobs: Blobs,
        tree: Tree,
        writer: Writer,
        clock: Clock,
        versions: Versions,
        acknowledge: Callable[[str, str], None],
    ) -> None:
        """`acknowledge` is called in the event loop with the bucket and key of a committed change."""
        self._index = index
        self._blobs = blobs
        self._tree = tree
        self._writer = writer
        self._clock = clock
        self._versions = versions
        self._acknowledge = acknowledge

    def is_due(self, record: ObjectRecord, blob: Blob) -> bool:
        """Whether somebody seems to have edited the blob, or replaced the file that shows it. Costs an fstat."""
        found = os.fstat(blob.fileno())
        if not _fits(found, record.size, record.blob_mtime_ns, record.type):
            return True
        if not self._tree.is_shown or found.st_nlink == LINKS_OF_A_SHOWN_BLOB:
            return False
        shown = self._tree.look(record.bucket, record.key)
        self._tree.release()
        return shown is not None and not os.path.samestat(shown, found)

    async def adopt(self, bucket: Bucket, key: str) -> ObjectRecord | None:
        """Make what stands at the key's path the object, or see what an edited blob is now; the object as it is then.

        `None` if there is still no object. A file that cannot be linked is left alone, with a warning.
        """
        record = self._index.find(bucket.name, key)
        blob = self._blobs.stat(record.blob) if record else None
        if self._tree.is_shown:
            shown = self._tree.look(bucket.name, key)
            self._tree.release()
            if shown and not (blob and os.path.samestat(shown, blob)):
                with _left_alone(bucket.name, key):
                    return await self._take(bucket, key, record)
        if record and blob and not _fits(blob, record.size, record.blob_mtime_ns, record.type):
            with _left_alone(bucket.name, key):
                return await self._measure_again(record)
        return record

    async def adopt_all(self, buckets: list[Bucket], index: Index) -> int:
        """Adopt whatever needs it; how many objects that has made or changed. `index` is read in other threads."""
        adopted = 0
        for bucket in buckets:
            keys = await asyncio.to_thread(unknown_keys, bucket.name, self._tree, index)
            for start in range(0, len(keys), FILES_AT_ONCE):
                some = keys[start : start + FILES_AT_ONCE]
                before = [self._index.find(bucket.name, key) for key in some]
                after = await asyncio.gather(*(self.adopt(bucket, key) for key in some))
                adopted += sum(new != old for new, old in zip(after, before, strict=True))
        return adopted

    async def _take(self, bucket: Bucket, key: str, replaced: ObjectRecord | None) -> ObjectRecord | None:
        blob = self._blobs.new_id()
        self._blobs.make_folder(blob)
        taken = self._tree.take(bucket.name, key, self._blobs.path(blob))
        self._tree.release()
        try:
            digests = await asyncio.to_thread(self._blobs.measure, blob)
        except BaseException:
            self._blobs.remove(blob)
            raise
        attributes = replaced.attributes if replaced else guess_attributes(bucket, key)
        measured = self._record(bucket.name, key, blob, digests, taken, attributes)
        drawn_id = self._versions.draw_id(bucket.name)

        def apply(batch: Batch) -> ObjectRecord | None:
            if not batch.index.has_bucket(bucket.name):
                batch.unneeded.append(blob)
                return None
            versioning = batch.versioning(bucket.name)
            current = batch.index.find(bucket.name, key)
            shown = batch.tree.look(bucket.name, key)
            if not (shown and os.path.samestat(shown, taken)) or (current and self._is(current, taken)):
                batch.unneeded.append(blob)  # a client or another adoption was quicker
                return current
            record = structs.replace(measured, version_id=self._versions.settle_id(drawn_id, versioning))
            batch.unneeded += batch.index.add(record, versioning)
            return record

        return await self._commit(measured, apply, abandon=lambda: self._blobs.remove(blob))

    async def _measure_again(self, edited: ObjectRecord) -> ObjectRecord | None:
        """The object whose blob somebody has edited."""
        found = self._blobs.stat(edited.blob)
        if found is None:
            return self._index.find(edited.bucket, edited.key)
        digests = await asyncio.to_thread(self._blobs.measure, edited.blob)
        measured = self._record(edited.bucket, edited.key, edited.blob, digests, found, edited.attributes)
        record = structs.replace(measured, version_id=edited.version_id)

        def apply(batch: Batch) -> ObjectRecord | None:
            current = batch.index.find(edited.bucket, edited.key)
            if current is None or current.blob != edited.blob:
                return current
            batch.index.put(record)
            return record

        return await self._commit(record, apply)

    def _record(
        self,
        bucket: str,
        key: str,
        blob: str,
        digests: Digests,
        before: os.stat_result,
        attributes: ObjectAttributes,
    ) -> ObjectRecord:
        """The object of a file that was as `before` before it was measured: if it changed meanwhile, that shows.

        It is an object like any other, also if it was a symbolic link before, or sealed.
        """
        return ObjectRecord(
            bucket,
            key,
            blob,
            digests.size,
            digests.etag,
            digests.md5,
            digests.crc64,
            self._clock.now_in_milliseconds(),
            ObjectType.NORMAL,
            structs.replace(attributes, symlink_target="", sealed=None),
            before.st_mtime_ns,
        )

    async def _commit(
        self,
        record: ObjectRecord,
        apply: Callable[[Batch], ObjectRecord | None],
        abandon: Callable[[], None] = lambda: None,
    ) -> ObjectRecord | None:
        return await self._writer.do(
            Job(apply, abandon=abandon, acknowledge=lambda: self._acknowledge(record.bucket, record.key))
        )

    def _is(self, record: ObjectRecord, file: os.stat_result) -> bool:
        blob = self._blobs.stat(record.blob)
        return blob is not None and os.path.samestat(blob, file)


def unknown_keys(bucket: str, tree: Tree, index: Index) -> list[str]:
    """The keys at whose paths files stand that are not the objects' own."""
    return [key for key, file, row in _side_by_side(bucket, tree, index) if file and not (row and _is_link(file, row))]


def restore_links(bucket: str, tree: Tree, index: Index, blobs: Blobs) -> None:
    """Put back the links that a kill has left out. Before the writer runs."""
    missing = [row for _, file, row in _side_by_side(bucket, tree, index) if row and not file]
    for row in missing:
        if not tree.look(bucket, row.key):  # a walk passes by what programs leave behind, and it may be a newer version
            tree.link(bucket, row.key, blobs.path(row.blob))
        tree.release()


def _side_by_side(
    bucket: str, tree: Tree, index: Index
) -> Iterator[tuple[str, os.stat_result | None, IndexedBlob | None]]:
    """Every key of the tree or the index, with its file and its row: both come in byte order, so memory stays flat."""
    files, rows = tree.walk(bucket), index.blobs_by_key(bucket)
    file, row = next(files, None), next(rows, None)
    while file or row:
        if file and (not row or file[0] < row.key):
            yield *file, None
            file = next(files, None)
        elif row and (not file or row.key < file[0]):
            yield row.key, None, row
            row = next(rows, None)
        elif file and row:
            yield *file, row
            file, row = next(files, None), next(rows, None)


def _is_link(file: os.stat_result, row: IndexedBlob) -> bool:
    """Whether the file is the row's blob for all that can be told without looking at the blob."""
    return file.st_nlink > 1 and _fits(file, row.size, row.mtime_ns, row.type)


def _fits(file: os.stat_result, size: int, mtime_ns: int, type: ObjectType) -> bool:  # noqa: A002 - as in the model
    """Whether a blob is as its row says. Of an appendable's, which grows, the row says how much counts."""
    if type is ObjectType.APPENDABLE:
        return file.st_size >= size
    return file.st_size == size and file.st_mtime_ns == mtime_ns


@contextmanager
def _left_alone(bucket: str, key: str) -> Iterator[None]:
    """Leave a file alone that the system does not let us have, with a warning unless it has gone again."""
    try:
        yield
    except FileNotFoundError:
        pass
    except OSError as error:
        logger.warning("the file of %s/%s cannot be what the object is: %s", bucket, key, error)


def guess_attributes(bucket: Bucket, key: str) -> ObjectAttributes:
    """Guess: what ossutil would send, which goes by the name."""
    return ObjectAttributes(headers={"content-type": guess_content_type(key)}, storage_class=bucket.storage_class)


def guess_content_type(key: str) -> str:
    """What the name in `key` suggests. Of what is packed it is the packing's type, whatever is inside."""
    kind, encoding = mimetypes.MimeTypes().guess_type(key.rpartition("/")[2], strict=False)
    if encoding:
        kind = "application/gzip" if encoding == "gzip" else None
    return kind or "application/octet-stream"
