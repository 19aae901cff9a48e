"""The buckets of a store and their settings. All are in memory; a change is there once its row is committed."""

from collections.abc import Callable, Iterable

from emulator.errors import BucketAlreadyExists, BucketNotEmpty, NoSuchBucket
from emulator.model import Bucket, BucketStat
from emulator.storage.index import Index
from emulator.storage.tree import Tree
from emulator.storage.writer import Batch, Job, Writer


class Buckets:
    """The buckets of a store. In the event loop."""

    def __init__(self, index: Index, writer: Writer, tree: Tree) -> None:
        """`tree` is the writer's."""
        self._index = index
        self._writer = writer
        self._tree = tree
        self._by_name = {bucket.name: bucket for bucket in index.buckets()}
        self._domains: dict[str, str] | None = None  # what `of_domain` has made of the buckets since they last changed

    # --- Reading ----------------------------------------------------------------------------------------------------

    def get(self, name: str) -> Bucket:
        """The bucket `name`.

        Raises:
            NoSuchBucket: there is none.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise NoSuchBucket(BucketName=name) from None

    def find(self, name: str) -> Bucket | None:
        """The bucket `name`, if there is one."""
        return self._by_name.get(name)

    def of_domain(self, domain: str) -> str | None:
        """The name of the bucket to which `domain`, in lower case, belongs, if it belongs to one."""
        if self._domains is None:
            self._domains = {each: bucket.name for bucket in self._by_name.values() for each in bucket.domains}
        return self._domains.get(domain)

    def all(self) -> list[Bucket]:
        """All buckets by name."""
        return [self._by_name[name] for name in self.names()]

    def names(self) -> list[str]:
        """The names of all buckets, in order."""
        return sorted(self._by_name)

    def page(
        self, *, prefix: str = "", after: str = "", limit: int = 100, fits: Callable[[Bucket], bool] = lambda _: True
    ) -> tuple[list[Bucket], bool]:
        """At most `limit` buckets by name, after `after` (exclusive), that `fits` likes, and whether there are more."""
        names = sorted(
            name for name, bucket in self._by_name.items() if name.startswith(prefix) and name > after and fits(bucket)
        )
        return [self._by_name[name] for name in names[:limit]], len(names) > limit

    def stat(self, name: str) -> BucketStat:
        """What the bucket holds, true to the byte.

        Raises:
            NoSuchBucket: there is none.
        """
        self.get(name)
        return self._index.stat(name)

    # --- Changing ---------------------------------------------------------------------------------------------------

    async def create(self, bucket: Bucket) -> None:
        """Make `bucket`.

        Raises:
            BucketAlreadyExists: there is one of its name.
        """

        def apply(batch: Batch) -> None:
            if batch.index.has_bucket(bucket.name):
                raise BucketAlreadyExists(BucketName=bucket.name)
            batch.index.put_bucket(bucket)

        await self._writer.do(
            Job(apply, finish=lambda: self._tree.make_bucket(bucket.name), acknowledge=lambda: self._know(bucket))
        )

    async def update(self, name: str, change: Callable[[Bucket], Bucket]) -> Bucket:
        """Make of the bucket `name` what `change` makes of it; no change that comes at the same time is lost.

        `change` runs in the writer's thread, on the bucket as it is then; what it raises leaves the bucket as it is.

        Raises:
            NoSuchBucket: there is none.
        """

        def apply(batch: Batch) -> Bucket:
            bucket = change(batch.bucket(name))
            batch.index.put_bucket(bucket)
            return bucket

        def acknowledge() -> None:
            assert job.result is not None
            self._know(job.result)

        job = Job(apply, acknowledge=acknowledge)
        return await self._writer.do(job)

    async def delete(self, name: str) -> None:
        """Delete an empty bucket. Files in its folder that nobody has adopted stay where they are.

        Raises:
            NoSuchBucket: there is none.
            BucketNotEmpty: it holds objects or versions of them, or uploads are under way.
        """

        def apply(batch: Batch) -> None:
            batch.check_bucket(name)
            if not batch.index.is_empty(name):
                raise BucketNotEmpty(BucketName=name)
            if not batch.index.uploads.is_empty(name):
                raise BucketNotEmpty("The bucket has Multipart Uploads. Please delete them first.", BucketName=name)
            batch.index.remove_bucket(name)

        def acknowledge() -> None:
            del self._by_name[name]
            self._domains = None

        await self._writer.do(Job(apply, finish=lambda: self._tree.remove_bucket(name), acknowledge=acknowledge))

    def begin_anew(self, buckets: Iterable[Bucket]) -> None:
        """Take note that there are `buckets` now, and no others."""
        self._domains = None
        self._by_name.clear()
        self._by_name.update((bucket.name, bucket) for bucket in buckets)

    def _know(self, bucket: Bucket) -> None:
        self._by_name[bucket.name] = bucket
        self._domains = None
