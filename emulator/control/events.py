"""Server-sent events of requests and callbacks.

A reader holds no queue of its own: it has a place in the two rings of what happened lately, and reads on from there.
One that is too slow, or comes back too late, misses what has left them, and is told how much.

Source: "Server-sent events" of the HTML standard.
"""

import heapq
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from operator import itemgetter
from typing import TypeVar

import msgspec

from emulator.context import Context
from emulator.control.answers import PRIVATE, Refusal
from emulator.control.parameters import check_names
from emulator.control.waiting import Waiting
from emulator.request_log import RequestEntry, record_of
from emulator.ring import Ring
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse, Stream

KEEP_ALIVE_SECONDS = 15.0
TYPES = ("request", "callback")

_Item = TypeVar("_Item")

_encoder = msgspec.json.Encoder()


class Place(msgspec.Struct):
    """How far somebody has read: the numbers of the last request and of the last callback."""

    request: int = 0
    callback: int = 0


async def events(ctx: Context, request: OssRequest) -> OssResponse:
    """`GET events`: what happens from now on, or behind `Last-Event-ID`; an unknown id means all that is kept.

    `event: request` and `event: callback` have the record as `data`; `event: evicted` says how many were missed.
    """
    check_names(request.parameters, ("types",))
    types = request.parameters.get("types", ",".join(TYPES)).split(",")
    for name in types:
        if name not in TYPES:
            raise Refusal(400, f"There is no type {name!r}.", f"types is a list with commas of {', '.join(TYPES)}.")
    place = _place(ctx, request.headers.get("last-event-id"))
    headers = {"Content-Type": "text/event-stream", **PRIVATE}
    return OssResponse(200, headers, Stream(_stream(ctx, Waiting(request), frozenset(types), place)))


async def _stream(ctx: Context, waiting: Waiting, types: frozenset[str], place: Place) -> AsyncGenerator[bytes, None]:
    log, journal = ctx.requests, ctx.callbacks.journal
    if "request" in types:
        log.listeners.add(waiting.wake)
    if "callback" in types:
        journal.listeners.add(waiting.wake)
    try:
        yield b"retry: 1000\n\n"
        while not waiting.is_over:
            async with aclosing(_news(ctx, types, place)) as news:
                async for event in news:
                    yield event
            if not waiting.is_over and not await waiting.pause(KEEP_ALIVE_SECONDS):
                yield b": keep-alive\n\n"
    finally:
        log.listeners.discard(waiting.wake)
        journal.listeners.discard(waiting.wake)


async def _news(ctx: Context, types: frozenset[str], place: Place) -> AsyncGenerator[bytes, None]:
    """What came behind `place`, in the order it came; `place` moves along."""
    journal = ctx.callbacks.journal
    requests, place.request, missed_requests = _unread(ctx.requests.recent, place.request, "request" in types)
    callbacks, place.callback, missed_callbacks = _unread(journal.recent, place.callback, "callback" in types)
    if missed_requests or missed_callbacks:
        yield _event(ctx, place, "evicted", {"evicted": missed_requests + missed_callbacks})
    moments: Iterator[tuple[float, RequestEntry | str]] = heapq.merge(
        ((entry.ended, entry) for entry in requests), callbacks, key=itemgetter(0)
    )
    for _, happened in moments:
        if isinstance(happened, RequestEntry):
            place.request += 1
            yield _event(ctx, place, "request", record_of(happened))
        else:
            place.callback += 1
            record = await journal.get(happened)
            if record is None:  # it had to go while this reader took its time
                yield _event(ctx, place, "evicted", {"evicted": 1})
            else:
                yield _event(ctx, place, "callback", record)


def _unread(ring: Ring[_Item], number: int, is_wanted: bool) -> tuple[list[_Item], int, int]:
    """What is behind `number`, the number before that, and how much is missing in between."""
    if not is_wanted:
        return [], ring.newest, 0
    items, missed = ring.after(number)
    return items, ring.newest - len(items), missed


def _place(ctx: Context, last_event_id: str | None) -> Place:
    """Where to begin. Numbers begin anew with each start of the emulator, so the id of an earlier run says nothing."""
    newest = Place(ctx.requests.recent.newest, ctx.callbacks.journal.recent.newest)
    if last_event_id is None:
        return newest
    found = re.fullmatch(rf"{ctx.requests.run}-(\d{{1,15}})-(\d{{1,15}})", last_event_id, re.ASCII)
    if found is None:
        return Place()
    return Place(min(int(found[1]), newest.request), min(int(found[2]), newest.callback))


def _event(ctx: Context, place: Place, name: str, data: object) -> bytes:
    head = f"event: {name}\nid: {ctx.requests.run}-{place.request}-{place.callback}\ndata: "
    return b"%s%s\n\n" % (head.encode(), _encoder.encode(data))
