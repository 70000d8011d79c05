# SPDX-License-Identifier: Apache-2.0
"""`iam-policy`: what it prints is enough for the conf at hand, and no statement can be spared."""

import contextlib
import json
import shutil

import pytest

import fault_proxy
import firehose
import iam
from test_write_matrix import rows  # noqa: F401 (a fixture)

# Beside the modes: an insert that PartiQL cannot say, and dead letters that go to S3.
ODD = ["write = insert"]
LETTERS = "dead_letters = s3://{bucket}/$dead*/"


@pytest.fixture
def streams(rows, s3, bucket, make_table):  # noqa: F811
    odd, letters = make_table(), make_table()
    firehose.put(s3, bucket, "odd/", firehose.hours_ago(2), [{"id": "1", "größe": 1}, {"id": "2"}])
    firehose.put(s3, bucket, "a*b/", firehose.hours_ago(2), [{"id": "1"}, {"no": "id"}])
    return {**{row.name: (row.source, row.table, *row.lines) for row in rows},
            "odd": (f"s3://{bucket}/odd/", odd, *ODD),
            "letters": (f"s3://{bucket}/a*b/", letters, LETTERS.format(bucket=bucket))}


@contextlib.contextmanager
def under(policy, make_conf, streams, s3_server, dynamodb_server, patience):
    """The conf whose S3 and DynamoDB allow what the policy does."""
    with fault_proxy.FaultProxy(s3_server.url, policy) as s3, \
            fault_proxy.FaultProxy(dynamodb_server.url, policy) as dynamodb:
        yield make_conf(s3_url=s3.url, dynamodb_url=dynamodb.url, patience=patience,
                        stream="writers = 2", **streams)


def policy_for(firebridge, conf, *options):
    result = firebridge(conf, "iam-policy", *options)
    assert result.code == 0, result
    return iam.Policy(json.loads(result.stdout))


def test_the_whole_job_runs_with_what_the_policy_allows_and_uses_all_of_it(
        firebridge, make_conf, rows, streams, s3_server, dynamodb_server):  # noqa: F811
    policy = policy_for(firebridge, make_conf(**streams), "--account", iam.ACCOUNT)
    with under(policy, make_conf, streams, s3_server, dynamodb_server, "15s") as conf:
        firebridge.once(conf, "--accept-dead-letters")
        assert not policy.denied
        assert not any(row.differences() for row in rows)
        # With the state lost, markers say what is added.
        shutil.rmtree(firebridge.state)
        firebridge.state.mkdir()
        firebridge.once(conf, "--accept-dead-letters")
    assert not policy.denied
    # The mode's own table has no item that PartiQL cannot say.
    insert = next(row for row in rows if row.name == "insert")
    assert policy.grants() - policy.used == {
        ("dynamodb:PutItem", iam.table_arn(insert.table.name))}
    add = next(row for row in rows if row.name == "add")
    assert not add.differences()


@pytest.mark.parametrize("share", [
    ("SourceForRun", "TableForRun2", "MarkersForRun", "DeadLetterObjectsForRun"),
    pytest.param(("ObjectsForRun", "TableForRun", "TableForRun3", "TableForRun4", "TableForRun5"),
                 marks=pytest.mark.soak)], ids=["some", "the others"])
def test_no_statement_can_be_spared(firebridge, make_conf, streams, s3_server, dynamodb_server,
                                    tmp_path, share):
    whole = policy_for(firebridge, make_conf(**streams))
    assert len(whole.statements) == 9 and {s["Sid"] for s in whole.statements} >= set(share)
    with contextlib.ExitStack() as stack:
        runs = []
        for sid in share:
            policy = whole.without(sid)
            conf = stack.enter_context(
                under(policy, make_conf, streams, s3_server, dynamodb_server, "1s"))
            state = tmp_path / sid
            state.mkdir()
            firebridge.conf_file = tmp_path / f"{sid}.conf"
            conf = conf.replace(f"state_dir = {firebridge.state}", f"state_dir = {state}")
            runs.append((sid, policy, firebridge.start(
                conf, "run", "--once", "--accept-dead-letters")))
            if len(runs) % 2 == 0:  # as many at once as there are processors for
                runs[-2][2].wait(), runs[-1][2].wait()
        for sid, policy, process in runs:
            result = process.wait()
            assert result.code == 1, (sid, result)
            assert policy.denied, sid
            assert any(f"the credentials in use lack {action} on" in result.stderr or
                       "lack a permission" in result.stderr
                       for action, *_ in policy.denied), (sid, policy.denied, result)


CONF = """
[aws]
region = {region}
{aws}
[stream a]
source = {source}
table = {table}
{lines}
"""


def printed(firebridge, *options, region="eu-west-1", aws="", source="s3://bucket/p/", table="tab",
            lines=""):
    conf = CONF.format(region=region, aws=aws, source=source, table=table, lines=lines)
    result = firebridge(conf, "iam-policy", *options)
    assert result.code == 0, result
    return json.loads(result.stdout), result.stderr


def resources(document):
    return {r for s in document["Statement"] for r in s["Resource"]}


