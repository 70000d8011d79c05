# SPDX-License-Identifier: Apache-2.0
"""Dead letters, run again through a conf that was mended, from files and from S3."""

import base64
import json
import os
import random
import subprocess
import threading
import time

import pytest

import fault_proxy
import firehose
import letters
from test_bad_input import job  # noqa: F401 (a fixture)
from test_disk import fill, small_disk, state_folder  # noqa: F401 (fixtures)

KILLS = int(os.environ.get("FIREBRIDGE_KILLS", "50")) // 2
KILL_TIME_S = 25 if KILLS <= 25 else 1200
SEED = int(os.environ.get("FIREBRIDGE_SEED", "1"))
LENIENT = "max_dead_letters = 100000 in 100000"
MENDED = "item.id = {user}"
EVERYTHING = ("item.id = {user}\nitem.at = {@object}#{@record}#{@offset}\nitem.etag = {@etag}\n"
              "item.sum = {@sha256}\nitem.uuid = {@uuid5}\nitem.from = {@stream} {@bucket}")


def users(count, start=0):
    """Records that lack the key `id`."""
    return [b'{"user": "u%d", "n": %d}' % (n, n) for n in range(start, start + count)]


def mended(records):
    return [{**json.loads(record), "id": json.loads(record)["user"]} for record in records]


@pytest.fixture(params=["files", "s3"])
def store(request, job):
    if request.param == "files":
        return letters.Files(job.firebridge)
    return letters.Bucket(job.s3, job.bucket)


@pytest.fixture
def files(job):
    return letters.Files(job.firebridge)


def conf(job, store, lines="", **options):
    return job.conf(stream="\n".join((LENIENT, store.conf, lines)), **options)


def redrive(job, store, lines, *arguments, code=0, **options):
    result = job.firebridge(conf(job, store, lines, **options), "redrive", "--overwrite",
                            "--output", "json", *arguments)
    assert result.code == code, str(result)
    result.counts = json.loads(result.stdout)
    return result


def leave(job, store, *bodies, lines=""):
    """A run that leaves dead letters behind."""
    for body in bodies:
        job.put(body)
    job.firebridge.once(conf(job, store, lines))


# --- What is written ------------------------------------------------------------------------------


def test_the_table_is_what_it_would_have_been(job, store, make_table):
    """Keys and identifiers that a mapping derives from the record's place come out the same."""
    bodies = [firehose.body(users(300, start=300 * n), delimiter=b"\n", members=n or None)
              for n in range(3)]
    leave(job, store, *bodies)
    assert job.table.count() == 0
    result = redrive(job, store, EVERYTHING)
    assert result.counts["letters"] == result.counts["written"] == 900
    assert store.names() == []
    oracle = make_table()
    job.firebridge.once(conf(job, store, EVERYTHING, table=oracle).replace("stream main", "stream again"))
    # The stream's name is a part of the items, too.
    expected = [{**item, "from": {"S": item["from"]["S"].replace("again", "main")}}
                for item in oracle.scan()]
    assert len(expected) == 900
    assert job.table.by_key() == job.table.by_key(expected)


def test_of_two_letters_of_one_key_the_later_wins(job, store):
    records = [b'{"user": "u%d", "n": %d}' % (n % 7, n) for n in range(3000)]
    leave(job, store, firehose.body(records[:1500]), firehose.body(records[1500:]))
    redrive(job, store, MENDED)
    job.table.expect(mended(records))


def test_deletes_are_redriven(job, store):
    job.put(firehose.body([b'{"id": "u1", "n": 1}', b'{"id": "u2", "n": 2}']))
    leave(job, store, firehose.body([b'{"user": "u1", "op": "D"}']), lines="write = {op:default=\"I\"}\nwrite.map = I: put, D: delete")
    redrive(job, store, MENDED + "\nwrite = {op}\nwrite.map = I: put, D: delete")
    job.table.expect([{"id": "u2", "n": 2}])


def test_what_the_condition_leaves_out_now_is_removed(job, store):
    leave(job, store, firehose.body(users(20)))
    result = redrive(job, store, MENDED + "\nwhere = n >= 15")
    assert (result.counts["written"], result.counts["left_out"]) == (5, 15)
    job.table.expect(mended(users(5, start=15)))
    assert store.names() == []


