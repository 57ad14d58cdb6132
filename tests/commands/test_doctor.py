"""``doctor`` reports every fault at once, changes nothing, and tells no secret."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.commands.conftest import SECRET, Shell, lines

AES_KEY = "x" * 42 + "A"
OFFICIAL = f"""
[official.main]
appid = "wx0000000000000001"
secret = "canary-official-secret"
token = "canaryofficialtoken"
aes_key = "{AES_KEY}"
"""
PAY = """
[gateways.wechatpay.main]
mchid = "1900000001"
appids = ["wx0000000000000001"]
serial = "ABCDEF0123456789"
private_key = "canary-private-key"
apiv3_key = "canary-apiv3-key"
"""


def said(out: str, sign: str) -> list[str]:
    """The lines that begin with ``ok``, ``wrong`` or ``note``."""
    return [line[7:] for line in lines(out) if line.startswith(sign)]


def test_a_sound_configuration(shell: Shell) -> None:
    shell.config(OFFICIAL)
    ran = shell.run("doctor")

    assert (ran.code, said(ran.out, "wrong")) == (0, [])
    assert said(ran.out, "ok") == [
        "database",
        "ephemeral store",
        "scene packs",
        "official account main",
        "secret keys",
        "templates",
    ]
    assert said(ran.out, "note") == ["no gateway is configured: nobody can pay"]


def test_nothing_configured_is_noted(shell: Shell) -> None:
    ran = shell.run("doctor")

    assert ran.code == 0
    assert [note.split(":")[1] for note in said(ran.out, "note")] == [" nobody can chat", " nobody can pay"]


def test_all_faults_at_once(shell: Shell) -> None:
    """Environment, file, gateway, pack and stores are all wrong; one run tells all of it."""
    missing = shell.folder / "missing.db"
    shell.monkeypatch.setenv("DATABASE_URL", f"sqlite:///{missing}")
    shell.monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    shell.monkeypatch.delenv("SECRET_KEY")
    shell.config(
        'scene_packs = ["no_such_pack"]\n'
        + PAY
        + PAY.replace(".main", ".second").replace("1900000001", "not a number")
        + "[gateways.paypal.main]\nkey = 'x'\n"
        + OFFICIAL.replace(AES_KEY, "too short")
    )
    ran = shell.run("doctor")

    wrong = said(ran.out, "wrong")
    assert ran.code == 2 and said(ran.out, "ok") == ["templates"]
    for place in (
        "settings: set SECRET_KEY",
        "database: there is no file",
        "ephemeral store",
        "scene packs: no_such_pack",
        "gateway wechatpay main: [main] set apiv3_key",
        "gateway wechatpay second: [second] set mchid",
        "gateway paypal main: [gateways.paypal]: choose one of: wechatpay",
        "official account main",
    ):
        assert sum(line.startswith(place) for line in wrong) == 1, (place, wrong)
    assert len(wrong) == 8
    assert "canary" not in ran.out + ran.err
    assert not missing.exists()


def test_faults_of_environment_and_file_are_told_together(shell: Shell) -> None:
    shell.monkeypatch.setenv("PORT", "none")
    shell.monkeypatch.setenv("PUBLIC_URL", "http://pay.example.com")
    shell.config("[official.main]\nappid = 'wx1'\n[limits]\norder_maximum = -1\nunknown = 1\n")
    ran = shell.run("doctor")

    places = {line.partition(":")[0] for line in said(ran.out, "wrong")}
    assert ran.code == 2
    assert {"PORT", "PUBLIC_URL", "official.main.secret", "official.main.token", "limits.unknown"} <= places


@pytest.mark.parametrize("text", ["[official", "a = \x00", "a = 'canary-secret"])
def test_a_file_that_is_no_toml(shell: Shell, text: str) -> None:
    shell.config(text)
    ran = shell.run("doctor")

    assert ran.code == 2 and said(ran.out, "wrong")[0].startswith("SCENEPAY_CONFIG: ")
    assert "database" in said(ran.out, "ok") and "canary" not in ran.out


def test_a_file_that_is_not_there(shell: Shell) -> None:
    shell.monkeypatch.setenv("SCENEPAY_CONFIG", str(shell.folder / "none.toml"))
    ran = shell.run("doctor")

    assert ran.code == 2 and "none.toml" in said(ran.out, "wrong")[0]


def test_an_old_schema_is_told_with_its_remedy(shell: Shell) -> None:
    shell.sql("UPDATE alembic_version SET version_num = '0002'")

    assert said(shell.run("doctor").out, "wrong") == ["database: run: python -m bot migrate"]


def test_secrets_come_from_the_environment_or_a_file(shell: Shell) -> None:
    (shell.folder / "token").write_text("canaryofficialtoken\n")
    shell.config(
        OFFICIAL.replace('secret = "canary-official-secret"', 'secret = {env = "MY_SECRET"}').replace(
            'token = "canaryofficialtoken"', f'token = {{file = "{shell.folder / "token"}"}}'
        )
    )
    first = shell.run("doctor")
    assert said(first.out, "wrong") == ["official.main.secret: the environment variable MY_SECRET is not set"]
    shell.monkeypatch.setenv("MY_SECRET", "canary-official-secret")

    assert shell.run("doctor").code == 0


def test_other_keys_than_those_the_database_was_begun_with_are_told_with_the_remedy(shell: Shell) -> None:
    assert shell.run("audit").code == 0
    assert shell.run("doctor").code == 0
    shell.monkeypatch.setenv("SECRET_KEY", "another secret of the tests, of more than 32")

    (wrong,) = said(shell.run("doctor").out, "wrong")
    assert wrong.startswith("secret keys: ") and "the last of previous_secret_keys" in wrong
    refused = shell.run("audit")
    assert refused.code == 2 and "the last of previous_secret_keys" in refused.err

    shell.config(f"previous_secret_keys = ['{SECRET}']\n")
    assert (shell.run("doctor").code, shell.run("audit").code) == (0, 0)


@pytest.mark.parametrize(
    ("previous", "told"),
    [("'too short'", "32 random characters"), ("'{env}'", "list every secret once")],
)
def test_previous_keys_are_looked_at(shell: Shell, previous: str, told: str) -> None:
    secret = "another secret of the tests, of more than 32"
    shell.monkeypatch.setenv("SECRET_KEY", secret)
    shell.config(f"previous_secret_keys = [{previous.replace('{env}', secret)}]\n")

    (wrong,) = said(shell.run("doctor").out, "wrong")
    assert wrong.startswith("secret keys: ") and told in wrong


# --- rules -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sound() -> str:
    """A gateway account with every key in its place."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return f"""
