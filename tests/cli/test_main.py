"""Arguments, exit status, and one line about what is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from emulator import __version__
from emulator.cli import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "COMMAND", id="no command"),
        pytest.param(["serv"], "invalid choice: 'serv'", id="unknown command"),
        pytest.param(["serve", "--prot", "1"], "unrecognized arguments: --prot 1", id="unknown flag"),
        pytest.param(["serve", "--rea", "x"], "unrecognized arguments: --rea x", id="abbreviated flag"),
        pytest.param(["serve", "--port"], "argument --port: expected one argument", id="flag without its value"),
        pytest.param(["expand"], "required: --callback", id="missing flag"),
        pytest.param(["expand", "--callback", "{}", "--set", "size"], "argument --set: expected name=value", id="set"),
        pytest.param(
            ["expand", "--callback", "{}", "--set", "sise=1"],
            "argument --set: there is no variable 'sise'",
            id="unknown variable",
        ),
        pytest.param(
            ["expand", "--callback", "{}", "--set", "size=big"],
            "argument --set: size is a whole number, got 'big'",
            id="text for a number",
        ),
        pytest.param(
            ["expand", "--callback", "{}", "--key", "/no/such.pem"],
            "argument --key: there is no file '/no/such.pem'",
            id="key file that is not there",
        ),
    ],
)
def test_wrong_usage_ends_with_2_and_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert message in output.err
    assert output.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--port", "70000"], "server.port: expected whole number <= 65535", id="port"),
        pytest.param(["--bucket", "A"], "buckets[0]: expected 3 to 63 lower-case", id="bucket name"),
        pytest.param(["--profile", "prod"], "profile: expected one of dev, real, got 'prod'", id="profile"),
        pytest.param(["--log-level", "loud"], "log.level: expected one of debug, info", id="log level"),
        pytest.param(["--ephemeral", "--data-dir", "x"], "flag --ephemeral, flag --data-dir", id="both stores"),
        pytest.param(["--config", "/no/such.yaml"], "/no/such.yaml: cannot be read", id="no file"),
    ],
)
def test_wrong_configuration_ends_with_2_and_one_line(arguments, message, capsys):
    assert main(["serve", *arguments]) == 2
    output = capsys.readouterr()
    assert output.err.startswith("oss-emulator: ")
    assert message in output.err
    assert output.err.count("\n") == 1


def test_version_is_printed(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"oss-emulator {__version__}\n"


@pytest.mark.parametrize("command", ["serve", "callbacks", "expand", "verify", "check", "load", "export", "operations"])
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"usage: oss-emulator {command}" in capsys.readouterr().out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_the_unexpected_ends_with_1_and_one_line():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "emulator", "operations"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30
        )
    assert done.returncode == 1
    assert done.stderr.startswith("oss-emulator: unexpected OSError: ")
    assert done.stderr.count("\n") == 1
