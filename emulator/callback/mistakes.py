"""What may have happened to a callback between its signing and its check, each undone by way of trial. Pure.

A candidate is what would have been signed if the mistake was made, and the sentence that says so.

Source: issues of sample servers and frameworks about callbacks that "do not verify".
"""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice, permutations
from typing import Any, Literal
from urllib.parse import quote, quote_plus, unquote_plus, unquote_to_bytes, urlsplit

Where = Literal["path", "query"]

# Above this many fields the orders are too many to try them all: 7 fields have 5,040.
MAX_PERMUTED_FIELDS = 7
# Proxies that rewrite a path often say what it was.
_ORIGINAL_TARGET_HEADERS = ("x-original-uri", "x-original-url", "x-rewrite-url", "x-forwarded-uri", "x-request-uri")

_UNDECODED = (
    "The path was signed as it stands here, undecoded. Either the capture shows a path that somebody on the way (a "
    "proxy, a framework) had already decoded, so that your check decodes it twice; or who signed did not decode it. "
    "OSS signs the path of the request line, percent-decoded exactly once."
)


def altered_targets(target: str, headers: Mapping[str, str], callback_url: str) -> Iterator[tuple[bytes, Where, str]]:
    """What may have been signed for path and query."""
    if "://" in target.partition("?")[0]:  # a proxy's request line
        url = urlsplit(target)
        target = url.path + (f"?{url.query}" if url.query else "")
        yield _once(target), "path", "The request line holds a whole URL; only path and query are signed."
    path, mark, query = target.partition("?")
    rest = _bytes(mark + query)
    decoded = unquote_to_bytes(path)
    yield _bytes(path) + rest, "path", _UNDECODED
    yield (
        unquote_to_bytes(decoded) + rest,
        "path",
        "The path is percent-encoded twice here: somebody on the way encoded it again. It must be decoded exactly once "
        "from the path that OSS was told.",
    )
    yield (
        unquote_to_bytes(path.replace("+", " ")) + rest,
        "path",
        "Who signed took each `+` of the path for a blank (PHP's urldecode and Ruby's CGI.unescape do); in a path it "
        "is a plus sign: use rawurldecode.",
    )
    yield (
        decoded.replace(b" ", b"+") + rest,
        "path",
        "The path has blanks where it was signed with `+`: it was decoded as a form on the way.",
    )
    yield from _altered_queries(decoded, query, mark)
    for other in _slashes(path):
        yield (
            unquote_to_bytes(other) + rest,
            "path",
            f"The path was signed as {other!r} but is {path!r} here: a slash was added, merged or removed on the way.",
        )
    steps = path.split("/")
    for index in range(2, len(steps)):
        shorter = "/" + "/".join(steps[index:])
        yield (
            unquote_to_bytes(shorter) + rest,
            "path",
            f"The path was signed as {shorter!r}; a proxy put {'/'.join(steps[:index])!r} before it.",
        )
    for name in _ORIGINAL_TARGET_HEADERS:
        if name in headers:
            yield from _original(headers[name], f"as the header {name} says", path, query)
    if callback_url:
        url = urlsplit(callback_url if "://" in callback_url else f"http://{callback_url}")
        original = (url.path or "/") + (f"?{url.query}" if url.query else "")
        yield from _original(original, "as in the callbackUrl", path, query)


def _altered_queries(path: bytes, query: str, mark: str) -> Iterator[tuple[bytes, Where, str]]:
    if mark:
        yield path, "query", "The query was left out when this was signed; it is signed as it stands, with its `?`."
    if query:
        yield path + _bytes(query), "query", "The query was signed without its `?`; it is signed with it."
        yield (
            path + b"?" + unquote_to_bytes(query),
            "query",
            "The query was signed percent-decoded; it is signed as it stands on the request line.",
        )
        yield (
            path + b"?" + _bytes(unquote_plus(query)),
            "query",
            "The query was signed decoded as a form; it is signed as it stands on the request line.",
        )
        for fields, what in _form_rewritings(query):
            yield path + b"?" + _bytes(fields), "query", f"The query was {what} on the way; it must stay as it was."
    else:
        yield path + b"?", "query", "This was signed with a `?` at the end, though there is no query."


def _slashes(path: str) -> Iterator[str]:
    yield path + "/"
    if len(path) > 1:
        yield path.rstrip("/")
        yield "/" + path
        yield path.lstrip("/")


def _original(original: str, where: str, path: str, query: str) -> Iterator[tuple[bytes, Where, str]]:
    """The target that somebody names: its path, its query, or both in place of what is here."""
    named_path, mark, named_query = original.partition("?")
    if named_query and not query:
        yield (
            unquote_to_bytes(path) + _bytes(mark + named_query),
            "query",
            f"The query was left out: signed is `?{named_query}` too, {where}.",
        )
    if named_path != path:
        yield (
            unquote_to_bytes(named_path) + (_bytes(f"?{query}") if query else b""),
            "path",
            f"The path was rewritten on the way: signed is {named_path!r}, {where}, but {path!r} is here.",
        )
    yield _once(original), "path", f"Path and query were changed on the way: signed is {original!r}, {where}."


