"""ListBuckets: what the account has."""

from emulator.config import Auth
from emulator.context import Context
from emulator.errors import OperationNotImplemented
from emulator.model import Bucket
from emulator.operations._document import document_response, location, owner, region
from emulator.operations._table import operation
from emulator.wire.dates import format_iso_date
from emulator.wire.parameters import parse_key_part, parse_max_keys
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.xml import Elements


@operation("ListBuckets", "GET /")
async def list_buckets(ctx: Context, request: OssRequest) -> OssResponse:
    """The buckets by name, a page at a time, each with the address at which the emulator was spoken to.

    Source: "ListBuckets (GetService)".
    Differs: the endpoints are the emulator's own, because clients follow them. Prefix, Marker and MaxKeys are given
    also when the page is the only one.
    Raises: InvalidArgument; NotImplemented for the tag filters.
    """
    parameters = request.parameters
    max_keys = parse_max_keys(parameters, ec="0017-00000289")
    prefix = parse_key_part(parameters, "prefix")
    marker = parse_key_part(parameters, "marker")
    if "tag-key" in parameters or "tag-value" in parameters:
        raise OperationNotImplemented("ListBuckets by tag is not implemented by the emulator.")
    buckets, is_truncated = ctx.store.buckets(prefix=prefix, after=marker, limit=max_keys)
    endpoint = _endpoint(ctx, request)
    content: Elements = [
        ("Prefix", prefix),
        ("Marker", marker),
        ("MaxKeys", max_keys),
        ("IsTruncated", is_truncated),
        *([("NextMarker", buckets[-1].name)] if is_truncated else []),
        ("Owner", owner(ctx)),
        ("Buckets", [("Bucket", _bucket(bucket, endpoint, ctx.config.auth)) for bucket in buckets]),
    ]
    return document_response("ListAllMyBucketsResult", content)


def _bucket(bucket: Bucket, endpoint: str, auth: Auth) -> Elements:
    return [
        ("CreationDate", format_iso_date(bucket.created)),
        ("ExtranetEndpoint", endpoint),
        ("IntranetEndpoint", endpoint),
        ("Location", location(auth)),
        ("Name", bucket.name),
        ("Region", region(auth)),
        ("StorageClass", bucket.storage_class),
    ]


def _endpoint(ctx: Context, request: OssRequest) -> str:
    """The address of the emulator as this client knows it, without the scheme, as OSS gives it."""
    configured = ctx.config.server.public_endpoint
    if configured:
        return configured.partition("://")[2] or configured
    return request.host.removeprefix(".")  # ali-oss, without a bucket, puts the dot of `bucket.host` all the same
