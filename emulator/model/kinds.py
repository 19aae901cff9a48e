"""The words of which OSS has a fixed few: access control lists, storage classes, types of objects, versioning."""

from enum import StrEnum

NULL_VERSION = "null"  # the id of the one version that a key has in a bucket which keeps none


class Acl(StrEnum):
    """Who may read and write. `DEFAULT` is for objects alone: as the bucket says."""

    DEFAULT = "default"
    PRIVATE = "private"
    PUBLIC_READ = "public-read"
    PUBLIC_READ_WRITE = "public-read-write"

    @property
    def lets_anyone_read(self) -> bool:
        """Whether an anonymous client may read."""
        return self in (Acl.PUBLIC_READ, Acl.PUBLIC_READ_WRITE)

    @property
    def lets_anyone_write(self) -> bool:
        """Whether an anonymous client may write."""
        return self is Acl.PUBLIC_READ_WRITE


class StorageClass(StrEnum):
    """How dear and how quick the storage is. Here all are the same disk, but archives must be restored all the same."""

    STANDARD = "Standard"
    IA = "IA"
    ARCHIVE = "Archive"
    COLD_ARCHIVE = "ColdArchive"
    DEEP_COLD_ARCHIVE = "DeepColdArchive"

    @property
    def is_archive(self) -> bool:
        """Whether an object must be restored before it can be read."""
        return self not in (StorageClass.STANDARD, StorageClass.IA)


class ObjectType(StrEnum):
    """How an object came to be, as `x-oss-object-type` says it."""

    NORMAL = "Normal"
    MULTIPART = "Multipart"
    APPENDABLE = "Appendable"
    SYMLINK = "Symlink"


class Versioning(StrEnum):
    """Whether a bucket keeps what is overwritten and deleted. One that once did can only be suspended."""

    ENABLED = "Enabled"
    SUSPENDED = "Suspended"
