"""Who may use the emulator's own endpoints, which no signature protects.

Two dangers: another machine that changes the state of an emulator bound to more than loopback, and a web page that
makes the developer's browser do so, or reads what is kept here, either across origins or by DNS rebinding (the page's
own name, pointed at 127.0.0.1). Objects are web pages, too, and those that are opened by the path of their bucket have
the emulator's own origin: a page may only ask from below `/_emulator/`.
"""

import hmac
from ipaddress import IPv4Address, IPv6Address, ip_address

from emulator.config import Config
from emulator.control.answers import Refusal
from emulator.wire.address import host_id
from emulator.wire.request import OssRequest

_READING_METHODS = ("GET", "HEAD")
_FOREIGN_SITES = ("cross-site", "same-site")  # the same site on another port is another origin


def check_origin(config: Config, request: OssRequest) -> None:
    """Refuse what a foreign web page may have sent.

    Raises:
        Refusal: 403, for a Host that is none of the emulator's names, an Origin that is not this Host, what a
            browser says that another origin's page has asked for (an image or a script has no Origin), or a page that
            is an object. A link that is
            followed here is fine: the page that has it does not see where it leads.
    """
    host = request.headers.get("host", "")  # not `request.host`, which can come from X-Forwarded-Host
    if not _is_own_name(config, host_id(host)):
        raise Refusal(
            403,
            f"The control endpoints do not answer under the name {host!r}.",
            "Use an IP address, localhost or *.localhost, or add the name to server.service_names. A name that anybody "
            "can point at this machine is refused, so that no web page can read or reset the emulator.",
        )
    origin = request.headers.get("origin")
    if origin is not None and origin.lower().partition("://")[2] != host.lower():
        raise _refusal_of_pages(f"of {origin!r}")
    if request.headers.get("sec-fetch-site") in _FOREIGN_SITES and not _is_followed_link(request):
        raise _refusal_of_pages("of another origin")
    if _is_of_own_origin(request) and not _is_own_page(request, host):
        raise _refusal_of_pages("that lie in a bucket")


def check_change(config: Config, request: OssRequest) -> None:
    """Refuse a change of state from another machine that does not know `control.token`.

    Raises:
        Refusal: 401 for a wrong token, 403 for none.
    """
    if request.method not in _READING_METHODS:
        check_sender(config, request)


def check_sender(config: Config, request: OssRequest) -> None:
    """Refuse a client on another machine that does not know `control.token`.

    Raises:
        Refusal: 401 for a wrong token, 403 for none.
    """
    if _is_on_this_machine(request):
        return
    token = request.headers.get("x-emulator-token", "")
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        token = credentials.strip()
    if not token or not config.control.token:
        raise Refusal(
            403,
            f"{request.method} from {request.client} is not allowed.",
            "Clients on other machines change state, and get keys, only with the header `Authorization: Bearer "
            "<token>` or `x-emulator-token: <token>`, where the token is that of control.token in the emulator's "
            "configuration.",
        )
    if not hmac.compare_digest(token.encode("utf-8", "surrogateescape"), config.control.token.encode()):
        raise Refusal(
            401,
            "The token is wrong.",
            "Send the value of control.token in the emulator's configuration.",
            {"WWW-Authenticate": "Bearer"},
        )


def _refusal_of_pages(which: str) -> Refusal:
    return Refusal(
        403,
        f"The control endpoints do not answer to web pages {which}.",
        "Only pages below /_emulator/ may use them from a browser; let your server or your test ask.",
    )


def _is_of_own_origin(request: OssRequest) -> bool:
    """Whether a page that has the emulator's origin asks, be it an object or the emulator's own."""
    says_so = request.headers.get("sec-fetch-site") == "same-origin" and not _is_followed_link(request)
    return says_so or "origin" in request.headers


def _is_own_page(request: OssRequest, host: str) -> bool:
    """Whether the page that asks lies below `/_emulator/`. One that hides where it lies does not."""
    _, _, address = request.headers.get("referer", "").partition("://")
    return address.lower().startswith(f"{host.lower()}/_emulator/")


def _is_followed_link(request: OssRequest) -> bool:
    headers = request.headers
    return (
        request.method == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _is_own_name(config: Config, name: str) -> bool:
    name = name.lower().removesuffix(".")
    own = {"localhost", "emulator", *(service.lower() for service in config.server.service_names)}
    if config.server.public_endpoint:
        own.add(host_id(config.server.public_endpoint.rpartition("://")[2]).lower())
    return name in own or name.endswith(".localhost") or _address(name) is not None


def _is_on_this_machine(request: OssRequest) -> bool:
    """Whether the client is on this machine. Behind a proxy nobody can tell, so no."""
    if "x-forwarded-for" in request.headers or "x-forwarded-host" in request.headers:
        return False
    address = _address(request.client)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address is not None and address.is_loopback


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.strip("[]"))
    except ValueError:
        return None
