"""A plain client that signs what it sends with V4, as the documentation has it: for tests of who may do what."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote_from_bytes, unquote_to_bytes

from emulator import Emulator
from emulator.config import AccessKey
from tests.client import OssClient, Response

REGION = "cn-hangzhou"
_SIGNED_HEADERS = ("content-type", "content-md5")


def signing_key(secret: str, day: str) -> bytes:
    """The key that V4 signs with on one day."""
    key = f"aliyun_v4{secret}".encode()
    for part in (day, REGION, "oss", "aliyun_v4_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return key


def _encoded(text: str, safe: str = "") -> str:
    """`text` encoded as V4 signs it, however it was encoded before."""
    return quote_from_bytes(unquote_to_bytes(text), safe)


class SigningClient(OssClient):
    """An `OssClient` with a key; a `target` is path style, and its query need not be encoded."""

    def __init__(self, emulator: Emulator, key: AccessKey) -> None:
        super().__init__(emulator)
        self.key = key

    async def request(
        self, method: str, target: str, *, headers: Mapping[str, str] | None = None, body: bytes | str | None = None
    ) -> Response:
        now = self.emulator.clock.now().astimezone(UTC)
        fields = dict(headers or {})
        fields |= {"x-oss-date": f"{now:%Y%m%dT%H%M%SZ}", "x-oss-content-sha256": "UNSIGNED-PAYLOAD"}
        if self.key.token:
            fields["x-oss-security-token"] = self.key.token
        path, _, query = target.partition("?")
        fields["Authorization"] = self._authorization(method, path, query, fields, now)
        return await super().request(method, target, headers=fields, body=body)

    def _authorization(self, method: str, path: str, query: str, headers: Mapping[str, str], now: datetime) -> str:
        pairs = sorted(
            tuple(_encoded(part) for part in piece.partition("=")[::2]) for piece in query.split("&") if piece
        )
        lines = sorted(
            f"{name.lower()}:{value.strip()}\n"
            for name, value in headers.items()
            if name.lower().startswith("x-oss-") or name.lower() in _SIGNED_HEADERS
        )
        canonical_query = "&".join(name + (f"={value}" if value else "") for name, value in pairs)
        resource = path if path.count("/") > 1 or path == "/" else f"{path}/"
        canonical = "\n".join(
            [method, _encoded(resource, "/"), canonical_query, "".join(lines), "", "UNSIGNED-PAYLOAD"]
        )
        scope = f"{now:%Y%m%d}/{REGION}/oss/aliyun_v4_request"
        text = f"OSS4-HMAC-SHA256\n{now:%Y%m%dT%H%M%SZ}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(signing_key(self.key.secret, f"{now:%Y%m%d}"), text.encode(), hashlib.sha256).hex()
        return f"OSS4-HMAC-SHA256 Credential={self.key.id}/{scope},Signature={signature}"
