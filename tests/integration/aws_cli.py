# SPDX-License-Identifier: Apache-2.0
"""
Reads `aws SERVICE COMMAND ...` as a person types it, runs it by boto3 and prints what the AWS CLI
would. What a parameter is called and which type it has is read from botocore's own description of
the service; of the CLI's output there is --query with --output text.
"""

import json
import re
import shlex

import jmespath
from botocore import xform_name


def take_command(text):
    """The command that the text begins with, on one line, and what follows its last line."""
    taken = ""
    lines = text.splitlines(keepends=True)
    for count, line in enumerate(lines, 1):
        taken += line
        if not line.endswith("\\\n") and quotes_are_closed(taken):
            return taken.replace("\\\n", " ").strip(), "".join(lines[count:])
    raise ValueError(f"the command does not end: {text}")


def quotes_are_closed(text):
    try:
        shlex.split(text)
    except ValueError:
        return False
    return True


def commands(script):
    """The commands of a shell script that holds nothing else but comments and empty lines."""
    while script := re.sub(r"\A(?:#.*|)\n", "", script):
        if script.startswith(("#", "\n")):
            continue
        command, script = take_command(script)
        yield command


def shorthand(word):
    """AttributeName=id,KeyType=HASH"""
    return dict(pair.split("=", 1) for pair in word.split(","))


def typed(value, shape):
    """Shorthand gives text where the service wants something else."""
    if shape.type_name == "structure":
        return {name: typed(inside, shape.members[name]) for name, inside in value.items()}
    if shape.type_name == "list":
        return [typed(inside, shape.member) for inside in value]
    if shape.type_name == "boolean" and isinstance(value, str):
        return {"true": True, "false": False}[value]
    return value


def argument(words, shape):
    if shape.type_name == "boolean":
        assert not words, f"a flag takes nothing: {words}"
        return True
    assert words, "an option without a value"
    if words[0][0] in "[{":
        return json.loads(" ".join(words))
    if shape.type_name == "list":
        return typed([shorthand(word) for word in words], shape)
    (word,) = words
    if shape.type_name == "structure":
        return typed(shorthand(word), shape)
    return int(word) if shape.type_name in ("integer", "long") else word


def options_of(words):
    """{"--name": [words behind it]}"""
    options = {}
    for word in words:
        if word.startswith("--"):
            assert word not in options, f"{word} comes twice"
            options[word] = current = []
        else:
            current.append(word)
    return options


class Command:
    """
    One command for a service of boto3. `parameters` is what its operation is called with; of
    `wait` nothing but the words is known.
    """

    def __init__(self, line, client):
        program, service, self.name, *words = shlex.split(line)
        assert (program, service) == ("aws", client.meta.service_model.service_name), line
        self.client = client
        self.method = self.name.replace("-", "_")
        if self.name == "wait":
            return
        options = options_of(words)
        (self.query,) = options.pop("--query", [None])
        (self.output,) = options.pop("--output", ["json"])
        self.parameters = dict(self.read(*option) for option in options.items())

    def members(self):
        operation = self.client.meta.method_to_api_mapping[self.method]
        shape = self.client.meta.service_model.operation_model(operation).input_shape
        return {"--" + xform_name(name, "-"): (name, member)
                for name, member in shape.members.items()}

    def read(self, option, words):
        members = self.members()
        if option.startswith("--no-") and option not in members:
            name, shape = members[option.replace("--no-", "--", 1)]
            assert shape.type_name == "boolean" and not words, option
            return name, False
        name, shape = members[option]
        return name, argument(words, shape)

    def run(self):
        return getattr(self.client, self.method)(**self.parameters)

    def printed(self):
        """What --output text prints of what --query takes."""
        assert self.output == "text" and self.query, f"{self.name}: --query, --output text"
        return as_text(jmespath.search(self.query, self.run()))


def word(value):
    """One value in a row."""
    assert value is None or isinstance(value, (str, int)), f"no value of a row: {value}"
    return str(value)


def as_text(result):
    """A value, a row of values, or rows of them: by tabs and lines, as the AWS CLI has it."""
    if not isinstance(result, list):
        return word(result) + "\n"
    if not result:
        return ""
    rows = result if isinstance(result[0], list) else [result]
    return "".join("\t".join(map(word, row)) + "\n" for row in rows)
