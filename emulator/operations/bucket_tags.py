"""The tags of a bucket, by which buckets can be listed."""

from collections.abc import Iterable
from functools import partial
from xml.etree.ElementTree import Element

from emulator.context import Context
from emulator.errors import InvalidTag, InvalidTaggingKey, RepeatedTags, TooManyTags
from emulator.model import Bucket
from emulator.operations._setting import setting, with_document
from emulator.operations._table import operation
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.settings import parse_setting, setting_document

MAX_TAGS = 20
MAX_KEY_BYTES = 64
MAX_VALUE_BYTES = 128

_RESERVED = ("http://", "https://", "Aliyun")


def _check_tags(ctx: Context, document: Element) -> None:
    tags = [(tag.findtext("Key", ""), tag.findtext("Value", "")) for tag in document.iter("Tag")]
    if len(tags) > MAX_TAGS:
        raise TooManyTags(hint=f"A bucket can have {MAX_TAGS} tags; these are {len(tags)}.")
    if len(dict(tags)) < len(tags):
        raise RepeatedTags
    for key, value in tags:
        if key.startswith(_RESERVED):
            raise InvalidTaggingKey(hint=f"The key {key!r} must not begin with {', '.join(_RESERVED)}.")
        if len(key.encode()) > MAX_KEY_BYTES:
            raise InvalidTag(hint=f"The key {key!r} is longer than {MAX_KEY_BYTES} bytes.")
        if len(value.encode()) > MAX_VALUE_BYTES:
            raise InvalidTag(
                "The TagValue you have provided is invalid.",
                ec="0010-00000217",
                hint=f"The value {value!r} of {key!r} is longer than {MAX_VALUE_BYTES} bytes.",
            )


# Source: "PutBucketTags", "GetBucketTags".
setting(
    "PutBucketTags GetBucketTags",
    "tagging",
    """
    Tagging
      TagSet
        Tag*
          Key
          Value?
    """,
    absent=[("TagSet", [])],
    check=_check_tags,
    is_stored_only=False,
    actions="PutBucketTagging GetBucketTagging",
)


@operation("DeleteBucketTags", "DELETE /{bucket}?tagging", action="DeleteBucketTagging")
async def delete_bucket_tags(ctx: Context, request: OssRequest) -> OssResponse:
    """Take all tags off the bucket, or those whose keys `tagging=` lists.

    Source: "DeleteBucketTags".
    Raises: NoSuchBucket.
    """
    keys = request.parameters["tagging"]
    await ctx.store.buckets.update(request.bucket, partial(_without_tags, keys.split(",") if keys else None))
    return OssResponse(204)


def read_tags(bucket: Bucket) -> dict[str, str]:
    """The tags of `bucket`."""
    document = bucket.documents.get("tagging")
    if document is None:
        return {}
    return {tag.findtext("Key", ""): tag.findtext("Value", "") for tag in parse_setting(document).iter("Tag")}


def _without_tags(keys: Iterable[str] | None, bucket: Bucket) -> Bucket:
    """`bucket` without the tags of these keys, or without any."""
    left = {} if keys is None else {key: value for key, value in read_tags(bucket).items() if key not in keys}
    document = setting_document(
        "Tagging", [("TagSet", [("Tag", [("Key", key), ("Value", value)]) for key, value in left.items()])]
    )
    return with_document("tagging", document if left else None, bucket)
