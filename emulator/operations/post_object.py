"""PostObject: an object out of a browser's form."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from typing import Any

from msgspec import structs

from emulator.auth.post_policy import Policy, SizeRange, check_policy, parse_policy
from emulator.auth.post_signature import authenticate_form
from emulator.auth.public_access import check_object_acl
from emulator.auth.restrictions import restrict
from emulator.callback.spec import CallbackSpec
from emulator.context import Context
from emulator.errors import EntityTooLarge, EntityTooSmall, InvalidArgument, InvalidPolicyDocument
from emulator.operations._access import check_access
from emulator.operations._overwriting import forbids_overwrite
from emulator.operations._table import operation
from emulator.operations._upload import accept_callback, check_free, finish_upload
from emulator.wire.address import check_key
from emulator.wire.attributes import check_header_value, read_attributes
from emulator.wire.digests import check_content_md5, parse_content_md5
from emulator.wire.form import Form, open_form
from emulator.wire.parameters import TRAFFIC_LIMIT, parse_traffic_limit
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.xml import build_document

logger = logging.getLogger("emulator.operations")

_STATUSES = {"200": 200, "201": 201, "204": 204}
_FILENAME = "${filename}"

# The fields that are to a form what the headers of the same names are to PutObject.
_ATTRIBUTES = (
    *("cache-control", "content-disposition", "content-encoding", "expires"),
    *("x-oss-object-acl", "x-oss-storage-class", "x-oss-forbid-overwrite", "x-oss-server-side-encryption"),
    *("x-oss-server-side-encryption-key-id", "x-oss-server-side-data-encryption"),
)
_META = "x-oss-meta-"

# What a policy under a V4 signature has to speak of.
_V4_CONDITIONS = ("bucket", "x-oss-signature-version", "x-oss-credential", "x-oss-date")
_TOKEN = "x-oss-security-token"


@operation("PostObject", "POST /{bucket}", action="PutObject", is_signed=False, takes_callback=True)
async def post_object(ctx: Context, request: OssRequest) -> OssResponse:
    """Store the file of a form under the form's key, if its policy allows that, and call the application server back.

    Only the form counts: an Authorization header, a signed URL and the query are not looked at. Everything but the size
    is judged before the file is read.

    The speed limit may be a header or, as a guess, a field.

    Source: "PostObject" and "Callback" in the API reference. Guess: the signature is checked before the policy is read.
    Differs: `auth.mode: off` asks for no signature; a policy that is sent must hold all the same.
    Raises: RequestIsNotMultiPartContent, MalformedPOSTRequest, FieldItemTooLong, MaxPOSTPreDataLengthExceededError,
    IncorrectNumberOfFilesInPOSTRequest, InvalidArgument, InvalidPolicyDocument, InvalidDigest, EntityTooSmall,
    EntityTooLarge, InvalidObjectName, InvalidEncryptionAlgorithmError, AccessDenied, SignatureDoesNotMatch,
    InvalidAccessKeyId, SecurityTokenExpired, InvalidSecurityToken, FileAlreadyExists, CallbackFailed.
    """
    digest = hashlib.md5(usedforsecurity=False)
    body = request.body.pieces()
    if "content-md5" in request.headers:
        parse_content_md5(request.headers["content-md5"])  # a malformed digest is refused before the body is read
        body = _hashed(body, digest)
    async with open_form(request.headers.get("content-type", ""), body) as form:
        fields = form.fields
        key = _key(form)
        ctx.requests.learn(request.request_id, key=key)
        size = _authorize(ctx, request, form, key)
        callback = await _read_callback(ctx, request, form)
        check_key(key)
        headers = _headers(request, form)
        check_object_acl(ctx.store.buckets.get(request.bucket), headers.get("x-oss-object-acl", ""))
        attributes = read_attributes(headers, ctx.store.buckets.get(request.bucket))
        forbid_overwrite = forbids_overwrite(ctx, request.bucket, key, headers)
        redirect = check_header_value("success_action_redirect", fields.get("success_action_redirect", ""))
        rate = parse_traffic_limit(fields if TRAFFIC_LIMIT in fields else request.headers, {})
        if rate is not None:
            request.body.hold_to(rate)
        if forbid_overwrite:
            await check_free(ctx, request.bucket, key, ec="0026-00000201")
        limit = ctx.config.limits.max_object_bytes
        async with ctx.store.stage(_measured(form.content, size, limit), limit=limit) as staged:
            if "content-md5" in request.headers:
                check_content_md5(request.headers, digest.digest())
            record = await staged.commit(request.bucket, key, attributes=attributes, forbid_overwrite=forbid_overwrite)
    _warn(request, form, callback)
    response = await finish_upload(ctx, request, record, callback, operation="PostObject")
    if callback is not None:
        return response
    if redirect:
        return OssResponse(303, {"Location": redirect, **response.headers})
    status = _STATUSES.get(fields.get("success_action_status", ""), 204)
    if status != 201:
        return OssResponse(status, response.headers)
    document = build_document(
        "PostResponse",
        [
            ("Bucket", request.bucket),
            ("Location", request.url(key)),
            ("Key", key),
            ("ETag", response.headers["ETag"]),
        ],
    )
    return OssResponse(201, {"Content-Type": "application/xml", **response.headers}, document)


def _key(form: Form) -> str:
    """The object's name, `${filename}` in it replaced. Guess: every one, and by nothing if the file has no name."""
    key = form.fields.get("key")
    if key is None:
        seen = ", ".join(map(repr, form.fields)) or "none"
        raise InvalidArgument(
            "The bucket POST must contain the specified 'key'. If it is specified, please check the order of the "
            "fields",
            hint=f"The fields before the file are: {seen}. What stands behind the file does not count: append `key` to "
            "the form before `file`, which must be the last.",
            ArgumentName="key",
            ArgumentValue="",
        )
    return key.replace(_FILENAME, form.filename)


