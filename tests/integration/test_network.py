# SPDX-License-Identifier: Apache-2.0
"""The main job over TLS, through a proxy, with AWS's own names, and in another region."""

import os
import shutil

import pytest

import fault_proxy
import firehose
import servers
import tls
from test_bad_input import job, records  # noqa: F401 (a fixture)

AMAZON = "us-east-1.amazonaws.com"
NAMES = ["127.0.0.1", f"*.s3.{AMAZON}", f"s3.{AMAZON}", f"dynamodb.{AMAZON}"]
SIGNED = {"GET", "LIST", "BatchWriteItem", "DescribeTable"}


@pytest.fixture(name="authority", scope="module")
def _authority(tmp_path_factory):
    return tls.Authority(tmp_path_factory.mktemp("authority"), NAMES)


@pytest.fixture(name="fronts")
def _fronts(authority, s3_server, dynamodb_server):
    """TLS in front of S3 and of DynamoDB."""
    with tls.TlsFront(authority.context(), s3_server.port) as s3, \
            tls.TlsFront(authority.context(), dynamodb_server.port) as dynamodb:
        yield s3, dynamodb


def lay(job, count=100):
    job.put(firehose.body(records(count)))
    return records(count)


def over_tls(job, fronts, *lines):
    conf = job.conf(s3_url=fronts[0].url, dynamodb_url=fronts[1].url, patience="3s")
    return conf.replace("[aws]\n", "\n".join(["[aws]", *lines, ""]))


def with_amazons_names(job, *lines, region=servers.REGION):
    """No address is set."""
    kept = [line for line in job.conf(patience="3s").splitlines()
            if not line.startswith(("endpoint.", "region"))]
    return "\n".join(kept).replace("[aws]", "\n".join(["[aws]", f"region = {region}", *lines])) + "\n"


# --- TLS --------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["conf", "environment"])
def test_the_main_job_over_tls_with_a_private_authority(job, fronts, authority, by):
    expected = lay(job)
    lines = [f"ca_bundle = {authority.bundle}"] if by == "conf" else []
    env = {} if by == "conf" else {"AWS_CA_BUNDLE": str(authority.bundle)}
    job.firebridge.once(over_tls(job, fronts, *lines), env=env)
    job.table.expect(expected)
    versions = {version for front in fronts for version, _ in front.handshakes}
    assert versions <= {"TLSv1.2", "TLSv1.3"} and versions


def test_an_authority_that_nobody_trusts_is_refused(job, fronts):
    lay(job)
    conf = over_tls(job, fronts)
    result = job.firebridge(conf, "check")
    assert result.code == 1
    assert result.stdout.count("ca_bundle names the authorities to trust") == 2, result
    assert not any(front.handshakes for front in fronts)
    assert job.firebridge(conf, "run", "--once").code > 0
    assert job.table.count() == 0


@pytest.mark.skipif("mount" not in os.environ.get("FIREBRIDGE_NAMESPACE", ""),
                    reason="no mount namespace to put other authorities of the system into")
def test_a_bundle_stands_in_place_of_the_systems_authorities(job, fronts, authority, tmp_path):
    system, others = tmp_path / "certs", tmp_path / "others"
    system.mkdir()
    others.mkdir()
    other = tls.Authority(others, NAMES, own="another authority")
    for name in ("ca-certificates.crt", "ours.pem"):
        shutil.copy(authority.bundle, system / name)
    tls.openssl("rehash", ".", cwd=system)
    program = tmp_path / "firebridge"
    program.write_text("#!/bin/sh\nexec unshare --mount sh -c "
                       f"""'mount --bind {system} /etc/ssl/certs && exec "$@"' """
                       f"""sh {job.firebridge.program} "$@"\n""")
    program.chmod(0o755)
    job.firebridge.program = program
    result = job.firebridge(over_tls(job, fronts), "check")
    assert result.code == 0, result
    result = job.firebridge(over_tls(job, fronts, f"ca_bundle = {other.bundle}"), "check")
    assert result.code == 1
    assert result.stdout.count("ca_bundle names the authorities to trust") == 2, result


