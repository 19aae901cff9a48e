"""The callback parameters of an upload: base64 and JSON in, `CallbackSpec` or `InvalidArgument` out. Pure.

The checks run in one fixed order, and nothing has been stored when one of them refuses. Whether a host resolves, and to
what, is for the engine to find out.

Source: "Callback" in the OSS API reference, "HTTP status code 400" and the EC pages of the family 07-CALLBACK. Guess:
the order, and that what those pages leave open (unknown keys, duplicate keys, letter case) is read as JSON is.
"""

import base64
import json
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from emulator.callback import refusals
from emulator.callback.refusals import Refusal
from emulator.callback.template import NUMERIC_VARIABLES, SYSTEM_VARIABLES, Encoding, Template, parse_template
from emulator.callback.url import CallbackUrl, InvalidUrl, parse_url
from emulator.errors import BucketCallbackPolicyNotExist, InvalidArgument
from emulator.model import CallbackPolicy

MAX_PARAMETER_BYTES = 5120  # of base64 text, for callback and for callback-var
MAX_URLS = 5
MAX_ADDITIONAL_HEADERS = 10

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

# Headers that the callback request has of its own, or that would change how its body is framed.
_OWN_HEADERS = frozenset(
    {"host", "connection", "content-length", "authorization", "content-md5", "content-type", "date", "user-agent"}
    | {"transfer-encoding", "expect", "upgrade", "te", "trailer", "keep-alive", "proxy-connection"}
)
_HEADER_KEY = re.compile(r"[0-9a-z-]+\Z")
_HEADER_VALUE = re.compile(r"[^\x00-\x1f\x7f]*\Z")
_HOST = re.compile(r"[!-~]+\Z")
_POLICY = "callbackPolicy"
_WHITESPACE = str.maketrans("", "", string.whitespace)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class CallbackSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A callback that has been asked for and may be sent.

    `urls` are tried in order. `host` is the Host header, `None` for the URL's own. `variables` are the custom ones by
    name with `x:`. `additional_headers` go out as they are. `parameters` is the decoded `callback` argument; if it
    `is_by_policy`, they are those of the bucket's callback policy and its name. `warnings` are sentences about what OSS
    takes without a word and the developer hardly meant.
    """

    urls: tuple[CallbackUrl, ...]
    body: Template
    host: str | None = None
    body_type: str = FORM
    sni: bool = False
    variables: dict[str, str] = {}
    additional_headers: dict[str, str] = {}
    signature_version: str = "1.0"
    parameters: dict[str, Any] = {}
    is_by_policy: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def encoding(self) -> Encoding:
        """How the template's values are written."""
        return "json" if self.body_type == JSON else "form"


def pick(
    header_callback: str | None, query_callback: str | None, header_var: str | None, query_var: str | None
) -> tuple[str, str | None] | None:
    """The callback and callback-var that an upload carries, in base64; `None` when it asks for no callback.

    A query value arrives form-decoded, so that a space in it was a `+`. Guess: a callback-var alone is ignored, and
    the two may come by different ways.

    Raises:
        InvalidArgument: one of them is in the header and in the query.
    """
    if header_callback is not None and query_callback is not None:
        raise refusals.CALLBACK_TWICE.error(_twice("callback"))
    callback = _chosen(header_callback, query_callback)
    if callback is None:
        return None
    if header_var is not None and query_var is not None:
        raise refusals.VAR_TWICE.error(_twice("callback-var"))
    return callback, _chosen(header_var, query_var)


