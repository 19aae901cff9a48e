"""Forms for PostObject as a browser makes them, and what signs them."""

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from emulator.auth import v1, v4
from emulator.config import AccessKey
from tests.client import OssClient, Response

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"

Fields = Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]]


def part(name: str, value: bytes | str, *, filename: str | None = None, content_type: str | None = None) -> bytes:
    """A part with its boundary before it."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"'
    if content_type is not None:
        head += f"\r\nContent-Type: {content_type}"
    return head.encode() + b"\r\n\r\n" + (value.encode() if isinstance(value, str) else value) + b"\r\n"


def form(
    fields: Fields,
    file: bytes | None = b"hello",
    *,
    filename: str | None = "up.txt",
    content_type: str | None = "text/plain",
    late: Fields = (),
) -> bytes:
    """A whole form: `fields`, the file (unless it is `None`), and fields behind it."""
    body = b"".join(part(name, value) for name, value in _pairs(fields))
    if file is not None:
        body += part("file", file, filename=filename, content_type=content_type)
    body += b"".join(part(name, value) for name, value in _pairs(late))
    return body + f"--{BOUNDARY}--\r\n".encode()


def _pairs(fields: Fields) -> Iterable[tuple[str, str | bytes]]:
    return fields.items() if isinstance(fields, Mapping) else fields


def posted(body: bytes, headers: str = "") -> bytes:
    """The whole request that posts `body` into examplebucket; `headers` are further lines."""
    lines = f"POST /examplebucket HTTP/1.1\r\nHost: a\r\nContent-Type: {CONTENT_TYPE}\r\n{headers}"
    return f"{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def post(oss: OssClient, body: bytes, target: str = "/examplebucket", **headers: str) -> Response:
    """A form as a request; `_` in a header's name is `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await oss.request("POST", target, headers={"Content-Type": CONTENT_TYPE, **named}, body=body)


def policy(*conditions: object, expiration: object = "2024-06-01T13:00:00.000Z") -> str:
    """A policy as its field holds it."""
    return encoded_policy(json.dumps({"expiration": expiration, "conditions": list(conditions)}))


def encoded_policy(text: str) -> str:
    """The base64 of a policy's text."""
    return base64.b64encode(text.encode()).decode()


def signed_v1(key: AccessKey, policy_text: str) -> dict[str, str]:
    """The fields of a V1 signature."""
    fields = {
        "OSSAccessKeyId": key.id,
        "policy": policy_text,
        "Signature": v1.signature(key.secret, policy_text.encode()),
    }
    return fields | ({"x-oss-security-token": key.token} if key.token else {})


def signed_v4(
    key: AccessKey, now: datetime, *conditions: object, region: str = "cn-hangzhou", bucket: str = "examplebucket"
) -> dict[str, str]:
    """The fields of a V4 signature, over a policy with the conditions that it must have."""
    day = f"{now:%Y%m%d}"
    fields = {
        "x-oss-signature-version": v4.ALGORITHM,
        "x-oss-credential": f"{key.id}/{day}/{region}/oss/aliyun_v4_request",
        "x-oss-date": f"{now:%Y%m%dT%H%M%SZ}",
    } | ({"x-oss-security-token": key.token} if key.token else {})
    own = [{"bucket": bucket}, *({name: value} for name, value in fields.items())]
    expiration = f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    fields["policy"] = policy(*own, *conditions, expiration=expiration)
    signature = v4.signature(v4.signing_key(key.secret, day, region), fields["policy"].encode())
    return fields | {"x-oss-signature": signature}
