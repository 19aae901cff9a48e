import pytest

from emulator.errors import MalformedXML
from emulator.wire.schema import parse_schema
from emulator.wire.xml import Content, parse_document

SCHEMA = parse_schema(
    """
    Order
      Count: 1..70
      Offset?: 0..
      Kind: small|large = small
      Name?
      Place?
        Street
        House*
      Paid?: bool = false
    """
)


def read(inside: str) -> Content:
    return SCHEMA.read(parse_document(f"<Order>{inside}</Order>".encode(), "Order"))


@pytest.mark.parametrize(
    ("inside", "content"),
    [
        pytest.param(
            "<Count>7</Count>",
            [("Count", "7"), ("Kind", "small"), ("Paid", "false")],
            id="what is absent has its default, or is left out",
        ),
        pytest.param(
            "<Paid>True</Paid><Place><House>2</House><Street> a </Street><House>1</House></Place><Kind>large</Kind>"
            "<Offset>0</Offset><Count>70</Count>",
            [
                ("Count", "70"),
                ("Offset", "0"),
                ("Kind", "large"),
                ("Place", [("Street", "a"), ("House", "2"), ("House", "1")]),
                ("Paid", "true"),
            ],
            id="any order comes out as that of the schema, and texts trimmed",
        ),
        pytest.param(
            "<Count>7</Count><Name/>",
            [("Count", "7"), ("Kind", "small"), ("Name", ""), ("Paid", "false")],
            id="what may be absent may be empty",
        ),
    ],
)
def test_a_document_is_read_as_its_schema_says(inside: str, content: Content):
    assert read(inside) == content


@pytest.mark.parametrize(
    ("inside", "hint"),
    [
        pytest.param("", "<Order> lacks <Count>.", id="missing"),
        pytest.param("<Count>1</Count><Count>1</Count>", "<Order> has <Count> 2 times.", id="twice"),
        pytest.param("<Count>71</Count>", "<Count> is '71'; it must be 1..70.", id="too much"),
        pytest.param("<Count>-1</Count>", "<Count> is '-1'; it must be 1..70.", id="too little"),
        pytest.param("<Count>\u0661</Count>", "<Count> is '\u0661'; it must be 1..70.", id="a digit of another script"),
        pytest.param("<Count>1<a/></Count>", "<Count> has text and no elements inside.", id="not text"),
        pytest.param(
            "<Count>1</Count><Offset>-1</Offset>", "<Offset> is '-1'; it must be 0...", id="below an open bound"
        ),
        pytest.param(
            "<Count>1</Count><Paid>yes</Paid>", "<Paid> is 'yes'; it must be true or false.", id="another word"
        ),
        pytest.param("<Count>1</Count><Kind>huge</Kind>", "<Kind> is 'huge'; it must be small|large.", id="no choice"),
        pytest.param("<Count>1</Count><Place/>", "<Place> lacks <Street>.", id="missing inside"),
        pytest.param(
            "<Count>1</Count><Place><Street/></Place>",
            "<Street> is ''; it must be there and not empty.",
            id="empty where it must be there",
        ),
        pytest.param(
            "<Count>1</Count><Colour>red</Colour>",
            "<Order> has no <Colour>; it has Count, Offset, Kind, Name, Place, Paid.",
            id="unknown",
        ),
    ],
)
def test_a_document_that_does_not_fit_is_refused_with_the_place(inside: str, hint: str):
    with pytest.raises(MalformedXML) as caught:
        read(inside)
    assert caught.value.hint == hint


def test_at_least_one_is_one_or_more():
    schema = parse_schema("Tags\n  Tag+\n")
    assert schema.read(parse_document(b"<Tags><Tag>a</Tag><Tag>b</Tag></Tags>", "Tags")) == [("Tag", "a"), ("Tag", "b")]
    with pytest.raises(MalformedXML):
        schema.read(parse_document(b"<Tags/>", "Tags"))
