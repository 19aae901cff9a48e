"""Policy documents: which are read, which are refused, and what they say."""

import json
from typing import Any

import pytest

from emulator.auth.policy import Question, parse_policy
from emulator.errors import InvalidPolicyDocument, OperationNotImplemented

ACCOUNT = "1234567890123456"
FACTS = {"acs:SourceIp": "192.168.1.7", "acs:SecureTransport": "false", "acs:CurrentTime": "2024-06-01T12:00:00+00:00"}
ANYBODY = {"Effect": "Allow", "Principal": "*", "Action": "oss:GetObject", "Resource": "acs:oss:*:*:examplebucket/*"}


def document(*statements: Any, **elements: Any) -> str:
    return json.dumps({"Version": "1", "Statement": list(statements), **elements})


def ask(
    action: str = "oss:GetObject", name: str = "examplebucket/a.txt", principals: tuple[str, ...] = ("",), **facts: str
) -> Question:
    extra = {key.replace("_", ":", 1): value for key, value in facts.items()}
    resources = tuple(f"acs:oss:{region}:{ACCOUNT}:{name}" for region in ("cn-hangzhou", "oss-cn-hangzhou"))
    return Question(principals, action, resources, FACTS | extra)


def effect(*statements: Any, question: Question | None = None) -> str:
    """What a bucket policy of these statements says; each has what it does not name from `ANYBODY`."""
    whole = [{**ANYBODY, **statement} for statement in statements]
    return parse_policy(document(*whole), has_principals=True).judge(question or ask()).effect


# --- Whom and what a statement speaks of ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "action", ["*", "oss:*", "oss:Get*", "oss:GetObject", ["oss:PutObject", "oss:GetObject"], "oss:getobject"]
)
def test_action_fits(action: Any) -> None:
    assert effect({"Action": action}) == "Allow"


@pytest.mark.parametrize("action", ["oss:PutObject", "oss:Get", "oss:GetObjectAcl", "ecs:*", ["oss:List*", "oss:Put*"]])
def test_action_does_not_fit(action: Any) -> None:
    assert effect({"Action": action}) == ""


def test_not_action_is_every_other() -> None:
    statement = {name: value for name, value in ANYBODY.items() if name != "Action"} | {"NotAction": "oss:Put*"}
    policy = parse_policy(document(statement), has_principals=True)
    assert policy.judge(ask()).effect == "Allow"
    assert policy.judge(ask("oss:PutObject")).effect == ""


@pytest.mark.parametrize(
    "resource",
    [
        "*",
        "acs:oss:*:*:*",
        "acs:oss:*:*:examplebucket/a.txt",
        "acs:oss:*:*:examplebucket/?.txt",
        f"acs:oss:oss-cn-hangzhou:{ACCOUNT}:examplebucket/*",
        f"acs:oss:cn-hangzhou:{ACCOUNT}:examplebucket*",
        ["acs:oss:*:*:other", "acs:oss:*:*:examplebucket/a*"],
    ],
)
def test_resource_fits(resource: Any) -> None:
    assert effect({"Resource": resource}) == "Allow"


@pytest.mark.parametrize(
    "resource",
    [
        "acs:oss:*:*:examplebucket",
        "acs:oss:*:*:examplebucket/A*",
        "acs:oss:oss-cn-beijing:*:examplebucket/*",
        "acs:oss:*:9:examplebucket/*",
        "acs:oss:*:*:examplebucket/dir/*",
    ],
)
def test_resource_does_not_fit(resource: str) -> None:
    assert effect({"Resource": resource}) == ""


def test_principal_star_is_anybody_and_others_are_who_they_name() -> None:
    owner = ask(principals=(ACCOUNT,))
    assert effect({}, question=owner) == effect({}) == "Allow"
    assert effect({"Principal": [ACCOUNT]}, question=owner) == "Allow"
    assert effect({"Principal": [ACCOUNT]}) == ""
    role = "arn:sts::1234567890123456:assumed-role/uploader/alice"
    assert effect({"Principal": role.replace("alice", "*")}, question=ask(principals=(role,))) == "Allow"


def test_deny_wins_wherever_it_stands() -> None:
    deny = {"Effect": "Deny", "Resource": "acs:oss:*:*:examplebucket/a*"}
    assert effect({}, deny) == effect(deny, {}) == "Deny"
    assert effect({}, deny, question=ask(name="examplebucket/b.txt")) == "Allow"


