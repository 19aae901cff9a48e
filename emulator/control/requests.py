"""The last requests: list them, with filters."""

from emulator.context import Context
from emulator.control.answers import json_answer
from emulator.control.parameters import check_names, parse_limit, whole_number
from emulator.request_log import RequestFilter
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse

_PARAMETERS = ("operation", "bucket", "object", "status", "code", "after", "limit")


async def list_requests(ctx: Context, request: OssRequest) -> OssResponse:
    """`GET requests`: the last `limit`, or the first behind `after`; oldest first, and how many had to go."""
    parameters = request.parameters
    check_names(parameters, _PARAMETERS)
    wanted = RequestFilter(
        operation=parameters.get("operation"),
        bucket=parameters.get("bucket"),
        object=parameters.get("object"),
        status=whole_number(parameters, "status", 0, 0, 599) if "status" in parameters else None,
        code=parameters.get("code"),
    )
    return json_answer(ctx.requests.list(wanted, after=parameters.get("after"), limit=parse_limit(parameters)))
