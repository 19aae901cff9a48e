"""Why a callback failed, in words for the developer: what was tried, what came back, what to change.

The wire text stays OSS's own and says little; these sentences stand beside it in log, record and x-emulator-hint.
"""

import errno
import os
import ssl
from collections.abc import Mapping

from emulator.callback.tls import Handshake
from emulator.callback.url import CallbackUrl

SHOWN_BYTES = 200  # of an answer that could not be used

_RETIRED_DEMO_HOST = "oss-demo.aliyuncs.com"

_STATUS_CAUSES = {
    301: "it redirects, and OSS follows no redirect: put the final URL into callbackUrl",
    302: "it redirects, most often to a login page, and OSS follows no redirect: let the callback in without one",
    400: "the handler found the request wrong; if that is its signature check, see below",
    401: "the handler wants a login: let the callback route in without one and check the signature instead",
    403: "the handler forbids it, by its signature check or a framework's CSRF protection: exempt the callback route",
    404: "no handler at this path: compare the path in callbackUrl with the application's routes",
    405: "the route does not take POST, and OSS always sends POST",
    411: "the handler saw no Content-Length, which was sent: something in between has dropped it",
    413: "the body is larger than the handler takes",
    415: "the handler does not take this Content-Type: set callbackBodyType",
    419: "the framework's CSRF protection (419 is Laravel's) refused it for want of a token: exempt the callback route",
    421: "the server has no such host on this TLS connection: set callbackSNI to true",
    500: "the handler crashed: its own log has the reason",
    502: "a proxy or tunnel in front of the application could not reach it: is the application running?",
    503: "a proxy or tunnel in front of the application has nobody to pass the request to",
    504: "a proxy or tunnel in front of the application waited in vain: a stale tunnel, or a slow handler",
}


def not_resolved(url: CallbackUrl, error: object) -> str:
    """The host name has no address."""
    return (
        f"The host {url.host} of callbackUrl does not resolve to an IPv4 address ({error}). Check its spelling and "
        f"this machine's DNS; inside a container, localhost and service names are the container's own.{_demo(url)}"
    )


def private_address(url: CallbackUrl, address: str) -> str:
    """OSS does not call private addresses."""
    return (
        f"The host {url.host} of callbackUrl is at {address}, a private or loopback address, which OSS cannot reach. "
        "To allow it here, use profile dev or set callback.forbid_private_addresses to false."
    )


def not_connected(url: CallbackUrl, address: str | None, error: object) -> str:
    """No TCP connection came about."""
    return (
        f"No connection to {_place(url, address)}: {_reason(error)}. Is the application listening on that port, and on "
        "an address that the emulator can reach (inside a container 127.0.0.1 is the container itself)? The emulator "
        f"calls local addresses directly; no tunnel is needed.{_demo(url)}"
    )


def dropped(url: CallbackUrl, address: str | None, error: object) -> str:
    """The connection was made and ended without a usable answer."""
    text = f"{_place(url, address)} took the connection and closed it without an HTTP answer ({_reason(error)})."
    if not url.is_tls:
        text += (
            " The handler's process may have crashed, or the port speaks HTTPS: then begin callbackUrl with https://."
        )
    return text


def not_http(url: CallbackUrl, address: str | None, error: object) -> str:
    """What came back cannot be read as an HTTP answer."""
    return f"What {_place(url, address)} sent is no HTTP answer, or goes on after Content-Length bytes: {error}"


def timed_out(url: CallbackUrl, address: str | None, phase: str, seconds: float) -> str:
    """The answer was not complete in time."""
    return (
        f"No complete answer from {_place(url, address)} within {seconds:g} s: {phase}. OSS waits 5 seconds and does "
        "not try again, so answer first and do slow work afterwards. While debugging, callback.timeout_seconds can be "
        "raised."
    )


def tls_failed(url: CallbackUrl, error: object, *, sni: str | None, is_for_another: bool) -> str:
    """The TLS handshake failed, or the certificate was refused; for the latter `wrong_certificate` says whose it is."""
    text = f"The TLS handshake with {url.host}:{url.port} failed ({_reason(error)})."
    if "WRONG_VERSION_NUMBER" in str(error):
        return text + " The port speaks plain HTTP: begin callbackUrl with http://."
    if is_for_another:
        return text + " The certificate was refused for its name."
    if isinstance(error, ssl.SSLCertVerificationError):
        text += (
            " The certificate's chain is not trusted: set callback.tls_verify to the path of its CA, or to false (the "
            "default in profile dev)."
        )
    if sni is None:
        text += (
            " No server name (SNI) was sent; a server with several names then shows its default certificate or hangs "
            f"up. {_how_to_send_sni(url)}"
        )
    return text


