"""PutObject: one request, one object."""

import logging

from emulator.context import Context
from emulator.operations._overwriting import forbids_overwrite
from emulator.operations._table import operation
from emulator.operations._upload import finish_upload, read_callback, stage_body
from emulator.wire.address import check_key
from emulator.wire.attributes import read_attributes
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse

logger = logging.getLogger("emulator.operations")

_CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")


@operation("PutObject", "PUT /{bucket}/{key}", takes_callback=True)
async def put_object(ctx: Context, request: OssRequest) -> OssResponse:
    """Store the body under the key, replacing what was there, and call the application server back if asked to.

    Source: "PutObject" and "Callback" in the API reference.
    Differs: preconditions (`If-Match` and its kin) are ignored with a warning, as the service ignores them.
    Raises: InvalidArgument, InvalidDigest, InvalidObjectName, MissingContentLength, EntityTooLarge, FileAlreadyExists,
    IncompleteBody, RequestTimeout, CallbackFailed.
    """
    check_key(request.key)
    attributes = read_attributes(request.headers, ctx.store.buckets.get(request.bucket))
    forbid_overwrite = forbids_overwrite(ctx, request.bucket, request.key, request.headers)
    for name in _CONDITIONS:
        if name in request.headers:
            logger.warning("%s PutObject takes no preconditions: %s is ignored", request.request_id, name)
    callback = await read_callback(ctx, request)
    async with stage_body(ctx, request) as staged:
        record = await staged.commit(
            request.bucket, request.key, attributes=attributes, forbid_overwrite=forbid_overwrite
        )
    return await finish_upload(ctx, request, record, callback, operation="PutObject")
