"""The log's lines of requests that went well: what they say, when they come, and what they cost."""

import asyncio
import logging
import re

import pytest

from emulator import request_lines
from emulator.config import FaultAction, FaultOccasion, FaultRule, Log
from emulator.log import JsonFormatter, TextFormatter, log_lines, shows_requests
from emulator.request_lines import RequestLines


@pytest.fixture
def written(caplog):
    """The lines so far, without their request ids."""
    caplog.set_level(logging.INFO, "emulator.requests")

    def lines() -> list[str]:
        messages = [record.getMessage() for record in caplog.records if record.name == "emulator.requests"]
        return [re.sub(r"(?m)^[0-9A-F]{24} | in \d+\.\d\d ms$", "", message) for message in messages]

    return lines


async def test_a_batch_of_requests_is_one_call_with_a_line_each(oss, written):
    with RequestLines() as lines:
        lines.follow(oss.emulator.context.requests)
        await oss.put("a", "1")
        await oss.get("a?x=1&Signature=secret")
        await oss.get("nothing")  # has a line of its own
        await oss.request("GET", "/_emulator/health")
        assert written() == []
    assert written() == [
        "PUT /examplebucket/a -> 200 PutObject\nGET /examplebucket/a?x=1&Signature=*** -> 200 GetObject"
    ]


async def test_lines_come_by_themselves_and_outlive_a_reset(oss, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "emulator.requests")
    came: asyncio.Queue[str] = asyncio.Queue()
    monkeypatch.setattr(request_lines, "FLUSH_SECONDS", 0.01)
    monkeypatch.setattr(request_lines, "log_lines", lambda _, level, lines: came.put_nowait(lines[0][1]))
    RequestLines().follow(oss.emulator.context.requests)
    for key in "ab":
        await oss.put(key, "1")
        await oss.request("POST", "/_emulator/reset")
        assert f" PUT /examplebucket/{key} -> 200 " in await asyncio.wait_for(came.get(), 5)


async def test_a_connection_that_a_fault_cuts_has_a_line(make_oss, written):
    rule = FaultRule(on=FaultOccasion(operation="GetObject"), do=FaultAction(cut="before"))
    oss = await make_oss(faults=(rule,))
    with RequestLines() as lines:
        lines.follow(oss.emulator.context.requests)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await oss.get("a")
    assert written() == ["GET /examplebucket/a -> connection cut, GetObject"]


async def test_nothing_is_gathered_where_nobody_wants_it(oss, caplog):
    caplog.set_level(logging.WARNING, "emulator.requests")
    RequestLines().follow(oss.emulator.context.requests)
    assert oss.emulator.context.requests.listeners == set()


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()], ids=["text", "json"])
def test_each_line_of_a_batch_is_as_if_it_were_alone(formatter, caplog):
    logger = logging.getLogger("emulator.requests")
    caplog.set_level(logging.INFO, logger.name)
    lines = [(1717243200.125, "a\nb"), (1717243200.999, "c"), (1717243201.0, "d")]
    log_lines(logger, logging.INFO, lines)
    for line in lines:
        log_lines(logger, logging.INFO, [line])
    batch, *alone = caplog.records
    assert formatter.format(batch) == "\n".join(formatter.format(record) for record in alone)
    assert formatter.format(batch).count("\n") == 2
    single = logging.LogRecord(logger.name, logging.INFO, __file__, 1, "a\nb", (), None)
    single.created = 1717243200.125
    assert formatter.format(single) == formatter.format(alone[0])


@pytest.mark.parametrize(
    ("requests", "is_terminal", "expected"),
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
def test_a_terminal_shows_requests_unless_told_otherwise(monkeypatch, requests, is_terminal, expected):
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    assert shows_requests(Log(requests=requests)) is expected
