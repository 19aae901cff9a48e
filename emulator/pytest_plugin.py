"""The pytest plugin, which pytest finds by itself: an OSS emulator for every test that asks for one.

    def test_upload(oss):
        my_application.upload(oss.endpoint, "a.txt")
        assert oss.get("a.txt") == b"hello"
        assert oss.callbacks.assert_once(object="a.txt").form["size"] == "5"

One emulator runs for the whole session, in a thread of its own, and each test finds it clean. Nothing of it is imported
before a test asks for it: plugins load before coverage does, and in sessions that have no need of it.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from emulator.testing import OssEmulator, Receiver


class MakeOssEmulator(Protocol):
    """Starts another emulator: `make_oss_emulator(profile="real", auth={"mode": "off"})`."""

    def __call__(self, **settings: Any) -> "OssEmulator": ...


@pytest.fixture(scope="session")
def oss_emulator_config() -> Mapping[str, Any]:
    """The settings of the emulator, as sections of the configuration file. Override it in `conftest.py`."""
    return {}


@pytest.fixture(scope="session")
def _oss_emulator(oss_emulator_config: Mapping[str, Any]) -> Iterator["OssEmulator"]:
    """The emulator of the session."""
    from emulator.testing import OssEmulator

    with OssEmulator(**oss_emulator_config) as running:
        yield running


@pytest.fixture
def oss(_oss_emulator: "OssEmulator") -> "OssEmulator":
    """A running OSS emulator without objects, uploads and callback records, with its configured buckets."""
    _oss_emulator.reset()
    return _oss_emulator


@pytest.fixture
def oss_receiver(oss: "OssEmulator") -> "Receiver":
    """An application server for `oss` to call back: `{"Status":"OK"}` unless the test says otherwise."""
    return oss.receiver


@pytest.fixture
def make_oss_emulator(oss_emulator_config: Mapping[str, Any]) -> Iterator[MakeOssEmulator]:
    """Starts further emulators, which stop after the test; the settings go on top of `oss_emulator_config`."""
    from emulator.testing.oss import OssEmulator, merge

    with ExitStack() as running:

        def make(**settings: Any) -> OssEmulator:
            return running.enter_context(OssEmulator(**merge(oss_emulator_config, settings)))

        yield make