def test_it_needs_nobody_to_answer_and_no_credentials(firebridge):
    document, said = printed(firebridge)
    assert resources(document) == {"arn:aws:s3:::bucket", "arn:aws:s3:::bucket/p/*",
                                   "arn:aws:dynamodb:eu-west-1:*:table/tab"}
    assert "the table's account is not known" in said
    document, said = printed(firebridge, "--account", "111122223333")
    assert "arn:aws:dynamodb:eu-west-1:111122223333:table/tab" in resources(document)
    assert "account" not in said


@pytest.mark.parametrize("region, partition, service", [
    ("cn-north-1", "aws-cn", "ec2.amazonaws.com.cn"),
    ("us-gov-west-1", "aws-us-gov", "ec2.amazonaws.com"),
])
def test_other_partitions(firebridge, region, partition, service):
    document, _ = printed(firebridge, region=region)
    assert all(r.startswith(f"arn:{partition}:") for r in resources(document))
    trust, _ = printed(firebridge, "--trust", region=region)
    assert trust["Statement"][0]["Principal"] == {"Service": service}


def test_an_access_point_and_the_arn_of_a_table_stay_what_they_are(firebridge):
    point = "arn:aws:s3:eu-west-1:111122223333:accesspoint/fire"
    table = "arn:aws:dynamodb:us-east-2:444455556666:table/tab"
    document, said = printed(firebridge, source=f"s3://{point}/p/", table=table,
                             lines="write = insert")
    assert resources(document) == {point, f"{point}/object/p/*", table}
    assert "account" not in said
    # PartiQL names no table by its ARN.
    actions = {a for s in document["Statement"] for a in s["Action"]}
    assert "dynamodb:PutItem" in actions and "dynamodb:PartiQLInsert" not in actions


def test_each_principal_has_a_policy_of_its_own(firebridge):
    reader, writer = (f"arn:aws:iam::{n * 12}:role/r" for n in "12")
    lines = (f"source.role_arn = {reader}\nsource.external_id = x1\n"
             f"table.role_arn = {writer}\n")
    documents, _ = printed(firebridge, lines=lines)
    assert list(documents) == ["default", reader, writer]
    assert resources(documents["default"]) == {reader, writer}
    assert resources(documents[reader]) == {"arn:aws:s3:::bucket", "arn:aws:s3:::bucket/p/*"}
    assert resources(documents[writer]) == {"arn:aws:dynamodb:eu-west-1:222222222222:table/tab"}
    only, _ = printed(firebridge, "--principal", reader, lines=lines)
    assert only == documents[reader]
    trusts, said = printed(firebridge, "--trust", lines=lines)
    assert trusts[reader]["Statement"][0]["Condition"] == {
        "StringEquals": {"sts:ExternalId": "x1"}}
    assert "Condition" not in trusts[writer]["Statement"][0]
    assert "INSTANCE_ACCOUNT" in said


def test_the_key_of_the_bucket_is_for_its_objects_alone(firebridge):
    key = "arn:aws:kms:eu-west-1:111122223333:key/k"
    document, _ = printed(firebridge, "--kms-key", key)
    statement = next(s for s in document["Statement"] if s["Sid"] == "KeyForRun")
    assert (statement["Action"], statement["Resource"]) == (["kms:Decrypt"], [key])
    assert statement["Condition"] == {"StringLike": {"kms:EncryptionContext:aws:s3:arn": [
        "arn:aws:s3:::bucket", "arn:aws:s3:::bucket/p/*"]}}


def test_what_commands_need_beside_run_is_asked_for(firebridge):
    def actions(*options):
        document, _ = printed(firebridge, *options, lines="dead_letters = s3://letters/")
        return {a for s in document["Statement"] for a in s["Action"]}
    run = actions()
    assert run == {"s3:ListBucket", "s3:GetObject", "s3:PutObject", "dynamodb:DescribeTable",
                   "dynamodb:BatchWriteItem"}
    assert actions("--with", "verify") - run == {"dynamodb:BatchGetItem",
                                                 "dynamodb:DescribeTimeToLive"}
    assert actions("--with", "check") - run == {"dynamodb:DescribeTimeToLive"}
    inserts = {"dynamodb:PartiQLInsert", "dynamodb:PutItem"}
    assert actions("--with", "redrive") - run == {"s3:DeleteObject", *inserts}
    assert actions("--with", "replay") - run == inserts
    assert actions("--with", "backfill") - run == inserts
    assert actions("--with", "create-table,verify") - run == {
        "dynamodb:CreateTable", "dynamodb:DescribeTimeToLive", "dynamodb:UpdateTimeToLive",
        "dynamodb:BatchGetItem"}


@pytest.mark.parametrize("options, complaint", [
    (("--with", "verfy"), "--with: expected run, check, verify, redrive, create-table, replay, "
                          "backfill or all"),
    (("--account", "123"), "--account: expected 12 digits"),
    (("--kms-key", "alias/mine"), "--kms-key: expected a key's ARN"),
    (("--principal", "x"), "the conf has none of that name; it has: default"),
])
def test_wrong_use(firebridge, options, complaint):
    conf = CONF.format(region="eu-west-1", aws="", source="s3://bucket/p/", table="tab", lines="")
    result = firebridge(conf, "iam-policy", *options)
    assert (result.code, result.stdout) == (2, "")
    assert complaint in result.stderr
