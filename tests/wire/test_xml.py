import pytest

from emulator.errors import MalformedXML
from emulator.wire.xml import build_document, parse_document

BOMB = (
    '<!DOCTYPE b [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    + "]><Delete>&a9;</Delete>"
)


def test_a_document_is_indented_and_has_no_namespace():
    document = build_document(
        "ListBucketResult",
        [("Prefix", ""), ("MaxKeys", 2), ("IsTruncated", True), ("Contents", [("Key", "a&<>\"'城")]), ("Empty", [])],
    )
    assert document.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<ListBucketResult>\n"
        "  <Prefix></Prefix>\n"
        "  <MaxKeys>2</MaxKeys>\n"
        "  <IsTruncated>true</IsTruncated>\n"
        "  <Contents>\n"
        "    <Key>a&amp;&lt;&gt;\"'城</Key>\n"
        "  </Contents>\n"
        "  <Empty></Empty>\n"
        "</ListBucketResult>\n"
    )


def test_a_root_may_be_text_alone():
    assert build_document("LocationConstraint", "oss-cn-hangzhou").endswith(
        b"<LocationConstraint>oss-cn-hangzhou</LocationConstraint>\n"
    )


def test_control_characters_are_read_where_there_are_keys():
    assert parse_document(b"<R>a\x01\x0c\x1f\t</R>", "R", has_keys=True).text == "a\x01\x0c\x1f\t"
    for body in (b"<R>a\x01</R>", b"<R>a\x00</R>", b"<R>&#1;</R>"):
        with pytest.raises(MalformedXML):
            parse_document(body, "R")


def test_control_characters_are_written_raw():
    assert b"<Key>a\x01\x00\r\n</Key>" in build_document("R", [("Key", "a\x01\0\r\n")])


def test_names_are_read_without_their_namespace():
    root = parse_document(
        b'<Delete xmlns="http://doc.oss/" xmlns:x="y"><x:Object><Key>a</Key></x:Object></Delete>', "Delete"
    )
    assert root.findtext("Object/Key") == "a"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<Delete>", id="cut off"),
        pytest.param(b"{}", id="JSON"),
        pytest.param(b"<Delete>\xff</Delete>", id="not UTF-8"),
        pytest.param(b"<Delete>\0</Delete>", id="NUL"),
        pytest.param(b"<?xml version='1.0' encoding='bogus'?><Delete/>", id="unknown encoding"),
        pytest.param(b"<?xml version='1.0' encoding='utf-7'?><Delete/>", id="encoding that expat cannot do"),
        pytest.param(BOMB.encode(), id="entity bomb"),
        pytest.param(
            b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><Delete>&x;</Delete>", id="external entity"
        ),
        pytest.param(b"<a>" * 100_000, id="deep and cut off"),
    ],
)
def test_a_bad_document_is_malformed(body: bytes):
    with pytest.raises(MalformedXML) as caught:
        parse_document(body, "Delete", ec="0016-00000608")
    assert caught.value.ec == "0016-00000608"


def test_another_root_is_named_in_the_error():
    with pytest.raises(MalformedXML) as caught:
        parse_document(b"<Remove/>", "Delete")
    assert caught.value.elements == {"ErrorDetail": "the root node is not named Delete."}


def test_a_deeply_nested_document_is_read_or_refused_but_breaks_nothing():
    depth = 100_000
    root = parse_document(b"<Delete>" + b"<a>" * depth + b"</a>" * depth + b"</Delete>", "Delete")
    assert root.tag == "Delete"
