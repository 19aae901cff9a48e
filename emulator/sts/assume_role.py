"""AssumeRole: a temporary key for whoever asks with a permanent one. Every role exists, and may what the owner may.

Source: "AssumeRole" of STS.
"""

import re
import zlib
from collections.abc import Mapping
from datetime import timedelta

from emulator.auth.policy import Question, parse_policy
from emulator.context import Context
from emulator.errors import OperationNotImplemented, OssError
from emulator.model import AssumedRole, Principal
from emulator.sts.errors import StsError, invalid, missing
from emulator.temporary_keys import TemporaryKey
from emulator.wire.request import OssRequest

MIN_SECONDS, DEFAULT_SECONDS, MAX_SECONDS = 900, 3600, 43_200
MAX_POLICY_CHARACTERS = 2048

_ROLE_ARN = re.compile(r"acs:ram::([0-9*]+):role/([\w.+=,@/-]{1,64})", re.ASCII)
_SESSION_NAME = re.compile(r"[\w.@-]{2,64}", re.ASCII)


def assume_role(ctx: Context, request: OssRequest, caller: Principal, parameters: Mapping[str, str]) -> TemporaryKey:
    """A new temporary key, as the `parameters` of the API say: RoleArn, RoleSessionName, DurationSeconds, Policy.

    Guess: the upper bound of DurationSeconds is that of a role which is set to the longest session.
    Differs: ExternalId and SourceIdentity mean nothing; whose account the role is in does not matter.

    Raises:
        StsError: a parameter is missing or wrong, or the policy of the caller's own session forbids it.
    """
    account, role, session = _names(parameters)
    seconds = _seconds(parameters.get("DurationSeconds"))
    policy = _policy(parameters.get("Policy", ""))
    _check_caller(caller, parameters["RoleArn"])
    id_, secret, token = ctx.ids.temporary_key()
    expires = request.received.replace(microsecond=0) + timedelta(seconds=seconds)
    arn = f"acs:sts::{account}:assumed-role/{role}/{session}"
    key = TemporaryKey(id=id_, secret=secret, token=token, expires=expires, role=AssumedRole(arn, policy))
    ctx.temporary_keys.add(key)
    return key


def answer(key: TemporaryKey) -> dict[str, dict[str, str]]:
    """`key` as the API gives it."""
    assert key.expires is not None
    role, _, session = key.role.arn.partition("assumed-role/")[2].rpartition("/")
    return {
        "AssumedRoleUser": {
            "AssumedRoleId": f"3{zlib.crc32(role.encode()):017d}:{session}",
            "Arn": key.role.arn,
        },
        "Credentials": {
            "SecurityToken": key.token,
            "AccessKeyId": key.id,
            "AccessKeySecret": key.secret,
            "Expiration": f"{key.expires:%Y-%m-%dT%H:%M:%SZ}",
        },
    }


def _names(parameters: Mapping[str, str]) -> tuple[str, str, str]:
    """Account and name of the role, and the session's name."""
    for name in ("RoleArn", "RoleSessionName"):
        if not parameters.get(name):
            raise missing(name)
    arn = _ROLE_ARN.fullmatch(parameters["RoleArn"])
    if arn is None:
        hint = f"It is {parameters['RoleArn']!r}. Expected is acs:ram::<account>:role/<name>; any role will do here."
        raise invalid("RoleArn", "The parameter RoleArn is wrongly formed.", hint)
    session = parameters["RoleSessionName"]
    if _SESSION_NAME.fullmatch(session) is None:
        hint = f"It is {session!r}. Expected are 2 to 64 letters, digits and any of . @ - _"
        raise invalid("RoleSessionName", "The parameter RoleSessionName is wrongly formed.", hint)
    return arn[1], arn[2], session


def _seconds(text: str | None) -> int:
    if not text:
        return DEFAULT_SECONDS
    if text.isascii() and text.isdigit() and len(text) < 10 and MIN_SECONDS <= int(text) <= MAX_SECONDS:
        return int(text)
    raise invalid(
        "DurationSeconds",
        "The Min/Max value of DurationSeconds is 15min/1hr.",
        f"It is {text!r}. Expected are {MIN_SECONDS} to {MAX_SECONDS} seconds; more than 3600 only where the role is "
        "set to longer sessions.",
    )


def _policy(text: str) -> str:
    """The session policy, known to be one that can be judged."""
    if not text:
        return ""
    if len(text) > MAX_POLICY_CHARACTERS:
        hint = f"It has {len(text)} characters; {MAX_POLICY_CHARACTERS} are allowed."
        raise invalid("PolicySize", f"The size of Policy must be smaller than {MAX_POLICY_CHARACTERS} bytes.", hint)
    try:
        parse_policy(text, has_principals=False)
    except OperationNotImplemented as error:
        raise StsError(501, error.code, error.message, error.hint) from None
    except OssError as error:
        message = "The parameter Policy has not passed grammar check."
        raise invalid("PolicyGrammar", message, f"{error.message} {error.hint}") from None
    return text


def _check_caller(caller: Principal, role_arn: str) -> None:
    """Raise `StsError` if the caller is a session itself, whose policy does not let it go on to another role."""
    if caller.role is None or not caller.role.policy:
        return
    question = Question((caller.role.arn,), "sts:AssumeRole", (role_arn,), {})
    verdict = parse_policy(caller.role.policy, has_principals=False).judge(question)
    if verdict.effect != "Allow":
        raise StsError(
            403,
            "NoPermission",
            "You are not authorized to do this action. You should be authorized by RAM.",
            f"The caller is {caller.role.arn} itself, and its policy does not allow it: {verdict.reason}. Ask with a "
            "permanent key.",
        )
