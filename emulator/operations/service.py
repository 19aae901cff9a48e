"""What belongs to no bucket: ListBuckets, and the regions there are."""

from collections.abc import Callable, Mapping

import msgspec

from emulator.config import Auth
from emulator.context import Context
from emulator.errors import InvalidArgument, NoSuchRegion
from emulator.model import Bucket
from emulator.operations._document import document_response, endpoints, location, owner, region
from emulator.operations._table import operation
from emulator.operations.bucket_settings import RESOURCE_GROUP
from emulator.operations.bucket_tags import read_tags
from emulator.wire.dates import format_iso_date
from emulator.wire.parameters import parse_key_part, parse_max_keys
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.settings import setting_text
from emulator.wire.xml import Elements


@operation("ListBuckets", "GET /", claims=("tagging",))
async def list_buckets(ctx: Context, request: OssRequest) -> OssResponse:
    """The buckets by name, a page at a time, each with the address at which the emulator was spoken to.

    Source: "ListBuckets (GetService)".
    Differs: the endpoints are the emulator's own, because clients follow them. Prefix, Marker and MaxKeys are given
    also when the page is the only one.
    Raises: InvalidArgument.
    """
    parameters = request.parameters
    max_keys = parse_max_keys(parameters, ec="0017-00000289")
    prefix = parse_key_part(parameters, "prefix")
    marker = parse_key_part(parameters, "marker")
    fits = _parse_filter(parameters, request.headers.get("x-oss-resource-group-id", ""))
    buckets, is_truncated = ctx.store.buckets.page(prefix=prefix, after=marker, limit=max_keys, fits=fits)
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


@operation("DescribeRegions", "GET /?regions")
async def describe_regions(ctx: Context, request: OssRequest) -> OssResponse:
    """The endpoints of all regions, or of the one that `regions=oss-cn-hangzhou` names: the emulator's.

    Source: "DescribeRegions".
    Differs: there is one region. Its endpoints look as the real ones do, unless `server.public_endpoint` is set.
    Raises: NoSuchRegion.
    """
    here = location(ctx.config.auth)
    asked = request.parameters["regions"]
    if asked not in ("", here):
        raise NoSuchRegion(
            hint=f"The emulator's one region is {here}, as `auth.region` says; the request asks for {asked}."
        )
    public, internal = endpoints(ctx)
    return document_response(
        "RegionInfoList",
        [
            (
                "RegionInfo",
                [
                    ("Region", here),
                    ("InternetEndpoint", public),
                    ("InternalEndpoint", internal),
                    ("AccelerateEndpoint", "oss-accelerate.aliyuncs.com"),
                ],
            )
        ],
    )


def _parse_filter(parameters: Mapping[str, str], resource_group: str) -> Callable[[Bucket], bool]:
    """Which buckets are to be listed: those with every tag that is asked for, in the resource group if one is.

    `tag-key` and `tag-value` ask for one tag, `tagging` for several, as `"k1":"v1","k2":"v2"`.

    Guess: the messages.

    Raises:
        InvalidArgument: the tags are not asked for as they must be.
    """
    key, value = parameters.get("tag-key"), parameters.get("tag-value")
    if (key is None and value is not None) or (key is not None and "tagging" in parameters):
        name = "tag-value" if key is None else "tagging"
        raise InvalidArgument(
            "Argument tag-value must be used with tag-key, and tagging without both.",
            ArgumentName=name,
            ArgumentValue=parameters[name],
        )
    tags = _parse_tags(parameters.get("tagging", ""))

    def fits(bucket: Bucket) -> bool:
        own = read_tags(bucket)
        return (
            (not resource_group or _resource_group(bucket) == resource_group)
            and (key is None or (key in own and value in (None, own[key])))
            and tags.items() <= own.items()
        )

    return fits


def _parse_tags(text: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(f"{{{text}}}", type=dict[str, str])
    except msgspec.DecodeError:
        raise InvalidArgument(
            "Argument tagging is invalid.",
            hint='Tags are asked for as "k1":"v1","k2":"v2".',
            ArgumentName="tagging",
            ArgumentValue=text,
        ) from None


def _resource_group(bucket: Bucket) -> str:
    return setting_text(bucket, RESOURCE_GROUP, "ResourceGroupId")


def _bucket(bucket: Bucket, endpoint: str, auth: Auth) -> Elements:
    return [
        ("CreationDate", format_iso_date(bucket.created)),
        ("ExtranetEndpoint", endpoint),
        ("IntranetEndpoint", endpoint),
        ("Location", location(auth)),
        ("Name", bucket.name),
        ("Region", region(auth)),
        ("ResourceGroupId", _resource_group(bucket)),
        ("StorageClass", bucket.storage_class),
    ]


def _endpoint(ctx: Context, request: OssRequest) -> str:
    """The address of the emulator as this client knows it, without the scheme, as OSS gives it."""
    configured = ctx.config.server.public_endpoint
    if configured:
        return configured.partition("://")[2] or configured
    return request.host.removeprefix(".")  # ali-oss, without a bucket, puts the dot of `bucket.host` all the same
