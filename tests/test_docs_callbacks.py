"""The page about callbacks under test: its examples run, its tables of messages and variables are those of the code."""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args
from urllib.error import HTTPError
from urllib.parse import unquote
from urllib.request import Request, urlopen

import oss2
import pytest

from emulator import Config, EmulatorThread
from emulator.callback import refusals
from emulator.callback.on_demand import pretend
from emulator.callback.refusals import Refusal
from emulator.callback.signature import string_to_sign
from emulator.callback.template import SYSTEM_VARIABLES
from emulator.callback.url import parse_url
from emulator.config import CallbackFault, FaultAction, Server, Storage
from emulator.faults import Fault
from tests import pages
from tests.example_handler import handling

PAGE = pages.read("docs/callbacks.md")
EXAMPLES = pages.marked("docs/callbacks.md", "test")
HANDLERS = ["handler.py", "handler.mjs"]
ENVIRON = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def rows(name: str) -> list[list[str]]:
    """The cells of the table between two markers, without its head."""
    table = re.search(rf"<!-- {name} -->\n(.*?)<!-- end of {name} -->", PAGE, re.DOTALL)
    assert table is not None
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()[2:]]


# --- The examples ---------------------------------------------------------------------------------------------------


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[EmulatorThread]:
    config = Config(server=Server(port=0), storage=Storage(data_dir=tmp_path / "data"))
    with EmulatorThread(config) as emulator:
        yield emulator


def run(name: str, *command: str) -> str:
    done = subprocess.run([*command, EXAMPLES[name]], capture_output=True, text=True, timeout=60, env=ENVIRON)
    assert done.returncode == 0, done.stderr
    return done.stdout


def upload(emulator: EmulatorThread, url: str) -> tuple[int, bytes, str]:
    """Put an object whose callback, with a body that a careless check would spoil, goes to `url`.

    The status, the answer and the request id.
    """
    auth = oss2.AuthV4("emulator", "emulator-secret")
    bucket = oss2.Bucket(auth, emulator.endpoint, "examplebucket", region="cn-hangzhou")
    callback = {"callbackUrl": url, "callbackBody": '{"object" : ${object}}', "callbackBodyType": "application/json"}
    encoded = base64.b64encode(json.dumps(callback).encode()).decode()
    result = bucket.put_object("照片/a b.jpg", b"hello", headers={"x-oss-callback": encoded})
    return result.status, result.resp.read(), result.request_id


