"""The configuration of a rig: one official account, one merchant account, one power company, faults turned on."""

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SECRET_KEY = "rig-" + "k" * 44
CONNECTOR_SECRET = "rig-connector-secret-of-some-length"
AES_KEY = "rigKeyrigKeyrigKeyrigKeyrigKeyrigKeyrigKey0"
# What goes wrong while processes die: a tenth of the notices comes twice, some never, some answers get lost.
PAY_RATES = {"notice_duplicate": 0.10, "notice_never": 0.02, "notice_wrong_amount": 0.03, "notice_forged": 0.02}
BILLER_RATES = {"advise_lost": 0.05, "advise_500": 0.05, "answer_dropped": 0.05}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def simulator_config(public_url: str, journal: Path) -> Mapping[str, Any]:
    """What the simulators are told."""
    account = {
        "appid": "wx0000000000000001",
        "secret": "rig-app-secret",
        "token": "rigtoken",
        "encoding_aes_key": AES_KEY,
        "mode": "safe",
        "webhook_url": f"{public_url}/wechat/official/rig",
    }
    return {
        "wechat": {"accounts": [account], "public_url": public_url},
        "wechatpay": {"faults_by_amount": False, "rates": PAY_RATES, "journal": str(journal)},
        "biller": {
            "code": "power",
            "secret": CONNECTOR_SECRET,
            "faults_by_account": False,
            "rates": BILLER_RATES,
        },
    }


def application_config(urls: Mapping[str, str], setup: Mapping[str, Any]) -> str:
    """What the application is told, as the TOML file that an operator would write."""
    keys = setup["credentials"]
    account = setup["wechat"]["accounts"][0]
    text = json.dumps  # A JSON string is a TOML basic string for what stands here.
    return f"""
[official.rig]
appid = {text(account["appid"])}
secret = {text(account["secret"])}
token = {text(account["token"])}
aes_key = {text(AES_KEY)}
mode = "safe"
api_base = {text(urls["wechat"])}
oauth_base = {text(urls["wechat"])}

[gateways.wechatpay.main]
mchid = {text(keys["mchid"])}
appids = {text(list(keys["appids"]))}
serial = {text(keys["merchant_cert_serial"])}
private_key = {text(keys["merchant_private_pem"])}
apiv3_key = {text(keys["apiv3_key"])}
public_key_id = {text(keys["platform_public_key"]["key_id"])}
public_key = {text(keys["platform_public_key"]["public_pem"])}
base_url = {text(urls["wechatpay"])}

[connectors.power]
base_url = {text(urls["biller"])}
secret = {text(CONNECTOR_SECRET)}
"""
