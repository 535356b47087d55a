import pickle

import pytest
from rich.pretty import pretty_repr

from config.loader import loads
from config.mistakes import ConfigError
from tests.config.loading import mistakes, read, refusal

WRONG = """\
server:
  prot: 8000
  workers: 0
providers:
  lab:
    dialect: opnai
    base_url: http://10.0.0.5:8000/v1
    api_key: sk-literal-secret    # old: sk-older-secret
models:
  fast:
    deployments:
      - {provider: lap, model: llama}
"""

REPORT = """\
isthmus.yaml has 4 mistakes:

isthmus.yaml:2:3: server.prot: there is no such field
    |   prot: …
    |   ^
    found:    prot
    allowed:  host, port, workers, drain_seconds, request_log, limits, timeouts, tls, trusted_proxies
    did you mean port?

isthmus.yaml:3:12: server.workers: not allowed here
    |   workers: 0
    |            ^
    found:    0
    allowed:  a whole number from 1 to 256

isthmus.yaml:6:14: providers.lab.dialect: there is no such dialect
    |     dialect: opnai
    |              ^
    found:    "opnai"
    allowed:  azure, local, openai
    did you mean openai?

isthmus.yaml:12:20: models.fast.deployments[0].provider: there is no such provider
    |       - {provider: lap, model: …}
    |                    ^
    found:    "lap"
    allowed:  lab, or a shipped one
    did you mean lab?"""


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    with pytest.raises(ConfigError) as raised:
        loads(WRONG, option_types=dict.fromkeys(("azure", "local", "openai")), environ={})
    assert str(raised.value) == REPORT


def test_a_long_list_of_mistakes_is_cut() -> None:
    error = refusal("{providers: {local: {}}, " + ", ".join(f"x{n}: 1" for n in range(60)) + "}")
    assert len(error.mistakes) == 60
    assert str(error).endswith("and 10 more")


def test_a_long_line_is_cut_around_the_place() -> None:
    (only,) = mistakes("providers: {local: {}, " + " " * 500 + "mine: {extends: gorq}" + " " * 500 + "}")
    assert only.excerpt is not None
    line, caret = only.excerpt.splitlines()
    assert len(line) <= 100
    assert line[caret.index("^") :].startswith("gorq")


def test_the_error_survives_a_process_boundary() -> None:
    error = refusal("providers: {}")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


SECRETS = """\
keys:
  - {name: a b, key: hush-one, models: [none]}
  - {name: c, key:hush-two}
  - hush-three
  - {key: [hush-four]}
providers:
  openai: hush-five
  one: {base_url: "http://h", api_key: {a: hush-six}, headers: {x: [hush-seven]}, options: {hushed: hush-eight}}
  two: {base_url: "http://u:hush-nine@h", headers: {Authorization:hush-ten}, api_key: " hush-eleven"}
  three: {base_url: "http://h?key=hush-twelve", proxy: "hush-thirteen", hush: hush-fourteen}   # hush-fifteen
  four: {base_url: "${HUSH}", api_key: "${HUSH}\\n", headers: {x: "hush-sixteen\\n"}}
  five: {base_url: "${UNSET}hush-seventeen", api_key: "hush-eighteen${A:-hush-nineteen", docs: 5}
  azure:
    base_url: 5
    api_key: >
      hush-twenty
    options: {service_principal: {client_secret: 5000000005, tenant_id: [hush], client_id: x}}
    tls:
      cert_file: |
        -----BEGIN PRIVATE KEY-----
        hush-twenty-one
hush-twenty-two-which-is-a-long-name-at-the-top: hush
"""


def test_no_secret_is_in_a_report() -> None:
    report = str(refusal(SECRETS, {"HUSH": "hush-from-the-environment"}))
    assert "hush-" not in report.replace("hush-twe…", "").replace("hush: there is no such field", "")
    assert "5000000005" not in report


@pytest.mark.parametrize(
    "broken",
    ['api_key: "hush-one', "api_key hush-one: {", "- hush-one\nkey: hush-two\n  - [", "key: hush-one: hush-two"],
)
def test_no_secret_is_in_the_report_of_a_syntax_error(broken: str) -> None:
    assert "hush" not in str(refusal(broken))


def test_no_secret_is_in_the_repr_of_a_configuration() -> None:
    config = read("""
    keys: [{name: a, key: hush-hush}]
    providers:
      azure:
        base_url: https://a
        api_key: hush-hush
        headers: {x: hush-hush}
        proxy: http://u:hush-hush@p
        options: {service_principal: {tenant_id: hush-hush, client_id: hush-hush, client_secret: hush-hush}}
    """)
    for text in (repr(config), str(config), f"{config.providers}", pretty_repr(config)):
        assert "hush" not in text
        assert "<secret>" in text


def test_the_repr_still_tells_whether_there_is_a_secret() -> None:
    assert "api_key=None" in repr(read("providers: {local: {}}"))
