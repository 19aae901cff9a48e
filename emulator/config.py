"""Configuration: one frozen struct a section, with its defaults; `emulator.configure` reads and checks it.

Flags beat environment (`OSS_EMULATOR_<SECTION>_<KEY>`) beat the file beat the defaults below. Parts of the emulator
receive their own section, never the whole tree; no other module reads the environment.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from emulator.errors import EmulatorError
from emulator.model import Acl, Bucket, CorsConfiguration, CorsRule


class ConfigError(EmulatorError):
    """The configuration cannot be used. The message is one line and names the key by its dotted path, or the flag."""


# msgspec looks for a pattern anywhere in the text, hence the anchors.
_BUCKET_NAME = r"\A[a-z0-9][a-z0-9-]{1,61}[a-z0-9]\Z"
_LABELS = r"[a-zA-Z0-9]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?)*"
_HOST_NAME = rf"\A{_LABELS}\Z"
_HOST = rf"\A({_LABELS}|[0-9a-fA-F.:]*:[0-9a-fA-F.:]*(%\w+)?)\Z"
_ENDPOINT = r"\A((https?://)?[^\s/?#]+)?\Z"
_URL = r"\A(https?://[^\s/?#]+[^\s]*)?\Z"
_KEY_ID = r"\A[^\s/:,]+\Z"
_REGION = r"\A[a-z0-9-]+\Z"
_DIGITS = r"\A[0-9]+\Z"
_ONE_STAR = r"\A([^*\x00-\x20\x7f]+\*?|\*)[^*\x00-\x20\x7f]*\Z"
_NO_STAR = r"\A[^*\x00-\x20\x7f]+\Z"
_FAULT_ID = r"\A[A-Za-z0-9._-]{1,64}\Z"

PATTERNS = {
    _BUCKET_NAME: "3 to 63 lower-case letters, digits and hyphens, with a letter or digit at both ends",
    _HOST_NAME: "a host name without a port",
    _HOST: "a host name or an IP address",
    _ENDPOINT: "a host, host:port or http(s)://host:port, without a path",
    _URL: "a URL that begins with http:// or https://",
    _KEY_ID: "an access key id without blanks, slashes, colons and commas",
    _REGION: "a region such as cn-hangzhou, or any",
    _DIGITS: "digits alone",
    _ONE_STAR: "text without blanks and with at most one *",
    _NO_STAR: "text without blanks and *",
    _FAULT_ID: "1 to 64 letters, digits, dots, hyphens and underscores",
}
"""What each pattern asks for, in words."""

Port = Annotated[int, Meta(ge=0, le=65_535)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
BucketName = Annotated[str, Meta(pattern=_BUCKET_NAME)]
HostName = Annotated[str, Meta(pattern=_HOST_NAME)]
Endpoint = Annotated[str, Meta(pattern=_ENDPOINT)]
Url = Annotated[str, Meta(pattern=_URL)]
NonEmpty = Annotated[str, Meta(min_length=1)]
Wildcard = Annotated[str, Meta(pattern=_ONE_STAR)]
HeaderName = Annotated[str, Meta(pattern=_NO_STAR)]

HTTPS_PORT = 8443

ALLOW_ALL = CorsConfiguration(
    (
        CorsRule(
            allowed_origins=("*",),
            allowed_methods=("GET", "PUT", "DELETE", "POST", "HEAD"),
            allowed_headers=("*",),
            expose_headers=(
                "ETag",
                "x-oss-request-id",
                "x-oss-hash-crc64ecma",
                "x-oss-version-id",
                "x-oss-next-append-position",
                "x-emulator-hint",
            ),
        ),
    )
)
"""What `allow-all` means: any page may send anything, and read what the SDKs read."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the configuration; an unknown key in it is an error."""


class Server(Section, frozen=True):
    """Where the emulator listens and by which names it is known.

    `host` `localhost` means 127.0.0.1 and, where the machine has it, ::1. `port` 0 takes a free one. `service_names`
    are further hosts whose sub-domains are buckets; `cnames` maps a host to its bucket. `public_endpoint` overrides
    the addresses given in ListBuckets and GetBucketInfo. `trust_forwarded` believes X-Forwarded-Proto and -Host.
    `gzip` compresses text for clients that ask for exactly that.

    `tls` serves HTTPS too, at `tls_port`: `null` is 8443, or a free one where `port` is 0. Its certificates come from a
    CA in the data directory, unless `tls_certificate_file` (PEM, with what leads to the CA) is one; `tls_key_file` may
    be the same file, and `tls_ca_file` is what clients have to trust for it.
    """

    host: Annotated[str, Meta(pattern=_HOST)] = "localhost"
    port: Port = 8280
    public_endpoint: Endpoint = ""
    service_names: tuple[HostName, ...] = ()
    cnames: dict[HostName, BucketName] = {}
    trust_forwarded: bool = False
    gzip: bool = True
    tls: bool = False
    tls_port: Port | None = None
    tls_certificate_file: str = ""
    tls_key_file: str = ""
    tls_ca_file: str = ""
    stop_timeout_seconds: Seconds = 10
    idle_timeout_seconds: Seconds = 60

    @property
    def https_port(self) -> int:
        """The port to serve HTTPS at; 0 for a free one."""
        if self.tls_port is not None:
            return self.tls_port
        return HTTPS_PORT if self.port else 0


