# SPDX-License-Identifier: Apache-2.0
"""The whole job against the floor under it, in one run: CPU a record and peak memory.

nginx plays S3 and DynamoDB and accepts everything. The object holds clickstream records, gzipped.
The floor (bench_floor.c) inflates the same object, hashes as many bytes and makes the same calls
with ready-made bodies. Each is run several times, in turns; the best of each counts.

With the word `mapper` behind it, the job with a mapping against the job without one instead.
"""
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import clickstream

RECORDS = int(os.environ.get("BENCH_RECORDS", "500000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
CONNECTIONS = 16
PORT = 18099
MAPPED_PORT = 18100  # where the table has the mapping's key
BUILD = Path(os.environ.get("FIREBRIDGE_BUILD", "build/release"))

NGINX = """
daemon off; worker_processes 1; {user_line} pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off; keepalive_requests 100000000; keepalive_timeout 600;
    client_max_body_size 32m; client_body_buffer_size 1m; tcp_nodelay on;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/f;
    uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
    map $http_x_amz_target $answer {{
        ~DescribeTable '{table}';
        default '{{"UnprocessedItems":{{}}}}';
    }}
    map $http_x_amz_target $mapped_answer {{
        ~DescribeTable '{mapped_table}';
        default '{{"UnprocessedItems":{{}}}}';
    }}
    map $args $listing {{
        ~start-after '{empty}';
        default '{listing}';
    }}
    server {{
        listen 127.0.0.1:{port};
        default_type application/x-amz-json-1.0;
        location = / {{ return 200 $answer; }}
        location = /bench {{ default_type application/xml; return 200 $listing; }}
        location /bench/ {{ alias {dir}/bucket/; }}
    }}
    server {{
        listen 127.0.0.1:{mapped_port};
        default_type application/x-amz-json-1.0;
        location = / {{ return 200 $mapped_answer; }}
    }}
}}
"""

# As bench_mapper.c has it.
MAPPING = """item.pk = user#{user_id}
item.sk = {event_type}#{ts:time=ms,format=%Y-%m-%dT%H:%M:%SZ}
item.expires = {ts:time=ms,add=90d,as=epoch}
drop = referrer, ip, product.tags
where = event_type in (view, add_to_cart, purchase) and product.price >= 0 and not exists(test)
"""

KEY = "clicks/2026/11/20/10/clicks-1-2026-11-20-10-00-00-5d1b6d9e-0000-4000-8000-000000000000.gz"


def table_of(key_names):
    return json.dumps({"Table": {
        "TableName": "clicks", "TableStatus": "ACTIVE", "CreationDateTime": 1795000000,
        "TableArn": "arn:aws:dynamodb:us-east-1:000000000000:table/clicks",
        "KeySchema": [{"AttributeName": name, "KeyType": kind}
                      for name, kind in zip(key_names, ("HASH", "RANGE"))],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"}
                                 for name in key_names]}})


def write_files(directory):
    path = directory / "bucket" / KEY
    path.parent.mkdir(parents=True)
    plain = clickstream.write(path, RECORDS)
    size = path.stat().st_size
    etag = f"{int(path.stat().st_mtime):x}-{size:x}"  # as nginx makes it, for If-Match
    listing = ('<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>bench</Name>'
               "<IsTruncated>false</IsTruncated><EncodingType>url</EncodingType><KeyCount>1</KeyCount>"
               f"<Contents><Key>{KEY}</Key><LastModified>2026-11-20T10:05:00.000Z</LastModified>"
               f"<ETag>&quot;{etag}&quot;</ETag><Size>{size}</Size>"
               "<StorageClass>STANDARD</StorageClass></Contents></ListBucketResult>")
    empty = listing[:listing.index("<Contents>")] + "</ListBucketResult>"
    # In a user namespace there is no other user whom nginx's worker could become.
    user_line = "user root root;" if os.geteuid() == 0 else ""
    (directory / "nginx.conf").write_text(
        NGINX.format(dir=directory, port=PORT, mapped_port=MAPPED_PORT,
                     table=table_of(["event_id"]), mapped_table=table_of(["pk", "sk"]),
                     listing=listing, empty=empty, user_line=user_line))
    return path, size, plain


def cpu_of(command, environment):
    """Runs it; user and system seconds, wall seconds, peak KiB."""
    begin = time.monotonic()
    child = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    log = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{command[0]} ended with {child.returncode}:\n{log.decode()[-2000:]}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - begin, usage.ru_maxrss


def run_firebridge(directory, mapping=""):
    state = Path(tempfile.mkdtemp(dir=directory))
    conf = state / "firebridge.conf"
    conf.write_text(f"""[aws]
region = us-east-1
endpoint.s3 = http://127.0.0.1:{PORT}
endpoint.dynamodb = http://127.0.0.1:{MAPPED_PORT if mapping else PORT}
[daemon]
state_dir = {state}
[stream clicks]
source = s3://bench/clicks/
table = clicks
writers = {CONNECTIONS}
{mapping}""")
    return cpu_of([str(BUILD / "firebridge"), "run", "--once", "-c", str(conf)],
                  {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"})


def run_floor(path, plain):
    calls = (RECORDS + 24) // 25
    # A record grows by the types that DynamoDB wants: measured once, 1.36 times.
    body = int(plain / RECORDS * 1.36 * 25)
    return cpu_of([str(BUILD / "tests/bench/bench_floor"), f"http://127.0.0.1:{PORT}/", str(path),
                   str(CONNECTIONS), str(calls), str(body)], {})


def measure(directory, path, plain, with_mapping):
    """The best of several runs, in turns; and the highest peak of the first."""
    first, second = [], []
    for _ in range(ROUNDS):
        first.append(run_firebridge(directory, MAPPING if with_mapping else ""))
        second.append(run_firebridge(directory) if with_mapping else run_floor(path, plain))
    return min(first), min(second), max(run[2] for run in first)


def main():
    with_mapping = sys.argv[1:] == ["mapper"]
    # It is not on a plain user's PATH.
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if not program:
        sys.exit("nginx is not installed (scripts/install-deps --test)")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        path, size, plain = write_files(directory)
        os.chmod(name, 0o755)
        nginx = subprocess.Popen([program, "-p", name, "-c", f"{name}/nginx.conf"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(1)
            best, least, peak = measure(directory, path, plain, with_mapping)
        finally:
            nginx.send_signal(signal.SIGTERM)
            nginx.wait()
    print(f"{RECORDS} records, {plain / 1e6:.0f} MB of JSON, {size / 1e6:.0f} MB gzipped, "
          f"{CONNECTIONS} connections, best of {ROUNDS}")
    names = ("with a mapping", "without one") if with_mapping else ("firebridge", "floor")
    print(f"{names[0]:15}{best[0] / RECORDS * 1e6:6.2f} us of CPU a record, {best[1]:.1f} s, "
          f"peak {peak / 1024:.1f} MiB")
    print(f"{names[1]:15}{least[0] / RECORDS * 1e6:6.2f} us of CPU a record, {least[1]:.1f} s")
    print(f"{'ratio':15}{best[0] / least[0]:6.2f}")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
