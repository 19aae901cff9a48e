"""The arithmetic of the benchmark's table."""

import pytest

from bench.table import Reach, Row, render


def row(better="more", **figures):
    return Row("PUT", "MB/s", better, figures, beside={"md5sum": 500})


@pytest.mark.parametrize(
    ("better", "ratio"), [pytest.param("more", 2, id="more is better"), pytest.param("less", 0.5, id="less is better")]
)
def test_a_ratio_above_one_is_for_the_emulator(better, ratio):
    assert row(better, emulator=400, rclone=200).ratio("rclone") == ratio


def test_a_figure_that_is_missing_has_no_ratio():
    assert row(emulator=400).ratio("rclone") is None
    assert row(rclone=400).ratio("rclone") is None


@pytest.mark.parametrize(
    ("better", "reach", "verdict"),
    [
        pytest.param("more", Reach(2, "rclone"), "2x rclone: ok", id="exactly as good as it should be"),
        pytest.param("more", Reach(1, "md5sum"), "1x md5sum: MISSED by 20 %", id="beside it is better"),
        pytest.param("more", Reach(1, "moto"), "1x moto: n/a", id="nothing to compare with"),
        pytest.param("less", Reach(200), "200 MB/s: MISSED by 50 %", id="bound that less would meet"),
        pytest.param("less", Reach(400), "400 MB/s: ok", id="bound that is met"),
    ],
)
def test_a_verdict_says_by_how_much_a_reach_is_missed(better, reach, verdict):
    assert row(better, emulator=400, rclone=200).verdict(reach) == verdict


def test_the_table_shows_ratios_and_what_is_missing():
    text = render([row(emulator=1234, rclone=617)], ["emulator", "rclone", "moto"], ["n/a: moto: not installed"])
    _, figures, _, _, note = text.splitlines()
    assert figures.split() == ["PUT", "MB/s", "1,234", "617", "(2.00x)", "n/a", "md5sum", "500", "(2.47x)"]
    assert note == "n/a: moto: not installed"
