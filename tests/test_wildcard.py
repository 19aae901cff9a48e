"""Patterns with `*` and `?`, and what they are held against."""

import time

import pytest

from emulator.wildcard import fits


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("*", "", id="a star is nothing too"),
        pytest.param("*", "a/b\nc", id="a star takes slashes and line ends"),
        pytest.param("a", "a", id="plain text"),
        pytest.param("a?c", "a/c", id="one character"),
        pytest.param("??", "中文", id="characters, not bytes"),
        pytest.param("a*", "a", id="star at the end takes nothing"),
        pytest.param("*.txt", "dir/a.txt", id="star at the start"),
        pytest.param("a*b*c", "aXbYbZc", id="two stars"),
        pytest.param("a*?c", "abc", id="a star and one character"),
        pytest.param("a*b?d*e", "a1b2cb3d4e", id="a place further on fits the question mark"),
        pytest.param("[a]*", "[a].", id="brackets are text"),
        pytest.param("**", "a", id="two stars in a row"),
    ],
)
def test_pattern_fits(pattern: str, text: str) -> None:
    assert fits(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        pytest.param("", "a", id="nothing is no wildcard"),
        pytest.param("a", "ab", id="the whole text must fit"),
        pytest.param("a", "A", id="case counts"),
        pytest.param("?", "", id="a question mark takes exactly one"),
        pytest.param("aba*aba", "aba", id="the ends do not overlap"),
        pytest.param("a*bc*c", "abc", id="a piece and the end do not overlap"),
        pytest.param("a*c", "ab", id="wrong end"),
        pytest.param("[ab]", "a", id="brackets are no set"),
    ],
)
def test_pattern_does_not_fit(pattern: str, text: str) -> None:
    assert not fits(pattern, text)


def test_pattern_with_many_stars_takes_no_longer_than_the_text_is_long() -> None:
    began = time.perf_counter()
    assert not fits("*a?" * 40 + "*b", "a" * 1023)
    assert time.perf_counter() - began < 1
