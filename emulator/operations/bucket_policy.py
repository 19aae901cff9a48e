"""What a bucket lets whom do: its policy, which `_access` holds every request to."""

import hashlib
import logging
from functools import partial

from emulator.auth.policy import Policy, parse_policy
from emulator.auth.public_access import check_policy
from emulator.context import Context
from emulator.errors import EntityTooLarge, InlineDataTooLarge, InvalidPolicyDocument, NoSuchBucketPolicy
from emulator.operations._access import POLICY
from emulator.operations._document import document_response
from emulator.operations._setting import with_document
from emulator.operations._table import TABLE, operation
from emulator.wildcard import fits
from emulator.wire.digests import check_content_md5
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse

MAX_POLICY_BYTES = 16 * 1024

logger = logging.getLogger("emulator.operations")


@operation("PutBucketPolicy", "PUT /{bucket}?policy")
async def put_bucket_policy(ctx: Context, request: OssRequest) -> OssResponse:
    """Replace the bucket's policy. From here on it holds, for the owner's keys too.

    Source: "PutBucketPolicy"; "Bucket policy" for its size.
    Differs: conditions that the emulator cannot judge (a VPC, a tag) are refused with NotImplemented.
    Guess: every Resource must be this bucket's; a policy that is too long is InlineDataTooLarge.
    Raises: NoSuchBucket, InvalidPolicyDocument, InlineDataTooLarge, InvalidDigest, NotImplemented,
    AccessDenied.
    """
    try:
        body = await request.body.read(MAX_POLICY_BYTES)
    except EntityTooLarge as error:
        raise InlineDataTooLarge(hint=f"A bucket policy has at most {MAX_POLICY_BYTES} bytes.") from error
    check_content_md5(request.headers, hashlib.md5(body, usedforsecurity=False).digest())
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidPolicyDocument(hint="The policy is not UTF-8.") from error
    policy = parse_policy(text, has_principals=True)
    _check_resources(policy, request.bucket)
    check_policy(ctx.store.buckets.get(request.bucket), is_public=policy.is_public)
    _warn(ctx, request, policy)
    await ctx.store.buckets.update(request.bucket, partial(with_document, POLICY, text))
    return OssResponse(200)


@operation("GetBucketPolicy", "GET /{bucket}?policy")
async def get_bucket_policy(ctx: Context, request: OssRequest) -> OssResponse:
    """The bucket's policy, byte for byte as it was put.

    Source: "GetBucketPolicy".
    Raises: NoSuchBucket, NoSuchBucketPolicy.
    """
    text = ctx.store.buckets.get(request.bucket).documents.get(POLICY)
    if text is None:
        raise NoSuchBucketPolicy(BucketName=request.bucket)
    return OssResponse(200, {"Content-Type": "application/json"}, text.encode())


@operation("DeleteBucketPolicy", "DELETE /{bucket}?policy")
async def delete_bucket_policy(ctx: Context, request: OssRequest) -> OssResponse:
    """Forget the bucket's policy, if it has one.

    Source: "DeleteBucketPolicy".
    Raises: NoSuchBucket.
    """
    await ctx.store.buckets.update(request.bucket, partial(with_document, POLICY, None))
    return OssResponse(204)


@operation("GetBucketPolicyStatus", "GET /{bucket}?policyStatus")
async def get_bucket_policy_status(ctx: Context, request: OssRequest) -> OssResponse:
    """Whether the bucket's policy lets anybody in; without a policy it does not.

    Source: "GetBucketPolicyStatus".
    Guess: what is allowed to everybody of certain addresses is not public.
    Raises: NoSuchBucket.
    """
    text = ctx.store.buckets.get(request.bucket).documents.get(POLICY)
    is_public = text is not None and parse_policy(text, has_principals=True).is_public
    return document_response("PolicyStatus", [("IsPublic", is_public)])


def _check_resources(policy: Policy, bucket: str) -> None:
    """Raise `InvalidPolicyDocument` if a statement speaks of what is not in `bucket`."""
    for statement in policy.statements:
        for pattern in statement.resources.patterns:
            parts = pattern.split(":", 4)
            if parts[:2] != ["acs", "oss"] or len(parts) < 5 or not fits(parts[4].partition("/")[0], bucket):
                raise InvalidPolicyDocument(
                    f"Invalid Policy: Resource {pattern} is not of this bucket.",
                    hint=f"A policy of this bucket speaks of acs:oss:*:*:{bucket} and acs:oss:*:*:{bucket}/<key>.",
                )


def _warn(ctx: Context, request: OssRequest, policy: Policy) -> None:
    """Say which parts of the policy fit nothing that there is here, and are hardly meant so."""
    account = ctx.config.auth.account_id
    actions = {f"oss:{row.action}".lower() for row in TABLE}
    for number, statement in enumerate(policy.statements, 1):
        for pattern in statement.actions.patterns:
            if not any(fits(pattern, action) for action in actions) and "version" not in pattern:
                logger.warning(
                    "%s statement %d: no operation asks for the action %s", request.request_id, number, pattern
                )
        for pattern in statement.resources.patterns:
            owner = pattern.split(":", 4)[3]
            if not fits(owner, account):
                logger.warning(
                    "%s statement %d: the resource %s is of the account %s; this is %s (auth.account_id)",
                    request.request_id,
                    number,
                    pattern,
                    owner,
                    account,
                )
        for pattern in statement.principals.patterns if statement.principals else ():
            if pattern.isdigit() and pattern != account:
                logger.warning(
                    "%s statement %d: the principal %s is nobody here; the keys under auth.keys are the account %s",
                    request.request_id,
                    number,
                    pattern,
                    account,
                )
