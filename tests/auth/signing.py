"""The signing vectors as requests: what seven official SDKs put on the wire, and what OSS answers to faulty ones."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from emulator.config import AccessKey, Auth
from emulator.wire.address import Resolver
from emulator.wire.request import OssRequest, parse_headers, parse_query

_FILE = json.loads(Path(__file__).with_name("vectors").joinpath("signing.json").read_text("utf-8"))
_WORLD = _FILE["meta"]["world"]

VECTORS: list[dict[str, Any]] = _FILE["vectors"]
OUTCOMES: list[dict[str, Any]] = _FILE["outcomes"]
BUCKETS = frozenset(_WORLD["buckets"])
NOW = datetime.fromisoformat("2024-06-01T12:00:00Z")
KEY, STS_KEY = (
    AccessKey(
        id=credential["access_key_id"],
        secret=credential["access_key_secret"],
        token=credential.get("security_token", ""),
        expires=datetime.fromisoformat(credential["expiration"]) if "expiration" in credential else None,
    )
    for credential in _WORLD["credentials"]
)
AUTH = Auth(keys=(KEY, STS_KEY), region=_WORLD["region"])
HOST = "examplebucket.oss-cn-hangzhou.aliyuncs.com"

_RESOLVER = Resolver(cnames=_WORLD["cname"])


class NoBody:
    """The body of a request that has none."""

    length = None
    is_declared = False

    def at_hand(self) -> bytes:
        return b""


def a_request(
    method: str = "GET",
    target: str = "/a.txt",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    *,
    host: str = HOST,
    now: datetime = NOW,
) -> OssRequest:
    """A request as it comes from the wire; `target` has path and query, `headers` need no Host."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    host = next((value for name, value in pairs if name.lower() == "host"), host)
    pairs = [(name, value) for name, value in pairs if name.lower() != "host"]
    path, _, query = target.partition("?")
    parsed = parse_query(query)
    return OssRequest(
        method=method,
        target=path,
        host=host,
        scheme="http",
        address=_RESOLVER.resolve(host, path),
        query=parsed,
        parameters={name: value or "" for name, value in reversed(parsed)},
        headers=parse_headers([(name.encode(), value.encode()) for name, value in [("Host", host), *pairs]]),
        body=NoBody(),
        request_id="65E86E44D76E913234A3FACA",
        received=now,
        client="127.0.0.1",
    )


def request_of(vector: Mapping[str, Any]) -> OssRequest:
    """The request of a vector or an outcome."""
    now = datetime.fromisoformat(vector.get("now") or vector["server_now"])
    return a_request(
        vector["method"],
        vector["request_target"],
        [(name, value) for name, value in vector["headers"]],
        host=vector.get("host", HOST),
        now=now,
    )