def altered_bodies(body: bytes, *, is_thorough: bool) -> Iterator[tuple[bytes, str]]:
    """What may have been signed for the body; `is_thorough` also tries every order of its fields."""
    yield from _altered_ends(body)
    yield (
        body.replace(b"\r\n", b"\n"),
        "The body's line breaks became CRLF on the way; verify the bytes that arrived, not text that was converted.",
    )
    yield (
        body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
        "The body's CRLF became LF on the way; verify the bytes that arrived, not text that was converted.",
    )
    try:
        text = body.decode()
    except UnicodeDecodeError:
        yield (
            body.decode("latin-1").encode(),
            "The body was signed as UTF-8 but is Latin-1 here: it was decoded and encoded in another character set.",
        )
        return
    if not text.isascii():
        try:
            mended = text.encode("latin-1")
        except UnicodeEncodeError:
            pass
        else:
            yield mended, "The body was read as Latin-1 and written as UTF-8: verify its bytes, not its text."
    if text.lstrip().startswith(("{", "[")):
        yield from _json_rewritings(text, is_thorough=is_thorough)
    else:
        yield unquote_to_bytes(text), "The body was percent-encoded on the way: it was signed decoded."
        for rewriting, what in _form_rewritings(text, is_thorough=is_thorough):
            yield (
                _bytes(rewriting),
                f"The body was {what}: a form that is parsed and written again is another one. Verify the raw body.",
            )


def _altered_ends(body: bytes) -> Iterator[tuple[bytes, str]]:
    stripped = body.rstrip(b"\r\n")
    if stripped != body:
        yield (
            stripped,
            "The body has a line break at its end that was not signed: an editor, `echo` or a logger added it.",
        )
        yield body[:-1], "The body has a line break at its end that was not signed."
    for end, name in ((b"\n", "line feed"), (b"\r\n", "CRLF"), (b" ", "blank")):
        yield body + end, f"The body was signed with a {name} at its end, which was stripped on the way."
    if body.strip() != body:
        yield body.strip(), "The body has white space around it that was not signed."
    if body.startswith(b"\xef\xbb\xbf"):
        yield body[3:], "The body begins with a byte order mark that was not signed: it was saved as text."
    if body:
        yield b"", "The body was left out when this was signed; every byte of it is signed."


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _once(target: str) -> bytes:
    """As OSS signs it."""
    path, mark, query = target.partition("?")
    return unquote_to_bytes(path) + _bytes(mark + query)


# --- Forms ----------------------------------------------------------------------------------------------------------

_QUOTINGS: tuple[Callable[[str], str], ...] = (
    lambda value: quote(value, safe=""),  # OSS's own
    quote_plus,
    quote,  # keeps the slash
    lambda value: quote(value, safe="!'()*"),  # encodeURIComponent
    lambda value: quote(value, safe="/:@!'()*,;$"),
    lambda value: value,
)


def _form_rewritings(form: str, *, is_thorough: bool = True) -> Iterator[tuple[str, str]]:
    """A form quoted anew or in another order, and what was done to it."""
    pairs = [field.partition("=") for field in form.split("&")]
    values = [unquote_plus(value) for _, _, value in pairs]
    names = [name for name, _, _ in pairs]
    equals = [sign for _, sign, _ in pairs]
    as_it_is = [value for _, _, value in pairs]
    spellings: dict[tuple[str, ...], str] = {tuple(as_it_is): "put into another order"}
    for quoting in _QUOTINGS:
        spellings.setdefault(tuple(quoting(value) for value in values), "quoted anew")
    for spelling, what in spellings.items():
        fields = ["".join(field) for field in zip(names, equals, spelling, strict=True)]
        if what != "put into another order":
            yield "&".join(fields), f"{what} (as a blank that is `+` here and `%20` there, or a slash that is `%2F`)"
        if not is_thorough or len(fields) > MAX_PERMUTED_FIELDS:
            continue
        done = what if what == "put into another order" else f"put into another order and {what}"
        for order in islice(permutations(fields), 1, None):
            yield "&".join(order), done


# --- JSON -----------------------------------------------------------------------------------------------------------

_SEPARATORS = ((",", ":"), (", ", ": "), (",", ": "), (", ", ":"))


def _json_rewritings(text: str, *, is_thorough: bool) -> Iterator[tuple[bytes, str]]:
    """A document serialised in the other usual ways."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    orders: Iterator[tuple[Any, str]] = iter([(document, "")])
    if is_thorough and isinstance(document, dict) and 1 < len(document) <= MAX_PERMUTED_FIELDS:
        orders = ((dict(order), "with its members in another order") for order in permutations(document.items()))
    is_first = True
    for value, order in orders:
        for written in _serialised(value):
            yield (
                written.encode("utf-8", "surrogatepass"),
                "The body is JSON that was parsed and written again"
                + (", " + order if order and not is_first else "")
                + " (blanks, escapes or the order of members differ). Verify the raw body.",
            )
        is_first = False


def _serialised(value: Any) -> Iterator[str]:
    for separators in _SEPARATORS:
        for ensure_ascii in (False, True):
            written = json.dumps(value, separators=separators, ensure_ascii=ensure_ascii)
            yield written
            if "/" in written:
                yield written.replace("/", "\\/")  # PHP's json_encode
    for indent in (2, 4):
        yield json.dumps(value, indent=indent, ensure_ascii=False)
