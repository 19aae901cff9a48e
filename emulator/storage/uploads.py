"""Multipart uploads: begun, fed with parts in any order and at once, then completed or aborted. They survive a restart.

A part is bytes of a blob with a row of its own. Parts that were written side by side (`assembly`) are the object's blob
already; others are joined into it inside the kernel. The object's row and the end of the upload are one transaction.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from emulator.clock import Clock
from emulator.errors import InternalError, InvalidPart, NoSuchUpload
from emulator.model import MultipartUpload, ObjectAttributes, ObjectRecord, ObjectType, Part
from emulator.storage.assembly import Assembly, Slot
from emulator.storage.blobs import Blobs
from emulator.storage.digest import SMALL_BYTES
from emulator.storage.index import Index
from emulator.storage.staging import AssembledBytes, SlottedBytes, StagedBytes, joined
from emulator.storage.upload_index import UploadListing
from emulator.storage.writer import Batch, Job, Step, Writer, nothing


class Put(Protocol):
    """`Store.put`: makes bytes an object; `check` and `also` go into the same transaction, before and after it."""

    async def __call__(
        self,
        content: StagedBytes,
        bucket: str,
        key: str,
        *,
        attributes: ObjectAttributes,
        type: ObjectType,  # noqa: A002 - the name it has everywhere else
        forbid_overwrite: bool,
        check: Step = nothing,
        also: Step = nothing,
    ) -> ObjectRecord: ...


class Uploads:
    """The multipart uploads of a store. In the event loop."""

    def __init__(self, index: Index, blobs: Blobs, writer: Writer, clock: Clock, put: Put) -> None:
        self._index = index.uploads
        self._blobs = blobs
        self._writer = writer
        self._clock = clock
        self._put = put
        self._assemblies: dict[str, Assembly] = {}  # by upload id; those of earlier runs take no more parts
        self._ending = Counter[str]()  # completions and abortions under way, by upload id

    # --- Reading ----------------------------------------------------------------------------------------------------

    def find(self, bucket: str, key: str, id: str) -> MultipartUpload | None:  # noqa: A002 - as in the model
        """The upload with this id, if it is under way and one of this key."""
        try:
            return self._index.find(bucket, key, id)
        except UnicodeEncodeError:  # bytes that are no UTF-8, carried as surrogates
            return None

    def is_taken(self, id: str) -> bool:  # noqa: A002 - as in the model
        """Whether an upload that is under way has this id. Looks at all of them."""
        return self._index.is_taken(id)

    def parts(self, upload: MultipartUpload, *, after: int = 0, limit: int = -1) -> list[Part]:
        """The parts of `upload` by number, after the number `after`; at most `limit`, if it is not -1."""
        return self._index.parts(upload.id, after=after, limit=limit)

    def page(
        self, bucket: str, *, prefix: str, delimiter: str, key_marker: str, id_marker: str, limit: int
    ) -> UploadListing:
        """The page of at most `limit` entries after `key_marker`, or after the upload `id_marker` of that key."""
        return self._index.page(
            bucket, prefix=prefix, delimiter=delimiter, key_marker=key_marker, id_marker=id_marker, limit=limit
        )

    # --- Changing ---------------------------------------------------------------------------------------------------

    async def begin(self, upload: MultipartUpload) -> None:
        """Begin `upload`.

        Raises:
            NoSuchBucket: there is none.
        """

        def apply(batch: Batch) -> None:
            batch.check_bucket(upload.bucket)
            batch.index.uploads.put(upload)

        await self._writer.do(Job(apply))

    def claim(self, upload: MultipartUpload, number: int, size: int | None) -> Slot | None:
        """Where the part `number`, which will have `size` bytes, lies in the object, if that can be told.

        `None` as a size is one that nobody knows yet. Whoever gets the slot keeps or discards it.
        """
        if size is None or self._ending[upload.id] or self.find(upload.bucket, upload.key, upload.id) is None:
            return None
        assembly = self._assemblies.get(upload.id)
        if assembly is None:
            if size <= SMALL_BYTES:  # a last part that comes first says nothing about the others
                return None
            try:
                assembly = Assembly(self._blobs, size)
            except OSError:  # a blob of its own may still be had, or tells what is wrong
                return None
            self._assemblies[upload.id] = assembly
        return assembly.claim(number, size)

    async def put_part(self, content: StagedBytes, upload: MultipartUpload, number: int) -> Part:
        """`Staged.commit_part`."""
        size, md5, crc64, _ = content.digests
        assert md5 is not None  # a part comes in one piece
        last_modified = self._clock.now_in_milliseconds()

        def apply(batch: Batch) -> Part:
            _check(batch, upload)
            part = Part(number, content.blob, size, md5, crc64, last_modified, content.position)
            assembly = self._assemblies.get(upload.id)
            if isinstance(content, SlottedBytes) and not (assembly and content.blob == assembly.blob):
                raise InternalError(
                    hint=f"A snapshot was restored while part {number} was being uploaded; send it again."
                )
            replaced = batch.index.uploads.put_part(upload.id, part)
            if replaced and not (assembly and replaced == assembly.blob):  # which takes more parts
                batch.unneeded.append(replaced)
            return part

        return await self._writer.do(
            Job(apply, prepare=content.become_blob, finish=content.keep, abandon=content.discard)
        )

    async def complete(
        self,
        upload: MultipartUpload,
        parts: Sequence[Part],
        *,
        attributes: ObjectAttributes,
        forbid_overwrite: bool,
    ) -> ObjectRecord:
        """Make `parts`, one after the other, the object that `upload` is of; parts that are not among them go.

        Raises:
            NoSuchBucket, NoSuchUpload: somebody has completed or aborted it meanwhile.
            InvalidPart: a part has been replaced by another one meanwhile.
            FileAlreadyExists: `forbid_overwrite`, and the key is taken.
            InsufficientStorage: the disk is full; the upload stays as it was.
        """

        def check(batch: Batch) -> None:
            _check(batch, upload)
            _of_the_same_bytes(parts, batch.index.uploads.parts(upload.id), upload)
            if isinstance(content, AssembledBytes) and not batch.index.uploads.names(upload.id, content.blob):
                raise InternalError(
                    hint="A snapshot was restored while the upload was being completed; complete it again."
                )

        def also(batch: Batch) -> None:
            batch.unneeded += self._remove(batch, upload) - {content.blob}

        with self._end(upload):
            content = await self._join(upload, parts)
            return await self._put(
                content,
                upload.bucket,
                upload.key,
                attributes=attributes,
                type=ObjectType.MULTIPART,
                forbid_overwrite=forbid_overwrite,
                check=check,
                also=also,
            )

    async def _join(self, upload: MultipartUpload, parts: Sequence[Part]) -> StagedBytes:
        """The bytes of `parts`; one that was sent again meanwhile, because no answer was heard, has a new blob."""
        while True:
            try:
                return await asyncio.to_thread(joined, parts, self._blobs, self._assemblies.get(upload.id))
            except FileNotFoundError:
                if self.find(upload.bucket, upload.key, upload.id) is None:
                    raise _no_such_upload(upload) from None
                current = _of_the_same_bytes(parts, self.parts(upload), upload)
                if current == list(parts):
                    raise  # somebody has taken files out of `blobs/`
                parts = current

    async def abort(self, upload: MultipartUpload) -> None:
        """Forget `upload`, and free what its parts take.

        Raises:
            NoSuchBucket, NoSuchUpload: somebody has completed or aborted it meanwhile.
        """

        def apply(batch: Batch) -> None:
            _check(batch, upload)
            batch.unneeded += self._remove(batch, upload)

        with self._end(upload):
            await self._writer.do(Job(apply))

    def forget(self) -> None:
        """Take note that all rows are others now. In the writer thread, before it does anything else."""
        for assembly in list(self._assemblies.values()):
            self._blobs.remove(assembly.blob)
        self._assemblies.clear()

    @property
    def leave_litter(self) -> bool:
        """Whether there may be blobs that no row names, because none of their parts came whole: a start sweeps them."""
        return bool(self._assemblies)

    def _remove(self, batch: Batch, upload: MultipartUpload) -> set[str]:
        blobs = set(batch.index.uploads.remove(upload))
        if assembly := self._assemblies.get(upload.id):
            blobs.add(assembly.blob)
        return blobs

    @contextmanager
    def _end(self, upload: MultipartUpload) -> Iterator[None]:
        """Give out no slot of `upload` meanwhile. It has ended, unless that is refused."""
        self._ending[upload.id] += 1
        try:
            yield
            self._assemblies.pop(upload.id, None)
        except asyncio.CancelledError:
            self._ending[upload.id] += 1  # for good: what was under way goes on
            raise
        finally:
            self._ending[upload.id] -= 1
            if not self._ending[upload.id]:
                del self._ending[upload.id]


def _check(batch: Batch, upload: MultipartUpload) -> None:
    batch.check_bucket(upload.bucket)
    if batch.index.uploads.find(upload.bucket, upload.key, upload.id) is None:
        raise _no_such_upload(upload)


def _no_such_upload(upload: MultipartUpload) -> NoSuchUpload:
    return NoSuchUpload(UploadId=upload.id, hint="It has been completed or aborted while this request was under way.")


def _of_the_same_bytes(chosen: Sequence[Part], present: Sequence[Part], upload: MultipartUpload) -> list[Part]:
    """Those of the parts that are present which have the numbers and bytes of `chosen`; `InvalidPart` if one lacks."""
    by_number = {part.number: part for part in present}
    found: list[Part] = []
    for part in chosen:
        current = by_number.get(part.number)
        if current is None or current.md5 != part.md5:
            raise _replaced(upload, part)
        found.append(current)
    return found


def _replaced(upload: MultipartUpload, part: Part) -> InvalidPart:
    return InvalidPart(
        ETag=part.etag,
        PartNumber=part.number,
        UploadId=upload.id,
        hint=f"Part {part.number} was replaced by another one while the upload was being completed.",
    )
