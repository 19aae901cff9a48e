"""What everything else speaks of: buckets, objects, principals. Frozen values, no behaviour, no wire spelling.

Inside the emulator an ETag has no quotes, a key is decoded text, a time is an aware UTC `datetime`, a size is an `int`
of bytes, a digest is raw `bytes`. `emulator.wire` alone turns these into OSS's spelling.
"""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

NULL_VERSION = "null"  # the id of the one version that a key has in a bucket which keeps none


TIME_TO_LOCK = timedelta(days=1)  # a retention that nobody has locked by then lapses


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


class AssumedRole(msgspec.Struct, frozen=True):
    """Whose temporary key it is that AssumeRole has given out.

    `arn` is `acs:sts::<account>:assumed-role/<role>/<session>`. `policy` is the JSON of the session policy; without one
    (`""`) the key may do whatever the owner may.
    """

    arn: str
    policy: str = ""


class Principal(msgspec.Struct, frozen=True):
    """Who sent a request. Every configured key is the owner; an anonymous client has no `access_key_id`.

    `signature` is the scheme that proved it: `v1`, `v2`, `v4`, `off` (nothing was asked for) or `none` (anonymous).
    `role` is that of a key from AssumeRole.
    """

    access_key_id: str | None
    signature: str
    role: AssumedRole | None = None

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody signed the request."""
        return self.access_key_id is None and self.signature != "off"


class CorsRule(msgspec.Struct, frozen=True):
    """What pages of which origins may do. Each origin and header may hold one `*`, which stands for any text.

    `allowed_headers` are lower-case; `max_age_seconds` is how long a browser may remember a preflight's answer.
    """

    allowed_origins: tuple[str, ...]
    allowed_methods: tuple[str, ...]
    allowed_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age_seconds: int | None = None


class CorsConfiguration(msgspec.Struct, frozen=True):
    """A bucket's CORS rules; the first that fits counts. `response_vary` puts `Vary: Origin` on every answer."""

    rules: tuple[CorsRule, ...]
    response_vary: bool = False


class BucketWorm(msgspec.Struct, frozen=True):
    """A retention: for how many days after its last change an object may be neither changed nor deleted."""

    id: str
    days: int
    created: datetime
    is_locked: bool = False

    @property
    def lapses(self) -> datetime | None:
        """When it ends unless somebody locks it first; locked it stays."""
        return None if self.is_locked else self.created + TIME_TO_LOCK

    def is_in_force(self, now: datetime) -> bool:
        """Whether it has not lapsed."""
        return self.lapses is None or now < self.lapses


class CallbackPolicy(msgspec.Struct, frozen=True):
    """A callback that is kept with a bucket, for uploads that name it. Both texts are base64, as an upload has them."""

    name: str
    callback: str
    callback_var: str = ""


class RedirectType(StrEnum):
    """What a routing rule does: fetch the object from elsewhere, send the client elsewhere, or answer with another."""

    MIRROR = "Mirror"
    EXTERNAL = "External"
    ALICDN = "AliCDN"
    INTERNAL = "Internal"


class HeaderCondition(msgspec.Struct, frozen=True):
    """What a header of a request, called `name` in lower case, must be for a routing rule; `None` asks for nothing."""

    name: str
    equals: str | None = None
    starts_with: str | None = None
    ends_with: str | None = None


class RoutingCondition(msgspec.Struct, frozen=True):
    """When a routing rule holds: everything in it. `status` is that of the refusal which the client would get."""

    key_prefix: str = ""
    key_suffix: str = ""
    status: int | None = None
    headers: tuple[HeaderCondition, ...] = ()


class Redirect(msgspec.Struct, frozen=True):
    """Where a routing rule leads. What is empty is as in the request.

    `replace_key_with` is a template with `${key}`; `prefix` is what the condition's prefix becomes, `None` if it stays.
    """

    type: RedirectType
    protocol: str = ""
    host_name: str = ""
    passes_query: bool = False
    replace_key_with: str = ""
    prefix: str | None = None
    status: int = 301


class RoutingRule(msgspec.Struct, frozen=True):
    """A rule of a website, by its number. `redirect` is `None` where a script is to decide, which is only kept."""

    number: int
    condition: RoutingCondition
    redirect: Redirect | None