class Storage(Section, frozen=True):
    """Where the objects lie and what they survive.

    `durability` `process` survives a killed process, `power` a power cut (files, folders and commits are fsynced).
    `ephemeral` keeps everything in a temporary folder that goes with the process. `tree` shows objects as files under
    `buckets/`. Every `lifecycle_interval_seconds` the lifecycle rules of buckets are followed; `None`: only on demand.
    `restore_seconds` is how long RestoreObject takes, whatever the class and the priority.
    """

    data_dir: Path = Path("oss-data")
    ephemeral: bool = False
    durability: Literal["process", "power"] = "process"
    tree: bool = True
    lifecycle_interval_seconds: Seconds | None = None
    restore_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 1


class AccessKey(Section, frozen=True):
    """A key pair; with `token` (and, if it ends, `expires`) a temporary STS credential."""

    id: Annotated[str, Meta(pattern=_KEY_ID)]
    secret: NonEmpty
    token: str = ""
    expires: Annotated[datetime, Meta(tz=True)] | None = None


class Auth(Section, frozen=True):
    """Who may come in.

    `mode` `off` makes every request the owner's. `region` is the bucket's region in V4 signatures; `any` accepts all.
    `signatures` are the versions taken. `anonymous_list` lets anonymous clients list public buckets.
    """

    mode: Literal["verify", "off"] = "verify"
    keys: Annotated[tuple[AccessKey, ...], Meta(min_length=1)] = (AccessKey(id="emulator", secret="emulator-secret"),)
    region: Annotated[str, Meta(pattern=_REGION)] = "cn-hangzhou"
    signatures: Annotated[tuple[Literal["v1", "v2", "v4"], ...], Meta(min_length=1)] = ("v1", "v2", "v4")
    account_id: Annotated[str, Meta(pattern=_DIGITS)] = "1234567890123456"
    anonymous_list: bool = False


class ConfiguredCorsRule(Section, frozen=True):
    """A CORS rule of a configured bucket, as PutBucketCors takes it."""

    allowed_origins: Annotated[tuple[Wildcard, ...], Meta(min_length=1)]
    allowed_methods: Annotated[tuple[Literal["GET", "PUT", "DELETE", "POST", "HEAD"], ...], Meta(min_length=1)]
    allowed_headers: tuple[Wildcard, ...] = ()
    expose_headers: tuple[HeaderName, ...] = ()
    max_age_seconds: Annotated[int, Meta(ge=0)] | None = None

    def rule(self) -> CorsRule:
        """The rule that it is."""
        return CorsRule(
            allowed_origins=self.allowed_origins,
            allowed_methods=self.allowed_methods,
            allowed_headers=tuple(header.lower() for header in self.allowed_headers),
            expose_headers=self.expose_headers,
            max_age_seconds=self.max_age_seconds,
        )


class ConfiguredBucket(Section, frozen=True):
    """A bucket that exists from the start. `cors` are its rules; `allow-all` those of `cors.default: allow-all`.

    The files below the folder `load` are its objects from the start, and again after a reset.
    """

    name: BucketName
    acl: Acl = Acl.PRIVATE
    cors: Literal["allow-all"] | Annotated[tuple[ConfiguredCorsRule, ...], Meta(max_length=10)] = ()
    load: Path | None = None

    def bucket(self, created: datetime) -> Bucket:
        """The bucket as it is when new."""
        cors = None
        if self.cors == "allow-all":
            cors = ALLOW_ALL
        elif self.cors:
            cors = CorsConfiguration(tuple(rule.rule() for rule in self.cors))
        return Bucket(name=self.name, created=created, acl=self.acl, cors=cors)


class Cors(Section, frozen=True):
    """What web pages may do with buckets that have no CORS rules: nothing, as with OSS, or everything."""

    default: Literal["none", "allow-all"] = "none"

    def rules_of(self, bucket: Bucket | None) -> CorsConfiguration | None:
        """The rules that hold for `bucket` (`None`: one that does not exist)."""
        if bucket is not None and bucket.cors is not None:
            return bucket.cors
        return ALLOW_ALL if self.default == "allow-all" else None


