# SPDX-License-Identifier: Apache-2.0
"""
AWS's judge, as far as firebridge's policies go: what a call needs, whether a policy allows it, and
a rule for the fault proxy that denies all else.
"""

import json
import re
import urllib.parse

import fault_proxy
import servers

ACCOUNT = "123456789012"

s3_denial = fault_proxy.answer(
    403, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message>"
    b"</Error>", "application/xml")
dynamodb_denial = fault_proxy.dynamodb_error(400, "AccessDeniedException")

IN_TRANSACTION = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}
S3_ACTIONS = {"LIST": "ListBucket", "GET": "GetObject", "PUT": "PutObject",
              "DELETE": "DeleteObject"}


def table_arn(name):
    if name.startswith("arn:"):
        return name
    return f"arn:aws:dynamodb:{servers.REGION}:{ACCOUNT}:table/{name}"


def tables_of(call):
    """(operation, table) of each thing that a DynamoDB call does."""
    body = json.loads(call.body)
    if call.operation in ("BatchWriteItem", "BatchGetItem"):
        return [(call.operation, table) for table in body["RequestItems"]]
    if call.operation == "BatchExecuteStatement":
        return [("PartiQLInsert", re.match(r'INSERT INTO "([^"]+)"', s["Statement"])[1])
                for s in body["Statements"]]
    if call.operation == "TransactWriteItems":
        return [(IN_TRANSACTION[kind], what["TableName"])
                for item in body["TransactItems"] for kind, what in item.items()]
    return [(call.operation, body["TableName"])]


def needs_of(call):
    """(action, resource, prefix) of all that a call needs."""
    if "X-Amz-Target" in call.headers:
        return {(f"dynamodb:{operation}", table_arn(table), None)
                for operation, table in tables_of(call)}
    path, _, query = call.path.partition("?")
    bucket, _, key = urllib.parse.unquote(path).lstrip("/").partition("/")
    action = f"s3:{S3_ACTIONS[call.operation]}"
    if call.operation == "LIST":
        prefix = urllib.parse.parse_qs(query).get("prefix", [None])[0]
        return {(action, f"arn:aws:s3:::{bucket}", prefix)}
    return {(action, f"arn:aws:s3:::{bucket}/{key}", None)}


def matches(pattern, text):
    """IAM's wildcards; ${*} and its like are the characters themselves."""
    parts = re.findall(r"\$\{[*?$]\}|.", pattern, re.S)
    wild = {"*": ".*", "?": "."}
    expression = "".join(wild.get(part) or re.escape(part[2] if len(part) > 1 else part)
                         for part in parts)
    return re.fullmatch(expression, text, re.S) is not None


class Policy:
    """A policy document; as a rule it denies what the document does not allow."""

    def __init__(self, document):
        self.statements = document["Statement"]
        self.denied, self.used = set(), set()

    def without(self, sid):
        return Policy({"Statement": [s for s in self.statements if s["Sid"] != sid]})

    def grants(self):
        """Each (action, resource) that is allowed."""
        return {(action, resource) for s in self.statements for action in s["Action"]
                for resource in s["Resource"]}

    def allows(self, action, resource, prefix):
        for statement in self.statements:
            condition = statement.get("Condition", {}).get("StringLike", {})
            if action not in statement["Action"]:
                continue
            if "s3:prefix" in condition and not (
                    prefix is not None and
                    any(matches(p, prefix) for p in condition["s3:prefix"])):
                continue
            for pattern in statement["Resource"]:
                if matches(pattern, resource):
                    self.used.add((action, pattern))
                    return True
        return False

    def __call__(self, call):
        refused = {need for need in needs_of(call) if not self.allows(*need)}
        self.denied |= refused
        if not refused:
            return None
        return dynamodb_denial if "X-Amz-Target" in call.headers else s3_denial