@pytest.mark.parametrize("lines, body, mend, expected", [
    ("format = csv\ncolumns = user, n", b"u1,1\nu2,2\n", MENDED + "\nformat = csv\ncolumns = user, n",
     [{"id": "u1", "user": "u1", "n": "1"}, {"id": "u2", "user": "u2", "n": "2"}]),
    ("format = lines\npattern = ^(x)$\nfields = id", b"u1 7\nu2 8\n",
     "format = lines\npattern = ^([^ ]+) (.*)$\nfields = id, n", 
     [{"id": "u1", "n": "7", "message": "u1 7"}, {"id": "u2", "n": "8", "message": "u2 8"}]),
    ("", b'[{"user":"u1"},{"user":"u2"}]', MENDED,
     [{"id": "u1", "user": "u1"}, {"id": "u2", "user": "u2"}]),
])
def test_each_form_is_read_as_it_was(job, files, lines, body, mend, expected):
    leave(job, files, body, lines=lines)
    assert len(files.lines()) == 2
    redrive(job, files, mend)
    job.table.expect(expected)


# --- What stays -----------------------------------------------------------------------------------


def test_what_fails_again_stays_with_the_new_reason_and_in_its_order(job, store):
    records = users(10) + [b'{"other": 1}'] + users(10, start=10) + [b'{"user": 5}']
    leave(job, store, firehose.body(records))
    before = letters.parsed(store)
    result = redrive(job, store, MENDED + "\nnumber_overflow = string", code=1)
    assert result.counts == {"stream": "main", "dry_run": False, "letters": 22, "written": 21,
                             "left_out": 0, "repeats": 0, "failed": 1, "unfit": 0, "unreadable": 0}
    [letter] = letters.parsed(store)
    assert letters.text_of(letter) == b'{"other": 1}'
    assert letter["reason"] == "mapping" and letter.pop("redriven")
    [old] = [old for old in before if old["id"] == letter["id"]]
    assert {**old, "reason": 0, "message": 0} == {**letter, "reason": 0, "message": 0}
    assert "record 10 stays" in result.stderr


def test_what_dynamodb_refuses_again_stays(job, store, dynamodb_server):
    refusal = fault_proxy.dynamodb_error(400, "ValidationException", "not this one")
    leave(job, store, firehose.body(users(60)))

    def rule(call):
        is_bad = call.operation == "BatchWriteItem" and b'"u33"' in call.body
        return refusal if is_bad else None

    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        result = redrive(job, store, MENDED, code=1, dynamodb_url=proxy.url)
    assert result.counts["written"] == 59 and result.counts["failed"] == 1
    [letter] = letters.parsed(store)
    assert letter["reason"] == "rejected" and "not this one" in letter["message"]
    job.table.expect(mended(users(33) + users(26, start=34)))
    redrive(job, store, MENDED)
    job.table.expect(mended(users(60)))


def test_what_cannot_be_read_from_the_letter_alone_stays_and_says_so(job, files):
    big = b'{"user": "big", "x": "' + b"x" * 5000 + b'"}'
    leave(job, files, firehose.body([big] + users(3)), lines="max_record_size = 1KiB")
    result = redrive(job, files, MENDED, code=1)
    assert result.counts["unfit"] == 1 and result.counts["written"] == 3
    assert "only the first bytes of the record were kept" in result.stderr
    [letter] = letters.parsed(files)
    assert letter["reason"] == "record-too-large" and "redriven" not in letter


def test_a_row_whose_columns_the_object_named_wants_them_in_the_conf(job, files):
    leave(job, files, b"user,n\nu1,1\nu2,2\n", lines="format = csv\nitem.id = {id}")
    result = redrive(job, files, MENDED + "\nformat = csv", code=1)
    assert result.counts["unfit"] == 2 and "name them in the conf" in result.stderr
    redrive(job, files, MENDED + "\nformat = csv\ncolumns = user, n")
    job.table.expect([{"id": "u1", "user": "u1", "n": "1"}, {"id": "u2", "user": "u2", "n": "2"}])


def test_a_jq_program_may_make_several_items_of_a_letter(job, files):
    if "libjq" not in job.firebridge.bare("version").stdout:
        pytest.skip("this build is without libjq")
    leave(job, files, firehose.body(users(20)))
    result = redrive(job, files, 'transform_jq = {id: .user, n}, {id: (.user + "b"), n}\nwhere = n < 10 or id like *b')
    assert (result.counts["written"], result.counts["left_out"]) == (20, 0)
    plain = [json.loads(record) for record in users(20)]
    job.table.expect([{"id": record["user"], "n": record["n"]} for record in plain if record["n"] < 10] +
                     [{"id": record["user"] + "b", "n": record["n"]} for record in plain])
    assert files.names() == []


