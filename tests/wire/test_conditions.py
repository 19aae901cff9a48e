from datetime import UTC, datetime

import pytest

from emulator.errors import NotModified, PreconditionFailed
from emulator.wire.conditions import check_conditions
from emulator.wire.digests import quote_etag

ETAG = "5D41402ABC4B2A76B9719D911017C592"
MODIFIED = datetime(2025, 7, 4, 5, 40, 0, 700_000, tzinfo=UTC)
BEFORE, THEN, AFTER = (f"Fri, 04 Jul 2025 05:{minute}:00 GMT" for minute in (39, 40, 41))


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        pytest.param({}, "holds", id="no condition"),
        pytest.param({"if-match": f'"{ETAG}"'}, "holds", id="same ETag"),
        pytest.param({"if-match": ETAG.lower()}, "holds", id="same ETag without quotes, in lower case"),
        pytest.param({"if-match": f'"X", "{ETAG}"'}, "holds", id="one of a list"),
        pytest.param({"if-match": "*"}, "holds", id="any ETag"),
        pytest.param({"if-match": '"X"'}, "If-Match", id="other ETag"),
        pytest.param({"if-match": ""}, "If-Match", id="no ETag at all"),
        pytest.param({"if-unmodified-since": THEN}, "holds", id="unmodified since its own second"),
        pytest.param({"if-unmodified-since": AFTER}, "holds", id="unmodified since later"),
        pytest.param({"if-unmodified-since": BEFORE}, "If-Unmodified-Since", id="modified since"),
        pytest.param({"if-none-match": f'"{ETAG}"'}, "304", id="the ETag the client has"),
        pytest.param({"if-none-match": "*"}, "304", id="any ETag the client has"),
        pytest.param({"if-none-match": '"X"'}, "holds", id="an ETag of old"),
        pytest.param({"if-modified-since": THEN}, "304", id="not modified since its own second"),
        pytest.param({"if-modified-since": AFTER}, "304", id="not modified since later"),
        pytest.param({"if-modified-since": BEFORE}, "holds", id="modified since before"),
        pytest.param({"if-modified-since": "soon", "if-unmodified-since": "never"}, "holds", id="unreadable dates"),
        pytest.param({"if-match": '"X"', "if-none-match": ETAG}, "If-Match", id="If-Match comes first"),
        pytest.param(
            {"if-unmodified-since": BEFORE, "if-none-match": ETAG}, "If-Unmodified-Since", id="412 before 304"
        ),
        pytest.param({"if-none-match": '"X"', "if-modified-since": AFTER}, "304", id="both are evaluated"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "x-oss-copy-source-"])
def test_conditions_hold_or_refuse(headers: dict[str, str], outcome: str, prefix: str):
    headers = {prefix + name: value for name, value in headers.items()}
    if outcome == "holds":
        check_conditions(headers, ETAG, MODIFIED, prefix=prefix)
    elif outcome == "304":
        with pytest.raises(NotModified) as unchanged:
            check_conditions(headers, ETAG, MODIFIED, prefix=prefix)
        assert unchanged.value.headers == {"ETag": quote_etag(ETAG), "Last-Modified": THEN}
    else:
        with pytest.raises(PreconditionFailed) as failed:
            check_conditions(headers, ETAG, MODIFIED, prefix=prefix)
        assert failed.value.elements == {"Condition": outcome}


def test_conditions_on_a_copy_source_leave_the_plain_ones_alone():
    check_conditions({"if-match": '"X"'}, ETAG, MODIFIED, prefix="x-oss-copy-source-")
