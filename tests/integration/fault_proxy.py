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
        exchange.reply(without_crc32(reply, json.dumps(document).encode()))
    return split


WRITES = ("BatchWriteItem", "BatchExecuteStatement", "PutItem", "UpdateItem",
          "TransactWriteItems")


def without_crc32(reply, body):
    """The reply with another body and its right checksum."""
    headers = [(k, v) for k, v in reply.headers if k.lower() != "x-amz-crc32"]
    return Answer(reply.status, headers + [("x-amz-crc32", str(zlib.crc32(body)))], body)


def failed_statements(keep, code="ThrottlingError"):
    """Lets only the statements through for which keep() is true; the others fail by themselves."""
    def split(exchange):
        request = json.loads(exchange.call.body)
        kept = [keep(statement) for statement in request["Statements"]]
        passed = [s for s, is_kept in zip(request["Statements"], kept) if is_kept]
        reply = Answer(200, [("Content-Type", "application/x-amz-json-1.0")], b"{}")
        if passed:
            reply = exchange.forward(json.dumps({**request, "Statements": passed}).encode())
            if reply.status != 200:
                exchange.reply(reply)
                return
        document = json.loads(reply.body)
        answers = iter(document.get("Responses", []))
        document["Responses"] = [
            next(answers) if is_kept else
            {"Error": {"Code": code, "Message": "by the fault proxy"}} for is_kept in kept]
        exchange.reply(without_crc32(reply, json.dumps(document).encode()))
    return split


def partly(keep):
    """Throttles single items of whatever call can say so, and the whole of any other."""
    faults = {"BatchWriteItem": unprocessed(keep), "BatchExecuteStatement": failed_statements(keep)}

    def split(exchange):
        faults.get(exchange.call.operation, throttle)(exchange)
    return split


def of_another_table(exchange):
    """The write happens, and the answer is somebody else's."""
    reply = exchange.forward()
    document = json.loads(reply.body)
    if exchange.call.operation == "BatchWriteItem":
        document["UnprocessedItems"] = {"another-table": [
            {"DeleteRequest": {"Key": {"id": {"S": "x"}}}}]}
    elif exchange.call.operation == "BatchExecuteStatement":
        for response in document.get("Responses", []):
            response["TableName"] = "another-table"
    else:
        document["ConsumedCapacity"] = {"TableName": "another-table", "CapacityUnits": 1.0}
    exchange.reply(without_crc32(reply, json.dumps(document).encode()))


def silent_after(seconds):
    """The write happens, and then there is nothing for so long."""
    def wait(exchange):
        exchange.forward()
        time.sleep(seconds)
        exchange.cut()
    return wait


def silent(seconds):
    """Nothing happens for so long."""
    return delay(seconds, cut_before)


class Share:
    """A rule: a share of the calls that write meets the fault, but no more than `most` of each."""

    def __init__(self, seed, fault, share=0.3, most=10**9):
        self.dice = random.Random(seed)
        self.fault, self.share, self.most = fault, share, most
        self.met = dict.fromkeys(WRITES, 0)

    def __call__(self, call):
        if call.operation not in WRITES or self.met[call.operation] >= self.most or \
                self.dice.random() >= self.share:
            return None
        self.met[call.operation] += 1
        return self.fault


class TableOf:
    """
    A rule: what a table with so many write units a second does. It takes what its bucket has and
    throttles the rest, single items of a call too; `taken` and `throttled` are lists of (time,
    units).
    """

    def __init__(self, units_per_s, burst_s=1.0):
        self.units_per_s, self.burst = units_per_s, units_per_s * burst_s
        self.units, self.at = self.burst, time.monotonic()
        self.taken, self.throttled = [], []
        self._lock = threading.Lock()

    def admit(self, units):
        with self._lock:
            now = time.monotonic()
            self.units = min(self.burst, self.units + (now - self.at) * self.units_per_s)
            self.at = now
            fits = self.units >= units
            self.units -= units if fits else 0
            (self.taken if fits else self.throttled).append((now, units))
            return fits

    def __call__(self, call):
        if call.operation not in WRITES:
            return None
        if call.operation in ("BatchWriteItem", "BatchExecuteStatement"):
            return self._batch
        return None if self.admit(1) else throttle

    def _batch(self, exchange):
        verdicts = {}
        request = json.loads(exchange.call.body)
        entries = request.get("Statements") or [
            entry for entries in request["RequestItems"].values() for entry in entries]
        for entry in entries:
            size = len(json.dumps(entry, separators=(",", ":")))
            verdicts[json.dumps(entry)] = self.admit(max(1, -(-size // 1500)))
        if not any(verdicts.values()):
            throttle(exchange)
            return
        if all(verdicts.values()):
            pass_on(exchange)
            return
        partly(lambda entry: verdicts[json.dumps(entry)])(exchange)


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
