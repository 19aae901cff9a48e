"""What becomes of objects as time goes by: the lifecycle rules of a bucket."""

from datetime import datetime

import msgspec

from emulator.model.kinds import StorageClass


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
