# SPDX-License-Identifier: Apache-2.0
"""
Examples in documents that are real runs: in a block that begins with ```console each line
`$ COMMAND` is run from the top folder, and what follows it is what it prints.

    console_blocks.py FILE...        writes what is printed now into the files
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.M | re.S)


def commands(text):
    """Every command of the text's blocks, in their order."""
    return [line[2:] for block in BLOCK.findall(text) for line in block.splitlines()
            if line.startswith("$ ")]


def run(command):
    environment = {**os.environ, "PATH": f"{ROOT / 'build'}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    return done.stdout


def rewrite(text):
    """The text with what its commands print now."""
    def block(match):
        asked = [line for line in match.group().splitlines() if line.startswith("$ ")]
        return "".join(f"{line}\n{run(line[2:])}" for line in asked)
    return BLOCK.sub(block, text)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = pathlib.Path(name)
        path.write_text(rewrite(path.read_text(encoding="utf-8")), encoding="utf-8")