[gateways.wechatpay.main]
mchid = "1900000109"
appids = ["wx0000000000000001"]
serial = "ABCDEF0123456789"
private_key = '''{private}'''
apiv3_key = "{"k" * 32}"
"""


def put_merchant(shell: Shell, gateways: str) -> None:
    shell.sql(
        "INSERT INTO merchants (id, name, short_name, gateways, created_at) VALUES ('mer', 'm', 'm', ?, 1)", gateways
    )
    shell.sql(
        "INSERT INTO bill_items (id, merchant_id, scene, name, biller, definition, created_at) "
        "VALUES ('itm', 'mer', 'property', 'n', 'hosted', '{}', 1)"
    )


ROUTE = '[[routes]]\nwallet = "wechat"\ngateway = "wechatpay"\n'
PLAN = '[[autopay]]\nmerchant_id = "mer"\ngateway = "wechatpay"\naccount = "main"\nplan = "1"\nmaximum = 100\n'


def test_rules_that_can_be_followed(shell: Shell, sound: str) -> None:
    put_merchant(shell, '{"wechatpay": "main"}')
    shell.config(sound + ROUTE + 'merchants = ["mer"]\nways = ["jsapi"]\n' + PLAN + 'item_id = "itm"\n')
    ran = shell.run("doctor")

    assert (ran.code, said(ran.out, "wrong")) == (0, [])
    assert {"[[routes]] 1", "[[autopay]] 1"} <= set(said(ran.out, "ok"))
    assert "no gateway is configured for the wallet alipay: whoever comes with it cannot pay" in said(ran.out, "note")


@pytest.mark.parametrize(
    ("rule", "remedy"),
    [
        (ROUTE.replace('"wechat"', '"wallet"'), "there is no wallet wallet; name one of: wechat, alipay"),
        (ROUTE.replace('"wechat"', '"alipay"'), "wechatpay takes wechat, not alipay"),
        (ROUTE.replace("wechatpay", "paypal"), "configure [gateways.paypal], or name one of: wechatpay"),
        (ROUTE + 'ways = ["redirect"]', "wechatpay cannot go the way redirect; take it out of ways"),
        (ROUTE + 'merchants = ["nobody"]', "there is no active merchant nobody; import it first, or correct its id"),
        (PLAN.replace("wechatpay", "paypal"), "configure [gateways.paypal], or name one of: wechatpay"),
        (PLAN.replace('"main"', '"other"'), "configure [gateways.wechatpay.other], or name one of: main"),
        (PLAN.replace('"mer"', '"nobody"'), "there is no active merchant nobody; import it first, or correct its id"),
        (PLAN + 'item_id = "other"', "merchant mer has no item other; leave item_id out for all of its items"),
    ],
)
def test_a_rule_that_nobody_can_follow_is_told_with_its_remedy(
    shell: Shell, sound: str, rule: str, remedy: str
) -> None:
    put_merchant(shell, '{"wechatpay": "main"}')
    shell.config(sound + rule)
    ran = shell.run("doctor")

    place = f"{rule.partition(chr(10))[0]} 1"
    wrong = said(ran.out, "wrong")
    assert ran.code == 2
    assert len(wrong) == 1 and wrong[0].startswith(f"{place}: ") and remedy in wrong[0]


@pytest.mark.parametrize(
    ("accounts", "remedy"),
    [
        ("{}", "merchant mer has no account at wechatpay; give it one, or leave it out of this rule"),
        ('{"wechatpay": "gone"}', "merchant mer is paid into [gateways.wechatpay.gone]; configure that"),
    ],
)
def test_a_merchant_without_its_account_is_told(shell: Shell, sound: str, accounts: str, remedy: str) -> None:
    put_merchant(shell, accounts)
    shell.config(sound + ROUTE + 'merchants = ["mer"]\n' + PLAN)

    assert said(shell.run("doctor").out, "wrong") == [f"[[routes]] 1: {remedy}", f"[[autopay]] 1: {remedy}"]


def test_what_cannot_be_looked_at_is_left_out(shell: Shell) -> None:
    """A gateway that cannot be built and a database that is away have lines of their own."""
    shell.monkeypatch.setenv("DATABASE_URL", f"sqlite:///{shell.folder / 'missing.db'}")
    shell.config(PAY + ROUTE + 'ways = ["redirect"]\nmerchants = ["mer"]\n')
    ran = shell.run("doctor")

    assert "[[routes]] 1" in said(ran.out, "ok")
    assert [line.partition(":")[0] for line in said(ran.out, "wrong")] == ["database", "gateway wechatpay main"]