class Callback(Section, frozen=True):
    """How application servers are called back.

    `forbid_private_addresses` and `tls_verify` follow the profile where they are `null`. `tls_verify` is a switch or
    the path of a CA file. `public_key_url` goes out in `x-oss-pub-key-url`; empty means the emulator's own endpoint.
    `private_key_file` is a PEM to sign with; empty means one made at first start. `empty_url` `skip` takes an empty
    callbackUrl as "no callback". `host_includes_port` sends a port that is not the default in the Host header.
    """

    timeout_seconds: Seconds = 5
    forbid_private_addresses: bool | None = None
    tls_verify: bool | str | None = None
    public_key_url: Url = ""
    private_key_file: str = ""
    max_response_bytes: Annotated[int, Meta(ge=1)] = 1_048_576
    empty_url: Literal["error", "skip"] = "error"
    host_includes_port: bool = True


class Limits(Section, frozen=True):
    """Bounds. `records` callback records are kept, each body in them to `record_body_bytes`, and as many requests."""

    max_object_bytes: Annotated[int, Meta(ge=1)] = 5 * 1024**3
    records: Annotated[int, Meta(ge=1)] = 1000
    record_body_bytes: Annotated[int, Meta(ge=0)] = 65_536


class FaultOccasion(Section, frozen=True, omit_defaults=True):
    """What a fault acts on: a request, or the attempt to call an application server back. What is empty fits anything.

    `object` is a glob (`*` takes slashes too), and so is `bucket`. Of what fits, a fault acts from the `nth` on, at
    most `times` times (an `nth` without `times`: once), and each time with the chance `share`; the same `seed` makes
    the same choices.
    """

    leg: Literal["request", "callback"] = "request"
    operation: str = ""
    bucket: str = ""
    object: str = ""
    nth: Annotated[int, Meta(ge=1)] | None = None
    times: Annotated[int, Meta(ge=1)] | None = None
    share: Annotated[float, Meta(gt=0, le=1)] = 1
    seed: int = 0


CallbackFault = Literal[
    "refused", "dns", "timeout", "tls", "not-json", "no-length", "too-long", "too-many", "image-info"
]


class FaultAction(Section, frozen=True, omit_defaults=True):
    """What a fault does.

    `error` answers with an OSS error by its Code. `callback` lets a callback fail in this way, and nobody is called.
    `status` is what a proxy in front of OSS answers, or an application server that is called back. `delay_seconds`
    come first. `cut` ends the connection: `before` anything is done, `after-store`, when the object is there and nobody
    has been called back, or `mid-body`, half-way through the request's body, or the answer's if the request has none.
    `bytes_per_second` slows both bodies down.
    """

    error: str = ""
    callback: CallbackFault | None = None
    status: Annotated[int, Meta(ge=200, le=599)] | None = None
    delay_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 0
    cut: Literal["before", "after-store", "mid-body"] | None = None
    bytes_per_second: Annotated[int, Meta(ge=1)] | None = None


class FaultRule(Section, frozen=True, kw_only=True):
    """A failure on demand: `do` it `on` this occasion. A rule without an `id` is given one."""

    id: Annotated[str, Meta(pattern=_FAULT_ID)] | None = None
    on: FaultOccasion = FaultOccasion()
    do: FaultAction


class Log(Section, frozen=True):
    """What is written to stderr. `requests`: a line of level info for each request that went well, too; `None` says
    where stderr is a terminal, for a pipe that nobody reads would fill up and stop the emulator."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"
    requests: bool | None = None


class Control(Section, frozen=True):
    """The emulator's own endpoints. `token` is asked for from clients that are not on this machine."""

    token: str = ""


class Config(Section, frozen=True):
    """The whole configuration. `profile` `dev` relaxes what makes local work impossible, `real` relaxes nothing."""

    profile: Literal["dev", "real"] = "dev"
    server: Server = Server()
    storage: Storage = Storage()
    auth: Auth = Auth()
    buckets: tuple[BucketName | ConfiguredBucket, ...] = ("examplebucket",)
    cors: Cors = Cors()
    callback: Callback = Callback()
    limits: Limits = Limits()
    faults: tuple[FaultRule, ...] = ()
    log: Log = Log()
    control: Control = Control()

    @property
    def is_strict(self) -> bool:
        """Whether every strict reading of OSS's rules is on."""
        return self.profile == "real"

    @property
    def bucket_names(self) -> list[str]:
        """The names of the configured buckets."""
        return [bucket if isinstance(bucket, str) else bucket.name for bucket in self.buckets]

    @property
    def loads(self) -> list[tuple[str, Path]]:
        """The buckets that are filled from a folder, and the folder."""
        return [(each.name, each.load) for each in self.buckets if not isinstance(each, str) and each.load is not None]

    def new_buckets(self, created: datetime) -> list[Bucket]:
        """The configured buckets as they are when new."""
        named = [ConfiguredBucket(name=bucket) if isinstance(bucket, str) else bucket for bucket in self.buckets]
        return [bucket.bucket(created) for bucket in named]
