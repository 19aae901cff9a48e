"""Failures on demand over HTTP: list, arm, disarm."""

from collections.abc import Iterable
from difflib import get_close_matches

from emulator.config import ConfigError, FaultRule
from emulator.configure import read_fault_rule
from emulator.context import Context
from emulator.control.answers import Refusal, json_answer
from emulator.control.documents import read_document
from emulator.operations import TABLE
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse

EXAMPLE = '{"on": {"operation": "PutObject", "times": 2}, "do": {"error": "ServiceUnavailable"}}'


async def list_faults(ctx: Context, request: OssRequest) -> OssResponse:
    """`GET faults`: every rule, and how often it has been met and has acted."""
    return json_answer({"faults": ctx.faults.list()})


async def show_fault(ctx: Context, request: OssRequest) -> OssResponse:
    """`GET faults/{id}`: one rule."""
    fault = ctx.faults.find(_id(request))
    if fault is None:
        raise _no_fault(ctx, request)
    return json_answer(fault)


async def add_fault(ctx: Context, request: OssRequest) -> OssResponse:
    """`POST faults`: arm a rule, behind the others, or in the place of the one of its id."""
    try:
        rule = read_fault_rule(await read_document(request))
        check_operations([rule], "")
    except ConfigError as error:
        raise Refusal(400, str(error), f"A rule is such as {EXAMPLE}.") from error
    return json_answer(ctx.faults.arm(rule), 201)


async def remove_fault(ctx: Context, request: OssRequest) -> OssResponse:
    """`DELETE faults/{id}`: disarm one rule."""
    if not ctx.faults.disarm(_id(request)):
        raise _no_fault(ctx, request)
    return OssResponse(204)


async def clear_faults(ctx: Context, request: OssRequest) -> OssResponse:
    """`DELETE faults`: disarm all rules, the configured ones too; `reset` brings those back."""
    ctx.faults.clear()
    return OssResponse(204)


def check_operations(rules: Iterable[FaultRule], path: str = "faults[{}].") -> None:
    """Raise `ConfigError` if a rule is for an operation that there is not; `path` is where it stands, by its number."""
    names = {row.name for row in TABLE.rows}
    for index, rule in enumerate(rules):
        name = rule.on.operation
        if name and name not in names:
            close = "".join(f"; did you mean {match}?" for match in get_close_matches(name, names, n=1))
            raise ConfigError(f"{path.format(index)}on.operation: no such operation: {name!r}{close}")


def _id(request: OssRequest) -> str:
    return request.target.rstrip("/").rpartition("/")[2]


def _no_fault(ctx: Context, request: OssRequest) -> Refusal:
    known = ", ".join(fault.id for fault in ctx.faults.list()) or "none"
    return Refusal(404, f"There is no fault {_id(request)!r}.", f"Armed are: {known}.")