class Website(msgspec.Struct, frozen=True):
    """What visitors of a bucket get. `rules` are in the order of their numbers; `index` and `error` `""` if not set.

    `directory_type` is what becomes of a missing `abc` where `abc/` has an index: 0 is sent there, 1 is missing, 2 gets
    it. `document` is all of it in the wire's spelling, with what is only kept: how a mirror is to fetch.
    """

    document: str
    index: str = ""
    has_directories: bool = False
    directory_type: int = 0
    error: str = ""
    error_status: int = 404
    rules: tuple[RoutingRule, ...] = ()


class Due(msgspec.Struct, frozen=True, omit_defaults=True):
    """When a lifecycle rule acts: so many `days` after an object was made, from `date` on, or at once if the object was
    made before `created_before`. One of them is set.
    """

    days: int | None = None
    created_before: datetime | None = None
    date: datetime | None = None


class Transition(msgspec.Struct, frozen=True, omit_defaults=True):
    """When objects get another storage class. Of versions of the past, days count from when they became that.

    By access time (`is_access_time`) it is only kept; so are what becomes of an object that is read again, and whether
    small ones are moved.
    """

    storage_class: StorageClass
    due: Due
    is_access_time: bool | None = None
    returns_when_visited: bool | None = None
    allows_small_files: bool | None = None


class LifecycleException(msgspec.Struct, frozen=True, omit_defaults=True):
    """Objects that a lifecycle rule leaves alone: those that have both, the prefix and the tag (key and value)."""

    prefix: str | None = None
    tag: tuple[str, str] | None = None


class LifecycleFilter(msgspec.Struct, frozen=True, omit_defaults=True):
    """Objects that a lifecycle rule is about, by their size in bytes, bounds excluded, and but for `exceptions`."""

    larger_than: int | None = None
    smaller_than: int | None = None
    exceptions: tuple[LifecycleException, ...] = ()


class LifecycleRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """What becomes of the objects under `prefix` that have all of `tags`, of their versions and unfinished uploads.

    `removes_markers` is whether a delete marker goes that is all that is left of its key. `past_expires_days` is how
    long a version stays after it was replaced or deleted. `atime_base` is from when on accesses count, in Unix seconds.
    """

    id: str
    prefix: str
    is_enabled: bool
    tags: dict[str, str] = {}
    filter: LifecycleFilter | None = None
    expiration: Due | None = None
    removes_markers: bool | None = None
    transitions: tuple[Transition, ...] = ()
    aborts_uploads: Due | None = None
    past_expires_days: int | None = None
    past_transitions: tuple[Transition, ...] = ()
    atime_base: int | None = None

    @property
    def is_by_access_time(self) -> bool:
        """Whether a transition is by the time of the last access."""
        return any(transition.is_access_time for transition in (*self.transitions, *self.past_transitions))


class Bucket(msgspec.Struct, frozen=True):
    """A bucket and its settings. `cors` and `website` are `None` and `lifecycle` is empty where nobody has set them,
    `worm` is `None` where nobody has begun one, `versioning` where it never was on.

    `documents` are the settings that are kept as they are given back: XML (for `policy` JSON) by sub-resource
    (`logging`), or by sub-resource and name where a bucket has several (`inventory/report`). What nobody has set is not
    in it.
    """

    name: str
    created: datetime
    acl: Acl = Acl.PRIVATE
    storage_class: StorageClass = StorageClass.STANDARD
    redundancy: str = "LRS"
    cors: CorsConfiguration | None = None
    website: Website | None = None
    lifecycle: tuple[LifecycleRule, ...] = ()
    worm: BucketWorm | None = None
    callback_policies: tuple[CallbackPolicy, ...] = ()
    documents: dict[str, str] = {}
    versioning: Versioning | None = None

    @property
    def domains(self) -> list[str]:
        """The domains that PutCname has given it, in lower case."""
        return [name.removeprefix("cname/") for name in self.documents if name.startswith("cname/")]


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


class BucketStat(msgspec.Struct, frozen=True):
    """What a bucket holds: bytes and objects by storage class, and when it last changed (`None`: never).

    Every version counts. `uploads` are the multipart uploads under way, `parts` what has been uploaded for them.
    """

    sizes: dict[StorageClass, int]
    counts: dict[StorageClass, int]
    last_modified: datetime | None
    uploads: int = 0
    parts: int = 0
    delete_markers: int = 0
