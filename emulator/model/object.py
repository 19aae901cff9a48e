"""An object and its versions; an upload in parts that is to be one."""

from datetime import datetime

import msgspec

from emulator.model.kinds import NULL_VERSION, Acl, ObjectType, StorageClass


class Restoration(msgspec.Struct, frozen=True):
    """What RestoreObject has brought about: from `ready` to `expires` an archived object can be read."""

    ready: datetime
    expires: datetime

    def is_under_way(self, now: datetime) -> bool:
        """Whether the object cannot be read yet."""
        return now < self.ready

    def is_over(self, now: datetime) -> bool:
        """Whether the object cannot be read any more."""
        return now >= self.expires


class ObjectAttributes(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the client said about an object beside its bytes; kept as given and given back.

    `headers` are the stored content headers (`content-type`, `cache-control`, ... and the decoded persistent ones) by
    lower-case name; `metadata` the `x-oss-meta-*` by their lower-case rest; `tags` in the client's order; `encryption`
    the `x-oss-server-side-*` headers by lower-case name (kept and returned; nothing is encrypted). `symlink_target` is
    the key, in the same bucket, that a symbolic link leads to. `restoration` is of an archived object that somebody has
    had restored, `sealed` when an appendable object became one that grows no more.
    """

    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    encryption: dict[str, str] = {}
    acl: Acl = Acl.DEFAULT
    storage_class: StorageClass = StorageClass.STANDARD
    symlink_target: str = ""
    restoration: Restoration | None = None
    sealed: datetime | None = None


class ObjectRecord(msgspec.Struct, frozen=True):
    """An object as the index knows it. `blob` names the bytes; a record and its blob never change.

    `etag` is upper-case hex without quotes, `md5` the 16 raw bytes or `None` where OSS gives no Content-MD5
    (multipart, appendable), `crc64` the CRC-64/XZ of the bytes as an unsigned integer. `blob_mtime_ns` is the blob
    file's modification time in nanoseconds: with `size` it tells whether somebody has edited the file. `version_id` is
    `null` for what was stored while the bucket kept no versions.
    """

    bucket: str
    key: str
    blob: str
    size: int
    etag: str
    md5: bytes | None
    crc64: int
    last_modified: datetime
    type: ObjectType
    attributes: ObjectAttributes
    blob_mtime_ns: int = 0
    version_id: str = NULL_VERSION


class DeleteMarker(msgspec.Struct, frozen=True):
    """A version that says: here the object was deleted."""

    bucket: str
    key: str
    version_id: str
    last_modified: datetime


class MultipartUpload(msgspec.Struct, frozen=True):
    """An upload in parts that is under way; nobody sees its object before it is completed.

    `id` is OSS's upload id. `attributes` are those that the object will have.
    """

    bucket: str
    key: str
    id: str
    initiated: datetime
    attributes: ObjectAttributes


class Part(msgspec.Struct, frozen=True):
    """A part of an upload, by its number from 1 to 10,000.

    Its bytes are the `size` from `position` on in `blob`; `md5` are the 16 raw bytes.
    """

    number: int
    blob: str
    size: int
    md5: bytes
    crc64: int
    last_modified: datetime
    position: int = 0

    @property
    def etag(self) -> str:
        """The part's ETag: upper-case hex without quotes."""
        return self.md5.hex().upper()
