"""The data directory that the benchmark makes is one that uploads could have made."""

from bench import fill
from emulator.model import StorageClass
from emulator.storage.index import Index


def test_keys_are_in_byte_order_under_ten_prefixes():
    keys = [fill.key_of(number, 100) for number in range(100)]
    assert keys == sorted(keys)
    assert len({key.partition("/")[0] for key in keys}) == 10


def test_a_filled_index_holds_all_keys_and_their_totals_and_is_settled(tmp_path):
    fill.fill_emulator(tmp_path / "data", "examplebucket", 100)
    index = Index(tmp_path / "data" / "index.sqlite", "none")
    try:
        assert index.begin_run() == (2, True)
        assert index.stat("examplebucket").counts == {StorageClass.STANDARD: 100}
        page = index.page("examplebucket", prefix="", delimiter="/", after="", limit=1000)
        assert page.entries == [f"prefix-{number}/" for number in range(10)]
    finally:
        index.close()
