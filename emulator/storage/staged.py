"""An upload between its last byte and its object: here operations judge it."""

from emulator.model import MultipartUpload, ObjectAttributes, ObjectRecord, ObjectType, Part
from emulator.storage.appendables import Appendables
from emulator.storage.staging import StagedBytes
from emulator.storage.uploads import Put, Uploads


class Staged:
    """An upload that has arrived whole: to be judged by its digests, then committed or left."""

    def __init__(self, content: StagedBytes, put: Put, uploads: Uploads, appendables: Appendables) -> None:
        """`put` is what makes bytes an object."""
        self._content = content
        self._put = put
        self._uploads = uploads
        self._appendables = appendables
        self._is_committed = False
        self.size = content.digests.size
        self.md5 = content.digests.md5
        self.crc64 = content.digests.crc64

    @property
    def etag(self) -> str:
        """The ETag of an object that came in one piece."""
        return self._content.digests.etag

    async def commit(
        self,
        bucket: str,
        key: str,
        *,
        attributes: ObjectAttributes,
        type: ObjectType = ObjectType.NORMAL,  # noqa: A002 - the name it has everywhere else
        forbid_overwrite: bool = False,
    ) -> ObjectRecord:
        """Make it the object at `key`, at once and for everybody.

        Raises:
            NoSuchBucket: the bucket has gone meanwhile.
            FileAlreadyExists: `forbid_overwrite`, and the key is taken.
            FileImmutable: the bucket's retention keeps what is there.
            InsufficientStorage: the disk is full; what was there is untouched.
        """
        return await self._put(
            self._release(), bucket, key, attributes=attributes, type=type, forbid_overwrite=forbid_overwrite
        )

    async def commit_part(self, upload: MultipartUpload, number: int) -> Part:
        """Make it the part `number` of `upload`, in place of the one that was there.

        Raises:
            NoSuchBucket, NoSuchUpload: the upload has been completed or aborted meanwhile.
            InsufficientStorage: the disk is full; what was there is untouched.
        """
        return await self._uploads.put_part(self._release(), upload, number)

    async def append(self, bucket: str, key: str, position: int, *, attributes: ObjectAttributes) -> ObjectRecord:
        """Add it to the appendable object at `key`, which ends at `position`; at 0 it may begin one.

        Raises:
            NoSuchBucket: the bucket has gone meanwhile.
            PositionNotEqualToLength, ObjectNotAppendable: as `check_position`.
            FileImmutable: the bucket's retention keeps the object as it is.
            InsufficientStorage: the disk is full; the object is untouched.
        """
        return await self._appendables.append(self._release(), bucket, key, position, attributes=attributes)

    def _release(self) -> StagedBytes:
        """What was staged; from here on others see to it that nothing is left behind."""
        self._is_committed = True
        return self._content

    def discard(self) -> None:
        """Leave nothing behind, unless it was committed."""
        if not self._is_committed:
            self._content.discard()
