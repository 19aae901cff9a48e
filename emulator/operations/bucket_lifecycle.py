"""The lifecycle rules of a bucket: when its objects, versions and unfinished uploads go, or get another class.

The rules are followed when `POST /_emulator/lifecycle/apply` says so, or by a timer
(`storage.lifecycle_interval_seconds`).
"""

import logging
from collections.abc import Iterable

from msgspec import structs

from emulator.context import Context
from emulator.errors import InvalidArgument, MalformedXML, NoSuchLifecycle
from emulator.model import LifecycleRule
from emulator.operations._document import document_response, read_document
from emulator.operations._lifecycle_document import ROOT, parse_lifecycle, rule_elements
from emulator.operations._table import operation
from emulator.storage.lifecycle import BY_ACCESS_TIME
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse, hint_header

logger = logging.getLogger("emulator.operations")


@operation("PutBucketLifecycle", "PUT /{bucket}?lifecycle")
async def put_bucket_lifecycle(ctx: Context, request: OssRequest) -> OssResponse:
    """Replace the bucket's lifecycle rules.

    Source: "PutBucketLifecycle".
    Differs: transitions by access time are kept and given back, but not followed: nobody notes who reads what.
    Raises: NoSuchBucket, InvalidArgument, InvalidDigest, InvalidRequest, MalformedXML.
    """
    document = await read_document(request, ROOT)
    if document is None:
        raise MalformedXML(hint=f"The body is empty; PutBucketLifecycle wants a <{ROOT}>.")
    rules = parse_lifecycle(document)
    if request.headers.get("x-oss-allow-same-action-overlap", "").lower() != "true":
        _check_overlap(rules)
    rules = tuple(_completed(ctx, rule) for rule in rules)
    await ctx.store.buckets.update(request.bucket, lambda bucket: structs.replace(bucket, lifecycle=rules))
    if any(rule.is_by_access_time for rule in rules):
        logger.warning("%s %s", request.request_id, BY_ACCESS_TIME)
        return OssResponse(200, {"x-emulator-hint": hint_header(BY_ACCESS_TIME)})
    return OssResponse(200)


@operation("GetBucketLifecycle", "GET /{bucket}?lifecycle")
async def get_bucket_lifecycle(ctx: Context, request: OssRequest) -> OssResponse:
    """The bucket's lifecycle rules.

    Source: "GetBucketLifecycle".
    Raises: NoSuchBucket, NoSuchLifecycle.
    """
    rules = ctx.store.buckets.get(request.bucket).lifecycle
    if not rules:
        raise NoSuchLifecycle(BucketName=request.bucket)
    return document_response(ROOT, [("Rule", rule_elements(rule)) for rule in rules])


@operation("DeleteBucketLifecycle", "DELETE /{bucket}?lifecycle")
async def delete_bucket_lifecycle(ctx: Context, request: OssRequest) -> OssResponse:
    """Forget the bucket's lifecycle rules, if it has any.

    Source: "DeleteBucketLifecycle".
    Raises: NoSuchBucket.
    """
    await ctx.store.buckets.update(request.bucket, lambda bucket: structs.replace(bucket, lifecycle=()))
    return OssResponse(204)


def _completed(ctx: Context, rule: LifecycleRule) -> LifecycleRule:
    """`rule` with what OSS gives it: an id, and from when on accesses count."""
    if not rule.id:
        rule = structs.replace(rule, id=ctx.ids.rule_id())
    if rule.atime_base is None and rule.is_by_access_time:
        rule = structs.replace(rule, atime_base=int(ctx.clock.now().timestamp()))
    return rule


def _check_overlap(rules: Iterable[LifecycleRule]) -> None:
    """Raise `InvalidArgument` if two rules do the same to the same objects.

    Guess: an object's tags keep rules apart, its size does not; a disabled rule counts.
    """
    wider: list[LifecycleRule] = []  # those whose prefixes the next one's begins with
    for rule in sorted(rules, key=lambda rule: rule.prefix):
        while wider and not rule.prefix.startswith(wider[-1].prefix):
            wider.pop()
        for other in wider:
            is_about_the_same = rule.tags.items() <= other.tags.items() or other.tags.items() <= rule.tags.items()
            if is_about_the_same and (both := _kinds(rule) & _kinds(other)):
                raise InvalidArgument(
                    f"Overlap for same action type {min(both)}",
                    ec="0014-00000084",
                    hint=f"The rules {other.id!r} (prefix {other.prefix!r}) and {rule.id!r} (prefix {rule.prefix!r}) "
                    "are both about some objects; the header x-oss-allow-same-action-overlap: true allows that.",
                )
        wider.append(rule)


def _kinds(rule: LifecycleRule) -> set[str]:
    """The actions of `rule`, as they are called where two rules have the same."""
    actions = {
        "Expiration": rule.expiration,
        "ExpiredObjectDeleteMarker": rule.removes_markers,
        "Transition": rule.transitions,
        "AbortMultipartUpload": rule.aborts_uploads,
        "NoncurrentVersionExpiration": rule.past_expires_days,
        "NoncurrentVersionTransition": rule.past_transitions,
    }
    return {name for name, action in actions.items() if action}
