"""Answers of the emulator's own endpoints: JSON, and refusals as `{"error": ..., "hint": ...}`."""

from collections.abc import Mapping

import msgspec

from emulator.wire.response import OssResponse


class Refusal(Exception):
    """A request that an endpoint does not serve. `error` says what is wrong, `hint` what to do about it."""

    def __init__(self, status: int, error: str, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.hint = hint
        self.headers = headers or {}


# It is the state of this moment, so nobody may cache it; and no page of another origin may embed it.
PRIVATE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def json_answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> OssResponse:
    """`value` as JSON."""
    common = {"Content-Type": "application/json", **PRIVATE}
    return OssResponse(status, common | dict(headers or {}), msgspec.json.encode(value))


def refusal_answer(refusal: Refusal) -> OssResponse:
    """`refusal` as the client sees it."""
    return json_answer({"error": refusal.error, "hint": refusal.hint}, refusal.status, refusal.headers)