# --- Conditions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "facts"),
    [
        pytest.param({"IpAddress": {"acs:SourceIp": "192.168.1.7"}}, {}, id="address"),
        pytest.param({"IpAddress": {"acs:SourceIp": ["10.0.0.0/8", "192.168.1.0/24"]}}, {}, id="one of two networks"),
        pytest.param({"IpAddress": {"acs:SourceIp": "::1/128"}}, {"acs_SourceIp": "::1"}, id="IPv6"),
        pytest.param(
            {"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}, {"acs_SourceIp": "::ffff:10.1.2.3"}, id="IPv4 in IPv6"
        ),
        pytest.param({"NotIpAddress": {"acs:SourceIp": ["10.0.0.0/8", "127.0.0.1"]}}, {}, id="none of two networks"),
        pytest.param({"Bool": {"acs:SecureTransport": "false"}}, {}, id="plain HTTP"),
        pytest.param({"Bool": {"acs:SecureTransport": [True]}}, {"acs_SecureTransport": "true"}, id="a JSON boolean"),
        pytest.param({"DateLessThan": {"acs:CurrentTime": "2024-06-01T20:00:01+08:00"}}, {}, id="a second before"),
        pytest.param({"DateGreaterThanEquals": {"acs:CurrentTime": "2024-06-01T12:00:00Z"}}, {}, id="not before"),
        pytest.param(
            {"StringLike": {"acs:Referer": ["https://*.test/*"]}}, {"acs_Referer": "https://a.test/x"}, id="referer"
        ),
        pytest.param({"StringNotLike": {"acs:Referer": "https://*"}}, {}, id="no referer is not like any"),
        pytest.param({"StringEquals": {"oss:Prefix": ["", "dir/"]}}, {"oss_Prefix": ""}, id="an empty prefix"),
        pytest.param({"StringEquals": {"oss:prefix": "dir/"}}, {"oss_Prefix": "dir/"}, id="keys have no case"),
        pytest.param(
            {"StringEqualsIgnoreCase": {"acs:UserAgent": "CURL"}}, {"acs_UserAgent": "curl"}, id="ignoring case"
        ),
    ],
)
def test_condition_holds(condition: Any, facts: dict[str, str]) -> None:
    assert effect({"Condition": condition}, question=ask(**facts)) == "Allow"


@pytest.mark.parametrize(
    ("condition", "facts"),
    [
        pytest.param({"IpAddress": {"acs:SourceIp": "192.168.2.0/24"}}, {}, id="another network"),
        pytest.param({"NotIpAddress": {"acs:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"]}}, {}, id="one of two fits"),
        pytest.param({"Bool": {"acs:SecureTransport": "true"}}, {}, id="plain HTTP"),
        pytest.param({"DateLessThan": {"acs:CurrentTime": "2024-06-01T12:00:00Z"}}, {}, id="at that very moment"),
        pytest.param({"StringLike": {"acs:Referer": "*"}}, {}, id="no referer"),
        pytest.param({"StringEquals": {"oss:Prefix": ["dir/"]}}, {"oss_Prefix": "dir/x"}, id="a longer prefix"),
        pytest.param({"StringNotEquals": {"oss:Delimiter": "/"}}, {"oss_Delimiter": "/"}, id="not this delimiter"),
        pytest.param(
            {"IpAddress": {"acs:SourceIp": "192.168.1.7"}, "Bool": {"acs:SecureTransport": "true"}}, {}, id="both"
        ),
    ],
)
def test_condition_does_not_hold(condition: Any, facts: dict[str, str]) -> None:
    assert effect({"Condition": condition}, question=ask(**facts)) == ""


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        ({"StringEquals": {"acs:SourceVpc": "vpc-1"}}, "The condition key acs:SourceVpc"),
        ({"NumericLessThan": {"oss:MaxKeys": "10"}}, "The condition operator NumericLessThan"),
    ],
)
def test_condition_that_cannot_be_judged_is_not_accepted(condition: Any, name: str) -> None:
    with pytest.raises(OperationNotImplemented, match=f"{name} is not implemented by the emulator") as caught:
        effect({"Condition": condition})
    assert "acs:SourceIp" in caught.value.hint or "StringLike" in caught.value.hint


# --- Documents that are none ----------------------------------------------------------------------------------------