def parse_callback(
    callback: str,
    callback_var: str | None,
    *,
    variables: Mapping[str, str] | None = None,
    policies: Iterable[CallbackPolicy] | None = None,
    empty_url: Literal["error", "skip"],
    is_strict: bool,
) -> CallbackSpec | None:
    """Read `callback` and `callback_var` (base64). `is_strict` refuses a variable that OSS does not have.

    `variables` are given where each custom one came by itself, as in a form; they keep to no rule but the name's `x:`.
    `policies` are those of the bucket: a callback without a URL may name one, which then stands for it.

    Guess: a callbackUrl goes before a callbackPolicy, and the request's variables before those of the policy.

    `None` means that none is to be sent: there is no URL and `empty_url` is `skip`.

    Raises:
        InvalidArgument: as OSS refuses it, with a hint.
        BucketCallbackPolicyNotExist: the policy that it names is none of the bucket's.
    """
    reader = _Callback(callback)
    policy = reader.policy(policies)
    if policy is not None:
        reader = _Callback(policy.callback)
    elif not reader.fields.get("callbackUrl") and empty_url == "skip":
        return None
    urls = reader.urls()
    body = reader.body()
    body_type = reader.body_type()
    host = reader.host()
    sni = reader.sni()
    signature_version = reader.signature_version()
    additional_headers = reader.additional_headers()
    if callback_var is not None:
        variables = _variables(callback_var)
    if policy is not None and policy.callback_var:
        variables = _variables(policy.callback_var) | dict(variables or {})
    template = parse_template(body)
    if is_strict:
        _refuse_unknown_variables(template)
    spec = CallbackSpec(
        urls=urls,
        body=template,
        body_type=body_type,
        host=host,
        sni=sni,
        signature_version=signature_version,
        additional_headers=additional_headers,
        variables=dict(variables or {}),
        parameters=reader.fields if policy is None else {**reader.fields, _POLICY: policy.name},
        is_by_policy=policy is not None,
    )
    return msgspec.structs.replace(spec, warnings=tuple(_warnings(spec)))


def encode(parameters: Mapping[str, object]) -> str:
    """Parameters as an upload carries them: the base64 of JSON."""
    return base64.b64encode(msgspec.json.encode(parameters)).decode()


