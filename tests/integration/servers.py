# SPDX-License-Identifier: Apache-2.0
"""
The servers that the tests and the demo run against: DynamoDB Local, Swift's S3 API, Ceph's, moto,
and nginx as a DynamoDB that takes everything.

Each lives in a folder of its own on free ports, is ready when start() returns, dies with this
process whatever happens to it, and touches nothing of the system's own configuration.
"""

import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid

import boto3
import botocore.config

REGION = "us-east-1"
START_TIMEOUT_S = 120
HOST = "127.0.0.1"


class Missing(Exception):
    """A server that is not installed; the message says which."""


class Failed(Exception):
    """A server that did not start; the message has its log."""


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def has_extended_attributes(folder):
    """Swift keeps its metadata in extended attributes, which an old tmpfs does not have."""
    with tempfile.NamedTemporaryFile(dir=folder) as probe:
        try:
            os.setxattr(probe.name, "user.probe", b"x")
        except OSError:
            return False
    return True


def make_folder():
    for place in (tempfile.gettempdir(), "/var/tmp"):
        if os.access(place, os.W_OK) and has_extended_attributes(place):
            return pathlib.Path(tempfile.mkdtemp(prefix="firebridge-servers-", dir=place))
    raise Missing("no temporary folder that keeps extended attributes")


