"""The inventories of a bucket: reports on its objects that OSS would write every day or week. They are only kept.

Source: "PutBucketInventory" and its neighbours; the three SDKs for the elements.
"""

from functools import partial

from emulator.context import Context
from emulator.errors import InvalidArgument, InventoryConfigurationAlreadyExists, NoSuchInventory
from emulator.model import Bucket
from emulator.operations._document import document_response, kept_response, read_setting
from emulator.operations._setting import with_document
from emulator.operations._table import operation
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.schema import parse_schema
from emulator.wire.settings import named_settings, parse_setting, read_content
from emulator.wire.xml import Content

PAGE = 100

_SCHEMA = parse_schema(
    """
    InventoryConfiguration
      Id
      IsEnabled: bool
      Filter?
        Prefix?
        LastModifyBeginTimeStamp?: 0..
        LastModifyEndTimeStamp?: 0..
        LowerSizeBound?: 0..
        UpperSizeBound?: 0..
        StorageClass?
      Destination
        OSSBucketDestination
          Format: CSV
          AccountId
          RoleArn
          Bucket
          Prefix?
          Encryption?
            SSE-OSS?
            SSE-KMS?
              KeyId
      Schedule
        Frequency: Daily|Weekly|Monthly|Once
        DayOfMonth?: 1..31
        AutoDelete?: bool
      IncludedObjectVersions: All|Current
      OptionalFields?
        Field*
      IncrementalInventory?
        IsEnabled: bool
        Schedule?
          Frequency: 1..
        OptionalFields?
          Field*
    """
)


@operation("PutBucketInventory", "PUT /{bucket}?inventory&inventoryId", is_stored_only=True)
async def put_bucket_inventory(ctx: Context, request: OssRequest) -> OssResponse:
    """Add an inventory; one that is there is not replaced.

    Guess: the message where the id of the query and that of the document differ.
    Raises: NoSuchBucket, InvalidArgument, InventoryConfigurationAlreadyExists, InvalidDigest, MalformedXML.
    """
    inventory_id = request.parameters["inventoryId"]
    document = await read_setting(request, _SCHEMA)
    own_id = parse_setting(document).findtext("Id", "")
    if own_id != inventory_id:
        raise InvalidArgument(
            "The inventory id in the request does not match that in the document.",
            hint=f"inventoryId is {inventory_id!r}, and <Id> {own_id!r}.",
            ArgumentName="inventoryId",
            ArgumentValue=inventory_id,
        )

    def add(bucket: Bucket) -> Bucket:
        if _name(inventory_id) in bucket.documents:
            raise InventoryConfigurationAlreadyExists(hint="Delete it first: an inventory is not changed.")
        return with_document(_name(inventory_id), document, bucket)

    await ctx.store.buckets.update(request.bucket, add)
    return OssResponse(200)


@operation("GetBucketInventory", "GET /{bucket}?inventory&inventoryId", is_stored_only=True)
async def get_bucket_inventory(ctx: Context, request: OssRequest) -> OssResponse:
    """One inventory.

    Raises: NoSuchBucket, NoSuchInventory.
    """
    document = ctx.store.buckets.get(request.bucket).documents.get(_name(request.parameters["inventoryId"]))
    if document is None:
        raise NoSuchInventory
    return kept_response(document)


@operation("ListBucketInventory", "GET /{bucket}?inventory", is_stored_only=True)
async def list_bucket_inventory(ctx: Context, request: OssRequest) -> OssResponse:
    """The inventories by id, 100 a page, after the one that `continuation-token` names.

    Source: the suite of oss2, which is told of none by an error. Guess: the token is the last id of the page before.
    Raises: NoSuchBucket, NoSuchInventory.
    """
    after = request.parameters.get("continuation-token", "")
    documents = named_settings(ctx.store.buckets.get(request.bucket), "inventory")
    if not documents:
        raise NoSuchInventory
    names = [name for name in documents if name > after]
    is_truncated = len(names) > PAGE
    content: list[tuple[str, Content]] = [
        ("InventoryConfiguration", read_content(parse_setting(documents[name]))) for name in names[:PAGE]
    ]
    content.append(("IsTruncated", is_truncated))
    if after:
        content.append(("ContinuationToken", after))
    if is_truncated:
        content.append(("NextContinuationToken", names[PAGE - 1]))
    return document_response("ListInventoryConfigurationsResult", content)


@operation("DeleteBucketInventory", "DELETE /{bucket}?inventory&inventoryId", is_stored_only=True)
async def delete_bucket_inventory(ctx: Context, request: OssRequest) -> OssResponse:
    """Take an inventory away, if there is one of this id.

    Raises: NoSuchBucket.
    """
    name = _name(request.parameters["inventoryId"])
    await ctx.store.buckets.update(request.bucket, partial(with_document, name, None))
    return OssResponse(204)


def _name(inventory_id: str) -> str:
    return f"inventory/{inventory_id}"
