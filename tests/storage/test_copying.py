import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulator.storage.copying import copy_bytes, write_bytes

DATA = bytes(range(256)) * 10_000


@pytest.fixture
def source(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "source"
    path.write_bytes(DATA)
    with path.open("rb") as file:
        yield file.fileno()


@pytest.fixture
def target(tmp_path: Path) -> Iterator[int]:
    with (tmp_path / "target").open("w+b") as file:
        yield file.fileno()


def by_the_kernel(_: pytest.MonkeyPatch) -> None:
    """Copy as this machine does."""


def refused(error: int) -> Callable[[pytest.MonkeyPatch], None]:
    def prepare(monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> int:
            raise OSError(error, os.strerror(error))

        monkeypatch.setattr(os, "copy_file_range", refuse)

    return prepare


def in_small_bites(monkeypatch: pytest.MonkeyPatch) -> None:
    copy = os.copy_file_range
    monkeypatch.setattr(
        os, "copy_file_range", lambda source, target, count, *rest: copy(source, target, min(count, 70_001), *rest)
    )


def no_such_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "copy_file_range")


WAYS = [
    pytest.param(by_the_kernel, id="by the kernel"),
    pytest.param(in_small_bites, id="by the kernel in small bites"),
    pytest.param(no_such_call, id="where the system has no such call"),
    pytest.param(refused(errno.ENOSYS), id="an old kernel"),
    pytest.param(refused(errno.EXDEV), id="two file systems"),
    pytest.param(refused(errno.EINVAL), id="a file system that cannot"),
    pytest.param(refused(errno.EOPNOTSUPP), id="a file system that will not"),
]


@pytest.mark.parametrize("prepare", WAYS)
@pytest.mark.parametrize(
    ("offset", "target_offset", "count"),
    [
        pytest.param(0, 0, len(DATA), id="everything"),
        pytest.param(1_000_001, 0, 1_200_000, id="from the middle"),
        pytest.param(3, 7, 5, id="to the middle"),
        pytest.param(0, 0, 0, id="nothing"),
    ],
)
def test_bytes_arrive_where_they_should(
    prepare: Callable[[pytest.MonkeyPatch], None],
    offset: int,
    target_offset: int,
    count: int,
    source: int,
    target: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepare(monkeypatch)
    copy_bytes(source, offset, target, target_offset, count)
    assert os.pread(target, len(DATA) + 8, 0) == bytes(target_offset if count else 0) + DATA[offset : offset + count]


@pytest.mark.parametrize("prepare", WAYS)
def test_source_that_is_too_short_is_an_error(
    prepare: Callable[[pytest.MonkeyPatch], None], source: int, target: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(monkeypatch)
    with pytest.raises(OSError, match="shorter than it was"):
        copy_bytes(source, 10, target, 0, len(DATA))


def test_full_disk_is_not_mistaken_for_a_missing_call(
    source: int, target: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(errno.ENOSPC)(monkeypatch)
    with pytest.raises(OSError, match="No space left"):
        copy_bytes(source, 0, target, 0, 10)
    assert os.fstat(target).st_size == 0


def test_write_that_takes_a_part_goes_on_with_the_rest(target: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:1000]))
    write_bytes(target, DATA[:4321])
    assert os.pread(target, 5000, 0) == DATA[:4321]
