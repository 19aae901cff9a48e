"""Reading the configuration: flags over environment over file over the defaults of `emulator.config`.

Every layer is read in full before they are laid over each other, so a mistake stops the start even where another layer
hides it. A message names the setting by its dotted path, and where it came from.
"""

import enum
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from emulator.config import (
    PATTERNS,
    AccessKey,
    Config,
    ConfigError,
    ConfiguredBucket,
    FaultRule,
    Section,
)
from emulator.errors import BY_CODE
from emulator.model import Acl

FLAGS = {
    "profile": "--profile",
    "server.host": "--host",
    "server.port": "--port",
    "server.tls": "--tls",
    "storage.data_dir": "--data-dir",
    "storage.ephemeral": "--ephemeral",
    "buckets": "--bucket",
    "log.level": "--log-level",
    "log.format": "--log-format",
}
"""The settings that have a flag of their own, by dotted path."""

PREFIX = "OSS_EMULATOR_"
"""What the environment variable of every setting begins with."""

# Kubernetes and `docker --link` put these beside whatever runs near a service called "oss-emulator".
_FOREIGN_VARIABLE = re.compile(PREFIX + r"(?:SERVICE_.*|PORT(?:_.*)?)\Z")

_SECTIONS: dict[str, type[Section]] = {
    field.name: field.type
    for field in msgspec.structs.fields(Config)
    if isinstance(field.type, type) and issubclass(field.type, Section)
}
_TYPES: dict[str, Any] = {
    f"{name}.{field.name}": field.type
    for name, section in _SECTIONS.items()
    for field in msgspec.structs.fields(section)
} | {field.name: field.type for field in msgspec.structs.fields(Config) if field.name not in _SECTIONS}

_KINDS = {"array": "list", "object": "map", "str": "text", "int": "whole number", "float": "number", "bool": "boolean"}

_Raw = dict[str, tuple[Any, str]]  # by dotted path: what was given, and where
_Settings = dict[str, Any]  # by dotted path: what it means


def load(
    file: Path | None,
    environ: Mapping[str, str],
    flags: Mapping[str, object],
    *,
    defaults: Mapping[str, object] | None = None,
) -> Config:
    """The configuration.

    `defaults` are sections as in a file, and below all else. `flags` are by dotted path (`server.port`), as text or as
    what they mean. In `environ`, lists and maps are YAML text. A `storage.data_dir` takes back a `storage.ephemeral` of
    a layer below; in one layer they exclude each other.

    Raises:
        ConfigError: something is unknown, of the wrong type or impossible.
    """
    layers = (
        _typed(_from_sections(defaults or {}, "in the settings given"), is_text=False),
        _typed(_from_file(file) if file else {}, is_text=False),
        _typed(_from_environment(environ), is_text=True),
        _typed(_from_flags(flags), is_text=True),
    )
    settings: _Settings = {}
    for layer in layers:
        if "storage.data_dir" in layer:
            settings.pop("storage.ephemeral", None)
        settings |= layer
    sections: dict[str, _Settings] = {name: {} for name in _SECTIONS}
    parts: _Settings = {}
    for path, value in settings.items():
        name, _, key = path.rpartition(".")
        (sections[name] if name else parts)[key] = value
    parts |= {name: _SECTIONS[name](**values) for name, values in sections.items()}
    return Config(**parts)


def read_fault_rule(value: object) -> FaultRule:
    """The rule that `value`, a JSON document, is.

    Raises:
        ConfigError: it makes no sense; the message begins with the place within it.
    """
    try:
        rule = msgspec.convert(value, FaultRule)
    except msgspec.ValidationError as error:
        raise ConfigError(_in_words(str(error), value, FaultRule).removeprefix(".").removeprefix(": ")) from error
    for place, problem in _fault_problems(rule):
        raise ConfigError(f"{place}: {problem}")
    return rule


# --- The layers -----------------------------------------------------------------------------------------------------


def _from_file(file: Path) -> _Raw:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    from emulator.yaml_text import YamlError, parse  # late: PyYAML takes 22 ms of a start that may need none

    try:
        document = parse(data)
    except YamlError as error:
        raise ConfigError(f"{file}:{error}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{file}: expected sections such as `server:`, got {document!r:.60}")
    return _from_sections(document, f"in {file}")


