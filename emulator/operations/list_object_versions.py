"""ListObjectVersions: the versions and delete markers of a bucket by key, the newest first, a page at a time."""

from datetime import datetime

from emulator.context import Context
from emulator.errors import InvalidArgument
from emulator.operations._document import document_response, owner
from emulator.operations._table import operation
from emulator.operations.list_objects import described
from emulator.storage.listing import ListedVersion
from emulator.wire.dates import format_iso_date
from emulator.wire.parameters import parse_delimiter, parse_encoding_type, parse_key_part, parse_max_keys
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.version_id import parse_version_id
from emulator.wire.xml import Content, Elements


@operation("ListObjectVersions", "GET /{bucket}?versions")
async def list_object_versions(ctx: Context, request: OssRequest) -> OssResponse:
    """A page of versions, delete markers and groups. In a bucket that keeps none, every object is the version `null`.

    Source: "ListObjectVersions (GetBucketVersions)"; the suite of the Java SDK, which sends empty markers.
    Raises: NoSuchBucket, InvalidArgument.
    """
    parameters = request.parameters
    encode = parse_encoding_type(parameters)
    spell = encode or str
    max_keys = parse_max_keys(parameters, ec="0012-00000102")
    prefix = parse_key_part(parameters, "prefix")
    delimiter = parse_delimiter(parameters)
    key_marker = parse_key_part(parameters, "key-marker")
    id_marker = parameters.get("version-id-marker", "")
    if id_marker and not key_marker:
        raise InvalidArgument(
            "A version-id marker cannot be specified without a key marker.",
            ArgumentName="version-id-marker",
            ArgumentValue=id_marker,
        )
    if id_marker:
        parse_version_id(id_marker)
    page = ctx.store.versions.page(
        request.bucket,
        prefix=prefix,
        delimiter=delimiter,
        key_marker=key_marker,
        id_marker=id_marker,
        limit=max_keys,
    )
    account = owner(ctx)
    now = ctx.clock.now()
    versions: list[tuple[str, Content]] = []
    groups: list[tuple[str, Content]] = []
    for entry in page.entries:
        if isinstance(entry, str):
            groups.append(("CommonPrefixes", [("Prefix", spell(entry))]))
        else:
            name = "DeleteMarker" if entry.is_marker else "Version"
            versions.append((name, [*_version(entry, spell(entry.key), now), ("Owner", account)]))
    following: Elements = []
    if page.is_truncated:
        last = page.entries[-1]
        key, version_id = (last, "") if isinstance(last, str) else (last.key, last.version_id)
        following = [("NextKeyMarker", spell(key)), ("NextVersionIdMarker", version_id)]
    return document_response(
        "ListVersionsResult",
        [
            ("Name", request.bucket),
            ("Prefix", spell(prefix)),
            ("KeyMarker", spell(key_marker)),
            ("VersionIdMarker", id_marker),
            ("MaxKeys", max_keys),
            ("Delimiter", spell(delimiter)),
            *([("EncodingType", "url")] if encode else []),
            ("IsTruncated", page.is_truncated),
            *following,
            *versions,
            *groups,
        ],
    )


def _version(entry: ListedVersion, key: str, now: datetime) -> Elements:
    head: Elements = [("Key", key), ("VersionId", entry.version_id), ("IsLatest", entry.is_latest)]
    if entry.is_marker:
        return [*head, ("LastModified", format_iso_date(entry.last_modified))]
    return [*head, *described(entry, key, now)[1:]]
