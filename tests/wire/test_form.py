"""Forms in every cut: what the fields are, where the file begins and ends, and what is refused."""

from collections.abc import AsyncIterator

import pytest

from emulator.errors import (
    FieldItemTooLong,
    IncorrectNumberOfFilesInPOSTRequest,
    MalformedPOSTRequest,
    MaxPOSTPreDataLengthExceededError,
    OssError,
    RequestIsNotMultiPartContent,
)
from emulator.wire.form import MAX_HEAD_BYTES, MAX_NAME_BYTES, MAX_VALUE_BYTES, Form, open_form
from tests.forms import BOUNDARY, CONTENT_TYPE, form, part

WHOLE = 1 << 30
END = f"--{BOUNDARY}--\r\n".encode()


async def pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def read(body: bytes, content_type: str = CONTENT_TYPE, *, size: int = WHOLE) -> tuple[Form, bytes]:
    """The form and its file; the body comes in pieces of `size` bytes."""
    async with open_form(content_type, pieces(body, size)) as opened:
        return opened, b"".join([piece async for piece in opened.content])


async def refusal(body: bytes, content_type: str = CONTENT_TYPE) -> OssError:
    with pytest.raises(OssError) as caught:
        await read(body, content_type)
    assert caught.value.hint, "a refusal explains itself"
    return caught.value


FILES = [
    pytest.param(b"hello", id="text"),
    pytest.param(b"", id="empty"),
    pytest.param(b"\r\n", id="a line break"),
    pytest.param(b"\r\n--" + BOUNDARY.encode()[:-1] + b"\r\n-", id="almost a boundary"),
    pytest.param(b"x--" + BOUNDARY.encode() + b"--", id="a boundary without its line break"),
    pytest.param(bytes(range(256)) * 20, id="all bytes"),
    pytest.param(b"\r" * 300, id="carriage returns"),
]


@pytest.mark.parametrize("size", [1, 2, 7, 64, WHOLE])
@pytest.mark.parametrize("file", FILES)
async def test_file_comes_out_as_it_went_in_however_the_body_is_cut(file: bytes, size: int) -> None:
    opened, content = await read(form({"key": "a/测试.txt", "x:var": "1"}, file), size=size)
    assert content == file
    assert opened.fields == {"key": "a/测试.txt", "x:var": "1"}
    assert opened.variables == {"x:var": "1"}
    assert (opened.filename, opened.content_type) == ("up.txt", "text/plain")


async def test_names_are_in_lower_case_and_the_first_of_each_counts() -> None:
    opened, _ = await read(form([("KEY", "first"), ("key", "second"), ("OSSAccessKeyId", "Id")]))
    assert opened.fields == {"key": "first", "ossaccesskeyid": "Id"}


async def test_variables_keep_their_names() -> None:
    opened, _ = await read(form({"x:Name": "Eric", "x:other": b"\xff", "X-Other": "no"}))
    assert opened.variables == {"x:Name": "Eric", "x:other": "�"}


async def test_bytes_that_are_not_utf8_survive_as_surrogates() -> None:
    opened, _ = await read(form({"key": b"a\xff"}))
    assert opened.fields["key"].encode("utf-8", "surrogateescape") == b"a\xff"


async def test_fields_behind_the_file_do_not_count() -> None:
    opened, _ = await read(form({"key": "a"}, late={"submit": "Upload", "policy": "x"}))
    assert opened.fields == {"key": "a"}
    assert opened.late_fields == ["submit", "policy"]


async def test_part_with_a_file_name_is_text_unless_it_is_called_file() -> None:
    body = part("callback", "e30=", filename="callback.txt", content_type="text/plain") + form({}, filename=None)
    opened, content = await read(body)
    assert opened.fields == {"callback": "e30="}
    assert (opened.filename, content) == ("", b"hello")


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        pytest.param('filename="a.txt"', "a.txt", id="plain"),
        pytest.param('filename="测试.txt"', "测试.txt", id="raw UTF-8"),
        pytest.param("filename=a.txt", "a.txt", id="without quotes"),
        pytest.param("filename=\"x\"; filename*=UTF-8''%E6%B5%8B%20a.txt", "测 a.txt", id="extended"),
        pytest.param("filename*=utf-8''a.txt; filename=b.txt", "a.txt", id="extended first"),
        pytest.param('filename="C:\\new\\x.txt"', "x.txt", id="path of Windows"),
        pytest.param('filename="/etc/passwd"', "passwd", id="path"),
        pytest.param('filename="../"', "", id="folder"),
        pytest.param('filename="a%22b.txt"', 'a"b.txt', id="quote as browsers write it"),
        pytest.param('filename=""', "", id="empty"),
    ],
)
async def test_name_of_the_file_is_read_without_its_folders(disposition: str, filename: str) -> None:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; {disposition}\r\n\r\n'
    opened, content = await read(head.encode() + b"hello\r\n" + END)
    assert (opened.filename, opened.content_type, content) == (filename, None, b"hello")


async def test_file_that_is_itself_multipart_stays_one_file() -> None:
    inner = b"--inner\r\nContent-Disposition: form-data; name=file\r\n\r\nx\r\n--inner--"
    _, content = await read(form({}, inner, content_type="multipart/mixed; boundary=inner"))
    assert content == inner


