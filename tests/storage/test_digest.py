from datetime import UTC, datetime
from pathlib import Path

import pytest

from emulator.model import Part
from emulator.storage.digest import combine_crc64, crc64, digests, digests_of_file, of_parts

HELLO = (5, "5D41402ABC4B2A76B9719D911017C592", 11177612005948864433)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"", 0, id="nothing"),
        pytest.param(b"a", 3675645893302102789, id="one byte"),
        pytest.param(b"123456789", 11051210869376104954, id="the catalogue's check value"),
        pytest.param(b"hello world", 5981764153023615706, id="text"),
    ],
)
def test_crc64_is_that_of_xz(data: bytes, expected: int) -> None:
    assert crc64(data) == expected


def test_crc64_goes_on_from_the_bytes_before() -> None:
    assert crc64(b" world", crc64(b"hello")) == crc64(b"hello world")


def test_digests_of_bytes_and_of_a_file_agree(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"hello")
    with path.open("rb") as file:
        of_file = digests_of_file(file.fileno())
        assert file.tell() == 0
    assert of_file == digests(b"hello")
    assert (of_file.size, of_file.etag, of_file.crc64) == HELLO


def test_digests_of_a_file_of_many_pieces_are_of_all_of_it(tmp_path: Path) -> None:
    data = bytes(range(256)) * 12_000
    path = tmp_path / "file"
    path.write_bytes(data)
    with path.open("rb") as file:
        assert digests_of_file(file.fileno()) == digests(data)


# --- Of parts -------------------------------------------------------------------------------------------------------


def parts(*bodies: bytes) -> list[Part]:
    found = []
    for number, body in enumerate(bodies, 1):
        size, md5, crc, _ = digests(body)
        assert md5 is not None
        found.append(Part(number, "00-1-0", size, md5, crc, datetime(2024, 2, 29, tzinfo=UTC)))
    return found


@pytest.mark.parametrize(
    ("bodies", "etag", "crc"),
    [
        pytest.param(
            [b"a" * 102_400, b"bye"], "8597C2053A954A8092AF72D758BD72AE-2", 12709646343267744422, id="two parts"
        ),
        pytest.param([b"bye"], "8EB364C80FA53218319DF576BA99A9F9-1", 3444431014550163756, id="one part"),
    ],
)
def test_etag_of_parts_is_that_of_their_etags_as_text(bodies: list[bytes], etag: str, crc: int) -> None:
    assert of_parts(parts(*bodies)) == (len(b"".join(bodies)), None, crc, etag)


def test_crc_of_parts_is_that_of_the_whole_whatever_their_sizes() -> None:
    bodies = [b"", b"a", b"b" * 1_000_003, b"", b"c" * 65_536, b"\0" * 17]
    assert of_parts(parts(*bodies)).crc64 == crc64(b"".join(bodies))
    assert combine_crc64(crc64(b"hello"), crc64(b""), 0) == crc64(b"hello")