@pytest.fixture(params=HANDLERS)
def handler(request: pytest.FixtureRequest, emulator: EmulatorThread) -> Iterator[str]:
    """The URL of an example handler that runs, and accepts the emulator's key."""
    code = EXAMPLES[request.param].replace("http://127.0.0.1:8280", emulator.endpoint)
    if request.param == "handler.py":
        with handling(emulator.endpoint) as origin:
            yield origin
        return
    say_port = "function () { console.log(this.address().port); }"
    code = code.replace(".listen(9000)", f'.listen(0, "127.0.0.1", {say_port})')
    command = [request.getfixturevalue("node"), "--input-type=module", "-e", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.kill()


@pytest.mark.parametrize("target", ["/callback", "/a%2Fb%E4%B8%AD+c/d?from=oss&x=%2F", "/?"])
def test_example_handler_takes_what_the_emulator_has_signed(
    handler: str, emulator: EmulatorThread, target: str
) -> None:
    status, answer, _ = upload(emulator, handler + target)
    assert (status, json.loads(answer)) == (200, {"Status": "OK"})


@pytest.mark.parametrize("field", ["authorization", "x-oss-pub-key-url", "body", "target"])
@pytest.mark.parametrize("value", ["", "bm90IGl0", "not base64"])
def test_example_handler_refuses_what_was_changed(
    handler: str, emulator: EmulatorThread, field: str, value: str
) -> None:
    _, _, request_id = upload(emulator, handler + "/callback")
    record = json.load(urlopen(f"{emulator.endpoint}/_emulator/callbacks/{request_id}"))
    headers = {name.lower(): text for name, text in record["attempts"][0]["request"]["headers"]}
    sent = {"target": "/callback", "body": record["body"], **headers}
    sent |= {field: "/" + value.replace(" ", "") + "x" if field == "target" else value}
    request = Request(
        handler + sent["target"],
        sent["body"].encode(),
        {name: sent[name] for name in ("authorization", "x-oss-pub-key-url", "content-type")},
    )
    with pytest.raises(HTTPError) as refused:
        urlopen(request)
    with refused.value:
        assert refused.value.code == 403


def test_example_of_a_json_body_is_expanded() -> None:
    output = run("json body", "sh", "-euc")
    assert output.endswith('\n\n{"object":"照片/a b.jpg","size":1024,"user":"42"}\n')
    shown, _, body = pages.marked("docs/callbacks.md", "text")["request"].partition("\n\n")
    assert output.endswith(f"\n\n{body}")
    head = output.partition("\n\n")[0]
    assert shown.splitlines()[:4] == head.splitlines()[:4]
    assert re.findall(r"^([\w-]+):", shown, re.MULTILINE) == re.findall(r"^([\w-]+):", head, re.MULTILINE)


def test_string_to_sign_is_put_together_as_the_page_says() -> None:
    path, query, body = "/a%2520b%2Fc+d", "from=oss&x=%2F", b"object=a%2Fb"
    parts = {
        "path, percent-decoded once": unquote(path),
        "?query, untouched": f"?{query}",
        "LF": "\n",
        "body, untouched": body.decode(),
    }
    formula = pages.marked("docs/callbacks.md", "text")["signature"].splitlines()[0].partition(" = ")[2]
    assert "".join(parts[part] for part in formula.split(" + ")).encode() == string_to_sign(f"{path}?{query}", body)


def test_example_prints_the_record_of_a_failure(emulator: EmulatorThread) -> None:
    code = EXAMPLES["record"].replace("http://127.0.0.1:8280", emulator.endpoint)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    status, hint, body, *_ = done.stdout.splitlines()
    assert status == "203 Error status : 403. 0007-00000203"
    assert "answered 403 to POST /_emulator/receiver?status=403" in hint
    assert body == "size=5"
    assert "'status': 403" in done.stdout


def test_example_sends_the_last_callback_again(emulator: EmulatorThread) -> None:
    receiver = f"{emulator.endpoint}/_emulator/receiver"
    upload(emulator, f"{receiver}?status=500")
    _, _, request_id = upload(emulator, f"{receiver}?status=404")
    code = EXAMPLES["replay"].replace("http://127.0.0.1:9000/callback", receiver)
    done = subprocess.run(
        ["sh", "-euc", code.replace("http://127.0.0.1:8280", emulator.endpoint)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    record = json.loads(done.stdout)
    assert (record["replay_of"], record["outcome"]) == (request_id, "success")


def test_example_uses_a_callback_that_the_bucket_keeps(emulator: EmulatorThread) -> None:
    code = EXAMPLES["kept"].replace("http://127.0.0.1:8280", emulator.endpoint)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == 'b\'{"Status":"OK"}\''
    records = json.load(urlopen(f"{emulator.endpoint}/_emulator/callbacks"))["callbacks"]
    assert [record["body"] for record in records] == ["object=a.txt&by=the%20bucket", "object=a.txt&by=me"]


def test_every_example_is_run() -> None:
    assert EXAMPLES.keys() == {*HANDLERS, "json body", "kept", "record", "replay"}
    assert pages.marked("docs/callbacks.md", "text").keys() == {"request", "signature"}


# --- The tables -----------------------------------------------------------------------------------------------------

REFUSALS = {value for value in vars(refusals).values() if isinstance(value, Refusal)}
FAILURES = {refusal for refusal in REFUSALS if re.match("0007-00000[23]", refusal.ec)}


def test_table_of_203s_is_that_of_the_code() -> None:
    of_a_status = refusals.error_status(502)
    any_status = Refusal(of_a_status.message.replace("502", "<N>"), of_a_status.ec)
    written = {Refusal(message.strip("`"), ec.strip("`")) for message, ec, *_ in rows("203")}
    assert written == FAILURES | {of_a_status, any_status}


@pytest.mark.parametrize("name", get_args(CallbackFault))
def test_table_of_203s_says_which_fault_brings_each(name: CallbackFault) -> None:
    pretence = pretend(Fault("1", FaultAction(callback=name), 1), parse_url("http://app.test/callback"))
    assert pretence is not None
    (message,) = [cells[0] for cells in rows("203") if f"`{name}`" in cells[-1]]
    assert message == f"`{pretence.refusal.message}`"


def test_table_of_400s_is_that_of_the_code() -> None:
    written = {Refusal(message.strip("`"), ec.strip("`")) for message, ec, _ in rows("400")}
    assert written == REFUSALS - FAILURES


def test_table_of_variables_is_that_of_the_code() -> None:
    written = {name for names, _ in rows("variables") for name in re.findall(r"`([^`]+)`", names)}
    assert written == SYSTEM_VARIABLES - {"imageInfo"} | {"x:name"}
