import errno
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from emulator.errors import EntityTooLarge, InsufficientStorage
from emulator.storage.blobs import Blobs
from emulator.storage.digest import SMALL_BYTES, digests
from emulator.storage.staging import PIECE_BYTES, receive
from tests.storage.words import files_below, fill_disk, pieces

LONG = os.urandom(3 * PIECE_BYTES + 1)


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path, run=1, fsync=False)


@pytest.mark.parametrize(
    ("parts", "files"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param([b"", b""], 0, id="empty parts"),
        pytest.param([b"hello"], 0, id="short"),
        pytest.param([b"a"] * 100, 0, id="many short parts"),
        pytest.param([LONG[:SMALL_BYTES]], 0, id="just small"),
        pytest.param([LONG[: SMALL_BYTES + 1]], 1, id="just not small"),
        pytest.param([LONG], 1, id="one long part"),
        pytest.param([LONG[:PIECE_BYTES], b"x"], 1, id="a piece and a byte"),
        pytest.param([LONG] * 5 + [b"end"], 1, id="more pieces than in flight"),
        pytest.param([LONG[n : n + 1000] for n in range(0, len(LONG), 1000)], 1, id="a thousand parts"),
    ],
)
@pytest.mark.parametrize("is_alone", [True, False], ids=["alone", "among others"])
async def test_a_body_is_received_whole(
    blobs: Blobs, tmp_path: Path, parts: list[bytes], files: int, is_alone: bool
) -> None:
    staged = await receive(pieces(*parts), blobs, limit=1 << 30, is_alone=is_alone)
    assert staged.digests == digests(b"".join(parts))
    assert len(files_below(tmp_path)) == files
    staged.become_blob()
    with blobs.open(staged.blob) as blob:
        assert blob.read() == b"".join(parts)
        assert os.fstat(blob.fileno()).st_mtime_ns == staged.mtime_ns
    assert len(files_below(tmp_path)) == 1
    staged.discard()
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("body", [b"", b"hello", LONG])
async def test_a_body_that_is_already_here_is_received_whole(blobs: Blobs, body: bytes) -> None:
    staged = await receive(body, blobs, limit=len(body))
    assert staged.digests == digests(body)
    staged.become_blob()
    with blobs.open(staged.blob) as blob:
        assert blob.read() == body


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        pytest.param(b"12345", 4, id="short"),
        pytest.param(LONG, len(LONG) - 1, id="long"),
        pytest.param(pieces(b"123", b"45"), 4, id="in short parts"),
        pytest.param(pieces(LONG, LONG, b"x"), 2 * len(LONG), id="in long parts"),
    ],
)
async def test_more_than_the_limit_is_too_large(
    blobs: Blobs, tmp_path: Path, body: bytes | AsyncIterator[bytes], limit: int
) -> None:
    with pytest.raises(EntityTooLarge) as refusal:
        await receive(body, blobs, limit=limit)
    assert str(limit) in refusal.value.hint
    assert files_below(tmp_path) == []


async def test_a_body_that_breaks_off_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield LONG
        yield LONG
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        await receive(broken(), blobs, limit=1 << 30)
    assert files_below(tmp_path) == []
    assert [thread.name for thread in threading.enumerate() if thread.name in ("oss-md5_0", "oss-write_0")] == []


async def test_a_move_that_fails_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    safe = Blobs(tmp_path, run=1, fsync=True)
    staged = await receive(LONG, safe, limit=1 << 30)

    def refuse(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="Input/output"):
        staged.become_blob()
    staged.discard()
    assert files_below(tmp_path) == []


async def test_a_full_disk_is_insufficient_storage_and_leaves_nothing(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_disk(monkeypatch, after_bytes=2 * len(LONG))
    with pytest.raises(InsufficientStorage) as refusal:
        await receive(pieces(*[LONG] * 9), blobs, limit=1 << 30)
    assert "--data-dir" in refusal.value.hint
    assert files_below(tmp_path) == []
