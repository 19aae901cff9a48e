"""A bucket, its settings, and what it holds."""

from datetime import datetime, timedelta

import msgspec

from emulator.model.cors import CorsConfiguration
from emulator.model.kinds import Acl, StorageClass, Versioning
from emulator.model.lifecycle import LifecycleRule
from emulator.model.website import Website

TIME_TO_LOCK = timedelta(days=1)  # a retention that nobody has locked by then lapses


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
