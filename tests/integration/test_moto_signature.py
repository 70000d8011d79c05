# SPDX-License-Identifier: Apache-2.0
"""DynamoDB calls whose signature is checked: a right secret is let in, a wrong one is refused."""

import pytest

import attributes
import firehose
import servers
from test_bad_input import ODD_NAMES

# Whatever stands in a body is under the signature: keys with all that is odd, and more.
IDS = ["ü ~!*'()", "日本語", "e\u0301", "{}[]\\u0041", "\u2028", "\x01", "\ufffd", *ODD_NAMES]
RECORDS = [{"id": name, "n": n} for n, name in enumerate(IDS)]


@pytest.fixture(scope="module")
def moto(moto_server):
    key, secret = moto_server.switch_authentication_on()
    return moto_server, key, secret


@pytest.fixture(scope="module")
def open_s3(server_folder, moto_server):
    """A second moto that checks nothing: one key cannot be known to Swift and to moto."""
    class OpenMoto(servers.Moto):
        name = "open-moto"
    with OpenMoto(server_folder) as server:
        yield server


@pytest.fixture
def signed(firebridge, moto, open_s3):
    server, key, secret = moto
    firebridge.env.update(AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret)
    dynamodb = servers.client("dynamodb", server.url, key, secret)
    if not dynamodb.list_tables()["TableNames"]:
        dynamodb.create_table(
            TableName="signed", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
    s3 = servers.client("s3", open_s3.url, key, secret)
    if not s3.list_buckets()["Buckets"]:
        s3.create_bucket(Bucket="bucket")
        firehose.put(s3, "bucket", "p/", firehose.now(), RECORDS)
    conf = "\n".join(["[aws]", f"region = {servers.REGION}", f"endpoint.s3 = {open_s3.url}",
                      f"endpoint.dynamodb = {server.url}", "[daemon]",
                      f"state_dir = {firebridge.state}", "once_patience = 3s",
                      "[stream main]", "source = s3://bucket/p/", "table = signed", ""])
    return firebridge, conf, dynamodb


def test_a_wrong_secret_is_refused(signed):
    firebridge, conf, dynamodb = signed
    result = firebridge(conf, "run", "--once", env={"AWS_SECRET_ACCESS_KEY": "wrong"})
    assert result.code > 0, str(result)
    assert "main" in result.stderr
    assert dynamodb.scan(TableName="signed")["Items"] == []


def test_a_right_secret_is_let_in(signed):
    firebridge, conf, dynamodb = signed
    firebridge.once(conf)
    items = [attributes.from_dynamodb(item)
             for item in dynamodb.scan(TableName="signed")["Items"]]
    expected = [attributes.from_record(record) for record in RECORDS]
    assert sorted(items, key=str) == sorted(expected, key=str)


def test_keys_that_moto_does_not_know_are_refused_with_what_to_do(signed):
    firebridge, conf, _ = signed
    result = firebridge(conf, "check", env={"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"})
    assert result.code == 1, result
    assert "table signed: HTTP 40" in result.stdout and "check the access key" in result.stdout
