# SPDX-License-Identifier: Apache-2.0
"""Where keys come from, how they are renewed under way, and that no secret is told anywhere."""

import json
import re
import time

import pytest

import attributes
import firehose
import servers
import tls
from fault_proxy import FaultProxy
from metadata_server import ROLE, MetadataServer, end_of
from test_metrics import ask, listens

TABLE_ACCOUNT = "222222222222"
SOURCE_ACCOUNT = "333333333333"


def role_arn(account, name):
    return f"arn:aws:iam::{account}:role/{name}"


@pytest.fixture(scope="module")
def open_moto(server_folder):
    """A moto that takes every key: what an account sees is still its own."""
    class OpenMoto(servers.Moto):
        name = "open-moto-sts"
    try:
        with OpenMoto(server_folder) as server:
            yield server
    except servers.Missing as missing:
        pytest.skip(str(missing))


class Account:
    """An account of moto's, by a role in it that anyone may assume."""

    def __init__(self, server, number):
        keys = servers.client("sts", server.url, "x", "x").assume_role(
            RoleArn=role_arn(number, "admin"), RoleSessionName="test")["Credentials"]
        self.server = server
        self.keys = keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]

    def client(self, service):
        return servers.client(service, self.server.url, *self.keys)


def make_table(dynamodb, name):
    dynamodb.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])


def moto_conf(firebridge, url, stream="", aws="", source="s3://bucket/p/"):
    return "\n".join([
        "[aws]", f"region = {servers.REGION}", f"endpoint.s3 = {url}",
        f"endpoint.dynamodb = {url}", f"endpoint.sts = {url}", aws,
        "[daemon]", f"state_dir = {firebridge.state}", "once_patience = 1s", "log_level = debug",
        "[stream main]", f"source = {source}", "table = the-table", stream, ""])


@pytest.fixture(scope="module")
def two_accounts(open_moto):
    """The bucket in one account, the table in another; the daemon's own account has neither."""
    source, table = Account(open_moto, SOURCE_ACCOUNT), Account(open_moto, TABLE_ACCOUNT)
    s3 = source.client("s3")
    s3.create_bucket(Bucket="bucket")
    firehose.put(s3, "bucket", "p/", firehose.now(), [{"id": "1", "n": 1}, {"id": "2", "n": 2}])
    make_table(table.client("dynamodb"), "the-table")
    return table.client("dynamodb")


ROLES = f"""role_arn = none
source.role_arn = {role_arn(SOURCE_ACCOUNT, "reader")}
table.role_arn = {role_arn(TABLE_ACCOUNT, "writer")}
table.external_id = id-4711"""


def test_a_bucket_and_a_table_in_two_accounts(firebridge, open_moto, two_accounts):
    env = {"AWS_ACCESS_KEY_ID": "AKIDBASE", "AWS_SECRET_ACCESS_KEY": "base"}
    with FaultProxy(open_moto.url) as proxy:
        conf = moto_conf(firebridge, proxy.url, ROLES)
        check = firebridge(conf, "check", env=env)
        assert check.code == 0, check
        for side, account, role in ("source", SOURCE_ACCOUNT, "reader"), \
                                   ("table", TABLE_ACCOUNT, "writer"):
            assert re.search(rf"^ok +stream main: {side}: credentials: from role: "
                             rf"{role_arn(account, role)} by environment, until 20\d\d-.*Z$",
                             check.stdout, re.M), check
        firebridge.once(conf, env=env)
        bodies = [call.body.decode() for call in proxy.of("POST")]
    assert all("Action=AssumeRole&" in body for body in bodies)
    assert any("role%2Fwriter" in body and "ExternalId=id-4711" in body for body in bodies)
    assert not any("role%2Freader" in body and "ExternalId" in body for body in bodies)
    items = two_accounts.scan(TableName="the-table")["Items"]
    assert sorted(attributes.from_dynamodb(item)["id"]["S"] for item in items) == ["1", "2"]


def test_without_its_role_the_table_is_not_there(firebridge, open_moto, two_accounts):
    env = {"AWS_ACCESS_KEY_ID": "AKIDBASE", "AWS_SECRET_ACCESS_KEY": "base"}
    stream = f"source.role_arn = {role_arn(SOURCE_ACCOUNT, 'reader')}"
    result = firebridge(moto_conf(firebridge, open_moto.url, stream), "check", env=env)
    assert result.code == 1, result
    assert "FAIL  stream main: table the-table" in result.stdout, result
    assert "ok    stream main: s3://bucket/p/ has 1 object" in result.stdout, result


