# SPDX-License-Identifier: Apache-2.0
"""
An HTTP proxy that stands before DynamoDB Local or Swift and makes what goes wrong in real life go
wrong on purpose, by a rule: a callable that is given each Call and returns a fault or None.

The Host header is passed on as it came, so that signatures hold; connections are kept alive on
both sides. Every call is recorded.
"""

import dataclasses
import http.client
import http.server
import json
import random
import socket
import struct
import threading
import time
import urllib.parse
import zlib

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclasses.dataclass
class Call:
    """One request as it came in, and what became of it."""

    number: int  # of its operation, from 1
    operation: str  # "BatchWriteItem", or the method for S3: "GET", "LIST"
    path: str
    headers: dict
    body: bytes
    fault: str = ""
    status: int = 0

    @property
    def key(self):
        """The S3 object's key, decoded."""
        return urllib.parse.unquote(self.path.partition("?")[0]).lstrip("/").partition("/")[2]

    def puts(self):
        """The items of a BatchWriteItem, in order."""
        requests = json.loads(self.body)["RequestItems"]
        return [entry["PutRequest"]["Item"] for table in requests.values() for entry in table
                if "PutRequest" in entry]


    def operations(self):
        """Of a BatchWriteItem, in order: ("put", item) and ("delete", key)."""
        requests = json.loads(self.body)["RequestItems"]
        return [operation_in(entry) for table in requests.values() for entry in table]


def operation_in(entry):
    """An entry of BatchWriteItem."""
    (name, request), = entry.items()
    if name == "PutRequest":
        return "put", request["Item"]
    return "delete", request["Key"]


@dataclasses.dataclass
class Answer:
    status: int
    headers: list
    body: bytes


class Cut(Exception):
    """The connection ends here."""


class Exchange:
    """What a fault can do with one request."""

    def __init__(self, handler, call):
        self._handler = handler
        self.call = call

    def forward(self, body=None):
        return self._handler.forward(self.call.body if body is None else body)

    def reply(self, answer, only_bytes=None):
        self._handler.send(answer, only_bytes)

    @staticmethod
    def cut():
        raise Cut


# --- Faults ---------------------------------------------------------------------------------------


def answer(status, body=b"", content_type="application/x-amz-json-1.0", **headers):
    """Answers by itself; the server behind never sees the call."""
    def reply(exchange):
        listed = [("Content-Type", content_type)]
        listed += [(name.replace("_", "-"), value) for name, value in headers.items()]
        exchange.reply(Answer(status, listed, body))
    return reply


def dynamodb_error(status, code, message="by the fault proxy"):
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}
    return answer(status, json.dumps(body).encode())


throttle = dynamodb_error(400, "ProvisionedThroughputExceededException")
fail_before = dynamodb_error(500, "InternalServerError")
html_200 = answer(200, b"<html><body>Please log in</body></html>", "text/html")
html_502 = answer(502, b"<html><body>Bad gateway</body></html>", "text/html")
precondition_failed = answer(
    412, b"<?xml version='1.0'?><Error><Code>PreconditionFailed</Code>"
    b"<Message>by the fault proxy</Message></Error>", "application/xml")


def fail_after(exchange):
    """The write happens, the answer says that it did not."""
    exchange.forward()
    fail_before(exchange)


def cut_before(exchange):
    exchange.cut()


def cut_after(exchange):
    """The write happens, nobody hears of it."""
    exchange.forward()
    exchange.cut()


