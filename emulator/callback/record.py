"""What is kept of a callback: what was asked for, sent, answered and concluded. The JSON of the emulator's endpoints.

Bodies are text; bytes that are not UTF-8 are `{"base64": ...}`. Headers are pairs of name and value in wire order.
"""

import base64
import codecs
import json
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from emulator.callback.template import Value


class Binary(msgspec.Struct, frozen=True):
    """Bytes that are not UTF-8."""

    base64: str


Content = str | Binary
Headers = tuple[tuple[str, str], ...]


class SentRequest(msgspec.Struct, frozen=True):
    """The head of a callback request as it stood, or would have stood, on the wire; its body is the record's."""

    line: str
    headers: Headers


class ReceivedResponse(msgspec.Struct, frozen=True):
    """What the application server answered. `body` ends where the record's limit is if `truncated` says so."""

    status: int
    headers: Headers
    body: Content
    truncated: bool


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One URL tried. `address` is the IP and port last spoken to (`None`: not resolved), `sni` the TLS server name that
    was sent, if any. `error` says why it did not count; a good answer has none. `fault` is the one that acted on it, if
    one did: if it let the attempt fail, nothing was sent."""

    url: str
    address: str | None
    sni: str | None
    request: SentRequest
    response: ReceivedResponse | None
    milliseconds: float
    error: str | None
    fault: str | None = None


class CallbackRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A callback from end to end.

    `id` is the upload's request id, `time` RFC 3339 in UTC. `callback` are the decoded parameters, `variables` every
    value that could be filled in. `string_to_sign` is that of the last URL tried. `truncated` says that `body` and
    `string_to_sign` end at the record's limit. `outcome` is `success` or `failed`; `status`, `message` and `ec` are
    what the uploader was given.

    `replay_of` is the id of the callback that was sent again by this one, whose own `id` is that of the request for it;
    nobody was given the outcome then.
    """

    id: str
    time: str
    operation: str
    bucket: str
    object: str
    callback: dict[str, Any]
    variables: dict[str, Value]
    body: Content
    string_to_sign: Content
    truncated: bool
    attempts: tuple[Attempt, ...]
    outcome: str
    status: int
    message: str
    ec: str
    hint: str
    replay_of: str | None = None

    @property
    def form(self) -> dict[str, str]:
        """The fields of a body that is a form, decoded; of a name that comes twice, the last.

        Raises:
            ValueError: the body was kept in part only, or is not UTF-8.
        """
        return dict(parse_qsl(self._whole_body(), keep_blank_values=True))

    @property
    def json(self) -> Any:
        """What a body that is JSON says.

        Raises:
            ValueError: it is no JSON, or it was kept in part only, or is not UTF-8.
        """
        return json.loads(self._whole_body())

    def _whole_body(self) -> str:
        if self.truncated:
            raise ValueError("The record holds the beginning of the body only; limits.record_body_bytes keeps more.")
        if isinstance(self.body, Binary):
            raise ValueError("The body is not UTF-8.")
        return self.body


def content(data: bytes, limit: int) -> tuple[Content, bool]:
    """The first `limit` bytes of `data` for a record, and whether there were more. A cut character is left out."""
    is_truncated = len(data) > limit
    try:
        return codecs.utf_8_decode(data[:limit], "strict", not is_truncated)[0], is_truncated
    except UnicodeDecodeError:
        return Binary(base64.b64encode(data[:limit]).decode()), is_truncated
