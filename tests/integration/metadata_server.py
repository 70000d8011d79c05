# SPDX-License-Identifier: Apache-2.0
"""
An instance's metadata service and a container's endpoint on loopback, as EC2 and ECS have them:
IMDS insists on its token. Which keys it hands out, for how long, and when it fails is up to the
test. A session token says in clear when it ends: "TOKEN.<seconds since 1970>".
"""

import datetime
import http.server
import json
import threading
import time

ROLE = "the-role"


def session_token(expires):
    return f"TOKEN.{expires:.3f}.session"


def end_of(token):
    """When the keys with this session token end, in seconds since 1970."""
    return float(token.removeprefix("TOKEN.").removesuffix(".session"))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=""):
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_PUT(self):
        server = self.server.metadata
        if server.take_call(self.command, self.path):
            return self.answer(503)
        if self.path != "/latest/api/token" or not server.gives_tokens:
            return self.answer(403)
        return self.answer(200, server.imds_token)

    def do_GET(self):
        server = self.server.metadata
        if server.take_call(self.command, self.path):
            return self.answer(503)
        if self.path == "/container":
            given = self.headers.get("Authorization")
            return self.answer(200, server.keys()) if given == server.authorization else \
                self.answer(403, '{"message": "no"}')
        if self.headers.get("X-aws-ec2-metadata-token") != server.imds_token:
            return self.answer(401)
        prefix = "/latest/meta-data/iam/security-credentials/"
        answers = {prefix: lambda: ROLE, prefix + ROLE: server.keys,
                   "/latest/meta-data/placement/region": lambda: server.region}
        if self.path not in answers:
            return self.answer(404)
        return self.answer(200, answers[self.path]())

    def log_message(self, *_):
        pass


class MetadataServer:
    region = "eu-south-2"

    def __init__(self, key, secret, lifetime_s=3600.0, fails_each=None):
        self.key, self.secret, self.lifetime_s = key, secret, lifetime_s
        self.fails_each = fails_each  # so many calls, one fails
        self.imds_token = "IMDS-TOKEN-0123456789=="
        self.gives_tokens = True
        self.authorization = "CONTAINER-AUTHORIZATION-0123456789"
        self.calls = []
        self._lock = threading.Lock()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.metadata = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def take_call(self, method, path):
        """True: this one fails."""
        with self._lock:
            self.calls.append((method, path))
            return self.fails_each and len(self.calls) % self.fails_each == 0

    def keys(self):
        expires = time.time() + self.lifetime_s
        end = datetime.datetime.fromtimestamp(expires, datetime.timezone.utc)
        return json.dumps({
            "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": self.key,
            "SecretAccessKey": self.secret, "Token": session_token(expires),
            "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ")})

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05},
                         daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
