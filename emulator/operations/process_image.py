"""ProcessImage: images are changed on their way to the reader; ProcessObject saves them as other objects."""

import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor

from emulator.context import Context
from emulator.errors import ImageTooLarge, InvalidArgument, NoSuchStyle, OperationNotImplemented
from emulator.image.pillow import MAX_SOURCE_BYTES, Result
from emulator.image.pillow import process_image as process_by_pillow
from emulator.image.process import Process, parse_process
from emulator.model import ObjectRecord
from emulator.operations._access import check_access
from emulator.operations._overwriting import forbids_overwrite
from emulator.operations._reading import check_readable, read_object
from emulator.operations._table import operation
from emulator.operations._versions import version_headers
from emulator.operations.get_object import get_object, read_overrides
from emulator.wire.address import check_key
from emulator.wire.attributes import read_attributes
from emulator.wire.conditions import check_conditions
from emulator.wire.dates import format_http_date
from emulator.wire.digests import quote_etag
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.settings import setting_text
from emulator.wire.version_id import read_version_id

_PROCESS = "x-oss-process"
_worker = ThreadPoolExecutor(1, "oss-image")  # one image at a time, as each takes all of its pixels' memory


@operation("ProcessImage", "GET /{bucket}/{key}?x-oss-process", action="GetObject")
async def process_image(ctx: Context, request: OssRequest) -> OssResponse:
    """The image after what `x-oss-process` does to it, or what `image/info` says of it.

    Source: "Image processing"; "GetObject".
    Guess: a Range is ignored; ETag and Last-Modified are those of the object.
    Raises: OperationNotImplemented, InvalidArgument, BadRequest, ImageDamage, ImageTooLarge, NoSuchStyle, and what
    GetObject says.
    """
    text = request.parameters[_PROCESS]
    if not text:
        return await get_object(ctx, request)
    check_key(request.key)
    overrides = read_overrides(request)
    process = _understood(ctx, request, text)
    if process.save_as is not None:
        raise InvalidArgument(
            "The process string is invalid.",
            hint="A GET saves nothing; sys/saveas is for ProcessObject: POST ?x-oss-process.",
            ArgumentName=_PROCESS,
            ArgumentValue=text,
        )
    record, result = await _process(ctx, request, process)
    headers = {
        "Content-Type": result.content_type,
        "ETag": quote_etag(record.etag),
        "Last-Modified": format_http_date(record.last_modified),
        "x-oss-object-type": record.type.value,
        "x-oss-storage-class": record.attributes.storage_class.value,
    }
    return OssResponse(200, headers | version_headers(ctx, record) | overrides, result.data)


async def save_processed(ctx: Context, request: OssRequest, text: str) -> OssResponse:
    """Process an image as `text` says and save the result as the object that its `sys/saveas` names.

    Source: "ProcessObject".
    Raises: as ProcessImage, and NoSuchBucket, InvalidObjectName, FileAlreadyExists for where the result is to go.
    """
    process = _understood(ctx, request, text)
    if process.save_as is None:
        raise InvalidArgument(
            "The process string is invalid.",
            hint="ProcessObject wants to know where to: x-oss-process=image/...|sys/saveas,o_<base64 of the key>.",
            ArgumentName=_PROCESS,
            ArgumentValue=text,
        )
    key, bucket_name = process.save_as
    check_key(key)
    bucket = ctx.store.buckets.get(bucket_name or request.bucket)
    check_access(ctx, request, "GetObject", request.bucket, request.key, version_id=read_version_id(request))
    check_access(ctx, request, "PutObject", bucket.name, key)
    _, result = await _process(ctx, request, process)
    attributes = read_attributes({"content-type": result.content_type}, bucket)
    forbid_overwrite = forbids_overwrite(ctx, bucket.name, key, request.headers)
    async with ctx.store.stage(result.data, limit=len(result.data)) as staged:
        await staged.commit(bucket.name, key, attributes=attributes, forbid_overwrite=forbid_overwrite)
    answer = {"bucket": bucket_name, "fileSize": len(result.data), "object": key, "status": "OK"}
    return OssResponse(200, {"Content-Type": "application/json"}, json.dumps(answer, ensure_ascii=False).encode())


def _understood(ctx: Context, request: OssRequest, text: str) -> Process:
    """What `text` asks for, and with a style what that says.

    Raises:
        InvalidArgument: it is not well-formed.
        NoSuchStyle: the bucket has no such style.
        OperationNotImplemented: it is not about images.
    """
    process = parse_process(text)
    if process.kind == "style":
        name = process.actions[0].name
        content = setting_text(ctx.store.buckets.get(request.bucket), f"style/{name}", "Content")
        if not content:
            raise NoSuchStyle(hint=f"The bucket {request.bucket} has no style {name!r}; PutStyle makes one.")
        process = parse_process(content)._replace(save_as=process.save_as)
    if process.kind != "image":
        raise OperationNotImplemented(
            f"Processing of {process.kind} is not implemented by the emulator.",
            hint=f"x-oss-process={text[:100]} asks for {process.kind}/...; the emulator processes images alone.",
        )
    return process


async def _process(ctx: Context, request: OssRequest, process: Process) -> tuple[ObjectRecord, Result]:
    """The object as its readers see it, and what the process makes of it."""
    record, source, blob = await read_object(ctx, request, request.bucket, request.key, read_version_id(request))

    def work() -> Result:
        with blob:
            return process_by_pillow(os.pread(blob.fileno(), record.size, 0), process.actions)

    try:
        check_conditions(request.headers, record.etag, record.last_modified)
        check_readable(ctx, source)
        if record.size > MAX_SOURCE_BYTES:
            raise ImageTooLarge(hint=f"The object has {record.size} bytes; of images OSS takes {MAX_SOURCE_BYTES}.")
    except BaseException:
        blob.close()
        raise
    # Whoever is cancelled here leaves the work to itself, and the blob to be closed by it.
    return record, await asyncio.shield(asyncio.get_running_loop().run_in_executor(_worker, work))