class Server:
    """Processes with their logs in one folder."""

    name = "server"
    start_timeout_s = START_TIMEOUT_S

    def __init__(self, folder):
        self.folder = pathlib.Path(folder, self.name)
        self.folder.mkdir(parents=True)
        self.processes = []
        self.port = free_port()

    @property
    def url(self):
        return f"http://{HOST}:{self.port}"

    def start(self):
        try:
            self.launch()
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def launch(self):
        raise NotImplementedError

    def is_ready(self):
        """Any HTTP answer means that the server is up."""
        try:
            urllib.request.urlopen(self.url, timeout=5).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def spawn(self, *command, log=None, cwd=None):
        log_file = open(self.folder / f"{log or self.name}.log", "ab")
        with log_file:
            # The kernel ends it should this process be killed; call from the main thread only.
            self.processes.append(subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *map(str, command)],
                cwd=cwd or self.folder, stdin=subprocess.DEVNULL, stdout=log_file,
                stderr=subprocess.STDOUT, start_new_session=True))

    def wait_until_ready(self):
        deadline = time.monotonic() + self.start_timeout_s
        while True:
            ready = self.is_ready()
            dead = [p for p in self.processes if p.poll() is not None]
            if ready and not dead:
                return
            if dead or time.monotonic() > deadline:
                state = f"ended with {dead[0].returncode}" if dead else "does not answer"
                raise Failed(f"{self.name} {state}:\n{self.log_tail()}")
            time.sleep(0.05)

    def stop(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []

    def log_tail(self, lines=20):
        texts = []
        for log in sorted(self.folder.glob("*.log")):
            tail = log.read_text(errors="replace").splitlines()[-lines:]
            if tail:
                texts.append(f"{log.name}:\n" + "\n".join(tail))
        return "\n".join(texts) or "(no log)"

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def client(service, url, key, secret, token=None):
    """boto3 as a person would use it, but for the address and path-style buckets."""
    return boto3.client(
        service, endpoint_url=url, region_name=REGION, aws_access_key_id=key,
        aws_secret_access_key=secret, aws_session_token=token,
        config=botocore.config.Config(s3={"addressing_style": "path"}, read_timeout=30,
                                      max_pool_connections=32))


class DynamoDBLocal(Server):
    """AWS's own; checks no signature and never throttles."""

    name = "dynamodb-local"
    key, secret = "test", "test"

    @staticmethod
    def emulator():
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        jars = sorted(pathlib.Path(cache, "firebridge").glob("dynamodb-local-*/DynamoDBLocal.jar"))
        if not jars or not shutil.which("java"):
            raise Missing("DynamoDB Local is not installed (scripts/install-deps --test)")
        return jars[-1].parent

    def launch(self):
        emulator = self.emulator()
        self.spawn("java", "-Xmx768m", f"-Djava.library.path={emulator}/DynamoDBLocal_lib",
                   f"-Djava.io.tmpdir={self.folder}", "-jar", emulator / "DynamoDBLocal.jar",
                   "-inMemory", "-sharedDb", "-disableTelemetry", "-port", self.port,
                   cwd=emulator)

    def client(self):
        return client("dynamodb", self.url, self.key, self.secret)


# Swift reads /etc/swift/swift.conf when it is imported; the machine's own stays untouched when the
# folder is set first. There is one user, so no privileges to drop. Its access keys have a colon in
# them, which DynamoDB Local refuses, and one key must serve both: hence a second name.
SWIFT_LAUNCHER = """
import sys
folder, server = sys.argv[1:3]
from swift.common import utils
utils.set_swift_dir(folder)
utils.drop_privileges = lambda user: None
from swift.common.middleware import tempauth
from swift.common.wsgi import run_wsgi
class TempAuth(tempauth.TempAuth):
    def __init__(self, app, conf):
        super().__init__(app, conf)
        self.users["TESTER"] = self.users["test:tester"]
tempauth.TempAuth = TempAuth
options = {}
if server == "object":
    from swift.obj.server import global_conf_callback
    options["global_conf_callback"] = global_conf_callback
sys.exit(run_wsgi(f"{folder}/{server}-server.conf", f"{server}-server", **options))
"""

SWIFT_CONF = """[swift-hash]
swift_hash_path_suffix = suffix
swift_hash_path_prefix = prefix
[storage-policy:0]
name = gold
default = yes
"""

SWIFT_STORAGE_CONF = """[DEFAULT]
bind_ip = {host}
bind_port = {port}
workers = 0
mount_check = false
swift_dir = {folder}
devices = {folder}/devices
recon_cache_path = {folder}/recon
user = {user}
log_facility =
[pipeline:main]
pipeline = {server}-server
[app:{server}-server]
use = egg:swift#{server}
"""

SWIFT_PROXY_CONF = """[DEFAULT]
bind_ip = {host}
bind_port = {port}
workers = 0
swift_dir = {folder}
user = {user}
log_facility =
[pipeline:main]
pipeline = catch_errors cache listing_formats s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:cache]
use = egg:swift#memcache
memcache_servers = {host}:{memcached}
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:s3api]
use = egg:swift#s3api
location = {region}
storage_domain = s3.{region}.amazonaws.com
dns_compliant_bucket_names = true
allowable_clock_skew = 900
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:slo]
use = egg:swift#slo
"""


class Swift(Server):
    """S3 that refuses a wrong signature, by OpenStack Swift's s3api."""

    name = "swift"
    key, secret = "TESTER", "testing"

    def make_ring(self, server, port):
        builder = self.folder / f"{server}.builder"
        for step in (["create", "2", "1", "1"],
                     ["add", f"r1z1-{HOST}:{port}/sda", "1"],
                     ["rebalance"]):
            done = subprocess.run(["swift-ring-builder", builder, *step], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode > 1:  # 1 is a warning: one replica is all that there is
                raise RuntimeError(f"swift-ring-builder {step[0]}: {done.stdout}")

    def launch(self):
        if not shutil.which("swift-proxy-server") or not shutil.which("memcached"):
            raise Missing("Swift is not installed (scripts/install-deps --test)")
        memcached = free_port()
        # Who this is by number: in a user namespace root, whatever LOGNAME says.
        user = pwd.getpwuid(os.geteuid()).pw_name
        values = {"host": HOST, "folder": self.folder, "user": user,
                  "region": REGION, "memcached": memcached}
        (self.folder / "devices" / "sda").mkdir(parents=True)
        (self.folder / "recon").mkdir()
        (self.folder / "swift.conf").write_text(SWIFT_CONF)
        (self.folder / "proxy-server.conf").write_text(
            SWIFT_PROXY_CONF.format(port=self.port, **values))
        self.spawn("memcached", "-u", user, "-l", HOST, "-p", memcached, "-U", "0",
                   log="memcached")
        self.storage_ports = []
        for server in ("account", "container", "object"):
            port = free_port()
            self.storage_ports.append(port)
            (self.folder / f"{server}-server.conf").write_text(
                SWIFT_STORAGE_CONF.format(server=server, port=port, **values))
            self.make_ring(server, port)
        for server in ("account", "container", "object", "proxy"):
            self.spawn("/usr/bin/python3", "-c", SWIFT_LAUNCHER, self.folder, server, log=server)

    def is_ready(self):
        """The proxy answers before the storage behind it does, so ask for something."""
        if not super().is_ready() or not all(map(answers, self.storage_ports)):
            return False
        try:
            self.client().list_buckets()
        except Exception:  # whatever it says, it is not ready
            return False
        return True

    def client(self, secret=None):
        return client("s3", self.url, self.key, secret or self.secret)


class Moto(Server):
    """Used for one thing: it refuses a DynamoDB call whose signature is wrong."""

    name = "moto"

    def launch(self):
        program = shutil.which("moto_server")
        if not program:
            raise Missing("moto_server is not on PATH")
        self.spawn(program, "-H", HOST, "-p", self.port)

    def switch_authentication_on(self):
        """Makes a user who may do everything and returns (key, secret)."""
        iam = client("iam", self.url, "x", "x")
        iam.create_user(UserName="tester")
        key = iam.create_access_key(UserName="tester")["AccessKey"]
        everything = {"Version": "2012-10-17",
                      "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.put_user_policy(UserName="tester", PolicyName="everything",
                            PolicyDocument=json.dumps(everything))
        urllib.request.urlopen(urllib.request.Request(
            self.url + "/moto-api/reset-auth", data=b"0", method="POST",
            headers={"Content-Type": "text/plain"})).close()
        return key["AccessKeyId"], key["SecretAccessKey"]


# Without keys between its parts: radosgw would ask for a secure connection, which takes some.
CEPH_CONF = """[global]
fsid = {fsid}
mon_host = [v2:{host}:{mon}]
public_addr = {host}
cluster_addr = {host}
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_mon_client_mode = crc
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
mon_allow_pool_size_one = true
mon_data_avail_crit = 1
mon_data_avail_warn = 1
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 536870912
run_dir = {folder}
admin_socket =
log_file =
mon_data = {folder}/mon
osd_data = {folder}/osd
rgw_data = {folder}/rgw
rgw_s3_auth_use_sts = true
rgw_sts_key = 0123456789abcdef
"""


class Radosgw(Server):
    """Ceph's S3 and STS on a cluster of one node, in memory: a second judge of signatures."""

    name = "radosgw"
    start_timeout_s = 600  # 16 s on an idle machine
    key, secret = "TESTER", "testing"
    account = "123456789012"  # a tenant, which stands in ARNs as an account does

    def command(self, *arguments):
        """A tool of Ceph's, to its end."""
        done = subprocess.run([str(a) for a in arguments], cwd=self.folder, text=True, timeout=600,
                              env={**os.environ, "CEPH_CONF": str(self.folder / "ceph.conf")},
                              stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode:
            raise Failed(f"{' '.join(map(str, arguments))}: {done.stdout}{done.stderr}")
        return done.stdout

    def launch(self):
        for program in ("ceph-mon", "ceph-osd", "ceph", "radosgw", "radosgw-admin"):
            if not shutil.which(program):
                raise Missing(f"{program} is not installed (scripts/install-deps --soak)")
        fsid, osd, mon = uuid.uuid4(), uuid.uuid4(), free_port()
        conf = self.folder / "ceph.conf"
        conf.write_text(CEPH_CONF.format(fsid=fsid, host=HOST, mon=mon, folder=self.folder))
        for data in ("mon", "osd", "rgw"):
            (self.folder / data).mkdir()
        self.command("monmaptool", "--create", "--addv", "a", f"[v2:{HOST}:{mon}]", "--fsid", fsid,
                     "monmap")
        self.command("ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap")
        self.spawn("ceph-mon", "-c", conf, "-i", "a", "-f", log="mon")
        self.command("ceph", "osd", "new", osd)
        self.command("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", osd)
        self.spawn("ceph-osd", "-c", conf, "-i", "0", "-f", log="osd")
        self.command("radosgw-admin", "user", "create", "--tenant", self.account, "--uid", "tester",
                     "--display-name", "t", "--access-key", self.key, "--secret", self.secret)
        self.spawn("radosgw", "-c", conf, "-n", "client.rgw", "-f",
                   f"--rgw_frontends=beast endpoint={HOST}:{self.port}", log="rgw")

    def client(self, service="s3", secret=None, token=None, key=None):
        return client(service, self.url, key or self.key, secret or self.secret, token)


NGINX_CONF = """daemon off;
worker_processes 1;
{user_line}
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_max_body_size 0;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 100000000;
    default_type application/x-amz-json-1.0;
    map $http_x_amz_target $answer {{
        default '{{"UnprocessedItems":{{}}}}';
        ~DescribeTable '{description}';
    }}
    server {{
        listen {host}:{port};
        location / {{ return 200 $answer; }}
    }}
}}
"""


class AcceptingDynamoDB(Server):
    """nginx saying yes to every write at once: what is measured then is the writer, not the table."""

    name = "accepting-dynamodb"

    def __init__(self, folder, table, partition_key):
        super().__init__(folder)
        self.description = {"Table": {
            "TableName": table, "TableStatus": "ACTIVE", "CreationDateTime": 1.7e9,
            "TableArn": f"arn:aws:dynamodb:{REGION}:000000000000:table/{table}",
            "KeySchema": [{"AttributeName": partition_key, "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": partition_key, "AttributeType": "S"}]}}

    def launch(self):
        program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if not program:
            raise Missing("nginx is not installed (scripts/install-deps --test)")
        conf = self.folder / "nginx.conf"
        conf.write_text(NGINX_CONF.format(
            folder=self.folder, host=HOST, port=self.port,
            user_line="user root root;" if os.geteuid() == 0 else "",
            description=json.dumps(self.description, separators=(",", ":"))))
        self.spawn(program, "-p", self.folder, "-c", conf)


def end_on_sigterm():
    """SIGTERM runs the clean-up as Ctrl-C does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
