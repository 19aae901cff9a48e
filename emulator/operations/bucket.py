"""Buckets: made, deleted, and what they say about themselves."""

from functools import partial
from xml.etree.ElementTree import Element

from msgspec import structs

from emulator.context import Context
from emulator.errors import (
    BucketAlreadyExists,
    InvalidArgument,
    InvalidLocationConstraint,
    MalformedXML,
    NoSuchBucket,
    OperationNotImplemented,
)
from emulator.model import Bucket, StorageClass
from emulator.operations._document import document_response, endpoints, location, read_document
from emulator.operations._setting import with_document
from emulator.operations._table import operation
from emulator.operations.bucket_acl import parse_bucket_acl
from emulator.operations.bucket_settings import RESOURCE_GROUP, check_resource_group, encryption_document
from emulator.wire.address import check_bucket_name
from emulator.wire.dates import format_iso_date
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.settings import parse_setting, read_content, setting_document, setting_text
from emulator.wire.xml import Content

_REDUNDANCIES = ("LRS", "ZRS")
_NAMES_IN_STAT = {
    StorageClass.IA: "InfrequentAccess",
    StorageClass.ARCHIVE: "Archive",
    StorageClass.COLD_ARCHIVE: "ColdArchive",
    StorageClass.DEEP_COLD_ARCHIVE: "DeepColdArchive",
}


@operation("PutBucket", "PUT /{bucket}", needs_bucket=False)
async def put_bucket(ctx: Context, request: OssRequest) -> OssResponse:
    """Make a bucket. To make one's own again is no error, and changes its ACL if one is given.

    Source: "PutBucket"; the suite of oss2 for the encryption headers, which are the new bucket's PutBucketEncryption.
    Differs: an account may have any number of buckets.
    Raises: InvalidBucketName, InvalidArgument, InvalidLocationConstraint, MalformedXML, ResourceGroupIdPreCheckError,
    InvalidEncryptionAlgorithmError, InvalidDataEncryptionAlgorithmError, BucketAlreadyExists; NotImplemented for the
    hierarchical namespace.
    """
    check_bucket_name(request.bucket)
    if request.headers.get("x-oss-hns-status", "disabled").lower() != "disabled":
        raise OperationNotImplemented("The hierarchical namespace is not implemented by the emulator.")
    acl = request.headers.get("x-oss-acl")
    wanted = Bucket(name=request.bucket, created=ctx.clock.now())
    if acl is not None:
        wanted = structs.replace(wanted, acl=parse_bucket_acl(acl))
    if group := request.headers.get("x-oss-resource-group-id"):
        check_resource_group(group)
        document = setting_document("BucketResourceGroupConfiguration", [("ResourceGroupId", group)])
        wanted = with_document(RESOURCE_GROUP, document, wanted)
    if algorithm := request.headers.get("x-oss-server-side-encryption"):
        key_id = request.headers.get("x-oss-server-side-encryption-key-id", "")
        data_algorithm = request.headers.get("x-oss-server-side-data-encryption", "")
        wanted = with_document("encryption", encryption_document(ctx, algorithm, key_id, data_algorithm), wanted)
    configuration = await read_document(request, "CreateBucketConfiguration")
    changes = {} if configuration is None else _read_configuration(ctx, configuration)
    wanted = structs.replace(wanted, **changes)
    try:
        present = ctx.store.buckets.get(request.bucket)
    except NoSuchBucket:
        await ctx.store.buckets.create(wanted)
    else:
        if "storage_class" in changes and wanted.storage_class != present.storage_class:
            raise _cannot_change(present, "Cannot modify existing bucket's storage class.")
        if "redundancy" in changes and wanted.redundancy != present.redundancy:
            raise _cannot_change(present, "Bucket already exists CAN'T modify data redundancy type.")
        if acl is not None:
            await ctx.store.buckets.update(present.name, lambda bucket: structs.replace(bucket, acl=wanted.acl))
    return OssResponse(200, {"Location": f"/{request.bucket}"})


def _read_configuration(ctx: Context, document: Element) -> dict[str, StorageClass | str]:
    """The fields of a `Bucket` that a CreateBucketConfiguration sets."""
    changes: dict[str, StorageClass | str] = {}
    constraint = document.findtext("LocationConstraint")
    if constraint and constraint != location(ctx.config.auth):
        raise InvalidLocationConstraint(
            hint=f"LocationConstraint is {constraint!r}; the emulator's one region is {location(ctx.config.auth)}, as "
            "`auth.region` says."
        )
    if storage_class := document.findtext("StorageClass"):
        try:
            changes["storage_class"] = StorageClass(storage_class)
        except ValueError:
            raise InvalidArgument(
                "no such bucket storage class exists", ArgumentName="StorageClass", ArgumentValue=storage_class
            ) from None
    if redundancy := document.findtext("DataRedundancyType"):
        if redundancy not in _REDUNDANCIES:
            raise MalformedXML(hint=f"DataRedundancyType is {redundancy!r}; OSS knows {' and '.join(_REDUNDANCIES)}.")
        changes["redundancy"] = redundancy
    return changes


