"""ListObjects and ListObjectsV2: the keys of a bucket in byte order, grouped by a delimiter, a page at a time."""

from collections.abc import Callable
from datetime import datetime

from emulator.context import Context
from emulator.errors import InvalidArgument
from emulator.operations._document import document_response, owner
from emulator.operations._table import operation
from emulator.storage.listing import ListedObject, Listing
from emulator.wire.continuation_token import format_token, parse_token
from emulator.wire.dates import format_iso_date
from emulator.wire.digests import quote_etag
from emulator.wire.parameters import parse_delimiter, parse_encoding_type, parse_key_part, parse_max_keys
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.restoration import format_restoration
from emulator.wire.xml import Content, Elements

EC_LIST_TYPE = "0015-00000401"
EC_MAX_KEYS = "0015-00000402"
EC_PREFIX = "0015-00000403"
EC_MARKER = "0015-00000405"
EC_DELIMITER = "0015-00000406"


@operation("ListObjects", "GET /{bucket}")
async def list_objects(ctx: Context, request: OssRequest) -> OssResponse:
    """A page of keys and groups; NextMarker, if it is not the last page, is where the next one starts.

    Source: "ListObjects (GetBucket)".
    Raises: NoSuchBucket, InvalidArgument.
    """
    parameters = request.parameters
    if "list-type" in parameters:
        raise InvalidArgument(
            "Argument list-type must be 2.",
            ec=EC_LIST_TYPE,
            ArgumentName="list-type",
            ArgumentValue=parameters["list-type"],
        )
    query = _Query(request)
    marker = parse_key_part(parameters, "marker", ec=EC_MARKER)
    listing = query.run(ctx, after=marker)
    return document_response(
        "ListBucketResult",
        [
            ("Name", request.bucket),
            ("Prefix", query.spell(query.prefix)),
            ("Marker", query.spell(marker)),
            ("MaxKeys", query.max_keys),
            ("Delimiter", query.spell(query.delimiter)),
            *query.encoding_type,
            ("IsTruncated", listing.is_truncated),
            *([("NextMarker", query.spell(listing.last))] if listing.is_truncated else []),
            *query.entries(listing, owner(ctx), ctx.clock.now()),
        ],
    )


@operation("ListObjectsV2", "GET /{bucket}?list-type=2", action="ListObjects")
async def list_objects_v2(ctx: Context, request: OssRequest) -> OssResponse:
    """As ListObjects, continued by a token; owners only if asked for.

    Source: "ListObjectsV2 (GetBucketV2)"; the suite of the Java SDK for the echoed token and KeyCount.
    Guess: an empty token is none, as an empty `start-after` is.
    Raises: NoSuchBucket, InvalidArgument.
    """
    parameters = request.parameters
    query = _Query(request)
    start_after = parse_key_part(parameters, "start-after", ec=EC_MARKER)
    token = parameters.get("continuation-token")
    listing = query.run(ctx, after=parse_token(token) if token else start_after)
    with_owner = parameters.get("fetch-owner", "").lower() == "true"
    return document_response(
        "ListBucketResult",
        [
            ("Name", request.bucket),
            ("Prefix", query.spell(query.prefix)),
            *([("StartAfter", query.spell(start_after))] if "start-after" in parameters else []),
            *([("ContinuationToken", token)] if token is not None else []),
            ("MaxKeys", query.max_keys),
            ("Delimiter", query.spell(query.delimiter)),
            *query.encoding_type,
            ("IsTruncated", listing.is_truncated),
            *([("NextContinuationToken", format_token(listing.last))] if listing.is_truncated else []),
            *query.entries(listing, owner(ctx) if with_owner else None, ctx.clock.now()),
            ("KeyCount", len(listing.entries)),
        ],
    )


class _Query:
    """What both versions ask in the same way, and how the answer is spelt."""

    def __init__(self, request: OssRequest) -> None:
        parameters = request.parameters
        self.bucket = request.bucket
        self.max_keys = parse_max_keys(parameters, ec=EC_MAX_KEYS)
        self.prefix = parse_key_part(parameters, "prefix", ec=EC_PREFIX)
        self.delimiter = parse_delimiter(parameters, ec=EC_DELIMITER)
        encode = parse_encoding_type(parameters)
        self.spell: Callable[[str], str] = encode or str
        self.encoding_type: Elements = [("EncodingType", "url")] if encode else []

    def run(self, ctx: Context, *, after: str) -> Listing:
        """The page that comes after the key or group `after`."""
        return ctx.store.list(
            self.bucket, prefix=self.prefix, delimiter=self.delimiter, after=after, limit=self.max_keys
        )

    def entries(self, listing: Listing, owner: Elements | None, now: datetime) -> Elements:
        """The keys of a page, then its groups, each in order."""
        owned: Elements = [("Owner", owner)] if owner else []
        contents: list[tuple[str, Content]] = []
        groups: list[tuple[str, Content]] = []
        for entry in listing.entries:
            if isinstance(entry, str):
                groups.append(("CommonPrefixes", [("Prefix", self.spell(entry))]))
            else:
                contents.append(("Contents", [*described(entry, self.spell(entry.key), now), *owned]))
        return contents + groups


def described(entry: ListedObject, key: str, now: datetime) -> Elements:
    """What listings say at `now` of an object, its key as it is spelt there."""
    restoration = format_restoration(entry.restoration, now)
    return [
        ("Key", key),
        ("LastModified", format_iso_date(entry.last_modified)),
        ("ETag", quote_etag(entry.etag)),
        ("Type", entry.type),
        ("Size", entry.size),
        ("StorageClass", entry.storage_class),
        *([("RestoreInfo", restoration)] if restoration else []),
    ]
