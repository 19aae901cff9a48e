"""`oss-emulator callbacks`: what a running emulator has sent, and sending it again."""

import argparse
import json
import os
from typing import Any
from urllib.parse import quote

from emulator.cli.command import FAILED, Commands
from emulator.cli.remote import add_endpoint_to, ask, find_endpoint

PAGE = 1000  # the most that the emulator lists at once


def add_to(commands: Commands) -> None:
    """Describe the command and its own commands."""
    text = "list, show, replay or clear the callbacks that a running emulator has sent"
    command = commands.add_parser("callbacks", help=text, description=text)
    actions = command.add_subparsers(metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="one line a callback, oldest first")
    listing.add_argument("--bucket", help="only those of this bucket")
    listing.add_argument("--object", metavar="KEY", help="only those of this object")
    listing.add_argument("--outcome", choices=("success", "failed"), help="only those that ended so")
    listing.add_argument("--json", action="store_true", help="print the records as JSON, one a line")
    listing.set_defaults(run=run_list)

    show = actions.add_parser("show", help="one callback, as JSON")
    show.set_defaults(run=run_show)
    replay = actions.add_parser("replay", help="send one again, freshly signed; fails if it fails")
    replay.add_argument("--to", metavar="URL", help="send it there instead")
    replay.set_defaults(run=run_replay)
    for action in (show, replay):
        action.add_argument("id", help="the record's id: the upload's x-oss-request-id")

    clear = actions.add_parser("clear", help="forget all of them")
    clear.set_defaults(run=run_clear)
    for action in (listing, show, replay, clear):
        add_endpoint_to(action)
        action.add_argument(
            "--token", help="the emulator's control.token, if it runs elsewhere (OSS_EMULATOR_CONTROL_TOKEN)"
        )


def run_list(options: argparse.Namespace) -> int:
    """Print every record that fits, page after page."""
    filters = {name: value for name in ("bucket", "object", "outcome") if (value := getattr(options, name)) is not None}
    after: dict[str, str] = {}
    evicted = 0
    while True:
        page = _ask(options, "GET", "callbacks", {**filters, **after, "limit": str(PAGE)})
        evicted = evicted or page["evicted"]
        for record in page["callbacks"]:
            print(json.dumps(record, ensure_ascii=False) if options.json else _line(record))
        if len(page["callbacks"]) < PAGE:
            break
        after = {"after": page["callbacks"][-1]["id"]}
    if evicted and not options.json:
        print(f"({evicted} older ones are gone: limits.records)")
    return 0


def run_show(options: argparse.Namespace) -> int:
    """Print one record."""
    _print(_ask(options, "GET", f"callbacks/{quote(options.id, safe='')}"))
    return 0


def run_replay(options: argparse.Namespace) -> int:
    """Send one again and print the new record; its failure is the command's."""
    query = {"to": options.to} if options.to is not None else {}
    record = _ask(options, "POST", f"callbacks/{quote(options.id, safe='')}/replay", query)
    _print(record)
    return 0 if record["outcome"] == "success" else FAILED


def run_clear(options: argparse.Namespace) -> int:
    """Forget all records."""
    _ask(options, "DELETE", "callbacks")
    return 0


def _ask(options: argparse.Namespace, method: str, path: str, query: dict[str, str] | None = None) -> Any:
    import asyncio

    token = options.token or os.environ.get("OSS_EMULATOR_CONTROL_TOKEN", "")
    answer = asyncio.run(ask(find_endpoint(options), method, path, token=token, query=query))
    return json.loads(answer) if answer else None


def _print(record: Any) -> None:
    print(json.dumps(record, ensure_ascii=False, indent=2))


def _line(record: dict[str, Any]) -> str:
    """A record in a line: which, when, how it ended, for what object, and why it failed."""
    last = record["attempts"][-1] if record["attempts"] else None
    took = f"{sum(attempt['milliseconds'] for attempt in record['attempts']):.0f} ms"
    where = last["url"] if last else "-"
    name = json.dumps(f"{record['bucket']}/{record['object']}", ensure_ascii=False)[1:-1]  # no line break in a line
    words = [record["id"], record["time"], record["outcome"], str(record["status"]), took, name, "->", where]
    return "  ".join(words + [" ".join(record[text].split()) for text in ("message", "hint") if record[text]])