def half_answer(exchange):
    """All headers, half the body, and the end of the connection."""
    whole = exchange.forward()
    exchange.reply(whole, only_bytes=len(whole.body) // 2)
    exchange.cut()


def wrong_crc32(exchange):
    whole = exchange.forward()
    headers = [(k, v) for k, v in whole.headers if k.lower() != "x-amz-crc32"]
    exchange.reply(Answer(whole.status, headers + [("x-amz-crc32", "1")], whole.body))


def delay(seconds, then=None):
    def wait(exchange):
        time.sleep(seconds)
        (then or pass_on)(exchange)
    return wait


def pass_on(exchange):
    exchange.reply(exchange.forward())


def unprocessed(keep):
    """Lets only the entries through for which keep() is true; the others come back unprocessed."""
    def split(exchange):
        request = json.loads(exchange.call.body)
        passed, held = {}, {}
        for table, entries in request["RequestItems"].items():
            for entry in entries:
                chosen = passed if keep(entry) else held
                chosen.setdefault(table, []).append(entry)
        if passed:
            reply = exchange.forward(json.dumps({**request, "RequestItems": passed}).encode())
            if reply.status != 200:
                exchange.reply(reply)
                return
        else:
            reply = Answer(200, [("Content-Type", "application/x-amz-json-1.0")], b"{}")
        document = json.loads(reply.body)
        held.update(document.get("UnprocessedItems") or {})
        document["UnprocessedItems"] = held
        body = json.dumps(document).encode()
        headers = [(k, v) for k, v in reply.headers if k.lower() != "x-amz-crc32"]
        exchange.reply(Answer(200, headers + [("x-amz-crc32", str(zlib.crc32(body)))], body))
    return split


def randomly(seed, operation, *faults, share=0.3):
    """A rule: a share of the operation's calls meets one of the faults, the same for one seed."""
    dice = random.Random(seed)

    def rule(call):
        if call.operation == operation and dice.random() < share:
            return dice.choice(faults)
        return None
    return rule


# --- The proxy ------------------------------------------------------------------------------------


def operation_of(method, path, headers):
    target = headers.get("x-amz-target")
    if target:
        return target.rpartition(".")[2]
    return "LIST" if "list-type=" in path else method


class Handler(http.server.BaseHTTPRequestHandler):
    """One client connection, with one connection to the server behind it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    upstream = None

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call, fault = self.server.proxy.register(self.command, self.path, self.headers, body)
        self.call = call
        try:
            (fault or pass_on)(Exchange(self, call))
        except (Cut, ConnectionError, http.client.HTTPException) as end:
            if isinstance(end, ConnectionError) and not fault:
                call.fault = f"upstream: {end}"
            self.reset()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

    def reset(self):
        """Ends the connection with RST, as a crashed peer's would."""
        self.close_connection = True
        try:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass  # the peer was faster

    def forward(self, body):
        if self.upstream is None:
            self.upstream = http.client.HTTPConnection(*self.server.proxy.upstream, timeout=60)
        self.upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP_BY_HOP | {"expect"}:
                self.upstream.putheader(name, value)
        if body or self.command in ("POST", "PUT"):
            self.upstream.putheader("Content-Length", str(len(body)))
        self.upstream.endheaders(body)
        reply = self.upstream.getresponse()
        content = reply.read()
        if reply.will_close:
            self.upstream.close()
        return Answer(reply.status, [(k, v) for k, v in reply.getheaders()
                                     if k.lower() not in HOP_BY_HOP], content)

    def send(self, reply, only_bytes):
        self.call.status = reply.status
        head = [f"HTTP/1.1 {reply.status} {http.client.responses.get(reply.status, '')}"]
        head += [f"{name}: {value}" for name, value in reply.headers]
        head.append(f"Content-Length: {len(reply.body)}")
        body = b"" if self.command == "HEAD" else reply.body[:only_bytes]
        self.wfile.write("\r\n".join(head + ["", ""]).encode("latin-1") + body)

    def finish(self):
        if self.upstream:
            self.upstream.close()
        super().finish()

    def log_message(self, *_):
        pass


class HttpServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # a client that was killed is what the tests are about


class FaultProxy:
    """Stands before `upstream_url`; `rule` may be changed at any time."""

    def __init__(self, upstream_url, rule=None):
        address = urllib.parse.urlsplit(upstream_url)
        self.upstream = (address.hostname, address.port)
        self.rule = rule
        self.calls = []
        self._numbers = {}
        self._lock = threading.Lock()
        self._server = HttpServer(("127.0.0.1", 0), Handler)
        self._server.proxy = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def register(self, method, path, headers, body):
        operation = operation_of(method, path, headers)
        with self._lock:
            number = self._numbers[operation] = self._numbers.get(operation, 0) + 1
            call = Call(number, operation, path, dict(headers.items()), body)
            self.calls.append(call)
            fault = self.rule(call) if self.rule else None
        call.fault = getattr(fault, "__name__", "fault") if fault else ""
        return call, fault

    def of(self, operation):
        with self._lock:
            return [call for call in self.calls if call.operation == operation]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05},
                         daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
