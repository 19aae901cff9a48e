"""Requests to STS: told from those to OSS, read, and answered in the form that STS has, JSON or XML.

Source: "Request structure", "Common parameters" and "Responses" of the Alibaba Cloud API.
"""

import logging
from collections.abc import Mapping

import msgspec

from emulator.context import Context
from emulator.sts.assume_role import answer, assume_role
from emulator.sts.errors import StsError, missing
from emulator.sts.signature import authenticate
from emulator.wire.address import host_id
from emulator.wire.request import OssRequest, parse_query
from emulator.wire.response import OssResponse, hint_header
from emulator.wire.xml import Elements, build_document

ACTION = "AssumeRole"
VERSION = "2015-04-01"
MAX_BODY_BYTES = 64 * 1024
_FORM = "application/x-www-form-urlencoded"

logger = logging.getLogger("emulator.sts")


def is_sts(request: OssRequest) -> bool:
    """Whether `request` is for STS, not OSS: at the endpoint's root, where OSS knows neither an Action nor a form."""
    if request.bucket or request.method not in ("GET", "POST"):
        return False
    is_form = request.method == "POST" and request.headers.get("content-type", "").startswith(_FORM)
    return is_form or "x-acs-action" in request.headers or "Action" in request.parameters


async def respond(ctx: Context, request: OssRequest) -> tuple[OssResponse, str]:
    """The answer to a request for STS, and the Code of the error if it is one.

    Differs: the RequestId is the emulator's own, no UUID, so that it is found in the log.
    """
    parameters: Mapping[str, str] = request.parameters
    try:
        body = await request.body.read(MAX_BODY_BYTES) if request.body.is_declared else b""
        if request.headers.get("content-type", "").startswith(_FORM):
            form = parse_query(body.decode("utf-8", "surrogateescape"))
            parameters = {**{name: value or "" for name, value in reversed(form)}, **parameters}
        _check_action(request, parameters)
        caller = authenticate(ctx, request, parameters, body)
        ctx.requests.learn(request.request_id, key="", principal=caller.access_key_id or "")
        key = assume_role(ctx, request, caller, parameters)
    except StsError as error:
        return _refusal(request, parameters, error), error.code
    logger.info("%s a key for %s, good until %s: %s", request.request_id, key.role.arn, key.expires, key.id)
    given = answer(key)
    return _document(request, parameters, 200, f"{ACTION}Response", {"RequestId": request.request_id, **given}), ""


def _check_action(request: OssRequest, parameters: Mapping[str, str]) -> None:
    action = request.headers.get("x-acs-action") or parameters.get("Action")
    if not action:
        raise missing("Action")
    if action != ACTION:
        raise StsError(
            404,
            "InvalidAction.NotFound",
            "Specified api is not found, please check your url and method.",
            f"The emulator has {ACTION} of STS, and not {action}.",
        )
    version = request.headers.get("x-acs-version") or parameters.get("Version")
    if version != VERSION:
        raise StsError(
            400,
            "InvalidVersion",
            "Specified parameter Version is not valid.",
            f"Version is {version!r}; that of STS is {VERSION}.",
        )


def _refusal(request: OssRequest, parameters: Mapping[str, str], error: StsError) -> OssResponse:
    logger.warning(
        "%s %s %s -> %d %s: %s | %s",
        request.request_id,
        request.method,
        request.target,
        error.status,
        error.code,
        error.message,
        error.hint,
    )
    content = {
        "RequestId": request.request_id,
        "HostId": host_id(request.host).encode("utf-8", "replace").decode(),
        "Code": error.code,
        "Message": error.message,
        "Recommend": f"https://api.aliyun.com/troubleshoot?q={error.code}&product=Sts",
    }
    return _document(request, parameters, error.status, "Error", content, {"x-emulator-hint": hint_header(error.hint)})


def _document(
    request: OssRequest,
    parameters: Mapping[str, str],
    status: int,
    root: str,
    content: Mapping[str, str | Mapping[str, str]],
    headers: Mapping[str, str] | None = None,
) -> OssResponse:
    """An answer in the Format that is asked for: without one XML, or JSON for signatures of version 3."""
    format_ = parameters.get("Format") or ("JSON" if "x-acs-action" in request.headers else "XML")
    common = {"x-acs-request-id": request.request_id, **(headers or {})}
    if format_.upper() == "JSON":
        body = msgspec.json.encode(content)
        return OssResponse(status, {"Content-Type": "application/json;charset=utf-8", **common}, body)
    elements: Elements = [
        (name, value if isinstance(value, str) else list(value.items())) for name, value in content.items()
    ]
    return OssResponse(status, {"Content-Type": "text/xml;charset=utf-8", **common}, build_document(root, elements))