def _from_sections(sections: Mapping[Any, Any], origin: str) -> _Raw:
    raw: _Raw = {}
    for name, value in sections.items():
        if name not in _SECTIONS:
            raw[_known(str(name), origin)] = value, origin
        elif isinstance(value, Mapping):
            raw |= {_known(f"{name}.{key}", origin): (item, origin) for key, item in value.items()}
        elif value is not None:  # `None`: every key of the section is commented out
            raise ConfigError(f"{name}: expected keys and values, got {value!r:.60} ({origin})")
    return raw


def _from_environment(environ: Mapping[str, str]) -> _Raw:
    paths = {PREFIX + path.upper().replace(".", "_"): path for path in _TYPES}
    raw: _Raw = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or _FOREIGN_VARIABLE.match(variable):
            continue
        if variable not in paths:
            raise ConfigError(f"{variable}: no such setting{_did_you_mean(variable, paths)} (in the environment)")
        path = paths[variable]
        value: Any = environ[variable]
        if _is_compound(_TYPES[path]):
            from emulator.yaml_text import YamlError, parse

            try:
                value = parse(value.encode("utf-8", "surrogateescape"))
            except YamlError as error:
                raise ConfigError(f"{path}: {error} (in environment variable {variable})") from error
        raw[path] = value, f"in environment variable {variable}"
    return raw


def _from_flags(flags: Mapping[str, object]) -> _Raw:
    return {_known(path, "flag"): (value, f"flag {FLAGS.get(path, path)}") for path, value in flags.items()}


def _known(path: str, origin: str) -> str:
    """`path`, if there is such a setting."""
    if path not in _TYPES:
        raise ConfigError(f"{path}: no such setting{_did_you_mean(path, [*_SECTIONS, *_TYPES])} ({origin})")
    return path


def _did_you_mean(name: str, names: Iterable[str]) -> str:
    from difflib import get_close_matches  # late: only a mistake needs it

    return "".join(f"; did you mean {match}?" for match in get_close_matches(name, names, n=1))


def _is_compound(kind: Any) -> bool:
    """Whether text for `kind` has to be read as YAML: a list, a map, or one of several types."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return get_origin(kind) in (tuple, dict, UnionType)


# --- Types ----------------------------------------------------------------------------------------------------------


def _typed(raw: _Raw, *, is_text: bool) -> _Settings:
    """A layer's values as what they mean; `is_text` reads numbers and booleans out of text."""
    settings: _Settings = {}
    for path, (value, origin) in raw.items():
        try:
            settings[path] = msgspec.convert(value, _TYPES[path], strict=not is_text, dec_hook=_read_path)
        except msgspec.ValidationError as error:
            raise ConfigError(f"{path}{_in_words(str(error), value, _TYPES[path])} ({origin})") from error
        for place, problem in _CHECKS[path](settings[path]) if path in _CHECKS else ():
            raise ConfigError(f"{path}{place}: {problem} ({origin})")
    if settings.get("storage.ephemeral") and "storage.data_dir" in settings:
        origins = ", ".join(dict.fromkeys(raw[path][1] for path in ("storage.ephemeral", "storage.data_dir")))
        raise ConfigError(f"storage.ephemeral: excludes storage.data_dir; give one of them ({origins})")
    return settings


def _read_path(kind: type, value: object) -> Path:
    """The one type that msgspec does not know; `~` is the home directory."""
    assert kind is Path
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("Expected a path")
    return Path(value).expanduser()


_PLACE = re.compile(r" - at (?P<key>`key` in )?`\$(?P<place>[^`]*)`\Z")


def _in_words(message: str, value: object, kind: Any) -> str:
    """msgspec's message about `value` of type `kind`: the place within the setting, a colon, what is wrong."""
    match = _PLACE.search(message)
    place = match["place"] if match else ""
    problem = message[: match.start()] if match else message
    for pattern, words in PATTERNS.items():
        problem = problem.replace(f"`str` matching regex {pattern!r}", words)
    if problem.startswith("Invalid enum value "):
        choices = ", ".join(_choices(kind, _STEP.findall(place)))
        problem = f"expected one of {choices}, got {problem.removeprefix('Invalid enum value ')}"
    problem = problem.replace("Object contains unknown field", "no such key:")
    problem = re.sub(r"`([^`]+)`", lambda name: " or ".join(_KINDS.get(n, n) for n in name[1].split(" | ")), problem)
    if not place and isinstance(value, str | int | float):
        problem = f"{problem.partition(', got ')[0]}, got {value!r}"
    return f"{place}: {problem[0].lower()}{problem[1:]}"


