"""Failures of a callback that a fault makes: what OSS says then, although nobody has been called.

The messages are those of real failures; what they stand for is in the hint, beside the fault's name.
"""

import msgspec

from emulator.callback import refusals
from emulator.callback.refusals import Refusal
from emulator.callback.url import CallbackUrl
from emulator.faults import Fault


class Pretence(msgspec.Struct, frozen=True):
    """A failure as if it had happened. `is_final`: it is not of one URL, so no other is tried."""

    refusal: Refusal
    hint: str
    is_final: bool = False


_PRETENCES = {
    "refused": Pretence(refusals.NOT_CONNECTED, "as if nobody listened there"),
    "dns": Pretence(refusals.NOT_CONNECTED, "as if the host did not resolve"),
    "timeout": Pretence(refusals.TIMED_OUT, "as if no answer had come within the 5 seconds that OSS waits"),
    "tls": Pretence(refusals.error_status(502), "as if the TLS handshake had failed"),
    "not-json": Pretence(refusals.ANSWER_NOT_JSON, "as if the answer were no JSON"),
    "no-length": Pretence(refusals.LENGTH_MISSING, "as if the answer had no Content-Length"),
    "too-long": Pretence(refusals.LENGTH_TOO_LONG, "as if the answer were longer than OSS takes"),
    "too-many": Pretence(refusals.TOO_MANY_CALLBACKS, "as if OSS had too many callbacks under way", is_final=True),
    "image-info": Pretence(
        refusals.IMAGE_UNREADABLE, "as if the image's width and height could not be read", is_final=True
    ),
}


def pretend(fault: Fault, url: CallbackUrl) -> Pretence | None:
    """The failure that `fault` makes of calling `url`; `None` if it only delays the call."""
    if fault.do.callback is not None:
        pretence = _PRETENCES[fault.do.callback]
    elif fault.do.status is not None:
        pretence = Pretence(refusals.error_status(fault.do.status), f"as if it had answered {fault.do.status}")
    else:
        return None
    hint = f"{url.host} was not called: it failed {pretence.hint}. {fault.hint}"
    return Pretence(pretence.refusal, hint, pretence.is_final)
