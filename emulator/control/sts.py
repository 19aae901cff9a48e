"""Temporary keys without a signature: for tests and scripts, and for clients that fetch their keys from a URL."""

from typing import Any

import msgspec

from emulator.context import Context
from emulator.control.answers import Refusal, json_answer
from emulator.control.documents import read_fields
from emulator.control.guard import check_sender
from emulator.control.parameters import check_names
from emulator.model import Principal
from emulator.sts.assume_role import assume_role
from emulator.sts.errors import StsError
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse


class Session(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the key is to be: whose (any role will do), for how long, and what it may; without a policy everything."""

    role_arn: str = "acs:ram::1234567890123456:role/emulator"
    role_session_name: str = "emulator"
    duration_seconds: int = 3600
    policy: dict[str, Any] | str = ""


async def give_key(ctx: Context, request: OssRequest) -> OssResponse:
    """`GET sts`, `POST sts`: a temporary key, in the form in which the Alibaba Cloud SDKs read one from a URL.

    Whoever may not change the state may not have one, not even by GET.
    """
    check_sender(ctx.config, request)
    if request.method == "POST" and request.body.is_declared and request.body.length != 0:
        session = await read_fields(request, Session)
    else:
        session = _read_parameters(request)
    policy = session.policy if isinstance(session.policy, str) else msgspec.json.encode(session.policy).decode()
    wanted = {
        "RoleArn": session.role_arn,
        "RoleSessionName": session.role_session_name,
        "DurationSeconds": str(session.duration_seconds),
        "Policy": policy,
    }
    try:
        key = assume_role(ctx, request, Principal(None, "off"), wanted)
    except StsError as error:
        raise Refusal(error.status, error.message, error.hint) from None
    assert key.expires is not None
    return json_answer(
        {
            "Code": "Success",
            "AccessKeyId": key.id,
            "AccessKeySecret": key.secret,
            "SecurityToken": key.token,
            "Expiration": f"{key.expires:%Y-%m-%dT%H:%M:%SZ}",
        }
    )


def _read_parameters(request: OssRequest) -> Session:
    names = [field.name for field in msgspec.structs.fields(Session)]
    check_names(request.parameters, names)
    try:
        return msgspec.convert(dict(request.parameters), Session, strict=False)
    except msgspec.ValidationError as error:
        raise Refusal(400, f"The parameters make no sense: {error}.", f"They are {', '.join(names)}.") from None
