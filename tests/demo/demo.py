#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
make demo: Firehose's own demo data through the real daemon, from a bucket into a table, on this
machine alone. Starts an S3 server and DynamoDB Local, and leaves nothing behind.
"""

import contextlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

import firehose  # noqa: E402  (the path must be there first)
import servers  # noqa: E402

BUCKET, PREFIX, TABLE = "demo-bucket", "ticker/", "ticker"
OBJECTS, RECORDS_EACH = 8, 250
PATIENCE_S = 60

CONF = """# A complete conf. To point it at a real bucket, drop the two endpoints and say your region.
[aws]
region = {region}
endpoint.s3 = {s3}
endpoint.dynamodb = {dynamodb}

[daemon]
state_dir = {state}

[stream *]
# Short, for a demo: the defaults are 10s and 10min.
poll_interval = 1s
sweep_interval = 2s

[stream ticker]
source = s3://{bucket}/{prefix}
table = {table}
"""

# Symbols and sectors of the demo stream that Firehose's console offers.
SYMBOLS = {
    "HEALTHCARE": ["QXZ", "PPL", "SAC", "WFC", "HJV", "DFG"],
    "TECHNOLOGY": ["AMZN", "CRM", "QAZ", "WSB", "TBV", "NGC"],
    "FINANCIAL": ["JYB", "BFH", "MMB", "DFT", "WAS", "BNM"],
    "ENERGY": ["CVB", "SLW", "UHN", "KIN", "XTC", "HJK"],
    "RETAIL": ["BAC", "VVS", "DEG", "IOP", "VTY", "ABC"],
}


def say(text=""):
    print(text, flush=True)


def make_records(dice, count):
    """{"TICKER_SYMBOL":…,"SECTOR":…,"CHANGE":…,"PRICE":…}, numbers as Firehose spells them."""
    for _ in range(count):
        sector = dice.choice(list(SYMBOLS))
        symbol = dice.choice(SYMBOLS[sector])
        yield (f'{{"TICKER_SYMBOL":"{symbol}","SECTOR":"{sector}",'
               f'"CHANGE":{dice.uniform(-5, 5):.2f},"PRICE":{dice.uniform(1, 250):.2f}}}').encode()


def make_bucket(s3):
    """Objects of the last hours, gzip, records without delimiter; returns the records."""
    s3.create_bucket(Bucket=BUCKET)
    dice, written = random.Random(2026), []
    for hour in range(OBJECTS, 0, -1):
        records = list(make_records(dice, RECORDS_EACH))
        key = firehose.put(s3, BUCKET, PREFIX, firehose.hours_ago(hour / 2), records)
        if hour in (OBJECTS, 1):
            say(f"  {key}")
        elif hour == OBJECTS - 1:
            say("  …")
        written += records
    say(f"  first bytes: {written[0].decode()}{written[1].decode()[:24]}…")
    return written


def put_late_object(s3):
    """What Firehose does when a delivery succeeded only after 20 hours of retries."""
    records = [b'{"TICKER_SYMBOL":"LATE1","SECTOR":"HEALTHCARE","CHANGE":-0.05,"PRICE":84.51}',
               b'{"TICKER_SYMBOL":"LATE2","SECTOR":"ENERGY","CHANGE":1.5,"PRICE":12.00}']
    key = firehose.put(s3, BUCKET, PREFIX, firehose.hours_ago(20), records)
    say(f"  {key}  (20 hours late)")
    return records


def make_table(dynamodb):
    """One item a symbol: a later price of the same symbol replaces the earlier."""
    dynamodb.create_table(
        TableName=TABLE, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "TICKER_SYMBOL", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "TICKER_SYMBOL", "AttributeType": "S"}])


def scan(dynamodb):
    pages = dynamodb.get_paginator("scan").paginate(TableName=TABLE, ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


def get_symbol(dynamodb, symbol):
    return dynamodb.query(TableName=TABLE, KeyConditionExpression="TICKER_SYMBOL = :s",
                          ExpressionAttributeValues={":s": {"S": symbol}})


class Daemon:
    """`firebridge run`, as systemd would run it, but with its log in a file."""

    def __init__(self, folder, conf, s3_server):
        self.log = folder / "firebridge.log"
        env = dict(os.environ, AWS_ACCESS_KEY_ID=s3_server.key,
                   AWS_SECRET_ACCESS_KEY=s3_server.secret)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", ROOT / "build/firebridge", "run",
                 "-c", conf], env=env, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True)

    def wait_until(self, condition, what):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"demo: {what} did not happen. The daemon's log:\n" +
                                 self.log.read_text(errors="replace")[-4000:])
            time.sleep(0.1)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def last_price_of(records):
    """What must be in the table in the end, symbol by symbol."""
    last = {}
    for record in records:
        last[record.split(b'"')[3].decode()] = record.rpartition(b":")[2].rstrip(b"}").decode()
    return last


def compact(item):
    return "{" + ", ".join(f'"{name}": {{{kind!r}: {value!r}}}'.replace("'", '"')
                           for name, content in item.items()
                           for kind, value in content.items()) + "}"


def show(dynamodb, items):
    items = sorted(items, key=lambda item: item["TICKER_SYMBOL"]["S"])
    late = [item for item in items if item["TICKER_SYMBOL"]["S"].startswith("LATE")]
    shown = [item for item in items if item not in late][:6] + late
    say(f'\nboto3: scan(TableName="{TABLE}"), {len(shown)} of {len(items)} items')
    for item in shown:
        say("  " + compact(item))
    say(f'\nboto3: query(TableName="{TABLE}", KeyConditionExpression="TICKER_SYMBOL = :s", :s LATE1)')
    answer = get_symbol(dynamodb, "LATE1")
    say(f'  "Count": {answer["Count"]}, "Items": [{", ".join(map(compact, answer["Items"]))}]')


def run(folder):
    say("Starting an S3 server (Swift) and DynamoDB Local …")
    with contextlib.ExitStack() as stack:
        s3_server = stack.enter_context(servers.Swift(folder))
        dynamodb_server = stack.enter_context(servers.DynamoDBLocal(folder))
        s3, dynamodb = s3_server.client(), dynamodb_server.client()
        make_table(dynamodb)
        say(f"\nWhat Firehose would write to s3://{BUCKET}/{PREFIX} "
            f"({OBJECTS} objects, gzip, no delimiter):")
        records = make_bucket(s3)
        expected = last_price_of(records)

        (folder / "state").mkdir()
        conf = folder / "firebridge.conf"
        conf.write_text(CONF.format(region=servers.REGION, s3=s3_server.url, bucket=BUCKET,
                                    dynamodb=dynamodb_server.url, state=folder / "state",
                                    prefix=PREFIX, table=TABLE))
        say(f"\nfirebridge run -c {conf}")
        started = time.monotonic()
        daemon = stack.enter_context(Daemon(folder, conf, s3_server))

        def prices():
            return {i["TICKER_SYMBOL"]["S"]: float(i["PRICE"]["N"]) for i in scan(dynamodb)}

        def is_carried(wanted):
            return prices() == {symbol: float(price) for symbol, price in wanted.items()}

        daemon.wait_until(lambda: is_carried(expected), "the objects' arrival in the table")
        carried = time.monotonic() - started
        say(f"  all {OBJECTS} objects are in the table after {carried:.1f} s; the daemon goes on")
        late = put_late_object(s3)
        late_at = time.monotonic()
        expected.update(last_price_of(late))
        daemon.wait_until(lambda: is_carried(expected), "the late object's arrival")
        say(f"  found and carried after {time.monotonic() - late_at:.1f} s; stopping the daemon")
        code = daemon.stop()
        if code != 0:
            raise SystemExit(f"demo: the daemon ended with {code}:\n{daemon.log.read_text()}")

        items = scan(dynamodb)
        say(f"\n{OBJECTS + 1} objects, {len(records) + len(late)} records, {len(items)} items "
            f"(one a symbol, the last price wins), {time.monotonic() - started:.1f} s")
        show(dynamodb, items)


def main():
    servers.end_on_sigterm()
    folder = None
    try:
        folder = servers.make_folder()
        run(folder)
    except (servers.Missing, servers.Failed) as trouble:
        raise SystemExit(f"demo: {trouble}")
    except KeyboardInterrupt:
        raise SystemExit("\ndemo: stopped")
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    say(f"""
Everything was cleaned up. For a real bucket and table, /etc/firebridge/firebridge.conf is

  [stream ticker]
  source = s3://YOUR-BUCKET/ticker/
  table = YOUR-TABLE

without [aws] endpoints: on EC2 the instance's role and region are found by themselves. README.md
says how to make the bucket, the delivery stream, the table and the role.""")


if __name__ == "__main__":
    main()