def test_an_event_of_cloudwatch_logs_wants_its_message(job, files):
    message = {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s",
               "logEvents": [{"id": "e1", "message": "a"}, {"user": "u2", "message": "b"}]}
    leave(job, files, firehose.body([message]), lines="format = cloudwatch-logs")
    before = files.lines()
    result = redrive(job, files, MENDED, code=1)
    assert result.counts["unfit"] == 1 and "without its message" in result.stderr
    assert files.lines() == before
    assert in_table(job) == {"e1"}


def test_an_error_of_firehose_is_read_again_where_it_holds_one_record(job, files):
    def error(*records):
        raw = base64.b64encode(b"".join(records)).decode()
        return json.dumps({"attemptsMade": 1, "errorCode": "x", "rawData": raw}).encode()

    leave(job, files, firehose.body([error(b'{"user": "u1"}'), error(b'{"id": "a"}', b'{"user": "u2"}')]),
          lines="format = firehose-errors")
    result = redrive(job, files, MENDED + "\nformat = firehose-errors", code=1)
    assert (result.counts["written"], result.counts["unfit"]) == (1, 1)
    assert "read as 2 records now" in result.stderr
    assert in_table(job) == {"a", "u1"}


def test_filters_leave_the_others_as_they_are(job, store):
    leave(job, store, firehose.body(users(5) + [b'{"user": "u9", "x": tru}']))
    before = store.lines()
    assert redrive(job, store, MENDED, "--since", "2100-01-01T00:00:00Z").counts["letters"] == 0
    assert store.lines() == before
    result = redrive(job, store, MENDED, "--reason", "key-missing")
    assert result.counts["letters"] == result.counts["written"] == 5
    assert [letter["reason"] for letter in letters.parsed(store)] == ["malformed-json"]
    redrive(job, store, MENDED, "--since", "2020-01-01T00:00:00Z", code=1)


def test_a_dry_run_says_it_and_changes_nothing(job, store):
    leave(job, store, firehose.body(users(5) + [b'{"other": 1}']))
    before = (store.names(), store.lines())
    result = job.firebridge(conf(job, store, MENDED), "redrive", "--dry-run")
    assert result.code == 1
    head, counts = result.stdout.splitlines()
    assert head.split() == ["stream", "letters", "writable", "left", "out", "repeats", "failed",
                            "unfit", "unreadable"]
    assert counts.split() == ["main", "6", "5", "0", "0", "1", "0", "0"]
    assert (store.names(), store.lines()) == before
    assert job.table.count() == 0


def test_with_if_absent_what_is_in_the_table_stays(job, files):
    leave(job, files, firehose.body(users(3)), b'{"id": "u1", "n": "newer"}')
    result = job.firebridge(conf(job, files, MENDED), "redrive", "--if-absent", "--output", "json")
    assert result.code == 0, str(result)
    assert json.loads(result.stdout)["written"] == 3
    job.table.expect([*mended(users(1)), {"id": "u1", "n": "newer"}, *mended(users(1, start=2))])


def test_with_if_absent_a_letter_that_deletes_stays(job, files):
    changes = "\nwrite = {op:default=\"I\"}\nwrite.map = I: put, D: delete"
    leave(job, files, firehose.body([b'{"id": "u1"}', b'{"user": "u1", "op": "D"}']), lines=changes)
    result = job.firebridge(conf(job, files, MENDED + changes), "redrive", "--if-absent")
    assert result.code == 1 and "it updates or deletes" in result.stderr, str(result)
    assert len(files.lines()) == 1
    job.table.expect([{"id": "u1"}])


def test_without_overwrite_nothing_is_done(job, files):
    leave(job, files, firehose.body(users(5)))
    before = files.lines()
    result = job.firebridge(conf(job, files, MENDED), "redrive")
    assert result.code == 2 and "--overwrite" in result.stderr
    assert files.lines() == before and job.table.count() == 0


def test_what_takes_nobodys_place_needs_no_word_more(job, files):
    leave(job, files, firehose.body(users(3)))
    job.table.dynamodb.put_item(TableName=job.table.name, Item={"id": {"S": "u1"}})
    result = job.firebridge(conf(job, files, f"{MENDED}\nwrite = insert"), "redrive")
    assert result.code == 0, result
    assert files.lines() == []
    job.table.expect([mended(users(3))[0], {"id": "u1"}, mended(users(3))[2]])


