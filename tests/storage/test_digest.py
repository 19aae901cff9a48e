from pathlib import Path

import pytest

from emulator.storage.digest import crc64, digests, digests_of_file

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