def test_a_server_of_another_name_is_refused(job, fronts, tmp_path):
    (tmp_path / "other").mkdir()
    other = tls.Authority(tmp_path / "other", ["other.example"])
    fronts[0].context = fronts[1].context = other.context()
    result = job.firebridge(over_tls(job, fronts, f"ca_bundle = {other.bundle}"), "check")
    assert result.code == 1
    assert result.stdout.count("alternative certificate subject name") == 2, result


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_tls_before_1_2_is_refused_even_where_the_machine_allows_it(job, fronts, authority,
                                                                    tmp_path):
    lax = tmp_path / "openssl.cnf"
    lax.write_text("openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = lax\n"
                   "[lax]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n")
    for front in fronts:
        front.context.minimum_version = tls.ssl.TLSVersion.TLSv1
        front.context.maximum_version = tls.ssl.TLSVersion.TLSv1_1
        front.context.set_ciphers("ALL:@SECLEVEL=0")
    conf = over_tls(job, fronts, f"ca_bundle = {authority.bundle}")
    result = job.firebridge(conf, "check", env={"OPENSSL_CONF": str(lax)})
    assert result.code == 1, result
    assert all(front.failures and not front.handshakes for front in fronts), result
    # What the machine allows is enough for a client that does not mind.
    client = tls.ssl.SSLContext(tls.ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, tls.ssl.CERT_NONE
    client.minimum_version = tls.ssl.TLSVersion.TLSv1
    client.set_ciphers("ALL:@SECLEVEL=0")
    with tls.socket.create_connection((tls.HOST, fronts[0].port)) as plain, \
            client.wrap_socket(plain) as connection:
        assert connection.version() == "TLSv1.1"


def test_a_connection_that_ended_is_made_again_with_its_tls_session(job, authority, s3_server,
                                                                    dynamodb_server):
    expected = lay(job)
    with tls.TlsFront(authority.context(), s3_server.port, lifetime_s=0.2) as s3, \
            tls.TlsFront(authority.context(), dynamodb_server.port) as dynamodb:
        conf = over_tls(job, (s3, dynamodb), f"ca_bundle = {authority.bundle}")
        daemon = job.firebridge.start(conf, "run")
        daemon.wait_until(lambda: job.table.count() == len(expected))
        daemon.wait_until(lambda: [resumed for _, resumed in s3.handshakes].count(True) >= 2)
        daemon.terminate()
        assert daemon.wait(35).code == 0


# --- Proxies ----------------------------------------------------------------------------------


@pytest.fixture(name="proxy")
def _proxy(fronts):
    """It finds AWS's hosts behind the fronts; nobody else knows their names."""
    ports = {f"s3.{AMAZON}": fronts[0].port, f"dynamodb.{AMAZON}": fronts[1].port}
    with tls.ConnectProxy(ports, user="user:hunter2") as proxy:
        yield proxy


def test_the_main_job_with_amazons_own_names_through_a_proxy(job, proxy, authority):
    expected = lay(job)
    conf = with_amazons_names(job, f"ca_bundle = {authority.bundle}",
                              f"proxy = http://user:hunter2@{proxy.address}")
    result = job.firebridge.once(conf)
    job.table.expect(expected)
    assert set(proxy.asked) == {f"{job.bucket}.s3.{AMAZON}:443", f"dynamodb.{AMAZON}:443"}
    assert "hunter2" not in result.stdout + result.stderr


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_a_proxy_of_the_environment(job, proxy, authority, variable):
    expected = lay(job)
    env = {variable: f"http://user:hunter2@{proxy.address}", "AWS_CA_BUNDLE": str(authority.bundle)}
    job.firebridge.once(with_amazons_names(job), env=env)
    job.table.expect(expected)
    assert proxy.asked


def test_a_bucket_with_a_dot_stands_in_the_path(job, proxy, authority, s3):
    job.bucket = job.bucket.replace("-", ".")
    s3.create_bucket(Bucket=job.bucket)
    expected = lay(job)
    conf = with_amazons_names(job, f"ca_bundle = {authority.bundle}",
                              f"proxy = http://user:hunter2@{proxy.address}")
    job.firebridge.once(conf)
    job.table.expect(expected)
    assert set(proxy.asked) == {f"s3.{AMAZON}:443", f"dynamodb.{AMAZON}:443"}


def test_a_proxy_that_wants_a_password_says_so_and_none_is_shown(job, proxy):
    conf = with_amazons_names(job, f"proxy = http://user:wrong-secret@{proxy.address}")
    result = job.firebridge(conf, "check")
    assert result.code == 1
    assert result.stdout.count("HTTP 407; it wants a user and a password") == 2, result
    assert "wrong-secret" not in result.stdout + result.stderr
    assert proxy.refused and not proxy.asked


# What is asked for: the conf's lines, the environment, and the hosts.
HOSTS = {
    "fips": (["use_fips = yes"], {}, "eu-west-1",
             ["{bucket}.s3-fips.eu-west-1.amazonaws.com", "dynamodb-fips.eu-west-1.amazonaws.com"]),
    "dual-stack": ([], {"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "eu-west-1",
                   ["{bucket}.s3.dualstack.eu-west-1.amazonaws.com", "dynamodb.eu-west-1.api.aws"]),
    "China": ([], {}, "cn-north-1",
              ["{bucket}.s3.cn-north-1.amazonaws.com.cn", "dynamodb.cn-north-1.amazonaws.com.cn"]),
    "GovCloud": ([], {"AWS_USE_FIPS_ENDPOINT": "true"}, "us-gov-west-1",
                 ["{bucket}.s3-fips.us-gov-west-1.amazonaws.com",
                  "dynamodb.us-gov-west-1.amazonaws.com"]),
    "an address": ([], {"AWS_ENDPOINT_URL": "https://all.example:8443"}, "eu-west-1",
                   ["all.example:8443", "all.example:8443"]),
    "no proxy": (["no_proxy = .eu-west-1.amazonaws.com"], {}, "eu-west-1", []),
    "none": (["proxy = none"], {}, "eu-west-1", []),
}


@pytest.mark.parametrize("kind", HOSTS)
def test_the_hosts_that_are_asked_for(job, kind):
    lines, env, region, hosts = HOSTS[kind]
    with tls.ConnectProxy({}) as proxy:
        result = job.firebridge(with_amazons_names(job, *lines, region=region), "check",
                                env={"HTTPS_PROXY": f"http://{proxy.address}", **env})
        expected = [host.format(bucket=job.bucket) for host in hosts]
        assert sorted(proxy.asked) == sorted(host if ":" in host else f"{host}:443"
                                             for host in expected), result
        assert result.code == 1


# --- What is not safe -------------------------------------------------------------------------


def test_plain_http_to_another_machine_needs_to_be_allowed(job):
    conf = job.conf(dynamodb_url="http://db.example")
    for command in (["check"], ["run", "--once"]):
        result = job.firebridge(conf, *command)
        assert result.code == 1, result
        assert "endpoint.dynamodb: plain http to 'http://db.example'" in (result.stdout +
                                                                          result.stderr), result
    allowed = job.firebridge(conf.replace("[aws]", "[aws]\nallow_http = yes"), "check")
    assert "plain http" not in allowed.stdout
    assert "db.example:80: Could not resolve host" in allowed.stdout


def test_a_redirect_is_not_followed_with_what_was_signed(job, s3_server, dynamodb_server):
    lay(job)
    with fault_proxy.FaultProxy(dynamodb_server.url) as other:
        redirect = fault_proxy.answer(307, Location=other.url + "/")
        with fault_proxy.FaultProxy(dynamodb_server.url, lambda call: redirect) as proxy:
            result = job.fail(dynamodb_url=proxy.url, patience="2s")
            assert proxy.calls and not other.calls
    assert "HTTP 307" in result.stderr


# --- Another region ---------------------------------------------------------------------------


def test_a_bucket_in_another_region_is_found_once_for_each_connection(job, s3_server):
    """Swift says which region it wants to be signed for, as S3 does."""
    expected = lay(job)
    with fault_proxy.FaultProxy(s3_server.url) as proxy:
        conf = job.conf(s3_url=proxy.url).replace(f"region = {servers.REGION}",
                                                  "region = eu-west-1")
        job.firebridge.once(conf)
        refused = [call for call in proxy.calls if call.status == 400]
        assert all("/eu-west-1/s3/" in call.headers["Authorization"] for call in refused)
        assert 1 <= len(refused) <= 2 < len(proxy.calls)  # the poller's and the decoder's
    job.table.expect(expected)
