"""CORS: what a bucket's rules say to a browser, and to a developer whose page was turned away.

Source: "OptionObject" and "Set CORS" in the OSS documentation; the Fetch standard for what browsers do with it.
"""

from collections.abc import Mapping

import msgspec

from emulator.model import CorsConfiguration, CorsRule


class CorsQuestion(msgspec.Struct, frozen=True):
    """What a browser asks: may a page of `origin` send `method` with `headers` (spelt as it spells them)?

    Of an actual request origin and method alone count, so its `headers` are empty.
    """

    origin: str
    method: str
    headers: tuple[str, ...] = ()


def parse_header_names(text: str) -> tuple[str, ...]:
    """The names in an `Access-Control-Request-Headers`."""
    return tuple(name for piece in text.split(",") if (name := piece.strip()))


def allow_headers(cors: CorsConfiguration, question: CorsQuestion) -> dict[str, str] | None:
    """The headers that tell the browser yes, of the first rule that allows it; `None` if none does.

    The methods are all those of the rule, the headers only those asked for.
    """
    for rule in cors.rules:
        if _missing(rule, question) is None:
            break
    else:
        return None
    pattern = next(pattern for pattern in rule.allowed_origins if _fits(pattern, question.origin))
    headers = {
        "Access-Control-Allow-Origin": "*" if pattern == "*" else question.origin,
        "Access-Control-Allow-Methods": ", ".join(rule.allowed_methods),
    }
    if question.headers:
        headers["Access-Control-Allow-Headers"] = ", ".join(question.headers)
    if rule.expose_headers:
        headers["Access-Control-Expose-Headers"] = ", ".join(rule.expose_headers)
    if rule.max_age_seconds is not None:
        headers["Access-Control-Max-Age"] = str(rule.max_age_seconds)
    return headers


def explain_refusal(cors: CorsConfiguration | None, bucket: str, question: CorsQuestion) -> str:
    """Why the rules do not allow it, and what to set so that they do."""
    if cors is None or not cors.rules:
        return (
            f"The bucket {bucket} has no CORS rules, so no page of another origin ({question.origin}) may use it. Give "
            f"it some (PutBucketCors, or `cors` of the bucket in the configuration), or say `cors.default: allow-all`."
        )
    number, (element, value) = max(
        ((number, missing) for number, rule in enumerate(cors.rules, 1) if (missing := _missing(rule, question))),
        key=lambda each: _ORDER.index(each[1][0]),
    )
    return (
        f"No CORS rule of the bucket {bucket} lets a page of {question.origin} send {question.method}"
        + (f" with {', '.join(question.headers)}" if question.headers else "")
        + f". Rule {number} comes nearest; it lacks <{element}>{value}</{element}>."
    )


def needs_leave(headers: Mapping[str, str], scheme: str, host: str) -> bool:
    """Whether the browser hands the answer to a request with these headers to a script only if CORS headers say so.

    A form that was sent, a link or an image needs none, nor does a page that came from here. Browsers say which it is
    in `Sec-Fetch-Mode`; who does not is taken for a script.
    """
    return headers.get("sec-fetch-mode", "cors") == "cors" and headers["origin"] != f"{scheme}://{host}"


_ORDER = ("AllowedOrigin", "AllowedMethod", "AllowedHeader")  # as a rule is read


def _missing(rule: CorsRule, question: CorsQuestion) -> tuple[str, str] | None:
    """The first element, and its text, that `rule` would need besides to allow it; `None` if it does."""
    if not any(_fits(pattern, question.origin) for pattern in rule.allowed_origins):
        return "AllowedOrigin", question.origin
    if question.method not in rule.allowed_methods:
        return "AllowedMethod", question.method
    for header in question.headers:
        if not any(_fits(pattern, header.lower()) for pattern in rule.allowed_headers):
            return "AllowedHeader", header
    return None


def _fits(pattern: str, text: str) -> bool:
    """Whether `text` is `pattern`, in which a `*` stands for any text."""
    head, star, tail = pattern.partition("*")
    if not star:
        return text == pattern
    return len(text) >= len(head) + len(tail) and text.startswith(head) and text.endswith(tail)
