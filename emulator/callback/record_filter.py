"""Which callback records are asked for, and how near those come that are not."""

import msgspec

from emulator.callback.record import CallbackRecord


class RecordFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which records are asked for; `None` asks nothing."""

    bucket: str | None = None
    object: str | None = None
    outcome: str | None = None

    def fits(self, record: CallbackRecord) -> bool:
        """Whether `record` is one of them."""
        return (
            self.bucket in (None, record.bucket)
            and self.object in (None, record.object)
            and self.outcome in (None, record.outcome)
        )

    def likeness(self, record: CallbackRecord) -> float:
        """How near `record` comes: a point for the bucket, one for the outcome, up to two for a key that is similar."""
        import difflib  # late: only what does not come needs it

        likeness = float((self.bucket == record.bucket) + (self.outcome == record.outcome))
        if self.object is not None:
            likeness += 2 * difflib.SequenceMatcher(None, self.object, record.object).quick_ratio()
        return likeness

    def __str__(self) -> str:
        """In words: `bucket='photos', object='a.txt'`; `""` if nothing is asked."""
        given = msgspec.structs.asdict(self).items()
        return ", ".join(f"{name}={value!r}" for name, value in given if value is not None)


EVERY = RecordFilter()