def _authorize(ctx: Context, request: OssRequest, form: Form, key: str) -> SizeRange:
    """Check that whoever signed the form allows this upload; how long its file may be."""
    auth = ctx.config.auth
    principal = authenticate_form(request, form.fields, auth, request.received, ctx.temporary_keys)
    ctx.requests.learn(request.request_id, key=key, principal=principal.access_key_id or "")
    size = SizeRange()
    if form.fields.get("policy"):
        policy = parse_policy(form.fields["policy"])
        if principal.signature == "v4":
            _check_v4_conditions(ctx, request, policy, has_token=_TOKEN in form.fields)
        check_policy(
            policy, bucket=request.bucket, fields=form.fields, file_type=form.content_type, now=request.received
        )
        size = policy.size
    sent = structs.replace(request, principal=principal, address=structs.replace(request.address, key=key))
    check_access(ctx, sent, "PutObject", request.bucket, key, is_form=True)
    restrict(ctx.store.buckets.get(request.bucket), sent)
    return size


def _check_v4_conditions(ctx: Context, request: OssRequest, policy: Policy, *, has_token: bool) -> None:
    """Warn of a V4 policy that leaves open what the documentation says it must not.

    Guess: what OSS does is not known; in the `real` profile it is refused, in words of our own.
    """
    missing = policy.unconditioned((*_V4_CONDITIONS, *([_TOKEN] if has_token else [])))
    if not missing:
        return
    what = f"The policy has no condition on {', '.join(missing)}, which the documentation of signature V4 asks for."
    if ctx.config.is_strict:
        raise InvalidPolicyDocument(f"Invalid Policy: Policy missing condition of {missing[0]}.", hint=what)
    logger.warning("%s %s It is accepted; OSS may refuse it.", request.request_id, what)


async def _read_callback(ctx: Context, request: OssRequest, form: Form) -> CallbackSpec | None:
    """The callback that the form asks for; those in headers and query do not count."""
    for name, given in (
        ("the header x-oss-callback", request.headers),
        ("the header x-oss-callback-var", request.headers),
        ("the parameter callback", request.parameters),
        ("the parameter callback-var", request.parameters),
        ("the field callback-var", form.fields),
    ):
        if name.rpartition(" ")[2] in given:
            logger.warning(
                "%s %s is ignored: a form carries its callback in the field callback, and each variable in a field "
                "of its own, x:...",
                request.request_id,
                name,
            )
    if "callback" not in form.fields:
        return None
    return await accept_callback(ctx, request, form.fields["callback"], variables=form.variables)


def _headers(request: OssRequest, form: Form) -> dict[str, str]:
    """What the form says of the object, as PutObject would say it in headers.

    The browser's own Content-Type of the file goes before the field of that name. The ACL alone may be in a header of
    the request; the field goes before it.
    """
    fields = form.fields
    headers = {name: fields[name] for name in _ATTRIBUTES if name in fields}
    headers |= {name: value for name, value in fields.items() if name.startswith(_META)}
    headers["content-type"] = fields.get("x-oss-content-type") or form.content_type or fields.get("content-type") or ""
    if "x-oss-object-acl" in request.headers:
        headers.setdefault("x-oss-object-acl", request.headers["x-oss-object-acl"])
    return headers


async def _measured(content: AsyncIterator[bytes], size: SizeRange, limit: int) -> AsyncIterator[bytes]:
    """`content`, as long as it keeps to the policy's `size` and to `limit` bytes.

    Raises:
        EntityTooSmall, EntityTooLarge: it does not.
    """
    received = 0
    async for piece in content:
        received += len(piece)
        if size.maximum is not None and received > size.maximum:
            raise EntityTooLarge(
                ec="0006-00000004",
                hint=f"The file is longer than {size.maximum} bytes, the maximum of the policy's content-length-range.",
            )
        if received > limit:
            raise EntityTooLarge("Post body size must be less than 5G.", hint=f"The file is longer than {limit} bytes.")
        yield piece
    if received < size.minimum:
        raise EntityTooSmall(
            hint=f"The file has {received} bytes; the policy's content-length-range asks for at least {size.minimum}."
        )


async def _hashed(body: AsyncIterator[bytes], digest: Any) -> AsyncIterator[bytes]:
    """`body`, every byte of which goes through `digest` too."""
    async for piece in body:
        await asyncio.to_thread(digest.update, piece)
        yield piece


def _warn(request: OssRequest, form: Form, callback: CallbackSpec | None) -> None:
    """Say what was accepted and is hardly meant."""
    late = [name for name in form.late_fields if name.lower() != "submit"]
    if late:
        logger.warning(
            "%s fields behind the file are ignored: %s. The file must be the last.", request.request_id, ", ".join(late)
        )
    if callback is not None and form.fields.get("success_action_redirect"):
        logger.warning(
            "%s success_action_redirect is ignored: with a callback, the application server's answer is the answer",
            request.request_id,
        )
