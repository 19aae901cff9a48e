"""What the uploads share: reading the callback, judging the staged body, shaping the reply."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import BinaryIO

from emulator.callback.engine import Upload
from emulator.callback.spec import CallbackSpec, parse_callback, pick
from emulator.context import Context
from emulator.errors import CallbackFailed, EntityTooLarge, FileAlreadyExists, MissingContentLength
from emulator.faults import ConnectionCut
from emulator.model import ObjectRecord
from emulator.operations._versions import version_headers
from emulator.storage.assembly import Slot
from emulator.storage.staged import Staged
from emulator.wire.digests import (
    check_content_md5,
    check_crc64,
    content_md5,
    parse_content_md5,
    parse_crc64,
    quote_etag,
)
from emulator.wire.parameters import parse_traffic_limit
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse, hint_header

logger = logging.getLogger("emulator.operations")


async def read_callback(ctx: Context, request: OssRequest) -> CallbackSpec | None:
    """The callback that the request asks for, from its headers or its query; a bad one is refused here.

    Source: "Callback" in the API reference: every fault of the parameters is found before anything is stored.
    """
    if not request.parameters and "x-oss-callback" not in request.headers:
        return None
    picked = pick(
        request.headers.get("x-oss-callback"),
        request.parameters.get("callback"),
        request.headers.get("x-oss-callback-var"),
        request.parameters.get("callback-var"),
    )
    if picked is None:
        return None
    callback, callback_var = picked
    return await accept_callback(ctx, request, callback, callback_var)


async def accept_callback(
    ctx: Context,
    request: OssRequest,
    callback: str,
    callback_var: str | None = None,
    *,
    variables: Mapping[str, str] | None = None,
) -> CallbackSpec | None:
    """The callback that is described by `callback` (base64), with its variables in `callback_var` or by themselves.

    `None`, with a warning, where it names no URL and that is allowed.

    Raises:
        InvalidArgument: it is not right; nothing has been stored.
        BucketCallbackPolicyNotExist: it names a policy that the bucket does not have.
    """
    spec = parse_callback(
        callback,
        callback_var,
        variables=variables,
        policies=ctx.store.buckets.get(request.bucket).callback_policies,
        empty_url=ctx.config.callback.empty_url,
        is_strict=ctx.config.is_strict,
    )
    if spec is None:
        logger.warning("%s asks for a callback without a callbackUrl, so none is sent", request.request_id)
        return None
    await ctx.callbacks.check(spec)
    return spec


async def check_free(ctx: Context, bucket: str, key: str, *, ec: str | None = None) -> None:
    """Raise `FileAlreadyExists` if there is an object at `key`: `x-oss-forbid-overwrite`, seen early.

    Source: "PutObject": where versions are kept nothing is overwritten, and the header means nothing.
    """
    if ctx.store.buckets.get(bucket).versioning is None and await ctx.store.look(bucket, key):
        raise FileAlreadyExists(ec=ec, hint=f"{key!r} exists; x-oss-forbid-overwrite or a rule of the bucket keeps it.")


@asynccontextmanager
async def stage_body(
    ctx: Context,
    request: OssRequest,
    *,
    limit: int | None = None,
    claim: Callable[[int | None], Slot | None] = lambda _: None,
) -> AsyncIterator[Staged]:
    """The request's body, staged and fitting the digests that the client has sent; not yet an object.

    `claim` gives a part of this length the place where it belongs in its upload.

    Raises:
        MissingContentLength: neither a length nor chunked.
        EntityTooLarge: more than `limit` bytes, or else `limits.max_object_bytes`.
        InvalidDigest, InvalidCRC64: the body is not what the client says it sent.
        InvalidArgument: x-oss-traffic-limit is out of bounds.
    """
    body = request.body
    if not body.is_declared:
        raise MissingContentLength(hint="Send Content-Length, or Transfer-Encoding: chunked.")
    if limit is None:
        limit = ctx.config.limits.max_object_bytes
    if body.length is not None and body.length > limit:
        raise EntityTooLarge(hint=f"Content-Length is {body.length}; at most {limit} bytes are taken here.")
    if "content-md5" in request.headers:
        parse_content_md5(request.headers["content-md5"])  # a malformed digest is refused before the body is read
    parse_crc64(request.headers)
    rate = parse_traffic_limit(request.headers, request.parameters)
    if rate is not None:
        body.hold_to(rate)
    whole = body.at_hand()
    slot = claim(body.length)
    async with ctx.store.stage(whole if whole is not None else body.pieces(), limit=limit, slot=slot) as staged:
        assert staged.md5 is not None  # it came in one piece
        check_content_md5(request.headers, staged.md5)
        check_crc64(request.headers, staged.crc64)
        yield staged


async def finish_upload(
    ctx: Context,
    request: OssRequest,
    record: ObjectRecord,
    callback: CallbackSpec | None,
    *,
    operation: str,
    document: bytes = b"",
) -> OssResponse:
    """The answer to a stored upload: OSS's own `document`, or the application server's if a callback was asked for.

    Raises:
        CallbackFailed: the application server did not answer as it must; the object stays.
        ConnectionCut: a fault crashes us here.
    """
    if request.is_cut_after_store:
        raise ConnectionCut
    headers = {"ETag": quote_etag(record.etag), "x-oss-hash-crc64ecma": str(record.crc64)}
    if record.md5 is not None:
        headers["Content-MD5"] = content_md5(record.md5)
    headers |= version_headers(ctx, record) | record.attributes.encryption
    if callback is None:
        return OssResponse(200, {"Content-Type": "application/xml", **headers} if document else headers, document)
    return await call_back(ctx, request, record, callback, operation=operation, headers=headers)


async def call_back(
    ctx: Context,
    request: OssRequest,
    record: ObjectRecord,
    callback: CallbackSpec,
    *,
    operation: str,
    headers: Mapping[str, str],
) -> OssResponse:
    """The application server's answer to the callback about `record`, with `headers`.

    Raises:
        CallbackFailed: it did not answer as it must.
    """

    def open_image() -> BinaryIO:
        return ctx.store.open_blob(record)

    outcome = await ctx.callbacks.call(
        callback,
        Upload(
            operation=operation,
            bucket=record.bucket,
            object=record.key,
            etag=record.etag,
            size=record.size,
            mime_type=record.attributes.headers.get("content-type", ""),
            crc64=record.crc64,
            content_md5="" if record.md5 is None else content_md5(record.md5),
            request_id=request.request_id,
            client_ip=request.client,
            image=open_image,
        ),
    )
    if not outcome.is_success:
        raise CallbackFailed(outcome.message, ec=outcome.ec, hint=outcome.hint, headers=headers)
    hint = {"x-emulator-hint": hint_header(outcome.hint)} if outcome.hint else {}  # hardly meant, though it went well
    return OssResponse(200, {"Content-Type": outcome.content_type, **headers, **hint}, outcome.body)
