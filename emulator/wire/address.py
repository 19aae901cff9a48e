"""Which bucket and key a request means: Host and raw path in, `Address` out.

The signed resource is `/bucket/key` whatever the style of the address, so this comes before everything else.

Source: "Access OSS" and the requests that each official SDK puts on the wire.
"""

import re
from collections.abc import Callable, Iterable, Mapping

import msgspec

from emulator.errors import InvalidBucketName, InvalidObjectName
from emulator.wire.percent import decode

MAX_KEY_BYTES = 1023

_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]\Z")
_IP_LITERAL = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.%]+\])\Z")
# oss-cn-hangzhou.aliyuncs.com, cn-hangzhou.oss.aliyuncs.com, s3.oss-... and oss-accelerate.aliyuncs.com alike.
_ALIYUNCS = re.compile(r"(?:(?P<bucket>[^.]+)\.)??(?:(?:s3\.)?oss-[a-z0-9-]+|[a-z0-9-]+\.oss)\.aliyuncs\.com\Z")
_LOCAL_SERVICE_NAMES = ("oss.localhost", "localhost", "emulator")


class Address(msgspec.Struct, frozen=True):
    """What a request is about.

    `bucket` and `key` are decoded, `""` where the request names none. `is_path_style` tells where the bucket stood.
    `alternative` is the second reading of a request that names its bucket twice, in Host and in path (ali-oss with
    `sldEnable` on an IP endpoint); it holds when the first reading's signature does not verify.
    """

    bucket: str = ""
    key: str = ""
    is_path_style: bool = True
    alternative: "Address | None" = None


class Resolver:
    """Knows the names under which the emulator can be spoken to.

    `service_names` are further hosts whose first label is a bucket; `cnames` maps a host to its bucket, and `bucket_of`
    does so for hosts of which nothing is known beforehand.
    """

    def __init__(
        self,
        service_names: Iterable[str] = (),
        cnames: Mapping[str, str] | None = None,
        bucket_of: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        names = {name.lower() for name in service_names} | set(_LOCAL_SERVICE_NAMES)
        self._service_names = sorted(names, key=len, reverse=True)
        self._cnames = {host.lower(): bucket for host, bucket in (cnames or {}).items()}
        self._find_bucket = bucket_of
        self._buckets: dict[str, str | None] = {}  # by Host as sent; a client keeps to one or two

    def resolve(self, host: str, path: str) -> Address:
        """The address that the Host header `host` and the raw path `path` (no query, leading slash) mean.

        A host that starts with a dot is ali-oss speaking to the service itself: its path is not split.
        """
        if host.startswith("."):
            return Address(is_path_style=False)
        try:
            bucket = self._buckets[host]
        except KeyError:
            bucket = self._bucket_of(host)
            if bucket is None and self._is_unknown(host):
                bucket = self._find_bucket(_name(host))  # as it is now
            elif len(self._buckets) < 1000:
                self._buckets[host] = bucket
        if bucket is None:
            name, _, raw_key = path[1:].partition("/")
            return Address(bucket=decode(name), key=decode(raw_key))
        name, _, raw_key = path[1:].partition("/")
        alternative = None
        if name == bucket:
            alternative = Address(bucket=bucket, key=decode(raw_key), is_path_style=True)
        return Address(bucket=bucket, key=decode(path[1:]), is_path_style=False, alternative=alternative)

    def knows(self, name: str) -> bool:
        """Whether a lower-case host name (no address) is one that the emulator, or a bucket of it, goes by."""
        return name in self._service_names or self._bucket_of(name) is not None or bool(_ALIYUNCS.match(name))

    def _is_unknown(self, host: str) -> bool:
        """Whether a Host that names no bucket might be a domain of one."""
        name = _name(host)
        return "." in name and not _IP_LITERAL.match(name) and not self.knows(name)

    def _bucket_of(self, host: str) -> str | None:
        """The bucket that a Host names, or `None` if the path names it."""
        name = _name(host)
        if _IP_LITERAL.match(name) or name in self._service_names:
            return None
        if name in self._cnames:
            return self._cnames[name]
        for service in self._service_names:
            label, dot, rest = name.partition(".")
            if dot and rest == service:
                return label
        if match := _ALIYUNCS.match(name):
            return match["bucket"]
        return None


def _name(host: str) -> str:
    """A Host header's name as names are compared."""
    return _without_port(host).lower().removesuffix(".")


def _without_port(host: str) -> str:
    """A Host header's name."""
    if host.startswith("["):
        return host[: host.find("]") + 1] or host
    return host.partition(":")[0]


def host_id(host: str) -> str:
    """The Host as error documents repeat it: without the port."""
    return _without_port(host)


def is_bucket_name(name: str) -> bool:
    """Whether `name` can be a bucket: 3 to 63 of `a-z0-9-`, a letter or digit at both ends."""
    return _BUCKET_NAME.match(name) is not None


def check_bucket_name(name: str) -> None:
    """Raise `InvalidBucketName` unless `name` can be a bucket."""
    if not is_bucket_name(name):
        raise InvalidBucketName(
            BucketName=name,
            hint="A bucket's name is 3 to 63 lower-case letters, digits and hyphens, and begins and ends with a "
            "letter or digit. With path-style addresses it is the first segment of the path.",
        )


def check_key(key: str) -> None:
    """Raise `InvalidObjectName` unless `key` can name an object: 1 to 1,023 bytes of UTF-8, no leading `/` or `\\`."""
    if not key:
        raise InvalidObjectName("The Object name can not be empty.", ec="0016-00000001")
    if key[0] in "/\\":
        raise InvalidObjectName(ec="0016-00000005", ObjectName=key, hint="A key must not begin with / or \\.")
    if len(key) * 3 > MAX_KEY_BYTES or not key.isascii():
        try:
            length = len(key.encode())
        except UnicodeEncodeError:
            raise InvalidObjectName(ec="0016-00000004", hint="A key must be UTF-8; this one is not.") from None
        if length > MAX_KEY_BYTES:
            raise InvalidObjectName(
                "The Length of Object name must be less than 1024.",
                ec="0016-00000003",
                hint=f"The key is {length} bytes of UTF-8; {MAX_KEY_BYTES} are allowed.",
            )
