# SPDX-License-Identifier: Apache-2.0
"""Where the build lies whose tools are tried: of the release, or of what tests/check was told."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FIREBRIDGE_BUILD", ROOT / "build" / "release"))
IS_SANITIZED = BUILD.name in ("asan", "tsan")  # what it takes of memory and time says nothing