ROLE = {name: value for name, value in ANYBODY.items() if name != "Principal"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "Invalid JSON", id="empty"),
        pytest.param("{", "Invalid JSON", id="half"),
        pytest.param("[" * 100_000, "Invalid JSON", id="deep"),
        pytest.param("[]", "Policy must be an object", id="no object"),
        pytest.param("{}", "Version must be 1", id="no version"),
        pytest.param(document(ANYBODY, Version="2012-10-17"), "Version must be 1", id="another cloud's version"),
        pytest.param(document(), "Statement must be a list", id="no statement"),
        pytest.param(document(Statement=ANYBODY), "Statement must be a list", id="a statement that is not in a list"),
        pytest.param(document(ANYBODY, Id="x"), "unknown element Id", id="another element"),
        pytest.param(document("x"), "Statement 1 must be an object", id="text"),
        pytest.param(document(ANYBODY, {**ANYBODY, "Effekt": 1}), "Statement 2 has an unknown element", id="misspelt"),
        pytest.param(document({**ANYBODY, "Effect": "allow"}), "Effect of Statement 1", id="effect in lower case"),
        pytest.param(document(ROLE), "Statement 1 must have Principal", id="no principal"),
        pytest.param(document({**ANYBODY, "NotAction": "*"}), "Statement 1 must have Action", id="action twice"),
        pytest.param(document({**ANYBODY, "Action": []}), "Action of Statement 1", id="no action"),
        pytest.param(
            document({**ANYBODY, "Action": ["a", 1]}), "Action of Statement 1", id="an action that is no text"
        ),
        pytest.param(document({**ANYBODY, "Resource": {}}), "Resource of Statement 1", id="a resource that is no text"),
        pytest.param(document({**ANYBODY, "Condition": []}), "Condition must be an object", id="condition"),
        pytest.param(document({**ANYBODY, "Condition": {"Bool": []}}), "Bool must be an object", id="operator"),
        *(
            pytest.param(
                document({**ANYBODY, "Condition": {operator: {key: value}}}), message, id=f"{operator} {value}"
            )
            for operator, key, value, message in [
                ("IpAddress", "acs:SourceIp", "10.0.0", "no value of acs:SourceIp"),
                ("IpAddress", "acs:SourceIp", [], "has no value"),
                ("IpAddress", "acs:Referer", "10.0.0.1", "does not apply to acs:Referer"),
                ("StringLike", "acs:Referer", 5, "no value of acs:Referer"),
                ("Bool", "acs:SecureTransport", "yes", "no value of acs:SecureTransport"),
                ("DateLessThan", "acs:CurrentTime", "tomorrow", "no value of acs:CurrentTime"),
                ("DateLessThan", "acs:CurrentTime", "2024-06-01T12:00:00", "no value of acs:CurrentTime"),
            ]
        ),
    ],
)
def test_what_is_no_policy_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidPolicyDocument) as caught:
        parse_policy(text, has_principals=True)
    assert message in caught.value.message
    assert caught.value.hint, "a refusal explains itself"


def test_policy_of_a_role_names_no_principal() -> None:
    assert parse_policy(document(ROLE), has_principals=False).judge(ask()).effect == "Allow"
    with pytest.raises(InvalidPolicyDocument, match="Statement 1 has a Principal"):
        parse_policy(document(ANYBODY), has_principals=False)


# --- What is told ---------------------------------------------------------------------------------------------------


def test_verdict_names_the_statement_that_decided() -> None:
    policy = parse_policy(document(ANYBODY, {**ANYBODY, "Effect": "Deny", "Sid": "no reading"}), has_principals=True)
    reason = policy.judge(ask()).reason
    assert reason.startswith("statement 2, {") and "no reading" in reason


def test_verdict_says_what_each_statement_lacked() -> None:
    policy = parse_policy(
        document(
            {**ANYBODY, "Resource": "acs:oss:*:*:examplebucket/b/*"},
            {**ANYBODY, "Action": "oss:Put*"},
            {**ANYBODY, "Condition": {"IpAddress": {"acs:SourceIp": "10.0.0.1"}}},
        ),
        has_principals=True,
    )
    assert policy.judge(ask()).reason == (
        "none of its statements allows oss:GetObject on acs:oss:cn-hangzhou:1234567890123456:examplebucket/a.txt; "
        "statement 1 has Resource ['acs:oss:*:*:examplebucket/b/*']; statement 2 has Action ['oss:put*']; "
        "statement 3 has the condition IpAddress acs:SourceIp ['10.0.0.1'], and here it is '192.168.1.7'"
    )


@pytest.mark.parametrize(
    ("statement", "is_public"),
    [
        ({}, True),
        ({"Effect": "Deny"}, False),
        ({"Principal": [ACCOUNT]}, False),
        ({"Condition": {"IpAddress": {"acs:SourceIp": ["10.0.0.0/8"]}}}, False),
        ({"Condition": {"IpAddress": {"acs:SourceIp": ["10.0.0.0/8", "0.0.0.0/0"]}}}, True),
        ({"Condition": {"StringLike": {"acs:Referer": "*"}}}, True),
    ],
)
def test_policy_is_public_if_it_lets_anybody_in(statement: Any, is_public: bool) -> None:
    assert parse_policy(document({**ANYBODY, **statement}), has_principals=True).is_public is is_public
