"""Wait for callbacks: answered as soon as enough of them are recorded, or with the nearest ones when time is up."""

import asyncio
from collections.abc import Sequence

from emulator.callback.record import CallbackRecord
from emulator.context import Context
from emulator.control.answers import Refusal, json_answer
from emulator.control.callbacks import FILTERS, read_filter
from emulator.control.parameters import DEFAULT_LIMIT, MAX_LIMIT, check_names, seconds, whole_number
from emulator.control.waiting import Waiting
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse

DEFAULT_TIMEOUT_SECONDS = 5.0
MAX_TIMEOUT_SECONDS = 300.0
NEAREST = 5


async def wait_for_callbacks(ctx: Context, request: OssRequest) -> OssResponse:
    """`GET callbacks/wait`: the records that fit, once there are `count` of them, those of before included.

    A reset, or forgetting the records, lets it begin anew.

    Raises:
        Refusal: 503, the emulator stops.
    """
    parameters = request.parameters
    check_names(parameters, (*FILTERS, "after", "count", "timeout"))
    wanted, after = read_filter(parameters), parameters.get("after")
    count = whole_number(parameters, "count", 1, 1, min(MAX_LIMIT, ctx.config.limits.records))
    timeout_seconds = seconds(parameters, "timeout", DEFAULT_TIMEOUT_SECONDS, MAX_TIMEOUT_SECONDS)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_seconds
    journal = ctx.callbacks.journal
    waiting = Waiting(request)
    missing = arrived = 0

    def notice(record: CallbackRecord | None) -> None:
        nonlocal arrived
        arrived += record is not None and wanted.fits(record)
        if record is None or arrived >= missing:
            waiting.wake()

    journal.listeners.add(notice)
    try:
        while True:
            arrived = 0  # what comes while the journal is read may count twice: then it is read once more
            page = await journal.list(wanted, after=after, limit=max(count, DEFAULT_LIMIT))
            missing = count - len(page.callbacks)
            if missing <= 0:
                return json_answer(page)
            if waiting.is_over:
                raise Refusal(503, "The emulator stops.", "Nothing more will be called back.")
            if arrived < missing and not await waiting.pause(deadline - loop.time()):
                break
    finally:
        journal.listeners.discard(notice)
    found = await journal.nearest(wanted, NEAREST)
    error = f"{count - missing} of {count} callbacks came within {timeout_seconds:g} s."
    answer = {"error": error, "hint": _hint(found.callbacks), "nearest": found.callbacks, "evicted": found.evicted}
    return json_answer(answer, 408)


def _hint(nearest: Sequence[CallbackRecord]) -> str:
    if not nearest:
        return (
            "No callback is recorded at all. Only an upload that asks for a callback, and is not refused, is followed "
            "by one: /_emulator/requests has the uploads with their hints."
        )
    first = nearest[0]
    return f"The nearest is that of {first.operation} of {first.object!r} in {first.bucket}: {first.outcome}."