class _Callback:
    """The decoded `callback` argument: `text` is its JSON, which errors repeat, `fields` its content."""

    def __init__(self, encoded: str) -> None:
        data = _decode_base64(
            encoded,
            "callback",
            too_long=refusals.CALLBACK_TOO_LONG,
            not_base64=refusals.CALLBACK_NOT_BASE64,
        )
        self.text = data.decode("utf-8", "replace")
        try:
            self.fields: dict[str, Any] = msgspec.json.decode(data, type=dict[str, Any])
        except _UNREADABLE:
            raise self.error(refusals.CALLBACK_NOT_JSON, _json_hint("callback", data)) from None

    def error(
        self, refusal: Refusal, hint: str, argument: str = "callback", value: str | None = None
    ) -> InvalidArgument:
        """`refusal` of this argument; OSS mostly repeats the whole JSON."""
        return refusal.error(hint, ArgumentName=argument, ArgumentValue=self.text if value is None else value)

    def policy(self, policies: Iterable[CallbackPolicy] | None) -> CallbackPolicy | None:
        """The one of `policies` that stands for this callback, if it names one."""
        name = self.fields.get(_POLICY)
        if name is None or policies is None or self.fields.get("callbackUrl"):
            return None
        if not isinstance(name, str):
            hint = f"callbackPolicy must be a string, the name of a policy of the bucket, not {_name(name)}."
            raise self.error(refusals.URL_INVALID, hint)
        by_name = {policy.name: policy for policy in policies}
        if name not in by_name:
            known = ", ".join(map(repr, by_name)) or "none"
            raise BucketCallbackPolicyNotExist(
                hint=f"The callback names the policy {name!r} and no URL; the bucket's policies are: {known}. "
                "PutBucketCallbackPolicy sets them."
            )
        return by_name[name]

    def urls(self) -> tuple[CallbackUrl, ...]:
        value = self.fields.get("callbackUrl")
        if not isinstance(value, str):
            what = "is missing" if value is None else f"must be a string, not {_name(value)}"
            hint = f"callbackUrl {what}: one to five URLs, separated by semicolons."
            if _POLICY in self.fields:
                hint += " A callbackPolicy stands for it in an upload alone: only there is a bucket to look it up in."
            raise self.error(refusals.URL_INVALID, hint)
        pieces = [piece for piece in (piece.strip() for piece in value.split(";")) if piece]
        if not pieces:
            raise self.error(
                refusals.URL_INVALID,
                "callbackUrl is empty. To upload without a callback leave the callback parameter out, or set "
                "callback.empty_url to skip.",
            )
        try:
            urls = tuple(parse_url(piece) for piece in pieces)
        except InvalidUrl as error:
            raise self.error(refusals.URL_INVALID, f"callbackUrl {value!r} cannot be called: {error}.") from None
        if len(urls) > MAX_URLS:
            hint = f"callbackUrl names {len(urls)} URLs; {MAX_URLS} are allowed."
            raise self.error(refusals.TOO_MANY_URLS, hint, "callbackUrl", value)
        return urls

    def body(self) -> str:
        value = self.fields.get("callbackBody", "")
        if not isinstance(value, str):
            hint = (
                f"callbackBody must be a string, not {_name(value)}. A JSON body is written as a string too, with its "
                'quotes escaped: "{\\"bucket\\":${bucket}}".'
            )
            raise self.error(refusals.BODY_INVALID, hint)
        if not value:
            hint = "callbackBody is missing or empty; bucket=${bucket}&object=${object} would be one."
            raise self.error(refusals.BODY_EMPTY, hint)
        return value

    def body_type(self) -> str:
        value = self.fields.get("callbackBodyType", "")
        if not isinstance(value, str):
            hint = f"callbackBodyType must be a string, not {_name(value)}."
            raise self.error(refusals.BODY_TYPE_INVALID, hint)
        if value not in ("", FORM, JSON):
            hint = f"callbackBodyType is {value!r}; it must be exactly {FORM} or {JSON}, without a charset."
            raise self.error(refusals.BODY_TYPE_UNSUPPORTED, hint)
        return value or FORM

    def host(self) -> str | None:
        value = self.fields.get("callbackHost", "")
        if not isinstance(value, str):
            hint = f"callbackHost must be a string, the Host header to send, not {_name(value)}."
            raise self.error(refusals.HOST_INVALID, hint)
        if value and not _HOST.match(value):
            hint = f"callbackHost {value!r} cannot be a Host header: only printable ASCII without spaces."
            raise self.error(refusals.HOST_INVALID, hint)
        return value or None

    def sni(self) -> bool:
        value = self.fields.get("callbackSNI", False)
        if not isinstance(value, bool):
            hint = (
                f"callbackSNI must be a JSON boolean, true or false without quotes, not {_name(value)} "
                f"({json.dumps(value, ensure_ascii=False)}). A map of strings, as the Android SDK takes, cannot say it."
            )
            raise self.error(refusals.SNI_INVALID, hint)
        return value

    def signature_version(self) -> str:
        value = self.fields.get("signatureVersion", "1.0")
        if value not in ("1.0", "2.0"):
            hint = f'signatureVersion is {json.dumps(value)}; it must be the string "1.0" or "2.0".'
            raise self.error(refusals.SIGNATURE_VERSION_INVALID, hint)
        return str(value)

    def additional_headers(self) -> dict[str, str]:
        value = self.fields.get("additionalHeaders", {})
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            raise self.error(refusals.HEADERS_INVALID, "additionalHeaders must be a JSON object of strings to strings.")
        if len(value) > MAX_ADDITIONAL_HEADERS:
            hint = f"additionalHeaders has {len(value)} entries; {MAX_ADDITIONAL_HEADERS} are allowed."
            raise self.error(refusals.TOO_MANY_HEADERS, hint)
        for key, text in value.items():
            if not key:
                raise self.error(refusals.HEADER_KEY_EMPTY, "additionalHeaders has an empty key.")
            if not _HEADER_KEY.match(key):
                hint = f"additionalHeaders key {key!r} may have only the characters 0-9, a-z and hyphen."
                raise self.error(refusals.HEADER_KEY_INVALID, hint)
            if key.startswith("x-oss-"):
                hint = f"additionalHeaders key {key!r} begins with x-oss-, which is kept for OSS itself."
                raise self.error(refusals.HEADER_KEY_RESERVED, hint)
            if not _HEADER_VALUE.match(text):
                hint = f"The value of additionalHeaders key {key!r} has a line break or another control character."
                raise self.error(refusals.HEADER_VALUE_INVALID, hint)
        return value


