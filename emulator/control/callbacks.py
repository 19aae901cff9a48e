"""The callback records: list with filters, show one, forget all."""

from emulator.context import Context
from emulator.control.answers import Refusal, json_answer
from emulator.control.parameters import check_names, parse_limit
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse

_PARAMETERS = ("bucket", "object", "outcome", "after", "limit")
_OUTCOMES = ("success", "failed")


async def list_callbacks(ctx: Context, request: OssRequest) -> OssResponse:
    """`GET callbacks`: records, oldest first, and how many older ones had to go."""
    parameters = request.parameters
    check_names(parameters, _PARAMETERS)
    outcome = parameters.get("outcome")
    if outcome is not None and outcome not in _OUTCOMES:
        raise Refusal(400, f"There is no outcome {outcome!r}.", f"The outcomes are {' and '.join(_OUTCOMES)}.")
    page = await ctx.callbacks.journal.list(
        bucket=parameters.get("bucket"),
        object=parameters.get("object"),
        outcome=outcome,
        after=parameters.get("after"),
        limit=parse_limit(parameters),
    )
    return json_answer(page)


async def show_callback(ctx: Context, request: OssRequest) -> OssResponse:
    """`GET callbacks/{id}`: one record; its id is the request id of the upload."""
    record_id = request.target.rstrip("/").rpartition("/")[2]
    record = await ctx.callbacks.journal.get(record_id)
    if record is None:
        raise Refusal(
            404,
            f"There is no callback record {record_id!r}.",
            "The id is the x-oss-request-id of the upload. Only uploads with a valid callback have a record, and only "
            "the last limits.records of them are kept.",
        )
    return json_answer(record)


async def clear_callbacks(ctx: Context, request: OssRequest) -> OssResponse:
    """`DELETE callbacks`: forget them all."""
    await ctx.callbacks.journal.clear()
    return OssResponse(204)