_STEP = re.compile(r"\[[^]]*\]|\.\w+")  # of a place: `[0]` into a list or a map, `.acl` into a struct


def _choices(kind: Any, steps: list[str]) -> Iterator[str]:
    """The values that literals and enumerations allow at the place in `kind` to which `steps` lead."""
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        yield from (str(member.value) for member in kind if not steps)
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            if steps and steps[0] == f".{field.name}":
                yield from _choices(field.type, steps[1:])
    elif get_origin(kind) is Literal:
        yield from (str(value) for value in get_args(kind) if not steps)
    else:
        rest = steps[1:] if get_origin(kind) in (tuple, dict) else steps
        for argument in get_args(kind):
            yield from _choices(argument, rest)


# --- What types cannot say ------------------------------------------------------------------------------------------

_Problems = Iterator[tuple[str, str]]  # the place within the setting, and what is wrong


def _check_buckets(buckets: tuple[str | ConfiguredBucket, ...]) -> _Problems:
    names: set[str] = set()
    for index, bucket in enumerate(buckets):
        name = bucket if isinstance(bucket, str) else bucket.name
        if name in names:
            yield f"[{index}]", f"{name} is in the list already"
        names.add(name)
        if isinstance(bucket, ConfiguredBucket) and bucket.acl is Acl.DEFAULT:
            yield f"[{index}].acl", "expected private, public-read or public-read-write; default is for objects alone"
        if isinstance(bucket, ConfiguredBucket) and bucket.load is not None and not bucket.load.is_dir():
            yield f"[{index}].load", f"expected an existing folder, got {str(bucket.load)!r}"


def _check_keys(keys: tuple[AccessKey, ...]) -> _Problems:
    ids: set[str] = set()
    for index, key in enumerate(keys):
        if key.id in ids:
            yield f"[{index}].id", f"{key.id} is in the list already"
        ids.add(key.id)
        if key.expires is not None and not key.token:
            yield f"[{index}].expires", "only a key with a token can expire"


def _check_file(file: bool | str | None) -> _Problems:
    """A setting that may be a file's path: the file has to be there."""
    if isinstance(file, str) and file and not Path(file).is_file():
        yield "", f"expected an existing file, got {file!r}"


def _check_faults(rules: tuple[FaultRule, ...]) -> _Problems:
    ids: set[str] = set()
    for index, rule in enumerate(rules):
        if rule.id in ids:
            yield f"[{index}].id", f"{rule.id} is in the list already"
        if rule.id is not None:
            ids.add(rule.id)
        for place, problem in _fault_problems(rule):
            yield f"[{index}].{place}", problem


_OF_REQUESTS = ("error", "cut", "bytes_per_second")
_ANSWERS = ("error", "callback", "status")
_NOT_FAULTS = ("CallbackFailed", "NotModified")


def _fault_problems(rule: FaultRule) -> _Problems:
    """What cannot be done on the rule's leg, or not together."""
    do, leg = rule.do, rule.on.leg
    given = [field.name for field in msgspec.structs.fields(do) if getattr(do, field.name)]
    if not given:
        yield "do", "says nothing to do"
    if leg == "callback":
        for name in _OF_REQUESTS:
            if name in given:
                yield f"do.{name}", "cannot be done to a callback; use callback, status or delay_seconds"
        if do.status == 200:
            yield "do.status", "200 is no failure of a callback"
    elif "callback" in given:
        yield "do.callback", "is for on.leg callback"
    elif do.status is not None and do.status < 400:
        yield "do.status", f"expected 400 to 599, got {do.status}"
    answers = [name for name in _ANSWERS if name in given]
    if len(answers) > 1 or (answers and do.cut):
        yield "do", f"{' and '.join([*answers, *(['cut'] if do.cut else [])])} exclude each other"
    if do.error and do.error not in BY_CODE:
        yield "do.error", f"no such Code: {do.error!r}{_did_you_mean(do.error, BY_CODE)}"
    if do.error in _NOT_FAULTS:
        yield (
            "do.error",
            f"{do.error} is no error of a request" + ("; use on.leg callback" if do.error == "CallbackFailed" else ""),
        )


_CHECKS: dict[str, Callable[[Any], _Problems]] = {
    "buckets": _check_buckets,
    "auth.keys": _check_keys,
    "faults": _check_faults,
    "server.tls_certificate_file": _check_file,
    "server.tls_key_file": _check_file,
    "server.tls_ca_file": _check_file,
    "callback.tls_verify": _check_file,
    "callback.private_key_file": _check_file,
}
