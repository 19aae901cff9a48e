"""The emulator's own endpoints, under `/_emulator/`: which there are, and which function answers each.

JSON in, JSON out; errors are `{"error": ..., "hint": ...}`. No bucket can be called `_emulator`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from emulator import __version__
from emulator.context import Context
from emulator.control.answers import Refusal, json_answer, refusal_answer
from emulator.control.callback_wait import wait_for_callbacks
from emulator.control.callbacks import clear_callbacks, list_callbacks, replay_callback, show_callback
from emulator.control.clock import change_clock, seed_ids, show_clock
from emulator.control.events import events
from emulator.control.faults import add_fault, clear_faults, list_faults, remove_fault, show_fault
from emulator.control.guard import check_change, check_origin
from emulator.control.lifecycle import apply_lifecycle
from emulator.control.receiver import receive
from emulator.control.requests import list_requests
from emulator.control.snapshots import (
    drop_snapshot,
    list_snapshots,
    restore_snapshot,
    show_snapshot,
    take_snapshot,
)
from emulator.control.sts import give_key
from emulator.errors import OssError
from emulator.wire.address import host_id
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse

PREFIX = "/_emulator/"

Handler = Callable[[Context, OssRequest], Awaitable[OssResponse]]

logger = logging.getLogger("emulator.control")


async def respond(ctx: Context, request: OssRequest) -> OssResponse:
    """The answer to a request whose target lies under `/_emulator/`."""
    try:
        endpoint = _endpoint(request.target)
        if endpoint not in _OPEN:
            check_origin(ctx.config, request)
            check_change(ctx.config, request)
        return await _handler(endpoint, request)(ctx, request)
    except Refusal as refusal:
        return _refuse(request, refusal)
    except OssError as error:
        return _refuse(request, Refusal(error.status, error.message, error.hint))


def _refuse(request: OssRequest, refusal: Refusal) -> OssResponse:
    logger.info("%s %s %s -> %d %s", request.request_id, request.method, request.target, refusal.status, refusal.error)
    return refusal_answer(refusal)


async def health(ctx: Context, request: OssRequest) -> OssResponse:
    """`GET health`: the emulator accepts requests, at the address that this one came by, and with TLS at both ports."""
    answer = {"status": "ok", "version": __version__, "endpoint": f"{request.scheme}://{request.host}"}
    if ctx.reach.https_port is not None:
        name = host_id(request.host)
        answer["http_endpoint"] = f"http://{name}:{ctx.reach.http_port}"
        answer["https_endpoint"] = f"https://{name}:{ctx.reach.https_port}"
    return json_answer(answer)


async def ca(ctx: Context, request: OssRequest) -> OssResponse:
    """`GET ca.pem`: the certificate to trust for HTTPS; for those who do not see our disk."""
    if ctx.reach.ca_file is None:
        raise Refusal(
            404, "There is no CA.", "`serve --tls` makes one; that of your own certificate: server.tls_ca_file."
        )
    pem = await asyncio.to_thread(ctx.reach.ca_file.read_bytes)
    return OssResponse(200, {"Content-Type": "application/x-pem-file"}, pem)


async def public_key(ctx: Context, request: OssRequest) -> OssResponse:
    """`GET callback_pub_key.pem`: the public half of the key that callbacks are signed with."""
    return OssResponse(200, {"Content-Type": "application/x-pem-file"}, await ctx.callbacks.signer.public_pem())


async def adopt(ctx: Context, request: OssRequest) -> OssResponse:
    """`POST adopt`: files dropped into the tree become objects now."""
    return json_answer({"adopted": await ctx.store.adopt()})


async def reset(ctx: Context, request: OssRequest) -> OssResponse:
    """`POST reset`: objects, uploads, records away; buckets and faults as configured, clock and ids as started."""
    await ctx.reset()
    return OssResponse(204)


_ENDPOINTS: dict[str, dict[str, Handler]] = {
    "health": {"GET": health},
    "callback_pub_key.pem": {"GET": public_key},
    "ca.pem": {"GET": ca},
    "callbacks": {"GET": list_callbacks, "DELETE": clear_callbacks},
    "callbacks/wait": {"GET": wait_for_callbacks},
    "callbacks/{id}": {"GET": show_callback},
    "callbacks/{id}/replay": {"POST": replay_callback},
    "requests": {"GET": list_requests},
    "events": {"GET": events},
    "clock": {"GET": show_clock, "PUT": change_clock},
    "faults": {"GET": list_faults, "POST": add_fault, "DELETE": clear_faults},
    "faults/{id}": {"GET": show_fault, "DELETE": remove_fault},
    "ids": {"PUT": seed_ids},
    "lifecycle/apply": {"POST": apply_lifecycle},
    "sts": {"GET": give_key, "POST": give_key},
    "reset": {"POST": reset},
    "adopt": {"POST": adopt},
    "snapshots": {"GET": list_snapshots},
    "snapshots/{id}": {
        "GET": show_snapshot,
        "PUT": take_snapshot,
        "POST": restore_snapshot,
        "DELETE": drop_snapshot,
    },
    "receiver": {"*": receive},
}
# What changes nothing and tells nothing: application servers ask for these under whatever name they know us by.
_OPEN = ("health", "callback_pub_key.pem", "ca.pem", "receiver")


def _endpoint(target: str) -> str:
    """The row of the table that a raw path means, or the path itself when it is none."""
    path = target.removeprefix(PREFIX.rstrip("/")).strip("/")
    if path in _ENDPOINTS:
        return path
    steps = path.split("/")
    if steps[0] == "receiver":
        return steps[0]
    for row in _ENDPOINTS:
        pattern = row.split("/")
        if len(pattern) == len(steps) and all(
            step == part or (part == "{id}" and step) for part, step in zip(pattern, steps, strict=True)
        ):
            return row
    return path


def _handler(endpoint: str, request: OssRequest) -> Handler:
    methods = _ENDPOINTS.get(endpoint)
    if methods is None:
        known = ", ".join(PREFIX + name for name in _ENDPOINTS)
        raise Refusal(404, f"There is no endpoint {request.target!r}.", f"The emulator's own endpoints are {known}.")
    method = "GET" if request.method == "HEAD" else request.method
    handler = methods.get(method) or methods.get("*")
    if handler is None:
        allowed = ", ".join(sorted({*methods, "HEAD"} if "GET" in methods else methods))
        raise Refusal(405, f"{PREFIX}{endpoint} takes no {request.method}.", f"It takes {allowed}.", {"Allow": allowed})
    return handler
