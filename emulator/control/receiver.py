"""A built-in application server for callbacks: checks the signature and answers `{"Status":"OK"}`.

It does what OSS's sample servers do, so an upload can be tried before the application exists. Asked for in the query of
the callbackUrl, it misbehaves: `?status=500`, `?body=oops`, `?delay=6`.

Source: the demo server of "Upload callbacks" answers so, and 400 to a bad signature.
"""

import asyncio

from emulator.callback.signature import string_to_sign, verify
from emulator.context import Context
from emulator.control.answers import Refusal, json_answer
from emulator.control.parameters import seconds, whole_number
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse

MAX_BODY_BYTES = 1024 * 1024
MAX_DELAY_SECONDS = 60
DEFAULT_ANSWER = {"Status": "OK"}


async def receive(ctx: Context, request: OssRequest) -> OssResponse:
    """`ANY receiver[/...]`: the answer to a callback.

    Raises:
        Refusal: 400, the signature is missing or wrong, or `status` or `delay` make no sense.
        EntityTooLarge: the callback is longer than 1 MiB.
    """
    status = whole_number(request.parameters, "status", 200, 200, 599)
    delay_seconds = seconds(request.parameters, "delay", 0, MAX_DELAY_SECONDS)
    await _check_signature(ctx, request)
    await asyncio.sleep(delay_seconds)
    if "body" in request.parameters:
        content = request.parameters["body"].encode("utf-8", "surrogateescape")
        return OssResponse(status, {"Content-Type": "application/json"}, content)
    return json_answer(DEFAULT_ANSWER, status)


async def _check_signature(ctx: Context, request: OssRequest) -> None:
    authorization = request.headers.get("authorization", "")
    body = await request.body.read(MAX_BODY_BYTES)
    if not authorization:
        raise Refusal(
            400,
            "The request carries no callback signature.",
            "This is a receiver for upload callbacks: give its URL as callbackUrl. A callback has its signature in the "
            "header Authorization; if this one had, something on the way took it out.",
        )
    target = f"{request.target}?{request.raw_query}" if request.raw_query else request.target
    string = string_to_sign(target, body)
    if not verify(await ctx.callbacks.signer.public_pem(), string, authorization):
        raise Refusal(
            400,
            "The callback signature is wrong.",
            "The emulator's key did not sign this path, query and body. Either another emulator signed it (each data "
            "directory has a key of its own), or it was changed on the way. The string to sign of what arrived is "
            f"{string.decode('utf-8', 'replace')!r}.",
        )