def _variables(encoded: str) -> dict[str, str]:
    """The custom variables of a `callback-var`.

    Guess: a key may hold anything but ASCII capitals after its `x:`; the page says "lower case", yet keys in Chinese
    pass in an SDK's integration test.
    """
    data = _decode_base64(encoded, "callback-var", too_long=refusals.VAR_TOO_LONG, not_base64=refusals.VAR_NOT_BASE64)
    elements = {"ArgumentName": "callback-var", "ArgumentValue": data.decode("utf-8", "replace")}
    try:
        fields = msgspec.json.decode(data)
    except _UNREADABLE:
        raise refusals.VAR_NOT_JSON.error(_json_hint("callback-var", data), **elements) from None
    if not isinstance(fields, dict):
        hint = f'callback-var must be a JSON object such as {{"x:name":"value"}}, not {_name(fields)}.'
        raise refusals.VAR_NOT_STRINGS.error(hint, **elements)
    for key, value in fields.items():
        if not isinstance(value, str):
            hint = f"The value of {key} in callback-var must be a string, not {_name(value)}; put it in quotes."
            raise refusals.VAR_NOT_STRINGS.error(hint, **elements)
        if not key.startswith("x:") or re.search("[A-Z]", key):
            right = "x:" + key.removeprefix("x:").lower()
            hint = f"The key {key!r} in callback-var must begin with x: and have no capitals: {right!r}."
            raise refusals.VAR_NOT_STRINGS.error(hint, **elements)
    return fields


def _refuse_unknown_variables(template: Template) -> None:
    for name in template.names:
        if not _is_known(name):
            raise refusals.VARIABLE_UNKNOWN.error(_unknown(name), ReplaceKeyPrefix=template.text)


def _warnings(spec: CallbackSpec) -> Iterator[str]:
    """What is allowed and hardly meant."""
    text, names = spec.body.text, dict.fromkeys(spec.body.names)
    for name in names:
        if not _is_known(name):
            yield _unknown(name)
        elif name.startswith("x:") and name not in spec.variables:
            yield (
                f"${{{name}}} in callbackBody is undefined: no such key in callback-var (nor field of a form), so "
                "it is sent empty."
            )
    for name in spec.variables:
        if name not in names:
            yield f"The custom variable {name} is never used: it is sent only where callbackBody has ${{{name}}}."
    if "%24%7b" in text.lower():
        yield (
            "callbackBody holds %24%7B, a percent-encoded ${, which is sent as it stands and never replaced. Do not "
            "URL-encode the template (PHP's http_build_query does)."
        )
    if spec.body_type == JSON:
        for name in dict.fromkeys(spec.body.names_in_quotes()):
            if name not in NUMERIC_VARIABLES:
                yield (
                    f"${{{name}}} stands inside quotes in callbackBody, but in JSON a string brings its own: the body "
                    f'gets ""value"" and is no JSON. Write ${{{name}}} without quotes.'
                )
    elif text.lstrip().startswith("{") and names:
        yield (
            f"callbackBody looks like JSON, but callbackBodyType is {FORM} (the default): values are percent-encoded "
            f"and get no quotes. Set callbackBodyType to {JSON}."
        )
    if _POLICY in spec.parameters and not spec.is_by_policy:
        yield "callbackPolicy is ignored, because the callback has a callbackUrl of its own."
    if spec.signature_version == "2.0":
        yield "signatureVersion 2.0 is not public; the callback is signed as 1.0."
    for key in spec.additional_headers:
        if key in _OWN_HEADERS:
            yield f"additionalHeaders key {key!r} is not sent: the callback request has its own."


