# SPDX-License-Identifier: Apache-2.0
"""A daemon with its control socket, and clients of it that are not the program's own."""

import contextlib
import json
import socket
import threading
import time

# Port 9 is closed on the loopback of the tests' own network namespace.
NOBODY = "http://127.0.0.1:9"


def conf(firebridge, *streams, daemon="", aws=""):
    """Streams that reach nobody: all that needs the daemon alone. Each is (name, lines...)."""
    firebridge.env.update(AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY="tops3cret")
    lines = ["[aws]", "region = eu-west-1", f"endpoint.s3 = {NOBODY}",
             f"endpoint.dynamodb = {NOBODY}", aws, "[daemon]", f"state_dir = {firebridge.state}",
             daemon]
    for name, *own in streams or [("main",)]:
        lines += [f"[stream {name}]", f"source = s3://bucket/{name}/", "table = table", *own]
    return "\n".join(lines) + "\n"


def socket_of(firebridge):
    return firebridge.state / "control.sock"


def start(firebridge, conf_text, **options):
    process = firebridge.start(conf_text, "run", **options)
    process.wait_until(socket_of(firebridge).exists)
    return process


def connect(path):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(str(path))
    client.settimeout(30)
    return client


def read_all(client):
    """Whatever comes until the other side closes."""
    got = b""
    try:
        while more := client.recv(65536):
            got += more
    except ConnectionResetError:
        pass
    return got


def exchange(path, request):
    """The bytes of an answer to some bytes."""
    with connect(path) as client:
        try:
            client.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return read_all(client)


def ask(path, **request):
    return json.loads(exchange(path, json.dumps(request).encode() + b"\n"))


@contextlib.contextmanager
def impostor(firebridge, answer, pause_s=0):
    """Somebody else who listens at the socket, and gives each client the same answer."""
    path = socket_of(firebridge)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()

    def serve():
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client, contextlib.suppress(OSError):
                    client.recv(65536)
                    for piece in (bytes([byte]) for byte in answer) if pause_s else [answer]:
                        client.sendall(piece)
                        time.sleep(pause_s)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)
        path.unlink()