def _cannot_change(bucket: Bucket, message: str) -> BucketAlreadyExists:
    return BucketAlreadyExists(
        message,
        hint=f"The bucket exists with class {bucket.storage_class} and redundancy {bucket.redundancy}, which stay.",
        BucketName=bucket.name,
    )


@operation("DeleteBucket", "DELETE /{bucket}")
async def delete_bucket(ctx: Context, request: OssRequest) -> OssResponse:
    """Delete an empty bucket.

    Source: "DeleteBucket".
    Raises: NoSuchBucket, BucketNotEmpty.
    """
    await ctx.store.buckets.delete(request.bucket)
    return OssResponse(204)


@operation("HeadBucket", "HEAD /{bucket}", action="GetBucketInfo")
async def head_bucket(ctx: Context, request: OssRequest) -> OssResponse:
    """Whether the bucket is there, and in which region.

    Source: the suites of the Java and PHP SDKs. Guess: the permission that it asks for.
    Raises: NoSuchBucket.
    """
    return OssResponse(200, {"x-oss-bucket-region": location(ctx.config.auth)})


@operation("GetBucketInfo", "GET /{bucket}?bucketInfo")
async def get_bucket_info(ctx: Context, request: OssRequest) -> OssResponse:
    """Everything that a bucket says about itself.

    The endpoints are those of the region, because clients compare them, unless `server.public_endpoint` is set.

    Source: "GetBucketInfo".
    Differs: where nobody has set it, BlockPublicAccess is true, as on every new bucket, though public ACLs are taken.
    Raises: NoSuchBucket.
    """
    bucket = ctx.store.buckets.get(request.bucket)
    setting = partial(setting_text, bucket)
    is_accelerated = setting("transferAcceleration", "Enabled") == "true"
    account = ctx.config.auth.account_id
    public, internal = endpoints(ctx)
    return document_response(
        "BucketInfo",
        [
            (
                "Bucket",
                [
                    ("AccessMonitor", setting("accessmonitor", "Status", "Disabled")),
                    ("BlockPublicAccess", setting("publicAccessBlock", "BlockPublicAccess", "true")),
                    ("Comment", ""),
                    ("CreationDate", format_iso_date(bucket.created)),
                    ("CrossRegionReplication", "Disabled"),
                    ("DataRedundancyType", bucket.redundancy),
                    ("ExtranetEndpoint", public),
                    ("IntranetEndpoint", internal),
                    ("Location", location(ctx.config.auth)),
                    ("Name", bucket.name),
                    ("ResourceGroupId", setting(RESOURCE_GROUP, "ResourceGroupId")),
                    ("StorageClass", bucket.storage_class),
                    ("TransferAcceleration", "Enabled" if is_accelerated else "Disabled"),
                    *([("Versioning", bucket.versioning)] if bucket.versioning else []),
                    ("Owner", [("DisplayName", account), ("ID", account)]),
                    ("AccessControlList", [("Grant", bucket.acl)]),
                    ("ServerSideEncryptionRule", _encryption_rule(bucket)),
                    (
                        "BucketPolicy",
                        [
                            ("LogBucket", setting("logging", "LoggingEnabled/TargetBucket")),
                            ("LogPrefix", setting("logging", "LoggingEnabled/TargetPrefix")),
                        ],
                    ),
                ],
            )
        ],
    )


def _encryption_rule(bucket: Bucket) -> Content:
    document = bucket.documents.get("encryption")
    return [("SSEAlgorithm", "None")] if document is None else read_content(parse_setting(document)[0])


@operation("GetBucketLocation", "GET /{bucket}?location")
async def get_bucket_location(ctx: Context, request: OssRequest) -> OssResponse:
    """The region of the bucket.

    Source: "GetBucketLocation".
    Raises: NoSuchBucket.
    """
    return document_response("LocationConstraint", location(ctx.config.auth))


@operation("GetBucketStat", "GET /{bucket}?stat")
async def get_bucket_stat(ctx: Context, request: OssRequest) -> OssResponse:
    """How much the bucket holds, by storage class.

    Source: "GetBucketStat".
    Differs: the figures are those of this moment; OSS's are up to an hour old, and it bills small objects as larger.
    Guess: every version of an object counts, as it does on the bill.
    Raises: NoSuchBucket.
    """
    stat = ctx.store.buckets.stat(request.bucket)
    standard = StorageClass.STANDARD
    cold: list[tuple[str, int]] = []
    for storage_class, name in _NAMES_IN_STAT.items():
        size = stat.sizes.get(storage_class, 0)
        cold += [
            (f"{name}Storage", size),
            (f"{name}RealStorage", size),
            (f"{name}ObjectCount", stat.counts.get(storage_class, 0)),
        ]
    return document_response(
        "BucketStat",
        [
            ("Storage", sum(stat.sizes.values())),
            ("ObjectCount", sum(stat.counts.values())),
            ("MultipartUploadCount", stat.uploads),
            ("LiveChannelCount", 0),
            ("LastModifiedTime", int(stat.last_modified.timestamp()) if stat.last_modified else 0),
            ("StandardStorage", stat.sizes.get(standard, 0)),
            ("StandardObjectCount", stat.counts.get(standard, 0)),
            *cold,
            ("MultipartPartCount", stat.parts),
            ("DeleteMarkerCount", stat.delete_markers),
        ],
    )
