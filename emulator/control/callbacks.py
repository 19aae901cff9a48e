"""The callback records: list with filters, show one, send it again, forget all."""

from collections.abc import Mapping

from emulator.callback.record import CallbackRecord
from emulator.callback.record_filter import RecordFilter
from emulator.callback.url import InvalidUrl, parse_url
from emulator.context import Context
from emulator.control.answers import Refusal, json_answer
from emulator.control.parameters import check_names, parse_limit
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse

FILTERS = ("bucket", "object", "outcome")
_OUTCOMES = ("success", "failed")


def read_filter(parameters: Mapping[str, str]) -> RecordFilter:
    """The filter that a query asks for.

    Raises:
        Refusal: 400, there is no such outcome.
    """
    outcome = parameters.get("outcome")
    if outcome is not None and outcome not in _OUTCOMES:
        raise Refusal(400, f"There is no outcome {outcome!r}.", f"The outcomes are {' and '.join(_OUTCOMES)}.")
    return RecordFilter(bucket=parameters.get("bucket"), object=parameters.get("object"), outcome=outcome)


async def list_callbacks(ctx: Context, request: OssRequest) -> OssResponse:
    """`GET callbacks`: records, oldest first, and how many older ones had to go."""
    parameters = request.parameters
    check_names(parameters, (*FILTERS, "after", "limit"))
    wanted, after, limit = read_filter(parameters), parameters.get("after"), parse_limit(parameters)
    return json_answer(await ctx.callbacks.journal.list(wanted, after=after, limit=limit))


async def show_callback(ctx: Context, request: OssRequest) -> OssResponse:
    """`GET callbacks/{id}`: one record; its id is the request id of the upload."""
    return json_answer(await _find(ctx, request))


async def replay_callback(ctx: Context, request: OssRequest) -> OssResponse:
    """`POST callbacks/{id}/replay`: send it again, to the URL `to` if given; the new record, whatever the outcome.

    Raises:
        Refusal: there is no such record, or `to` is no URL to call.
        InvalidArgument: an upload would be refused now, as in a profile that forbids private addresses.
    """
    check_names(request.parameters, ("to",))
    record = await _find(ctx, request)
    if "reqId" not in record.variables:  # written by 0.1.0, where too many were in flight
        raise Refusal(409, "The record does not say what the upload was.", "Upload again.")
    to = request.parameters.get("to")
    try:
        url = None if to is None else parse_url(to)
    except InvalidUrl as error:
        raise Refusal(400, f"to is {to!r}, which cannot be called: {error}.", "to is one http or https URL.") from None
    return json_answer(await ctx.callbacks.replay(record, id=request.request_id, to=url))


async def clear_callbacks(ctx: Context, request: OssRequest) -> OssResponse:
    """`DELETE callbacks`: forget them all."""
    await ctx.callbacks.journal.clear()
    return OssResponse(204)


async def _find(ctx: Context, request: OssRequest) -> CallbackRecord:
    """The record that the path names."""
    record_id = [step for step in request.target.split("/") if step][2]
    record = await ctx.callbacks.journal.get(record_id)
    if record is None:
        raise Refusal(
            404,
            f"There is no callback record {record_id!r}.",
            "The id is the x-oss-request-id of the upload. Only uploads with a valid callback have a record, and only "
            "the last limits.records of them are kept.",
        )
    return record
