"""OssEmulator: an emulator to test against. It runs in a thread of its own, on a free port, in a temporary folder."""

from collections.abc import Mapping
from contextlib import closing
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from emulator.config import Config
from emulator.configure import load
from emulator.errors import NoSuchKey
from emulator.model import ObjectAttributes, ObjectRecord
from emulator.server import EmulatorThread
from emulator.storage.store import Store
from emulator.testing.callbacks import Callbacks
from emulator.testing.receiver import Receiver

DEFAULTS: Mapping[str, Any] = {
    "server": {"host": "127.0.0.1", "port": 0},
    "storage": {"ephemeral": True},
}
"""The settings of an emulator for tests, where they are not the emulator's own."""

DEFAULT_CONTENT_TYPE = "application/octet-stream"
MAX_SHOWN_KEYS = 10

Sdk = Literal["oss2", "alibabacloud-oss-v2"]


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Sections of settings, key by key: those of `above` beat those of `below`."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = {**under, **value} if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return merged


class OssEmulator:
    """An emulator in a thread of its own, for tests that block and for tests that await.

        with OssEmulator(auth={"mode": "off"}, buckets=["photos"]) as oss:
            ...

    The settings are the sections of the configuration file. Without any it listens on a free port of 127.0.0.1, keeps
    its objects in a folder that goes when it stops, has the bucket `examplebucket` and the key pair `emulator` /
    `emulator-secret`. The environment counts for nothing: a test does the same wherever it runs. Its log is that of
    the process, under the name `emulator`.

    `callbacks` are the callbacks it has sent; `put`, `get`, `keys`, `head` and `delete` arrange and check objects past
    signatures, faults and callbacks.

    Raises:
        ConfigError: a setting is unknown, of the wrong type or impossible.
    """

    def __init__(self, **settings: Any) -> None:
        self.config: Config = load(None, {}, {}, defaults=merge(DEFAULTS, settings))
        self._thread = EmulatorThread(self.config)
        self._receiver: Receiver | None = None
        self.callbacks = Callbacks(self._thread)

    # --- Life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start, and wait until connections are accepted.

        Raises:
            ServerError: it cannot listen; the message has the port and the cause.
            StoreError: the data directory cannot be used.
        """
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wait until its thread has ended and its folder is gone."""
        if self._receiver is not None:
            self._thread.run(self._receiver.close())
            self._receiver = None
        self._thread.stop()

    def reset(self) -> None:
        """A clean slate: no object, no record, the buckets as configured, the receiver as it was at its start."""
        if self._receiver is not None:
            self._receiver.reset()
        self._thread.run(self._thread.emulator.context.reset())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- How to reach it --------------------------------------------------------------------------------------------

    @property
    def endpoint(self) -> str:
        """Its URL, such as `http://127.0.0.1:40123`."""
        return self._thread.endpoint

    @property
    def https_endpoint(self) -> str:
        """Its URL over TLS, with the setting `server={"tls": True}`; `""` without."""
        return self._thread.emulator.https_endpoint

    @property
    def ca_file(self) -> Path | None:
        """The CA certificate that clients of `https_endpoint` have to trust, a PEM file."""
        return self._thread.emulator.ca_file

    @property
    def access_key_id(self) -> str:
        """The access key id of the first configured key pair."""
        return self._thread.emulator.key.id

    @property
    def access_key_secret(self) -> str:
        """The secret that goes with `access_key_id`."""
        return self._thread.emulator.key.secret

    @property
    def region(self) -> str:
        """The region for V4 signatures, such as `cn-hangzhou`."""
        return self._thread.emulator.region

    @property
    def bucket(self) -> str:
        """The name of a bucket that is there: the first that is configured.

        Raises:
            LookupError: none is.
        """
        if not self.config.bucket_names:
            raise LookupError("No bucket is configured; name one (bucket=...), or configure one (buckets: [...]).")
        return self.config.bucket_names[0]

    @property
    def environ(self) -> dict[str, str]:
        """The same as environment variables, for a program under test: `OSS_ENDPOINT`, `OSS_ACCESS_KEY_ID`, ..."""
        return self._thread.emulator.environ

    @property
    def receiver(self) -> Receiver:
        """An application server to be called back. It starts when it is first asked for."""
        if self._receiver is None:
            receiver = Receiver(self._thread)
            self._thread.run(receiver.open())
            self._receiver = receiver
        return self._receiver

    def client(self, sdk: Sdk | None = None) -> Any:
        """A client of an official SDK, ready to use: an `oss2.Bucket`, or an `alibabacloud_oss_v2.Client`.

        Without a name it is that of the SDK which is installed, oss2 where both are.

        Raises:
            ImportError: it is not installed.
        """
        if sdk is None:
            sdk = "oss2" if find_spec("oss2") or not find_spec("alibabacloud_oss_v2") else "alibabacloud-oss-v2"
        return self._oss2_bucket() if sdk == "oss2" else self._client_v2()

    def _oss2_bucket(self) -> Any:
        import oss2

        token = self._thread.emulator.key.token
        version = self.config.auth.signatures[-1]
        if token:
            auth = oss2.StsAuth(self.access_key_id, self.access_key_secret, token, auth_version=version)
        else:
            auth = oss2.make_auth(self.access_key_id, self.access_key_secret, version)
        return oss2.Bucket(auth, self.endpoint, self.bucket, region=self.region)

    def _client_v2(self) -> Any:
        import alibabacloud_oss_v2

        config = alibabacloud_oss_v2.config.load_default()
        config.credentials_provider = alibabacloud_oss_v2.credentials.StaticCredentialsProvider(
            self.access_key_id, self.access_key_secret, self._thread.emulator.key.token or None
        )
        config.endpoint = self.endpoint
        config.region = self.region
        return alibabacloud_oss_v2.Client(config)

    # --- Objects ----------------------------------------------------------------------------------------------------

    def put(
        self,
        key: str,
        data: bytes | str = b"",
        *,
        bucket: str | None = None,
        content_type: str = DEFAULT_CONTENT_TYPE,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectRecord:
        """Make `data` the object at `key`, and call nobody back; `metadata` are its `x-oss-meta-*`.

        Raises:
            NoSuchBucket: there is no such bucket.
        """
        body = data.encode() if isinstance(data, str) else data
        attributes = ObjectAttributes(
            headers={"content-type": content_type},
            metadata={name.lower(): value for name, value in (metadata or {}).items()},
        )
        return self._thread.run(self._put(bucket or self.bucket, key, body, attributes))

    def get(self, key: str, *, bucket: str | None = None) -> bytes:
        """The bytes of the object at `key`.

        Raises:
            NoSuchBucket, NoSuchKey: there is none; a note says which keys there are.
        """
        return self._thread.run(self._get(bucket or self.bucket, key))

    def head(self, key: str, *, bucket: str | None = None) -> ObjectRecord:
        """What is known of the object at `key`: `size`, `etag`, `attributes.headers`, `attributes.metadata`, ...

        Raises:
            NoSuchBucket, NoSuchKey: as `get`.
        """
        return self._thread.run(self._head(bucket or self.bucket, key))

    def keys(self, prefix: str = "", *, bucket: str | None = None) -> list[str]:
        """The keys that begin with `prefix`, all of them, in OSS's order.

        Raises:
            NoSuchBucket: there is no such bucket.
        """
        return self._thread.run(self._keys(bucket or self.bucket, prefix))

    def delete(self, *keys: str, bucket: str | None = None) -> int:
        """Delete the objects at `keys`; how many there were.

        Raises:
            NoSuchBucket: there is no such bucket.
        """
        targets = [(key, None) for key in keys]
        return sum(each.found for each in self._thread.run(self._store.versions.delete(bucket or self.bucket, targets)))

    @property
    def _store(self) -> Store:
        return self._thread.emulator.context.store

    async def _put(self, bucket: str, key: str, body: bytes, attributes: ObjectAttributes) -> ObjectRecord:
        async with self._store.stage(body, limit=max(len(body), 1)) as staged:
            return await staged.commit(bucket, key, attributes=attributes)

    async def _get(self, bucket: str, key: str) -> bytes:
        await self._head(bucket, key)
        record, blob = await self._store.read(bucket, key)
        with closing(blob):
            return blob.read(record.size)

    async def _head(self, bucket: str, key: str) -> ObjectRecord:
        try:
            return await self._store.get(bucket, key)
        except NoSuchKey as error:
            keys = await self._keys(bucket, "")
            nearest = get_close_matches(key, keys, MAX_SHOWN_KEYS, cutoff=0) if keys else ["none"]
            others = f" and {len(keys) - len(nearest)} more" if len(keys) > len(nearest) else ""
            error.add_note(f"There is no {key!r} in {bucket}; there are: {', '.join(nearest)}{others}.")
            raise

    async def _keys(self, bucket: str, prefix: str) -> list[str]:
        keys: list[str] = []
        last = ""
        while True:
            page = self._store.list(bucket, prefix=prefix, after=last, limit=1000)
            keys += [entry if isinstance(entry, str) else entry.key for entry in page.entries]
            if not page.is_truncated:
                return keys
            last = page.last
