"""Lifecycle rules followed on demand over HTTP."""

from emulator.context import Context
from emulator.control.answers import json_answer
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse


async def apply_lifecycle(ctx: Context, request: OssRequest) -> OssResponse:
    """`POST lifecycle/apply`: all that is due by the clock is done, in `bucket` or in every one; says what."""
    only = request.parameters.get("bucket")
    names = ctx.store.buckets.names() if only is None else [ctx.store.buckets.get(only).name]
    return json_answer(await ctx.store.lifecycle.apply(names))