def test_repeats_and_torn_lines(job, files):
    leave(job, files, firehose.body(users(5)))
    [name] = files.names()
    path = files.folder / name
    text = path.read_text()
    path.write_text(text + text.splitlines(True)[2] + "\n" + text[:100])
    result = redrive(job, files, MENDED, code=1)
    assert (result.counts["written"], result.counts["repeats"], result.counts["unreadable"]) == (5, 1, 1)
    assert files.lines() == [text[:100]]
    job.table.expect(mended(users(5)))


def test_a_line_that_is_no_letter_however_long_stays_as_it_is(job, files):
    leave(job, files, firehose.body(users(5)))
    [name] = files.names()
    path = files.folder / name
    long = "y" * (33 << 20)
    path.write_text("x\n" + long + "\n" + path.read_text() + long)
    result = redrive(job, files, MENDED, code=1)
    assert (result.counts["written"], result.counts["unreadable"]) == (5, 3)
    assert files.lines() == ["x", long, long]
    assert result.peak_rss_bytes < 200 << 20


def test_a_damaged_object_of_letters_stays_and_the_others_are_redriven(job):
    store = letters.Bucket(job.s3, job.bucket)
    leave(job, store, firehose.body(users(5)))
    [name] = store.names()
    broken = name.replace("dead-letters-", "dead-letters-0")
    whole = job.s3.get_object(Bucket=job.bucket, Key=name)["Body"].read()
    job.s3.put_object(Bucket=job.bucket, Key=broken, Body=whole[:-20])
    job.s3.put_object(Bucket=job.bucket, Key="dead/main/notes.txt", Body=b"mine")
    result = redrive(job, store, MENDED, code=1)
    assert result.counts["unreadable"] == 1
    assert sorted(store.names()) == sorted([broken, "dead/main/notes.txt"])
    job.table.expect(mended(users(5)))


def test_a_conf_that_is_wrong_for_the_table_changes_nothing(job, store):
    leave(job, store, firehose.body(users(5)))
    before = store.lines()
    result = redrive(job, store, "drop = id", code=1)
    assert result.counts["letters"] == 0 and "the table's key attribute id" in result.stderr
    assert store.lines() == before


def test_a_table_that_takes_nothing_leaves_all(job, store, dynamodb_server):
    denied = fault_proxy.dynamodb_error(400, "AccessDeniedException", "no")
    leave(job, store, firehose.body(users(50)))
    before = store.lines()
    with fault_proxy.FaultProxy(dynamodb_server.url, lambda call: denied if call.operation == "BatchWriteItem" else None) as proxy:
        result = redrive(job, store, MENDED, code=1, dynamodb_url=proxy.url)
    assert "AccessDenied" in result.stderr
    assert store.lines() == before
    redrive(job, store, MENDED)
    job.table.expect(mended(users(50)))


# --- What happens meanwhile -----------------------------------------------------------------------


def in_table(job):
    return {item["id"]["S"] for item in job.table.scan()}


@pytest.mark.slow
def test_killed_at_random_moments_none_is_lost(job, store):
    """After each kill a record is in the table or a letter of it is there, or both."""
    dice = random.Random(SEED)
    small = "dead_letter_file_size = 16KiB\nwriters = 2"
    everyone = {f"u{n}" for n in range(400)}
    kills = in_the_middle = 0
    started = time.monotonic()
    while kills < KILLS and time.monotonic() - started < KILL_TIME_S:
        leave(job, store, firehose.body(users(400) + [b'{"other": 1}'] * 5), lines=small)
        for _ in range(10):
            process = job.firebridge.start(conf(job, store, f"{MENDED}\n{small}"), "redrive", "--overwrite")
            deadline = time.monotonic() + dice.choice((0.05, 0.1, 0.3)) * dice.random()
            while time.monotonic() < deadline and process.alive():
                time.sleep(0.001)
            if not process.alive():
                break
            process.kill()
            kills += 1
            left = {json.loads(letters.text_of(letter)).get("user") for letter in letters.parsed(store)}
            written = in_table(job)
            assert everyone <= left | written, f"lost (seed {SEED}, kill {kills})"
            in_the_middle += bool(written) and bool(left - {None})
        redrive(job, store, f"{MENDED}\n{small}", code=1)
        job.table.expect(mended(users(400)))
        assert [letters.text_of(letter) for letter in letters.parsed(store)] == [b'{"other": 1}'] * 5
        clear(job, store)
    print(f"{store.name}: {kills} kills, {in_the_middle} of them between the first item and the last letter")
    assert kills >= min(KILLS, 5) and in_the_middle > 0