@pytest.mark.parametrize(
    ("content_type", "words"),
    [
        pytest.param("", "no Content-Type", id="none"),
        pytest.param("application/x-www-form-urlencoded", "must be multipart/form-data", id="another"),
        pytest.param("multipart/mixed; boundary=x", "must be multipart/form-data", id="another multipart"),
        pytest.param("multipart/form-data", "by hand", id="no boundary"),
        pytest.param("multipart/form-data; boundary=", "by hand", id="empty boundary"),
        pytest.param('multipart/form-data; boundary=""', "by hand", id="empty quoted boundary"),
    ],
)
async def test_content_type_without_a_boundary_is_refused(content_type: str, words: str) -> None:
    error = await refusal(form({"key": "a"}), content_type)
    assert isinstance(error, RequestIsNotMultiPartContent)
    assert words in error.hint


async def test_boundary_may_be_quoted_and_the_type_in_capitals() -> None:
    _, content = await read(form({"key": "a"}), f'Multipart/Form-Data; charset=utf-8; Boundary="{BOUNDARY}"')
    assert content == b"hello"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"", "last boundary", id="empty"),
        pytest.param(b"hello", "last boundary", id="no form"),
        pytest.param(form({"key": "a"})[:-4], "last boundary", id="last hyphens missing"),
        pytest.param(form({"key": "a"}).removesuffix(END), "last boundary", id="last boundary missing"),
        pytest.param(form({"key": "a"})[:100], "last boundary", id="cut in a field"),
        pytest.param(form({"key": "a"}).replace(b"\r\n", b"\n"), "CRLF", id="LF alone"),
        pytest.param(form({"key": "a"}).replace(BOUNDARY.encode(), b"other"), "last boundary", id="other boundary"),
        pytest.param(
            f"--{BOUNDARY}\r\nContent-Type: text/plain\r\n\r\na\r\n".encode() + END, "begins with", id="no disposition"
        ),
        pytest.param(
            f"--{BOUNDARY}\r\nContent-Disposition: attachment\r\n\r\na\r\n".encode() + END, "begins with", id="other"
        ),
        pytest.param(
            form({"key": "a"}).replace(b"form-data", b"form-\xff", 1), "failed to decode.", id="head is not UTF-8"
        ),
        pytest.param(f"--{BOUNDARY}\r\nnonsense\r\n\r\na\r\n".encode() + END, "header", id="no header"),
    ],
)
async def test_form_that_is_not_well_formed_is_refused(body: bytes, words: str) -> None:
    error = await refusal(body)
    assert isinstance(error, MalformedPOSTRequest)
    assert error.ec == "0006-00000104"
    assert words in error.hint


async def test_every_cut_of_a_form_is_noticed() -> None:
    body = form({"key": "a"}, late={"submit": "Upload"})
    for length in range(len(body) - len("\r\n")):
        with pytest.raises(MalformedPOSTRequest):
            await read(body[:length], size=16)


async def test_line_break_after_the_last_boundary_is_optional() -> None:
    _, content = await read(form({"key": "a"}).removesuffix(b"\r\n"))
    assert content == b"hello"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(form({"key": "a"}, None), "'key'", id="none"),
        pytest.param(END, "none", id="nothing at all"),
        pytest.param(form({}, late={"FILE": "two"}), "second part", id="two"),
    ],
)
async def test_exactly_one_file_is_wanted(body: bytes, words: str) -> None:
    error = await refusal(body)
    assert isinstance(error, IncorrectNumberOfFilesInPOSTRequest)
    assert words in error.hint


async def test_longest_name_and_longest_value_are_taken() -> None:
    name, value = "n" * MAX_NAME_BYTES, "v" * MAX_VALUE_BYTES
    opened, _ = await read(form({name: "a", "b": value}), size=100_000)
    assert opened.fields == {name: "a", "b": value}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"n" * (MAX_NAME_BYTES + 1): "a"}, id="name"),
        pytest.param({"测" * (MAX_NAME_BYTES // 3 + 1): "a"}, id="name in bytes, not characters"),
        pytest.param({"n" * 20_000: "a"}, id="name beyond what a line may have"),
        pytest.param({"a": "v" * (MAX_VALUE_BYTES + 1)}, id="value"),
    ],
)
async def test_longer_name_or_value_is_refused(fields: dict[str, str]) -> None:
    assert isinstance(await refusal(form(fields)), FieldItemTooLong)


@pytest.mark.parametrize("size", [10_000, WHOLE])
async def test_everything_before_the_file_has_a_limit(size: int) -> None:
    value = "v" * MAX_VALUE_BYTES
    three = {f"f{number}": value for number in range(3)}
    head = len(form(three, b"", late=())) - len(END)
    room = MAX_HEAD_BYTES - head
    opened, content = await read(form(three | {"last": "x" * (room - 500)}), size=size)
    assert (len(opened.fields), content) == (4, b"hello")
    with pytest.raises(MaxPOSTPreDataLengthExceededError):
        await read(form(three | {"last": "x" * room}), size=size)


async def test_what_follows_the_head_has_no_limit_here() -> None:
    size = 0
    file = b"\r\n-" * (MAX_HEAD_BYTES // 2)
    async with open_form(CONTENT_TYPE, pieces(form({"key": "a"}, file), 1 << 18)) as opened:
        async for piece in opened.content:
            size += len(piece)
    assert size == len(file)


async def test_what_holds_no_part_at_all_is_not_read_forever() -> None:
    read_bytes = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read_bytes
        while True:
            read_bytes += 1 << 20
            yield b"x" * (1 << 20)

    with pytest.raises(MaxPOSTPreDataLengthExceededError):
        async with open_form(CONTENT_TYPE, endless()):
            pass
    assert read_bytes <= MAX_HEAD_BYTES + (1 << 20)
