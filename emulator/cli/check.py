"""`oss-emulator check`: a handler of callbacks is sent good and bad ones, and judged by its answers."""

import argparse
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.cli.command import FAILED, Commands, Failure

if TYPE_CHECKING:
    from emulator.callback.url import CallbackUrl
    from emulator.cli.check_cases import Case, Result, Sender

_TRUSTED_ELSEWHERE = (
    "One that trusts your running emulator is checked with its key: "
    "--private-key DATA-DIR/callback_key.pem --public-key-url ENDPOINT/_emulator/callback_pub_key.pem"
)


def add_to(commands: Commands) -> None:
    """Describe the command."""
    text = "send good and bad callbacks to a handler, and report how it fared"
    command = commands.add_parser(
        "check",
        help=text,
        description=f"{text}. It serves the public key itself, at an address of this machine: the handler must accept "
        "the x-oss-pub-key-url that is printed first, or know the key.",
    )
    command.set_defaults(run=run)
    command.add_argument("url", type=_url, metavar="URL", help="the handler's, as in callbackUrl")
    command.add_argument(
        "--private-key",
        type=_file,
        metavar="FILE",
        help="RSA key (PEM) to sign with, such as oss-data/callback_key.pem; else a new one",
    )
    command.add_argument(
        "--public-key-url",
        metavar="URL",
        help="where the handler finds the public half of --private-key; else it is served here",
    )
    command.add_argument("--port", type=_port, default=0, metavar="PORT", help="port to serve it on (a free one)")
    command.add_argument("--sni", action="store_true", help="send the host as TLS server name, as callbackSNI does")
    command.add_argument("--json", action="store_true", help="print the results as JSON")


def run(options: argparse.Namespace) -> int:
    """Send every case and print how it went; fail if the handler failed one that matters."""
    if options.public_key_url and not options.private_key:
        from emulator.config import ConfigError

        raise ConfigError("flag --public-key-url: needs --private-key, whose public half is there")
    import asyncio

    return asyncio.run(_check(options))


async def _check(options: argparse.Namespace) -> int:
    import msgspec

    from emulator.cli.check_cases import CASES

    results: list[tuple[Case, Result]] = []
    async with _sender(options) as sender:
        if not options.json:
            print(f"key: {sender.public_key_url} (the handler must accept that as x-oss-pub-key-url)\n", flush=True)
        for case in CASES:
            result = await case.run(sender, results[0][1] if results else None)
            if not results and result.status is None and "not connect" in result.explanation:
                raise Failure(f"no handler answers at {options.url.text}: {result.hint}")
            if not options.json:
                is_said = any(
                    result.outcome == said.outcome and result.hint[:40] == said.hint[:40] for _, said in results
                )
                print(_line(case, msgspec.structs.replace(result, hint="") if is_said else result), flush=True)
            results.append((case, result))
    failed = [result for _, result in results if result.outcome == "failed"]
    if options.json:
        print(json.dumps(_document(options, sender.public_key_url, results), ensure_ascii=False, indent=2))
    else:
        print(f"\n{len(results) - len(failed)} of {len(results)} cases passed")
        if all(result.outcome == "failed" and (result.status or 0) >= 400 for case, result in results[:2]):
            print(f"Does the handler trust {sender.public_key_url}? It must, for this check. {_TRUSTED_ELSEWHERE}")
    return FAILED if failed else 0


def _line(case: "Case", result: "Result") -> str:
    answer = "-" if result.status is None else str(result.status)
    line = f"{result.outcome:<6}  {case.name:<20}  {answer:>3}  {result.milliseconds:>6.0f} ms"
    explanation = " ".join(f"{result.explanation} {result.hint}".split())
    return f"{line}  {explanation}".rstrip()


def _document(
    options: argparse.Namespace, public_key_url: str, results: "list[tuple[Case, Result]]"
) -> dict[str, object]:
    return {
        "url": options.url.text,
        "public_key_url": public_key_url,
        "passed": all(result.outcome != "failed" for _, result in results),
        "cases": [
            {
                "name": case.name,
                "expects": case.expects,
                "outcome": result.outcome,
                "status": result.status,
                "milliseconds": result.milliseconds,
                "explanation": " ".join(f"{result.explanation} {result.hint}".split()),
            }
            for case, result in results
        ],
    }


@asynccontextmanager
async def _sender(options: argparse.Namespace) -> "AsyncIterator[Sender]":
    """What sends the cases. Its key is served here, unless it is elsewhere; a stranger's is served at another host."""
    import tempfile

    from emulator.callback.dispatch import Dispatcher
    from emulator.callback.head import PUBLIC_KEY_PATH
    from emulator.callback.signature import Signer
    from emulator.cli.check_cases import Sender
    from emulator.clock import Clock
    from emulator.config import Callback, Config, Server, Storage
    from emulator.faults import Faults
    from emulator.server import Emulator, ServerError

    def serving(key: Path, port: int) -> Emulator:
        return Emulator(
            Config(
                server=Server(host="127.0.0.1", port=port),
                storage=Storage(ephemeral=True),
                callback=Callback(private_key_file=str(key)),
                buckets=(),
            )
        )

    dispatcher = Dispatcher(Callback(), clock=Clock(), faults=Faults(), record_body_bytes=65_536, is_strict=False)
    with tempfile.TemporaryDirectory(prefix="oss-emulator-") as folder:
        key = options.private_key or Path(folder, "key.pem")
        signer, stranger = Signer(key), Signer(Path(folder, "stranger.pem"))
        await signer.load()
        await stranger.load()
        try:
            async with serving(key, options.port) as own, serving(Path(folder, "stranger.pem"), 0) as strange:
                yield Sender(
                    url=options.url,
                    sni=options.sni,
                    dispatcher=dispatcher,
                    signer=signer,
                    stranger=stranger,
                    public_key_url=options.public_key_url or own.endpoint + PUBLIC_KEY_PATH,
                    stranger_key_url=strange.endpoint.replace("127.0.0.1", "localhost") + PUBLIC_KEY_PATH,
                )
        except ServerError as error:
            raise Failure(str(error)) from error
        finally:
            await dispatcher.close()


def _url(text: str) -> "CallbackUrl":
    from emulator.callback.url import InvalidUrl, parse_url

    try:
        return parse_url(text)
    except InvalidUrl as error:
        raise argparse.ArgumentTypeError(f"{text!r} cannot be called: {error}") from error


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text!r}")
    return Path(text)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:6]) > 65_535:
        raise argparse.ArgumentTypeError(f"expected a port, got {text!r}")
    return int(text)
