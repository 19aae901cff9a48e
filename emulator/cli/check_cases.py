"""The catalogue of `oss-emulator check`: each callback that a handler is sent, and how its answer is judged."""

import base64
import json
from typing import TYPE_CHECKING, Literal

import msgspec

from emulator.callback.head import request_headers
from emulator.callback.signature import Signer, string_to_sign
from emulator.callback.spec import FORM, JSON, CallbackSpec, parse_callback
from emulator.cli.expand import SAMPLE
from emulator.clock import Clock
from emulator.config import Auth

if TYPE_CHECKING:
    from emulator.callback.dispatch import Dispatcher, Verdict
    from emulator.callback.record import Attempt
    from emulator.callback.template import Value
    from emulator.callback.url import CallbackUrl

UNICODE_KEY = "目录/ümläut 😀 a+b&c=d%20\"'.jpg"
LARGE_BYTES = 64 * 1024
_OCCASION = ("PutObject", "examplebucket", "exampleobject.txt")  # no fault is armed here

_FORM_BODY = "bucket=${bucket}&object=${object}&etag=${etag}&size=${size}&mimeType=${mimeType}&user=${x:user}"
_JSON_BODY = '{"bucket":${bucket},"object":${object},"size":${size},"height":${imageInfo.height},"user":${x:user}}'


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Sends callbacks to `url`. `signer` has the key at `public_key_url`, `stranger` one that nobody should trust."""

    url: "CallbackUrl"
    sni: bool
    dispatcher: "Dispatcher"
    signer: Signer
    stranger: Signer
    public_key_url: str
    stranger_key_url: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How the handler fared. `note` is for what is no mistake but worth knowing. `answer` is a good answer's body."""

    outcome: Literal["ok", "note", "failed"]
    status: int | None
    milliseconds: float
    explanation: str = ""
    hint: str = ""
    answer: bytes = b""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One callback.

    `expects` says what the handler must do: accept it (200, a length, JSON, in time), reject it (any other status), or
    either of them, as long as it answers and does not crash. `why` is said when it does otherwise. `forgery` is what is
    wrong with the callback. `is_repeated` says that it is the first one again.
    """

    name: str
    expects: Literal["accept", "reject", "either"]
    why: str
    body_type: str = FORM
    values: "dict[str, Value]" = {}
    forgery: Literal[
        "", "another key", "tampered body", "tampered query", "no authorization", "no key url", "foreign key url"
    ] = ""
    is_repeated: bool = False

    async def run(self, sender: Sender, first: Result | None) -> Result:
        """Send it and judge the answer; `first` is how the first case went."""
        headers, body = await self._request(sender)
        attempt, verdict = await sender.dispatcher.post(sender.url, headers, body, sni=sender.sni, occasion=_OCCASION)
        result = self._judge(attempt, verdict)
        if self.is_repeated and first and first.answer and result.answer and result.answer != first.answer:
            return msgspec.structs.replace(result, outcome="note", hint=f"It was answered differently. {self.why}")
        return result

    async def _request(self, sender: Sender) -> tuple[list[tuple[str, str]], bytes]:
        spec = _spec(sender.url.text, self.body_type)
        values = SAMPLE | {"x:user": "42"} | self.values
        body = spec.body.expand(values, spec.encoding)
        target = sender.url.target
        signed_target = f"{target}&forged=1" if self.forgery == "tampered query" else target
        signed_body = body + b" " if self.forgery == "tampered body" else body
        signer = sender.stranger if self.forgery in ("another key", "foreign key url") else sender.signer
        headers = request_headers(
            spec,
            sender.url,
            body,
            bucket=str(values["bucket"]),
            request_id=str(values["reqId"]),
            account_id=Auth().account_id,
            public_key_url=sender.stranger_key_url if self.forgery == "foreign key url" else sender.public_key_url,
            authorization=await signer.sign(string_to_sign(signed_target, signed_body)),
            host_includes_port=True,
            now=Clock().now(),
        )
        left_out = {"no authorization": "Authorization", "no key url": "x-oss-pub-key-url"}.get(self.forgery)
        return [(name, value) for name, value in headers if name != left_out], body

    def _judge(self, attempt: "Attempt", verdict: "Verdict") -> Result:
        status = attempt.response.status if attempt.response else None
        is_refused = status is not None and status != 200
        if verdict.refusal is None:
            is_fine, explanation, hint = self.expects != "reject", self.why, " ".join(verdict.remarks)
        elif is_refused and self.expects != "accept":
            is_crash = status is not None and status >= 500
            is_fine = self.expects == "reject" or not is_crash
            explanation = (
                f"Rejected, but by {status}, as a crash would be; 400 or 403 is an answer." if is_crash else ""
            )
            hint = ""
        else:
            is_fine, explanation, hint = False, f"{verdict.refusal.message} {self.why}".strip(), verdict.hint
            if self.expects == "reject":
                explanation = f"It must be rejected, but not so: {verdict.refusal.message}"
        if is_fine and (self.expects == "accept" or not explanation):
            outcome: Literal["ok", "note", "failed"] = "note" if hint else "ok"
            explanation = ""
        else:
            outcome = "note" if is_fine else "failed"
        return Result(
            outcome=outcome,
            status=status,
            milliseconds=attempt.milliseconds,
            explanation=explanation,
            hint=hint,
            answer=verdict.body,
        )


def _spec(url: str, body_type: str) -> CallbackSpec:
    fields = {
        "callbackUrl": url,
        "callbackBody": _JSON_BODY if body_type == JSON else _FORM_BODY,
        "callbackBodyType": body_type,
    }
    encoded = base64.b64encode(json.dumps(fields).encode()).decode()
    spec = parse_callback(encoded, None, variables={"x:user": "42"}, empty_url="error", is_strict=False)
    assert spec is not None
    return spec


_FORGED = "It was answered like a good one: anybody can call this handler. It must be rejected"
_UNICODE: "dict[str, Value]" = {"object": UNICODE_KEY, "reqId": "66399AA50F1E2D3C4B5A0003"}
_REPEATED = "The same upload may be told twice, also hours later: answer as at the first time, do the work once."

CASES = (
    Case(name="form", expects="accept", why="This is the plainest callback there is."),
    Case(
        name="json",
        expects="accept",
        why="A callbackBodyType of application/json is sent as such.",
        body_type=JSON,
        values={"reqId": "66399AA50F1E2D3C4B5A0002"},
    ),
    Case(
        name="unicode key, form",
        expects="accept",
        why="The key has Chinese, an emoji, blanks and signs; all of it is percent-encoded UTF-8.",
        values=_UNICODE,
    ),
    Case(
        name="unicode key, json",
        expects="accept",
        why="The key has Chinese, an emoji and quotes; the JSON is raw UTF-8.",
        body_type=JSON,
        values=_UNICODE,
    ),
    Case(
        name="large",
        expects="accept",
        why="The body has 64 KiB; a limit on forms or bodies is too low.",
        values={"x:user": "u" * LARGE_BYTES, "reqId": "66399AA50F1E2D3C4B5A0004"},
    ),
    Case(name="duplicate", expects="accept", why=_REPEATED, is_repeated=True),
    Case(
        name="wrong signature",
        expects="reject",
        why=f"{_FORGED}: another key has signed it.",
        values={"reqId": "66399AA50F1E2D3C4B5A0005"},
        forgery="another key",
    ),
    Case(
        name="tampered body",
        expects="reject",
        why=f"{_FORGED}: the body is not the one that was signed.",
        values={"reqId": "66399AA50F1E2D3C4B5A0006"},
        forgery="tampered body",
    ),
    Case(
        name="tampered query",
        expects="reject",
        why=f"{_FORGED}: the query is not the one that was signed.",
        values={"reqId": "66399AA50F1E2D3C4B5A0007"},
        forgery="tampered query",
    ),
    Case(
        name="no Authorization",
        expects="reject",
        why=f"{_FORGED}: it is not signed at all.",
        values={"reqId": "66399AA50F1E2D3C4B5A0008"},
        forgery="no authorization",
    ),
    Case(
        name="no x-oss-pub-key-url",
        expects="either",
        why="Accepted without the header: fine if the handler has the key already.",
        values={"reqId": "66399AA50F1E2D3C4B5A0009"},
        forgery="no key url",
    ),
    Case(
        name="key of a stranger",
        expects="reject",
        why=f"{_FORGED}: x-oss-pub-key-url names a stranger's host, whose key has signed it. Check where the URL leads "
        "before fetching it.",
        values={"reqId": "66399AA50F1E2D3C4B5A0010"},
        forgery="foreign key url",
    ),
    Case(
        name="replayed",
        expects="either",
        why="",  # the signature has no date: a handler may take it, or see that this upload was handled
    ),
)