@pytest.fixture(scope="module")
def checking_moto(server_folder, open_moto):
    """A moto that checks signatures and policies, with the table and a role for it elsewhere."""
    class CheckingMoto(servers.Moto):
        name = "checking-moto-sts"
    with CheckingMoto(server_folder) as server:
        other = Account(server, TABLE_ACCOUNT)
        make_table(other.client("dynamodb"), "the-table")
        anyone = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
        write = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["dynamodb:DescribeTable", "dynamodb:BatchWriteItem"],
             "Resource": "*"}]}
        iam = other.client("iam")
        iam.create_role(RoleName="writer", AssumeRolePolicyDocument=json.dumps(anyone))
        iam.put_role_policy(RoleName="writer", PolicyName="write", PolicyDocument=json.dumps(write))
        yield server, *server.switch_authentication_on()


def test_what_a_role_signs_is_checked(firebridge, open_moto, one_account, checking_moto):
    """STS checks the keys that assume the role, and DynamoDB those of the role and their token."""
    server, key, secret = checking_moto
    conf = moto_conf(firebridge, server.url, f"table.role_arn = {role_arn(TABLE_ACCOUNT, 'writer')}",
                     source="s3://own-bucket/p/").replace(
                         f"endpoint.s3 = {server.url}", f"endpoint.s3 = {open_moto.url}")
    env = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "wrong"}
    result = firebridge(conf, "run", "--once", env=env)
    assert result.code != 0 and "AssumeRole" in result.stderr, result
    firebridge.once(conf, env={**env, "AWS_SECRET_ACCESS_KEY": secret})
    with FaultProxy(server.url) as proxy:
        check = firebridge(conf.replace(f"endpoint.dynamodb = {server.url}",
                                        f"endpoint.dynamodb = {proxy.url}"), "check",
                           env={**env, "AWS_SECRET_ACCESS_KEY": secret})
        assert check.code == 0, check
        assert proxy.of("DescribeTable")[0].headers["x-amz-security-token"]


@pytest.fixture
def one_account(open_moto):
    """Bucket and table of moto's own account, for whatever keys."""
    s3 = servers.client("s3", open_moto.url, "x", "x")
    dynamodb = servers.client("dynamodb", open_moto.url, "x", "x")
    if not any(b["Name"] == "own-bucket" for b in s3.list_buckets()["Buckets"]):
        s3.create_bucket(Bucket="own-bucket")
        firehose.put(s3, "own-bucket", "p/", firehose.now(), [{"id": "1"}])
        make_table(dynamodb, "the-table")
    return open_moto


# --- How STS is reached ---------------------------------------------------------------------------

BASE = {"AWS_ACCESS_KEY_ID": "AKIDBASE", "AWS_SECRET_ACCESS_KEY": "base"}


def with_a_role(firebridge, proxy, *lines):
    """No address is set."""
    role = role_arn("123456789012", "r")
    aws = "\n".join([f"proxy = http://{proxy.address}", f"role_arn = {role}", *lines])
    conf = moto_conf(firebridge, "", aws=aws, source="s3://own-bucket/p/")
    return "\n".join(line for line in conf.splitlines() if not line.startswith("endpoint."))


def test_a_role_through_a_proxy_with_amazons_own_names(firebridge, one_account, tmp_path):
    domain = f"{servers.REGION}.amazonaws.com"
    names = [f"{name}.{domain}" for name in ("sts", "*.s3", "dynamodb")]
    authority = tls.Authority(tmp_path, names)
    with tls.TlsFront(authority.context(), one_account.port) as front, \
            tls.ConnectProxy({f".{domain}": front.port}) as proxy:
        conf = with_a_role(firebridge, proxy, f"ca_bundle = {authority.bundle}")
        result = firebridge.once(conf, env=BASE)
        assert "role: " in credentials_line(firebridge(conf, "check", env=BASE))
    assert set(proxy.asked) == {f"{name}.{domain}:443" for name in ("sts", "own-bucket.s3",
                                                                   "dynamodb")}, result


