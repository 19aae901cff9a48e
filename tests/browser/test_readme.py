"""What README says about browser uploads works as it stands there."""

import re
from pathlib import Path

import pytest

from emulator.configure import load
from tests.browser.conftest import STS_KEY, MakeEmulator, Site

README = (Path(__file__).parents[2] / "README.md").read_text()
RULES = re.findall(r"<!-- browser: rules -->\n```yaml\n(.*?)```", README, re.DOTALL)
CLIENTS = re.findall(r"<!-- browser: ali-oss -->\n```js\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("rules", [pytest.param(rules, id=rules.partition(":")[0]) for rules in RULES])
def test_page_of_the_readme_uploads_under_the_rules_of_the_readme(
    site: Site, make_emulator: MakeEmulator, tmp_path: Path, rules: str
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(rules.replace("http://localhost:3000", site.origin))
    config = load(file, {}, {})
    emulator = make_emulator(buckets=config.buckets, cors=config.cors)
    site.grant("keys", {"accessKeyId": STS_KEY.id, "accessKeySecret": STS_KEY.secret, "stsToken": STS_KEY.token})
    (code,) = CLIENTS
    code = code.replace("http://localhost:8280", emulator.endpoint.replace("127.0.0.1", "localhost"))
    result = site.run(
        f"""(async () => {{
          const keys = {{...await leave("keys"), refreshSTSTokenInterval: 300_000}};
          const callbackUrl = "{site.server.url}";
          const file = new File([new Uint8Array(300_000)], "big.bin");
          {code}
          return data;
        }})()"""
    )
    assert result == {"Status": "OK"}
    (received,) = site.server.received
    assert received.form == {"object": "big.bin", "size": "300000"}


def test_readme_has_both_ways_to_set_rules() -> None:
    assert [rules.partition(":")[0] for rules in RULES] == ["cors", "buckets"]
