"""Time and chance over HTTP: set, move and stop the clock; seed the ids."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from emulator.context import Context
from emulator.control.answers import Refusal, json_answer
from emulator.control.documents import read_fields
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse


class ClockChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be done to the clock; nothing at all means back to real time."""

    now: Annotated[datetime, Meta(tz=True)] | None = None
    step_seconds: float | None = None
    frozen: bool | None = None


class IdsChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ids are drawn from: a seed, or chance."""

    seed: int | None = None


async def show_clock(ctx: Context, request: OssRequest) -> OssResponse:
    """`GET clock`: what time it is here."""
    now = ctx.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    state = {"now": now, "frozen": ctx.clock.is_frozen, "offset_seconds": round(ctx.clock.offset_seconds, 3)}
    return json_answer(state)


async def change_clock(ctx: Context, request: OssRequest) -> OssResponse:
    """`PUT clock`: set it (`now`), move it (`step_seconds`), stop it (`frozen`); `{}` goes back to real time."""
    change = await read_fields(request, ClockChange)
    if change.now is not None and change.step_seconds is not None:
        raise Refusal(400, "now and step_seconds exclude each other.", "Give one of them.")
    clock = ctx.clock
    try:
        if change.now is not None:
            clock.set(change.now)
        if change.step_seconds is not None:
            clock.step(change.step_seconds)
    except ValueError as error:
        raise Refusal(400, f"{error}.", "Give a time that OSS can have.") from None
    if change.frozen is not None:
        (clock.freeze if change.frozen else clock.unfreeze)()
    if change == ClockChange():
        clock.follow()
    return await show_clock(ctx, request)


async def seed_ids(ctx: Context, request: OssRequest) -> OssResponse:
    """`PUT ids`: with a `seed` the ids repeat from run to run, but for the time in them; `{}` goes back to chance."""
    change = await read_fields(request, IdsChange)
    ctx.ids.seed(change.seed)
    return json_answer({"seed": change.seed})