STS_HOSTS = {
    "fips": ("use_fips = yes", {}, f"sts-fips.{servers.REGION}.amazonaws.com:443"),
    "dual-stack": ("", {"AWS_USE_DUALSTACK_ENDPOINT": "true"}, f"sts.{servers.REGION}.api.aws:443"),
    "an address": ("", {"AWS_ENDPOINT_URL_STS": "https://sts.example:8443"},
                   "sts.example:8443"),
}


@pytest.mark.parametrize("kind", STS_HOSTS)
def test_the_host_that_is_asked_for_a_role(firebridge, kind):
    line, env, host = STS_HOSTS[kind]
    with tls.ConnectProxy({}) as proxy:
        result = firebridge(with_a_role(firebridge, proxy, line), "check", env={**BASE, **env})
        assert set(proxy.asked) == {host}, result
    assert result.code == 1
    assert f"the proxy does not connect to {host}: HTTP 502" in credentials_line(result), result


def test_plain_http_to_sts_elsewhere_needs_to_be_allowed(firebridge):
    conf = moto_conf(firebridge, "http://127.0.0.1:9")
    result = firebridge(conf, "check", env={**BASE, "AWS_ENDPOINT_URL_STS": "http://sts.example"})
    assert "endpoint.sts" not in result.stdout, "what the conf says wins"
    conf = "\n".join(line for line in conf.splitlines() if not line.startswith("endpoint.sts"))
    result = firebridge(conf, "check", env={**BASE, "AWS_ENDPOINT_URL_STS": "http://sts.example"})
    assert result.code == 1
    assert "AWS_ENDPOINT_URL_STS: plain http to 'http://sts.example'" in result.stdout, result


# --- Renewal under way ----------------------------------------------------------------------------


