# SPDX-License-Identifier: Apache-2.0
"""DynamoDB calls whose signature is checked: a right secret is let in, a wrong one is refused."""

import pytest

import attributes
import firehose
import servers


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
        firehose.put(s3, "bucket", "p/", firehose.now(), [{"id": "ü ~!*'()", "n": 1}])
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
    items = dynamodb.scan(TableName="signed")["Items"]
    assert [attributes.from_dynamodb(item) for item in items] == [
        attributes.from_record('{"id": "ü ~!*\'()", "n": 1}')]
