# SPDX-License-Identifier: Apache-2.0
"""Our signatures against botocore's, on requests with awkward keys and queries."""
import datetime
import json
import random
import subprocess
import urllib.parse

import pytest

from built import BUILD

botocore_auth = pytest.importorskip("botocore.auth", reason="python3-botocore is not installed")
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402

TOOL = BUILD / "tests/bench/sigv4_tool"
REQUESTS = 10_000
PARAMS = ["prefix", "start-after", "continuation-token", "delimiter", "a b", "ä", "list-type", "a",
          "A"]
WHEN = datetime.datetime(2026, 11, 22, 10, 0, 0)
ODD = [
    "plain", "a b", "a+b", "a=b&c", "100%", "%41", "\"quoted\"", "it's", "new\nline", "tab\t",
    "\U0001f525 fire", "日本語/キー", "//double//", "../up", "a/./b", "a/../b", ".", "..",
    "trailing/", "~tilde*", "(paren)!", "semi;colon:at@", "#hash?query", "\\back`tick^|<>{}[]",
    "e\u0301", "\u00e9", ",comma", "$dollar", " leading", "trailing ", "\x7f", "\x01",
]


def random_text(rng):
    pieces = [rng.choice(ODD) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.5:
        pieces.append("".join(chr(rng.choice([rng.randint(1, 0x7F), rng.randint(0xA0, 0xD7FF),
                                              rng.randint(0x1F300, 0x1F6FF)]))
                              for _ in range(rng.randint(1, 12))))
    return "/".join(pieces)


def requests():
    """As many as REQUESTS; each odd key is among them, with a token and without."""
    rng = random.Random(20261122)
    for index, key in enumerate(ODD):
        yield make(rng, "s3", key, index % 2 == 0)
    for _ in range(REQUESTS - len(ODD)):
        service = rng.choice(["s3", "s3", "dynamodb", "sts"])
        yield make(rng, service, random_text(rng) if service == "s3" else "", rng.random() < 0.5)


def random_params(rng):
    """Names and values of any kind, empty ones and repeated ones among them."""
    names = PARAMS + [rng.choice(ODD + [""])]
    pairs = [[rng.choice(names), rng.choice(ODD + ["", ""])] for _ in range(rng.randint(0, 6))]
    return pairs + pairs[:rng.randint(0, 1)]


def random_headers(rng):
    """Of any case, some twice and some empty, with blanks that are folded."""
    names = ["Range", "If-Match", "X-Amz-Request-Payer", "x-amz-Meta-A", "X-Amz-Meta-a", "x-b"]
    gaps = ["", " ", "  ", "\t", " \t "]
    return [[rng.choice(names),
             "".join(rng.choice(gaps) + rng.choice(["bytes=1-", '"e"', "a,b", "x:y", ""])
                     for _ in range(3)) + rng.choice(gaps)]
            for _ in range(rng.randint(0, 5))]


def make(rng, service, key, has_token):
    is_s3 = service == "s3"
    headers = random_headers(rng)
    if not is_s3:
        headers += [["Content-Type", "application/x-amz-json-1.0"],
                    ["X-Amz-Target", "DynamoDB_20120810.BatchWriteItem"]]
    return {
        "service": service,
        "region": rng.choice(["us-east-1", "eu-central-1", "cn-north-1"]),
        "method": rng.choice(["GET", "PUT"]) if is_s3 else "POST",
        "host": rng.choice(["bucket.s3.example.com", "127.0.0.1:8000"]),
        "key": key,
        "time": WHEN.isoformat() + "Z",
        "params": random_params(rng) if is_s3 else [],
        "headers": headers,
        "body": random_text(rng) if not is_s3 or rng.random() < 0.3 else "",
        "access_key_id": "AKIDEXAMPLE",
        "secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "session_token": "tok/en+==" if has_token else "",
    }


def sign_with_tool(lines):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([TOOL], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def quote(text):
    return urllib.parse.quote(text, safe="/-._~")


def quoted_query(params):
    pairs = sorted([urllib.parse.quote(part, safe="-._~") for part in pair] for pair in params)
    return "&".join("=".join(pair) for pair in pairs)


class FixedTime:
    """Stands in for botocore.auth's datetime module."""

    class datetime(datetime.datetime):  # noqa: N801 - the module's own name
        @classmethod
        def utcnow(cls):
            return WHEN


def sign_with_botocore(request, ours, monkeypatch):
    monkeypatch.setattr(botocore_auth, "datetime", FixedTime)
    # The very URL that would be sent: the oracle checks that it is encoded as it is signed.
    url = f"https://{request['host']}{ours['path']}" + (f"?{ours['query']}" if ours["query"] else "")
    aws_request = AWSRequest(method=request["method"], url=url, data=request["body"].encode(),
                             headers={"Host": request["host"]})
    for name, value in request["headers"]:
        aws_request.headers.add_header(name, value)
    keys = Credentials(request["access_key_id"], request["secret_access_key"],
                       request["session_token"] or None)
    is_s3 = request["service"] == "s3"
    auth_class = botocore_auth.S3SigV4Auth if is_s3 else botocore_auth.SigV4Auth
    auth = auth_class(keys, request["service"], request["region"])
    if is_s3:
        aws_request.context["payload_signing_enabled"] = True
    auth.add_auth(aws_request)
    return aws_request.headers["Authorization"]


@pytest.fixture(name="tool", autouse=True)
def _tool():
    if not TOOL.exists():
        pytest.skip(f"{TOOL} is not built")


def test_every_signature_equals_botocores(monkeypatch):
    asked = list(requests())
    answers = sign_with_tool(asked)
    assert len(answers) == len(asked) == REQUESTS
    for request, ours in zip(asked, answers):
        assert ours["path"] == "/" + quote(request["key"])
        assert ours["query"] == quoted_query(request["params"])
        theirs = sign_with_botocore(request, ours, monkeypatch)
        assert ours["authorization"] == theirs, (request, ours)


def test_another_secret_gives_another_signature(monkeypatch):
    request = next(requests())
    (ours,) = sign_with_tool([request])
    changed = dict(request, secret_access_key="wrong")
    assert sign_with_botocore(changed, ours, monkeypatch) != ours["authorization"]