def test_short_keys_of_an_ailing_instance_never_fail_a_call(
        firebridge, make_conf, s3_server, dynamodb_server, s3, bucket, table):
    """Keys of four seconds, and every third call of the metadata service fails."""
    expected = []
    with MetadataServer(s3_server.key, s3_server.secret, lifetime_s=4.5, fails_each=3) as imds, \
            FaultProxy(dynamodb_server.url) as proxy:
        conf = make_conf(main=(f"s3://{bucket}/p/", table), dynamodb_url=proxy.url)
        conf = conf.replace("[aws]", f"[aws]\nendpoint.imds = {imds.url}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
            firebridge.env.pop(name)
        process = firebridge.start(conf, "run")
        seen = []
        began = time.monotonic()
        while time.monotonic() - began < 11:
            expected.append({"id": f"{len(expected)}"})
            firehose.put(s3, bucket, "p/", firehose.now(), expected[-1:])
            process.wait_until(lambda: table.count() == len(expected), timeout_s=20)
            seen = [(time.time(), call) for call in proxy.of("BatchWriteItem")]
        process.terminate()
        result = process.wait()
    assert result.code == 0, result
    assert len(expected) > 5, result
    tokens = {call.headers["x-amz-security-token"] for _, call in seen}
    assert len(tokens) >= 4, "the keys were renewed"
    assert f"credentials from instance metadata (IMDSv2): role {ROLE}, until 20" in result.stderr
    assert all(call.status == 200 for call in proxy.calls), result
    assert "expired" not in result.stderr.lower(), result
    for call in proxy.calls:
        signed = re.search(r"(\d{8}T\d{6})Z", call.headers["x-amz-date"]).group(1)
        at = firehose.datetime.datetime.strptime(signed + "+0000", "%Y%m%dT%H%M%S%z").timestamp()
        assert at < end_of(call.headers["x-amz-security-token"]), "sent with expired keys"


# --- Every provider, and what none of them tells --------------------------------------------------


def credentials_line(result):
    lines = [line for line in result.stdout.splitlines() if "credentials: " in line]
    assert len(lines) == 1, result
    return lines[0]


SECRETS = {"secret": "SECRETsecret0123456789abcdef+/", "token": "SESSIONTOKEN0123456789=="}


class Providers:
    """Each makes the environment and conf lines with which its keys are found."""

    def __init__(self, folder, url, metadata):
        self.folder, self.url, self.metadata = folder, url, metadata

    def put(self, name, text, mode=0o600):
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def profile(self, text, **more):
        return {"AWS_CONFIG_FILE": self.put("config", text), "AWS_PROFILE": "p", **more}, ""

    def keys(self, name="p"):
        return (f"[{name}]\naws_access_key_id = AKIDTEST\n"
                f"aws_secret_access_key = {SECRETS['secret']}\n"
                f"aws_session_token = {SECRETS['token']}\n")

    def environment(self):
        return {"AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": SECRETS["secret"],
                "AWS_SESSION_TOKEN": SECRETS["token"]}, ""

    def shared_files(self):
        return {"AWS_SHARED_CREDENTIALS_FILE": self.put("credentials", self.keys())}, "profile = p"

    def systemd(self):
        self.put("aws-credentials", self.keys("default"))
        return {"CREDENTIALS_DIRECTORY": self.folder}, ""

    def assumed_role(self):
        credentials = self.put("credentials", self.keys("base"))
        return self.profile(f"[profile p]\nrole_arn = {role_arn('123456789012', 'r')}\n"
                            "source_profile = base\n", AWS_SHARED_CREDENTIALS_FILE=credentials)

    def process(self):
        keys = {"Version": 1, "AccessKeyId": "AKIDTEST", "SecretAccessKey": SECRETS["secret"],
                "SessionToken": SECRETS["token"]}
        program = self.put("a program", f"#!/bin/sh\necho {SECRETS['secret']} >&2\n"
                                        f"cat <<END\n{json.dumps(keys)}\nEND\n", 0o700)
        return self.profile(f'[profile p]\ncredential_process = "{program}" --for test\n')

    def web_identity(self):
        token = self.put("token", SECRETS["token"])
        return {"AWS_WEB_IDENTITY_TOKEN_FILE": token,
                "AWS_ROLE_ARN": role_arn("123456789012", "r")}, ""

    def container(self):
        token = self.put("authorization", self.metadata.authorization)
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": self.metadata.url + "/container",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token}, ""

    def instance(self):
        return {"AWS_EC2_METADATA_DISABLED": "false"}, f"endpoint.imds = {self.metadata.url}"


EXPECTED = {
    "environment": "from environment, which do not expire",
    "shared_files": "from shared files: profile p, which do not expire",
    "systemd": "from shared files: profile default, which do not expire",
    "assumed_role": "from shared files: profile p, arn:aws:iam::123456789012:role/r by base, until",
    "process": "from shared files: profile p, which do not expire",
    "web_identity": "from web identity: arn:aws:iam::123456789012:role/r, until",
    "container": "from container: 127.0.0.1:",
    "instance": f"from instance metadata (IMDSv2): role {ROLE}, until",
}


def expect_no_secret(texts, folder, secrets):
    """In no text, and in no file of the state."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            texts[str(file)] = file.read_bytes()
    for name, text in texts.items():
        for secret in secrets:
            assert secret.encode() not in text, f"{name} has {secret[:6]}..."


def secrets_of(proxy, metadata):
    """What was given, and what travelled: also keys of roles that only STS knew."""
    found = {*SECRETS.values(), metadata.secret, metadata.imds_token, metadata.authorization}
    for call in proxy.calls:
        token = call.headers.get("x-amz-security-token")
        found |= {token} if token else set()
        found |= {call.headers["Authorization"].rpartition("Signature=")[2]} \
            if "Authorization" in call.headers else set()
    return found


def answers_of(firebridge, conf, name, code):
    """What a daemon that runs says to whoever asks."""
    texts = {}
    for command, expected in (("status", code), ("objects", 0)):
        answer = firebridge(conf, command, "--output", "json")
        assert answer.code == expected, answer
        texts[f"{name} {command}"] = (answer.stdout + answer.stderr).encode()
    if "[metrics]" in conf:
        answer, text = ask(int(conf.rpartition(":")[2]), "/metrics")
        assert answer.status == 200
        texts[f"{name} metrics"] = text.encode()
    return texts


def asked_while_well_and_ill(firebridge, conf, env, proxy, refuse):
    """The answers of a daemon before and after AWS refuses its keys, and its log, in debug."""
    if listens(firebridge.program):
        conf += f"[metrics]\nlisten = 127.0.0.1:{servers.free_port()}\n"
    daemon = firebridge.start(conf, "run", env=env)
    daemon.wait_until(lambda: " ready: " in daemon.log)
    daemon.wait_until(lambda: firebridge(conf, "status").code == 0)
    texts = answers_of(firebridge, conf, "a well daemon's", 0)
    proxy.rule = lambda call: refuse
    daemon.wait_until(lambda: firebridge(conf, "status").code == 1)
    texts |= answers_of(firebridge, conf, "an ill daemon's", 1)
    assert b"bad token" in texts["an ill daemon's status"]
    daemon.terminate()
    assert daemon.wait().code == 0
    assert " debug" in daemon.log
    return {**texts, "a daemon's log": daemon.log.encode()}


@pytest.mark.parametrize("provider", EXPECTED)
def test_no_secret_of_any_provider_is_told(provider, firebridge, one_account, tmp_path):
    folder = tmp_path / "given"
    folder.mkdir()
    with MetadataServer("AKIDTEST", SECRETS["secret"]) as metadata, \
            FaultProxy(one_account.url) as proxy:
        env, aws = getattr(Providers(folder, proxy.url, metadata), provider)()
        env = {name: str(value) for name, value in env.items()}
        conf = moto_conf(firebridge, proxy.url, "poll_interval = 1s", aws, "s3://own-bucket/p/")
        check = firebridge(conf, "check", env=env)
        assert EXPECTED[provider] in credentials_line(check), check
        once = firebridge.once(conf, env=env)

        def refuse(exchange):
            answer = exchange.forward()
            answer.status = 403
            answer.body = b'{"__type":"x#UnrecognizedClientException","message":"bad token"}'
            exchange.reply(answer)
        asked = asked_while_well_and_ill(firebridge, conf, env, proxy, refuse)
        proxy.rule = lambda call: refuse if "AssumeRole" not in call.body.decode() else None
        refused = firebridge(conf, "check", env=env)
        assert refused.code == 1, refused
        metadata.fails_each = 1
        proxy.rule = lambda call: refuse
        failed = firebridge(conf, "run", "--once", env=env)
        assert failed.code != 0, failed
        texts = {f"{name}'s {stream}": getattr(result, stream).encode()
                 for name, result in {"check": check, "once": once, "refused": refused,
                                      "failed": failed}.items()
                 for stream in ("stdout", "stderr")} | asked
        assert any(call.operation == "BatchWriteItem" for call in proxy.calls)
        expect_no_secret(texts, firebridge.state, secrets_of(proxy, metadata))


def test_a_process_gives_keys_where_the_parent_ignores_its_children(firebridge, one_account,
                                                                    tmp_path):
    ignoring = tmp_path / "ignoring"
    ignoring.write_text(f'#!/bin/sh\ntrap "" CHLD\nexec {firebridge.program} "$@"\n')
    ignoring.chmod(0o700)
    firebridge.program = ignoring
    env, aws = Providers(tmp_path, one_account.url, None).process()
    env = {name: str(value) for name, value in env.items()}
    conf = moto_conf(firebridge, one_account.url, aws=aws, source="s3://own-bucket/p/")
    result = firebridge(conf, "check", env=env)
    assert EXPECTED["process"] in credentials_line(result), result


def test_the_region_may_be_the_instances(firebridge, one_account):
    with MetadataServer("AKIDTEST", SECRETS["secret"]) as metadata:
        conf = moto_conf(firebridge, one_account.url, aws=f"endpoint.imds = {metadata.url}",
                         source="s3://own-bucket/p/").replace("region = us-east-1\n", "")
        result = firebridge(conf, "check", env={"AWS_EC2_METADATA_DISABLED": "false"})
    assert "ok    region: eu-south-2" in result.stdout, result


def test_version_1_is_never_asked_unless_the_conf_says_so(firebridge, one_account):
    with MetadataServer("AKIDTEST", SECRETS["secret"]) as metadata:
        metadata.gives_tokens = False
        metadata.imds_token = None
        conf = moto_conf(firebridge, one_account.url, aws=f"endpoint.imds = {metadata.url}",
                         source="s3://own-bucket/p/")
        env = {"AWS_EC2_METADATA_DISABLED": "false"}
        result = firebridge(conf, "check", env=env)
        assert result.code == 1 and "refuses a token (HTTP 403)" in result.stdout, result
        assert {method for method, _ in metadata.calls} == {"PUT"}
        conf = conf.replace("[daemon]", "imds_v1_fallback = yes\n[daemon]")
        result = firebridge(conf, "check", env=env)
        assert f"role {ROLE}, by version 1, until" in credentials_line(result), result
