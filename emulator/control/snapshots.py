"""Snapshots of the whole state over HTTP: take, restore, drop."""

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import structs

from emulator.context import Context
from emulator.control.answers import Refusal, json_answer
from emulator.storage.snapshots import NoSuchSnapshot, Snapshot, SnapshotError
from emulator.wire.percent import decode
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse


async def list_snapshots(ctx: Context, request: OssRequest) -> OssResponse:
    """`GET snapshots`: all of them by name."""
    return json_answer({"snapshots": [_document(snapshot) for snapshot in ctx.store.snapshots.list()]})


async def show_snapshot(ctx: Context, request: OssRequest) -> OssResponse:
    """`GET snapshots/{name}`: when it was taken, and how much it holds."""
    with _refusing(ctx):
        return json_answer(_document(ctx.store.snapshots.find(_name(request))))


async def take_snapshot(ctx: Context, request: OssRequest) -> OssResponse:
    """`PUT snapshots/{name}`: keep the present state, in place of an older one of this name."""
    with _refusing(ctx):
        return json_answer(_document(await ctx.store.take_snapshot(_name(request))), 201)


async def restore_snapshot(ctx: Context, request: OssRequest) -> OssResponse:
    """`POST snapshots/{name}`: buckets, objects and uploads as they were; what was recorded stays."""
    with _refusing(ctx):
        return json_answer(_document(await ctx.store.snapshots.restore(_name(request))))


async def drop_snapshot(ctx: Context, request: OssRequest) -> OssResponse:
    """`DELETE snapshots/{name}`: forget it."""
    with _refusing(ctx):
        await ctx.store.snapshots.drop(_name(request))
    return OssResponse(204)


def _document(snapshot: Snapshot) -> dict[str, object]:
    """A snapshot as it is told, its time in milliseconds as everywhere."""
    taken = snapshot.taken.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {**structs.asdict(snapshot), "taken": taken}


def _name(request: OssRequest) -> str:
    return decode(request.target.rstrip("/").rpartition("/")[2])


@contextmanager
def _refusing(ctx: Context) -> Iterator[None]:
    try:
        yield
    except NoSuchSnapshot as error:
        known = ", ".join(snapshot.name for snapshot in ctx.store.snapshots.list()) or "none yet"
        raise Refusal(404, f"{error}.", f"The snapshots are: {known}. PUT takes one.") from error
    except SnapshotError as error:
        raise Refusal(400, f"{error}.", "DELETE /_emulator/snapshots/{name} drops one.") from error
