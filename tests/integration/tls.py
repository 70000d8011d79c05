# SPDX-License-Identifier: Apache-2.0
"""
What stands between a program and AWS in a company: a private authority, TLS that ends in front of
a server, and a proxy that is asked to CONNECT.
"""

import base64
import contextlib
import socket
import ssl
import subprocess
import threading

HOST = "127.0.0.1"
CHUNK = 64 * 1024


def openssl(*arguments, cwd):
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


class Authority:
    """A certificate of an authority of our own, for the names that are given."""

    def __init__(self, folder, names, own="an authority of ours"):
        self.folder = folder
        self.bundle = folder / "authority.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-keyout", "authority.key", "-out", self.bundle.name, "-days", "2",
                "-subj", f"/CN={own}", cwd=folder)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server", cwd=folder)
        kinds = [("IP:" if name[0].isdigit() else "DNS:") + name for name in names]
        (folder / "names").write_text("subjectAltName=" + ",".join(kinds))
        openssl("x509", "-req", "-in", "server.csr", "-CA", self.bundle.name, "-CAkey",
                "authority.key", "-CAcreateserial", "-out", "server.pem", "-days", "2",
                "-extfile", "names", cwd=folder)

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        return context


def hang_up(connection):
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def pump(source, target):
    """Until either end is gone."""
    with contextlib.suppress(OSError):
        while chunk := source.recv(CHUNK):
            target.sendall(chunk)
    hang_up(source)
    hang_up(target)


def tunnel(one, other):
    back = threading.Thread(target=pump, args=(other, one), daemon=True)
    back.start()
    pump(one, other)
    back.join()


class Listener:
    """serve(connection) runs in a thread of its own for each connection."""

    def __init__(self):
        self._socket = socket.create_server((HOST, 0), backlog=128)
        self.port = self._socket.getsockname()[1]

    def serve(self, connection):
        raise NotImplementedError

    def _serve_one(self, connection):
        with connection, contextlib.suppress(OSError, ValueError):
            self.serve(connection)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._serve_one, args=(connection,), daemon=True).start()

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class TlsFront(Listener):
    """Ends TLS and passes on what is inside, byte by byte."""

    def __init__(self, context, upstream_port, lifetime_s=None):
        super().__init__()
        self.context = context
        self.upstream_port = upstream_port
        self.lifetime_s = lifetime_s  # then it hangs up
        self.handshakes = []  # (version, whether a session was resumed)
        self.failures = []

    @property
    def url(self):
        return f"https://{HOST}:{self.port}"

    def serve(self, connection):
        try:
            inside = self.context.wrap_socket(connection, server_side=True)
        except (ssl.SSLError, OSError) as failure:
            self.failures.append(str(failure))
            return
        self.handshakes.append((inside.version(), inside.session_reused))
        with inside, socket.create_connection((HOST, self.upstream_port)) as upstream:
            if self.lifetime_s:
                timer = threading.Timer(self.lifetime_s, hang_up, [upstream])
                timer.daemon = True
                timer.start()
            tunnel(inside, upstream)


class ConnectProxy(Listener):
    """Connects to the port that its map has for the end of a name, and to nothing else."""

    def __init__(self, ports, user=None):
        super().__init__()
        self.ports = ports
        self.authorization = user and "Basic " + base64.b64encode(user.encode()).decode()
        self.asked = []  # "host:port"
        self.refused = []

    @property
    def address(self):
        return f"{HOST}:{self.port}"

    def serve(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            more = connection.recv(CHUNK)
            if not more:
                return
            head += more
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        if self.authorization and f"Proxy-Authorization: {self.authorization}" not in lines:
            self.refused.append(target)
            connection.sendall(b"HTTP/1.1 407 Authenticate\r\nContent-Length: 0\r\n\r\n")
            return
        self.asked.append(target)
        port = self.port_of(target) if method == "CONNECT" else None
        if port is None:
            connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection((HOST, port)) as upstream:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            tunnel(connection, upstream)

    def port_of(self, target):
        host = target.rpartition(":")[0]
        return next((port for end, port in self.ports.items() if host.endswith(end)), None)
