"""ProcessObject: something is done with an object that is there already. A process is named `kind/action`."""

import hashlib
from urllib.parse import unquote

from emulator.context import Context
from emulator.errors import EntityTooLarge, InvalidArgument, OperationNotImplemented
from emulator.operations._reading import follow
from emulator.operations._table import operation
from emulator.operations._upload import accept_callback, call_back
from emulator.operations.process_image import save_processed
from emulator.wire.address import check_key
from emulator.wire.digests import check_content_md5
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.version_id import read_version_id

MAX_PROCESS_BYTES = 64 * 1024

_PARAMETER = "x-oss-process"


@operation("ProcessObject", "POST /{bucket}/{key}?x-oss-process", action="PostProcessTask")
async def process_object(ctx: Context, request: OssRequest) -> OssResponse:
    """Do with the object what the body says: `x-oss-process=...`, percent-encoded or not.

    Source: the SDKs for Python, Android and iOS, and for Node.js, which encodes it; "Save processed images" for the
    permission. Guess: the limit of its length; that trigger/callback asks for the same permission.
    Differs: of all processes there are `trigger/callback` and those of images.
    Raises: InvalidArgument, InvalidDigest, NoSuchKey, NotImplemented, CallbackFailed, BucketCallbackPolicyNotExist, and
    those of `save_processed`.
    """
    check_key(request.key)
    if asked := request.parameters[_PARAMETER]:  # json/select and json/meta; there are rows for those of CSV
        name = "CreateSelectObjectMeta" if asked.endswith("/meta") else "SelectObject"
        raise OperationNotImplemented(
            f"{name} is not implemented by the emulator.",
            hint=f"A process in the query, {asked[:100]!r}, asks for {name}; that of a ProcessObject is in the body.",
        )
    process = await _read_process(request)
    name, _, parameters = process.partition(",")
    if name == "trigger/callback":
        return await trigger_callback(ctx, request, parameters)
    if name.startswith(("image/", "style/")):
        return await save_processed(ctx, request, process)
    raise OperationNotImplemented(
        f"The process {name[:100]} is not implemented by the emulator.",
        hint="Of the processes of an object, the emulator has trigger/callback, image/... and style/...",
    )


async def trigger_callback(ctx: Context, request: OssRequest, parameters: str) -> OssResponse:
    """Call the application server back about the object, as if it had been uploaded now.

    `parameters` are `callback_<base64>,callback-var_<base64>`; the second may be empty, or absent.

    Source: the SDKs for Android and iOS. Guess: the variable `operation`; and that the answer has the headers of the
    callback's answer alone, as nothing has been stored; and that of a symbolic link it tells what a reader gets.
    Raises: InvalidArgument, NoSuchKey, NoSuchVersion, MethodNotAllowed, SymlinkTargetNotExist, InvalidTargetType,
    CallbackFailed, BucketCallbackPolicyNotExist.
    """
    given: dict[str, str] = {}
    for parameter in parameters.split(","):
        name, _, value = parameter.partition("_")
        if name not in ("callback", "callback-var") or name in given:
            raise InvalidArgument(
                hint="trigger/callback takes callback_<base64> and callback-var_<base64>, separated by a comma; it was "
                f"given {parameter[:100]!r}{' twice' if name in given else ''}.",
                ArgumentName=_PARAMETER,
                ArgumentValue=f"trigger/callback,{parameters}",
            )
        given[name] = value
    version_id = read_version_id(request)
    callback = await accept_callback(ctx, request, given.get("callback", ""), given.get("callback-var") or None)
    record = await follow(ctx, request, await ctx.store.get(request.bucket, request.key, version_id))
    if callback is None:
        return OssResponse(200)
    return await call_back(ctx, request, record, callback, operation="ProcessObject", headers={})


async def _read_process(request: OssRequest) -> str:
    try:
        body = await request.body.read(MAX_PROCESS_BYTES)
    except EntityTooLarge as error:
        raise InvalidArgument(
            ec="0017-00000288", hint=f"The body may have {MAX_PROCESS_BYTES} bytes.", ArgumentName=_PARAMETER
        ) from error
    check_content_md5(request.headers, hashlib.md5(body, usedforsecurity=False).digest())
    text = body.decode("utf-8", "replace")
    name, _, process = text.partition("=")
    if name != _PARAMETER or not process:
        raise InvalidArgument(
            hint=f"The body has to be {_PARAMETER}=..., such as {_PARAMETER}=trigger/callback,callback_<base64>; it "
            f"begins {text[:40]!r}.",
            ArgumentName=_PARAMETER,
            ArgumentValue=process,
        )
    return unquote(process)