def clear(job, store):
    """For another round: neither items nor letters."""
    keys = [{"DeleteRequest": {"Key": {"id": item["id"]}}} for item in job.table.scan()]
    for at in range(0, len(keys), 25):
        job.table.dynamodb.batch_write_item(RequestItems={job.table.name: keys[at:at + 25]})
    for name in store.names():
        store.remove(name)


def test_two_redrives_at_once(job, store):
    """One waits outside where they would meet; both together lose nothing and double nothing."""
    leave(job, store, firehose.body(users(2000)))
    mending = job.firebridge.folder / "mended.conf"
    mending.write_text(conf(job, store, MENDED))
    processes = [subprocess.Popen([job.firebridge.program, "redrive", "-c", mending, "--overwrite"],
                                  env=job.firebridge.env, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True) for _ in range(3)]
    results = [(*process.communicate(timeout=100), process.returncode) for process in processes]
    assert all(code == 0 or "another redrive works in" in stderr for _, stderr, code in results), results
    assert any(code == 0 for _, _, code in results)
    job.table.expect(mended(users(2000)))
    assert store.names() == []


def test_beside_a_daemon_that_writes_to_the_same_place(job, files):
    """Every record is in the table at the end, though letters come while they are redriven."""
    lines = "dead_letter_file_size = 16KiB"
    daemon = job.firebridge.start(conf(job, files, lines), "run")
    mending = job.firebridge.folder / "mended.conf"
    mending.write_text(conf(job, files, MENDED))
    total = 12 * 200

    def feed():
        for n in range(12):
            job.put(firehose.body(users(200, start=200 * n)))
            time.sleep(0.2)

    feeder = threading.Thread(target=feed)
    feeder.start()
    deadline = time.monotonic() + 60
    rounds = 0
    while job.table.count() < total and time.monotonic() < deadline:
        done = subprocess.run([job.firebridge.program, "redrive", "-c", mending, "--overwrite"],
                              env=job.firebridge.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        rounds += 1
    feeder.join()
    assert daemon.alive()
    daemon.terminate()
    assert daemon.wait().code == 0
    redrive(job, files, MENDED)
    job.table.expect(mended(users(total)))
    assert files.names() == [] and rounds > 1


def test_a_full_disk_keeps_them_all(job, small_disk, files):
    leave(job, files, firehose.body(users(500) + [b'{"other": 1}'] * 500))
    fill(small_disk / "filler")
    before = files.lines()
    result = job.firebridge(conf(job, files, MENDED), "redrive", "--overwrite")
    assert result.code == 1 and "No space left on device" in result.stderr
    assert files.lines() == before
    (small_disk / "filler").unlink()
    redrive(job, files, MENDED, code=1)
    job.table.expect(mended(users(500)))
    assert len(files.lines()) == 500


def test_a_full_disk_does_not_hold_up_what_leaves_nothing_behind(job, small_disk, files):
    leave(job, files, firehose.body(users(500)))
    fill(small_disk / "filler")
    redrive(job, files, MENDED)
    job.table.expect(mended(users(500)))
    assert files.names() == []


def test_a_stream_whose_files_are_full_goes_on_when_they_were_redriven(job, files):
    bound = "dead_letter_file_size = 16KiB\nmax_dead_letters_size = 64KiB"
    daemon = job.firebridge.start(conf(job, files, bound), "run")
    mending = job.firebridge.folder / "mended.conf"
    mending.write_text(conf(job, files, MENDED))
    job.put(firehose.body(users(1000)))
    daemon.wait_until(lambda: "max_dead_letters_size is 65536" in daemon.log)
    assert sum((files.folder / name).stat().st_size for name in files.names()) <= 65536

    def redriven():
        done = subprocess.run([job.firebridge.program, "redrive", "-c", mending, "--overwrite"],
                              env=job.firebridge.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return job.table.count() == 1000

    daemon.wait_until(redriven, timeout_s=100)
    daemon.terminate()
    assert daemon.wait().code == 0
    job.table.expect(mended(users(1000)))