def wrong_certificate(url: CallbackUrl, handshake: Handshake, *, sni: str | None) -> str:
    """The server showed a certificate for somebody else."""
    names = ", ".join(handshake.names()) or "nobody"
    if sni is not None:
        return f"TLS with SNI {sni}: the server sent a certificate for {names}, not for {url.host}."
    return (
        f"TLS without SNI: the server sent a certificate for {names}, not for {url.host}, so another site may have "
        f"answered. {_how_to_send_sni(url)}"
    )


def error_status(status: int, *, host: str, target: str, body: bytes) -> str:
    """The application server answered something other than 200."""
    if status in _STATUS_CAUSES:
        cause = f": {_STATUS_CAUSES[status]}"
    elif 300 <= status < 400:
        cause = f": {_STATUS_CAUSES[301]}"
    elif 200 <= status < 300:
        cause = ", but OSS takes exactly 200 for success, no other 2xx"
    else:
        cause = ", but OSS takes exactly 200 for success"
    text = f"The application server answered {status} to POST {target} (Host: {host}){cause}."
    if status in (400, 401, 403):
        text += (
            " For a signature check, compare its string with string_to_sign of the callback record: path decoded, "
            "query and body untouched; a proxy that rewrites the path, or a framework that re-encodes the body, breaks "
            "it. The public key is at the URL in x-oss-pub-key-url, not at gosspublic.alicdn.com."
        )
    return text + _shown(body)


def length_missing(headers: Mapping[str, str]) -> str:
    """The answer does not say how long it is."""
    how = "is chunked" if "chunked" in headers.get("Transfer-Encoding", "").lower() else "ends with the connection"
    return (
        f"The answer has no Content-Length: it {how}. OSS wants one; send the whole body at once instead of streaming "
        "it, or set the header (many frameworks do when the body is a string, and proxies drop it when they compress)."
    )


def length_invalid(error: object) -> str:
    """The answer's Content-Length is no number, or there are two."""
    return f"The answer's Content-Length must be one whole number ({error})."


def length_too_long(length: int, limit: int) -> str:
    """The answer is larger than OSS takes."""
    return (
        f"The answer has {length} bytes; {limit} are allowed (callback.max_response_bytes). Answer with a short JSON."
    )


def not_json(body: bytes, error: object) -> str:
    """The answer is 200, but no JSON."""
    if body.startswith(b"\xef\xbb\xbf"):
        start = body[:16].hex(" ")
        return (
            f"The answer begins with a byte order mark (hex {start}), which OSS does not take: save the handler's "
            "source or template as UTF-8 without BOM."
        )
    if not body:
        return 'The answer is empty; OSS wants a JSON body, such as {"Status":"OK"}.'
    text = f"The answer is not valid JSON ({error})."
    stripped = body.lstrip()
    if stripped[:1] == b"<":
        text += (
            " It looks like HTML or XML: a page of the site (its start, login or error page) instead of the handler's "
            "answer, or output before the JSON."
        )
    elif stripped[:2].lower() == b"ok":
        text += ' Plain text is not enough; answer {"Status":"OK"}.'
    return text + _shown(body)


def cut_short(error: object) -> str:
    """The answer's body does not have the length it announced."""
    return f"The answer's body is not as long as its Content-Length says, so it is no whole JSON ({error})."


def _shown(body: bytes) -> str:
    return f" It began: {body[:SHOWN_BYTES].decode('utf-8', 'backslashreplace')!r}" if body else ""


def _place(url: CallbackUrl, address: str | None) -> str:
    """Where the URL leads: host and port, and the address if that says more."""
    place = f"{url.host}:{url.port}"
    return place if address == place else f"{place} ({address or 'not resolved'})"


def _reason(error: object) -> str:
    """What an exception says, or else what it is called; for a system error what the system calls it."""
    if isinstance(error, OSError) and error.errno in errno.errorcode and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno or 0)
    if isinstance(error, ConnectionResetError):
        return "the server hung up"
    return str(error) or type(error).__name__


def _how_to_send_sni(url: CallbackUrl) -> str:
    if url.is_ip_literal:
        return "An IP address is never sent as a name: put the server's name into callbackUrl."
    return 'Set "callbackSNI": true (a JSON boolean) in the callback.'


def _demo(url: CallbackUrl) -> str:
    if url.host.lower() != _RETIRED_DEMO_HOST:
        return ""
    return " OSS's demo receiver is gone; the emulator has one of its own at /_emulator/receiver."


def too_many(limit: int) -> str:
    """More callbacks are waiting for answers than the emulator keeps open."""
    return f"{limit} callbacks are waiting for their answers already: the application is called faster than it answers."


def image_unreadable(error: object) -> str:
    """The stored bytes could not be opened to look for an image."""
    return f"The stored object could not be opened for ${{imageInfo}}, perhaps because it was overwritten: {error}."
