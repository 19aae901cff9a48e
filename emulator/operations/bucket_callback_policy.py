"""Callback policies: callbacks that a bucket keeps, so that an upload need only name one.

An upload whose callback is `{"callbackPolicy": "name"}` gets that of the policy; `emulator.callback.spec` sees to it.
"""

from xml.etree.ElementTree import Element

from msgspec import structs

from emulator.callback.spec import parse_callback
from emulator.context import Context
from emulator.errors import BucketCallbackPolicyNotExist, InvalidArgument, MalformedXML
from emulator.model import CallbackPolicy
from emulator.operations._document import document_response, read_document
from emulator.operations._table import operation
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse

_ROOT = "BucketCallbackPolicy"


@operation("PutBucketCallbackPolicy", "PUT /{bucket}?policy&comp=callback")
async def put_bucket_callback_policy(ctx: Context, request: OssRequest) -> OssResponse:
    """Replace the bucket's callback policies; a document without any takes them away.

    Source: the suite of oss2 for the document, the one without policies too. Guess: a callback that no upload could
    have is refused here, as an upload with it would be; where it leads is looked at by the upload.
    Raises: NoSuchBucket, InvalidArgument, InvalidDigest, MalformedXML.
    """
    document = await read_document(request, _ROOT)
    if document is None:
        raise MalformedXML(hint=f"The body is empty; PutBucketCallbackPolicy wants a <{_ROOT}>.")
    policies = tuple(map(_parse_item, document.findall("PolicyItem")))
    names: set[str] = set()
    for policy in policies:
        if policy.name in names:
            raise _invalid_name(policy.name, f"Two policies are called {policy.name!r}.")
        names.add(policy.name)
        parse_callback(policy.callback, policy.callback_var or None, empty_url="error", is_strict=ctx.config.is_strict)
    await ctx.store.buckets.update(request.bucket, lambda bucket: structs.replace(bucket, callback_policies=policies))
    return OssResponse(200)


@operation("GetBucketCallbackPolicy", "GET /{bucket}?policy&comp=callback")
async def get_bucket_callback_policy(ctx: Context, request: OssRequest) -> OssResponse:
    """The bucket's callback policies, as they were set.

    Source: the suite of oss2.
    Raises: NoSuchBucket, BucketCallbackPolicyNotExist.
    """
    policies = ctx.store.buckets.get(request.bucket).callback_policies
    if not policies:
        raise BucketCallbackPolicyNotExist(BucketName=request.bucket)
    return document_response(
        _ROOT,
        [
            (
                "PolicyItem",
                [("PolicyName", policy.name), ("Callback", policy.callback), ("CallbackVar", policy.callback_var)],
            )
            for policy in policies
        ],
    )


@operation("DeleteBucketCallbackPolicy", "DELETE /{bucket}?policy&comp=callback")
async def delete_bucket_callback_policy(ctx: Context, request: OssRequest) -> OssResponse:
    """Forget the bucket's callback policies, if it has any.

    Source: the suite of oss2.
    Raises: NoSuchBucket.
    """
    await ctx.store.buckets.update(request.bucket, lambda bucket: structs.replace(bucket, callback_policies=()))
    return OssResponse(204)


def _parse_item(item: Element) -> CallbackPolicy:
    name = (item.findtext("PolicyName") or "").strip()
    if not name:
        raise _invalid_name(name, "Every PolicyItem has a PolicyName, by which uploads ask for it.")
    return CallbackPolicy(name, (item.findtext("Callback") or "").strip(), (item.findtext("CallbackVar") or "").strip())


def _invalid_name(name: str, hint: str) -> InvalidArgument:
    return InvalidArgument(hint=hint, ArgumentName="PolicyName", ArgumentValue=name)