def sendable_headers(spec: CallbackSpec) -> dict[str, str]:
    """The additional headers that do not collide with those of every callback request."""
    return {key: value for key, value in spec.additional_headers.items() if key not in _OWN_HEADERS}


def _is_known(name: str) -> bool:
    return name.startswith("x:") or name in SYSTEM_VARIABLES


def _unknown(name: str) -> str:
    import difflib  # late: only mistakes need it

    lowered = {known.lower(): known for known in SYSTEM_VARIABLES}
    near = difflib.get_close_matches(name.lower(), lowered, n=1)
    advice = f"; did you mean ${{{lowered[near[0]]}}}?" if near else ": custom variables begin with x:."
    return f"callbackBody names ${{{name}}}, which OSS does not have, so it is sent empty{advice}"


def _decode_base64(encoded: str, argument: str, *, too_long: Refusal, not_base64: Refusal) -> bytes:
    """The bytes behind a parameter. Whitespace is dropped. Guess: alphabet and padding must be the standard ones."""
    elements = {"ArgumentName": argument, "ArgumentValue": encoded}
    if len(encoded) > MAX_PARAMETER_BYTES:
        hint = f"The base64 text of {argument} is {len(encoded)} bytes; {MAX_PARAMETER_BYTES} are allowed."
        raise too_long.error(hint, **elements)
    text = encoded.translate(_WHITESPACE)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise not_base64.error(_base64_hint(text, argument), **elements) from None


def _base64_hint(text: str, argument: str) -> str:
    if text.startswith("{"):
        return f"{argument} is plain JSON; it must be sent as its base64."
    if "%" in text:
        return f"{argument} is percent-encoded once too often: {text[:40]!r}. Send the base64 as it is in a header."
    if re.fullmatch(r"[A-Za-z0-9_-]+={0,2}", text) and re.search("[-_]", text):
        return f"{argument} is in the URL-safe alphabet (- and _); OSS takes the standard one (+ and /)."
    if re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", text):
        return f"{argument} has {len(text)} characters of base64, which is no multiple of four: padding (=) is missing."
    return f"{argument} must be standard base64 of a JSON object; this begins {text[:40]!r}."


def _json_hint(argument: str, data: bytes) -> str:
    """Where the JSON goes wrong, in words; the likeliest cause first."""
    if data.startswith(b"\xef\xbb\xbf"):
        return f"The JSON of {argument} begins with a byte order mark (EF BB BF); save or encode it without."
    try:
        value = json.loads(data)
    except json.JSONDecodeError as error:
        around = error.doc[max(0, error.pos - 30) : error.pos + 10]
        hint = f"The JSON of {argument} breaks at character {error.pos} ({error.msg}), near {around!r}."
        if '"{"' in error.doc:
            hint += ' A JSON callbackBody is a string inside JSON: escape its quotes, "{\\"bucket\\":${bucket}}".'
        return hint
    except (UnicodeDecodeError, RecursionError) as error:
        return f"The JSON of {argument} is unreadable: {error}."
    if not isinstance(value, dict):
        return f"{argument} must be a JSON object, not {_name(value)}."
    return f"The JSON of {argument} holds what JSON does not have, such as NaN or half of a surrogate pair."


def _name(value: object) -> str:
    """What JSON calls the type of `value`, with its article."""
    if value is None:
        return "null"
    names = {
        bool: "a boolean",
        str: "a string",
        int: "a number",
        float: "a number",
        list: "an array",
        dict: "an object",
    }
    return names[type(value)]


def _chosen(header: str | None, query: str | None) -> str | None:
    return header if query is None else query.replace(" ", "+")


def _twice(name: str) -> str:
    return f"The request has {name} in its query and x-oss-{name} among its headers; leave one out."
