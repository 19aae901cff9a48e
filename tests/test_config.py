"""The configuration's own shape: its defaults, its example, its rules."""

import re
from pathlib import Path

import msgspec
import pytest

from emulator.config import PATTERNS, Config, Section
from emulator.configure import load
from emulator.wire.address import is_bucket_name

EXAMPLE = Path(__file__).parent.parent / "config.example.yaml"


def test_example_says_the_defaults():
    assert load(EXAMPLE, {}, {}) == Config()


@pytest.mark.parametrize("field", msgspec.structs.fields(Config), ids=lambda field: field.name)
def test_example_names_every_key(field):
    _, heading, rest = EXAMPLE.read_text().partition(f"\n{field.name}:")
    assert heading
    section = re.split(r"\n\S", rest)[0]
    if isinstance(field.type, type) and issubclass(field.type, Section):
        for key in msgspec.structs.fields(field.type):
            assert f"\n  {key.name}: " in section or f"\n  {key.name}:\n" in section or f"  {key.name}:  " in section


@pytest.mark.parametrize(
    "name", ["abc", "a-1", "1" * 63, "ab", "1" * 64, "-ab", "ab-", "Abc", "a_b", "a.b", "", "abc\n", "äbc"]
)
def test_a_configured_bucket_name_is_what_requests_take(name):
    pattern = next(pattern for pattern, words in PATTERNS.items() if words.startswith("3 to 63"))
    assert bool(re.search(pattern, name)) == is_bucket_name(name)


def test_real_is_strict_and_dev_is_not():
    assert Config(profile="real").is_strict
    assert not Config().is_strict
