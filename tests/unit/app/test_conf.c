/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/conf_folder.h"
#include "firebridge/app/conf_file.h"
#include "firebridge/app/conf_items.h"
#include "firebridge/app/conf_keys.h"
#include "firebridge/base/nearest.h"

#define STREAM CONF_STREAM

static void two_keys_are_a_whole_stream(void **state)
{
    struct fb_conf *conf;
    const struct fb_conf_stream *stream;

    (void)state;
    conf_folder_put("a.conf",
                    "# as Firehose has it\n[stream ticker]\nsource = s3://my-bucket/ticker/\n"
                    "table  = ticker\n");
    conf = conf_folder_read();
    assert_int_equal(conf->stream_count, 1);
    stream = &conf->streams[0];
    assert_string_equal(stream->name, "ticker");
    assert_string_equal(stream->source, "s3://my-bucket/ticker/");
    assert_string_equal(stream->bucket, "my-bucket");
    assert_string_equal(stream->prefix, "ticker/");
    assert_string_equal(stream->table, "ticker");
    assert_string_equal(stream->place.file, conf_folder_path("a.conf"));
    assert_int_equal(stream->place.line, 2);
    fb_conf_free(conf);
}

static void every_default_is_what_a_careful_person_would_pick(void **state)
{
    struct fb_conf *conf;
    const struct fb_conf_stream *stream;

    (void)state;
    conf_folder_put("a.conf", STREAM);
    conf = conf_folder_read();
    assert_null(conf->aws.region);
    assert_null(conf->aws.endpoint_s3);
    assert_null(conf->aws.principal.profile);
    assert_int_equal(conf->aws.connect_timeout_ms, 10000);
    assert_int_equal(conf->aws.request_timeout_ms, 30000);
    assert_int_equal(conf->aws.stall_timeout_ms, 30000);
    assert_null(conf->daemon.state_dir);
    assert_int_equal(conf->daemon.log_level, FB_LOG_INFO);
    assert_int_equal(conf->daemon.stop_timeout_ms, 30000);
    assert_int_equal(conf->daemon.once_patience_ms, 120000);
    stream = &conf->streams[0];
    assert_int_equal(stream->layout, FB_LAYOUT_FIREHOSE);
    assert_null(stream->time_zone);
    assert_int_equal(stream->exclude.count, 0);
    assert_int_equal(stream->start_at, FB_START_OLDEST);
    assert_int_equal(stream->poll_interval_ms, 10000);
    assert_int_equal(stream->sweep_interval_ms, 600000);
    assert_int_equal(stream->lookback_ms, 90000000);
    assert_int_equal(stream->list_budget, 3600);
    assert_int_equal(stream->writers, 16);
    assert_int_equal(stream->linger_ms, 50);
    assert_int_equal(stream->max_record_size, 1048576);
    assert_int_equal(stream->max_in_flight, 4 * 1024 * 1024);
    assert_int_equal(stream->max_dead_letters, 1000);
    assert_int_equal(stream->max_dead_letters_in, 10000);
    fb_conf_free(conf);
}

static void every_key_can_be_set(void **state)
{
    struct fb_conf *conf;
    const struct fb_conf_stream *stream;

    (void)state;
    conf_folder_put(
        "a.conf",
        "[aws]\nregion=eu-central-1\nendpoint.s3=http://127.0.0.1:8080\n"
        "endpoint.dynamodb=https://db.example\nendpoint.imds=http://[fd00:ec2::254]\n"
        "profile=some one\nca_bundle=/etc/ca.pem\nconnect_timeout=1500ms\nrequest_timeout=1min\n"
        "stall_timeout=2m\n[daemon]\nstate_dir=/srv/f\nlog_level=debug\nstop_timeout=5 s\n"
        "once_patience=1h\n" STREAM "layout=flat\ntime_zone=Europe/Vienna\n"
        "exclude=*.tmp, a b*,\nstart_at=2026-11-22T10:00:00Z\npoll_interval=1s\n"
        "sweep_interval=1d\nlookback=7d\nwriters=256\nlinger=0ms\nmax_record_size=64KiB\n"
        "max_in_flight=10MB\nmax_dead_letters=5 in 5\ncompression=gzip\nmax_layers=1\n"
        "max_expansion=20\nmax_inflated_size=1GiB\non_damaged_object=stop\nformat=csv\n"
        "delimiter=\\x1e\\n\\0\nfield_separator=semicolon\ncolumns=id, unit price\n"
        "types=unit price: number, id:string\n[stream t]\nsource=s3://bucket/\ntable=tab\n"
        "format=lines\npattern=^([^ ]+) \n  (.*)$\nfields=host\n  -\n"
        "[stream u]\nsource=s3://bucket/\ntable=tab\nunwrap=message\n");
    conf = conf_folder_read();
    assert_string_equal(conf->aws.region, "eu-central-1");
    assert_string_equal(conf->aws.endpoint_s3, "http://127.0.0.1:8080");
    assert_string_equal(conf->aws.endpoint_dynamodb, "https://db.example");
    assert_string_equal(conf->aws.endpoint_imds, "http://[fd00:ec2::254]");
    assert_string_equal(conf->aws.principal.profile, "some one");
    assert_string_equal(conf->aws.ca_bundle, "/etc/ca.pem");
    assert_int_equal(conf->aws.connect_timeout_ms, 1500);
    assert_int_equal(conf->aws.request_timeout_ms, 60000);
    assert_int_equal(conf->aws.stall_timeout_ms, 120000);
    assert_string_equal(conf->daemon.state_dir, "/srv/f");
    assert_int_equal(conf->daemon.log_level, FB_LOG_DEBUG);
    assert_int_equal(conf->daemon.stop_timeout_ms, 5000);
    assert_int_equal(conf->daemon.once_patience_ms, 3600000);
    stream = &conf->streams[0];
    assert_int_equal(stream->layout, FB_LAYOUT_FLAT);
    assert_string_equal(stream->time_zone, "Europe/Vienna");
    assert_int_equal(stream->exclude.count, 2);
    assert_string_equal(stream->exclude.entries[0], "*.tmp");
    assert_string_equal(stream->exclude.entries[1], "a b*");
    assert_int_equal(stream->start_at, FB_START_TIME);
    assert_int_equal(stream->start_at_ms, INT64_C(1795341600000));
    assert_int_equal(stream->poll_interval_ms, 1000);
    assert_int_equal(stream->sweep_interval_ms, 86400000);
    assert_int_equal(stream->lookback_ms, 604800000);
    assert_int_equal(stream->writers, 256);
    assert_int_equal(stream->linger_ms, 0);
    assert_int_equal(stream->max_record_size, 65536);
    assert_int_equal(stream->max_in_flight, 10000000);
    assert_int_equal(stream->max_dead_letters, 5);
    assert_int_equal(stream->max_dead_letters_in, 5);
    assert_string_equal(stream->compression, "gzip");
    assert_int_equal(stream->max_layers, 1);
    assert_int_equal(stream->max_expansion, 20);
    assert_int_equal(stream->max_inflated_size, 1 << 30);
    assert_int_equal(stream->on_damaged_object, FB_DAMAGE_STOP);
    assert_int_equal(stream->format, FB_FORMAT_CSV);
    assert_int_equal(stream->delimiter.size, 3);
    assert_memory_equal(stream->delimiter.bytes, "\x1e\n", 3);
    assert_int_equal(stream->field_separator, ';');
    assert_int_equal(stream->columns.count, 2);
    assert_string_equal(stream->columns.entries[1], "unit price");
    assert_int_equal(stream->number_columns.count, 1);
    assert_string_equal(stream->number_columns.entries[0], "unit price");
    assert_string_equal(conf->streams[1].pattern, "^([^ ]+)(.*)$");
    assert_int_equal(conf->streams[1].fields.count, 2);
    assert_string_equal(conf->streams[1].fields.entries[1], "-");
    assert_int_equal(conf->streams[2].unwrap, FB_UNWRAP_MESSAGE);
    fb_conf_free(conf);
}

static void a_prefix_is_taken_as_it_stands(void **state)
{
    static const struct {
        const char *source, *prefix;
    } cases[] = {
        {"s3://bucket", ""},
        {"s3://bucket/", ""},
        {"s3://bucket/give-name", "give-name"},
        {"s3://bucket//a", "/a"},
        {"s3://bucket/a b=c+d%20;#ü/", "a b=c+d%20;#ü/"},
        {"s3://bucket/!{timestamp:yyyy/MM}/!{firehose:random-string}/",
         "!{timestamp:yyyy/MM}/!{firehose:random-string}/"},
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fb_conf *conf;

        snprintf(text, sizeof text, "[stream s]\ntable = tab\nsource = %s\n", cases[i].source);
        conf_folder_put("a.conf", text);
        conf = conf_folder_read();
        assert_string_equal(conf->streams[0].bucket, "bucket");
        assert_string_equal(conf->streams[0].prefix, cases[i].prefix);
        fb_conf_free(conf);
    }
}

static void an_access_point_stands_where_a_bucket_does(void **state)
{
    struct fb_conf *conf;

    (void)state;
    conf_folder_put(
        "a.conf",
        "[stream s]\ntable = tab\nsource = "
        "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/mine/in/!{timestamp:yyyy}/\n");
    conf = conf_folder_read();
    assert_string_equal(conf->streams[0].bucket,
                        "arn:aws:s3:eu-west-1:123456789012:accesspoint/mine");
    assert_string_equal(conf->streams[0].prefix, "in/!{timestamp:yyyy}/");
    fb_conf_free(conf);
}

static void a_continued_list_has_an_entry_a_line(void **state)
{
    struct fb_conf *conf;

    (void)state;
    conf_folder_put("a.conf", STREAM "exclude =\n  *.tmp\n# between\n\n\tx=*, y:*\n  [ab]*\n");
    conf = conf_folder_read();
    assert_int_equal(conf->streams[0].exclude.count, 4);
    assert_string_equal(conf->streams[0].exclude.entries[0], "*.tmp");
    assert_string_equal(conf->streams[0].exclude.entries[1], "x=*");
    assert_string_equal(conf->streams[0].exclude.entries[2], "y:*");
    assert_string_equal(conf->streams[0].exclude.entries[3], "[ab]*");
    fb_conf_free(conf);
}

static void a_value_that_is_no_list_continues_with_nothing_between(void **state)
{
    char text[2048] = "[stream s]\ntable = tab\nsource = s3://bucket/\n";
    struct fb_conf *conf;

    (void)state;
    for (int i = 0; i < 8; i++) {
        strcat(text, "  ");
        memset(text + strlen(text), '0' + i, 125);
        strcat(text, "\n");
    }
    conf_folder_put("a.conf", text);
    conf = conf_folder_read();
    assert_int_equal(strlen(conf->streams[0].prefix), 1000);
    assert_int_equal(conf->streams[0].prefix[125], '1');
    fb_conf_free(conf);
}

static void shared_values_apply_wherever_they_stand(void **state)
{
    struct fb_conf *conf;

    (void)state;
    conf_folder_put("a.conf", "[stream a]\nsource = s3://bucket/a\nwriters = 3\n"
                              "[stream *]\nwriters = 5\ntable = tab\nexclude = *.tmp\n"
                              "[stream b]\nsource = s3://bucket/b\nexclude =\n");
    conf_folder_put("a.conf.d/1.conf", "[stream *]\nlinger = 1s\n");
    conf = conf_folder_read();
    assert_int_equal(conf->stream_count, 2);
    assert_int_equal(conf->streams[0].writers, 3);
    assert_int_equal(conf->streams[1].writers, 5);
    assert_string_equal(conf->streams[0].table, "tab");
    assert_int_equal(conf->streams[0].exclude.count, 1);
    assert_int_equal(conf->streams[1].exclude.count, 0);
    assert_int_equal(conf->streams[0].linger_ms, 1000);
    assert_int_equal(conf->streams[1].linger_ms, 1000);
    fb_conf_free(conf);
}

static void drop_ins_are_read_in_byte_order_and_replace(void **state)
{
    struct fb_conf *conf;

    (void)state;
    conf_folder_put("a.conf", STREAM "writers = 2\nlinger = 1s\n");
    conf_folder_put("a.conf.d/a.conf", "[stream s]\nwriters = 9\n");
    conf_folder_put("a.conf.d/B.conf", "[stream s]\nwriters = 8\nlinger = 2s\n");
    conf_folder_put("a.conf.d/.z.conf", "nonsense");
    conf_folder_put("a.conf.d/z.conf~", "nonsense");
    conf_folder_put("a.conf.d/.conf", "nonsense");
    conf = conf_folder_read();
    assert_int_equal(conf->stream_count, 1);
    assert_int_equal(conf->streams[0].writers, 9);
    assert_int_equal(conf->streams[0].linger_ms, 2000);
    fb_conf_free(conf);
}

static void a_name_of_64_bytes_is_kept_whole(void **state)
{
    struct fb_conf *conf;
    char text[256];
    char name[65];

    (void)state;
    memset(name, 'n', 64);
    name[64] = '\0';
    snprintf(text, sizeof text, "[stream %s]\nsource = s3://bucket/\ntable = tab\n", name);
    conf_folder_put("a.conf", text);
    conf = conf_folder_read();
    assert_string_equal(conf->streams[0].name, name);
    fb_conf_free(conf);
}

static void bom_crlf_and_a_missing_last_newline_are_well(void **state)
{
    struct fb_conf *conf;

    (void)state;
    conf_folder_put("a.conf", "\xef\xbb\xbf[stream s]\r\n; a comment\r\nsource = s3://bucket/p\r\n"
                              "table = tab");
    conf = conf_folder_read();
    assert_string_equal(conf->streams[0].prefix, "p");
    assert_string_equal(conf->streams[0].table, "tab");
    fb_conf_free(conf);
}

static void a_section_may_be_opened_again(void **state)
{
    struct fb_conf *conf;

    (void)state;
    conf_folder_put("a.conf", STREAM "[aws]\nregion = r\n[stream s]\nwriters = 2\n");
    conf = conf_folder_read();
    assert_int_equal(conf->stream_count, 1);
    assert_int_equal(conf->streams[0].writers, 2);
    assert_int_equal(conf->streams[0].place.line, 1);
    fb_conf_free(conf);
}

static void a_line_may_have_197_bytes_and_a_comment_any(void **state)
{
    char text[2048] = STREAM "#";
    struct fb_conf *conf;

    (void)state;
    memset(text + strlen(text), 'x', 500);
    strcat(text, "\nexclude = ");
    memset(text + strlen(text), 'g', 187);
    strcat(text, "\n");
    conf_folder_put("a.conf", text);
    conf = conf_folder_read();
    assert_int_equal(strlen(conf->streams[0].exclude.entries[0]), 187);
    fb_conf_free(conf);
}

static const struct {
    const char *text, *report;
} wrong[] = {
    /* lines */
    {STREAM "nonsense\n", "a.conf:4: expected NAME = VALUE, a [section], or a comment\n"},
    {STREAM "writers: 3\n", "a.conf:4: expected NAME = VALUE, a [section], or a comment\n"},
    {STREAM "= 3\n", "a.conf:4: expected NAME = VALUE, a [section], or a comment\n"},
    {"writers = 3\n" STREAM, "a.conf:1: a value outside of a section; expected [aws], [daemon] or "
                             "[stream NAME] above it\n"},
    {STREAM "writers = 3 ; few\n",
     "a.conf:4: ';' behind a blank looks like a comment; comments stand on lines of their own\n"},
    {STREAM "writers = 3\t# few\n",
     "a.conf:4: '#' behind a blank looks like a comment; comments stand on lines of their own\n"},
    {STREAM "exclude = a\n  b # c\n",
     "a.conf:5: '#' behind a blank looks like a comment; comments stand on lines of their own\n"},
    {STREAM "[aws] # mine\n",
     "a.conf:4: '#' behind a blank looks like a comment; comments stand on lines of their own\n"},
    {STREAM "writers = \x01\n",
     "a.conf:4: the line is not UTF-8 text, or has control characters in it\n"},
    {STREAM "exclude = \xff\n",
     "a.conf:4: the line is not UTF-8 text, or has control characters in it\n"},
    /* how objects are read */
    {STREAM "compression = gz\n",
     "a.conf:4: compression: \"gz\"; expected auto, none, gzip, zlib, zip, snappy, snappy-framed, "
     "hadoop-snappy, zstd or bzip2\n"},
    {STREAM "format = jsonl\n",
     "a.conf:4: format: \"jsonl\"; expected auto, json, cloudwatch-logs, dynamodb-json, "
     "dynamodb-stream, firehose-errors, csv, tsv or lines\n"},
    {STREAM "delimiter = \\q\n",
     "a.conf:4: delimiter: \"\\q\"; expected newline, or 1 to 16 bytes, with \\n, \\r, \\t, \\0, "
     "\\\\ and \\xHH for those that cannot be written\n"},
    {STREAM "delimiter = 12345678901234567\n",
     "a.conf:4: delimiter: \"12345678901234567\"; expected newline, or 1 to 16 bytes, with \\n, "
     "\\r, \\t, \\0, \\\\ and \\xHH for those that cannot be written\n"},
    {STREAM "field_separator = ,,\n",
     "a.conf:4: field_separator: \",,\"; expected comma, semicolon, tab, pipe, space or another "
     "byte\n"},
    {STREAM "columns = a,,b\n",
     "a.conf:4: columns: \"a,,b\"; expected names by commas, with none left empty\n"},
    {STREAM "fields = ,a\n",
     "a.conf:4: fields: \",a\"; expected names by commas, with none left empty\n"},
    {STREAM "types = price\n", "a.conf:4: types: \"price\"; expected NAME: number or NAME: string, "
                               "by commas\n"},
    {STREAM "types = a: number, price: money\n",
     "a.conf:4: types: \"price: money\"; expected NAME: number or NAME: string, by commas\n"},
    /* indented lines */
    {STREAM "writers = 3\n  linger = 1s\n",
     "a.conf:5: an indented line continues the value above; write linger from the first column\n"},
    {STREAM " [stream b]\n", "a.conf:4: an indented line continues the value above; write the "
                             "section from the first column\n"},
    {"[stream s]\n  source = s3://bucket/\ntable = tab\n",
     "a.conf:2: the line is indented, but there is no value above that it continues\n"
     "a.conf:1: [stream s] has no source, and there is no default for it\n"},
    {STREAM "writers = 1\n  2\n  x\n",
     "a.conf:4: writers: \"12x\"; expected a whole number from 1 to 256\n"},
    /* sections */
    {STREAM "[awz]\nregion = x\n", "a.conf:4: unknown section [awz]; expected [aws], [daemon], "
                                   "[stream NAME] or [stream *]; did you mean [aws]?\n"},
    {STREAM "[steam t]\n", "a.conf:4: unknown section [steam t]; expected [aws], [daemon], "
                           "[stream NAME] or [stream *]; did you mean [stream t]?\n"},
    {STREAM "[elsewhere]\n", "a.conf:4: unknown section [elsewhere]; expected [aws], [daemon], "
                             "[stream NAME] or [stream *]\n"},
    {STREAM "[]\n", "a.conf:4: unknown section []; expected [aws], [daemon], [stream NAME] or "
                    "[stream *]\n"},
    {STREAM "[aws\n", "a.conf:4: expected a section like [stream NAME], with nothing behind the "
                      "]\n"},
    {STREAM "[stream]\n", "a.conf:4: \"\" is no stream's name; expected 1 to 64 letters, digits, "
                          "_ - and ., not beginning with a dot\n"},
    {STREAM "[stream .b]\n", "a.conf:4: \".b\" is no stream's name; expected 1 to 64 letters, "
                             "digits, _ - and ., not beginning with a dot\n"},
    {STREAM "[stream a/b]\n", "a.conf:4: \"a/b\" is no stream's name; expected 1 to 64 letters, "
                              "digits, _ - and ., not beginning with a dot\n"},
    /* keys */
    {STREAM "writrs = 3\n", "a.conf:4: unknown key writrs; did you mean writers?\n"},
    {STREAM "poll_intervall = 3\n  4\n",
     "a.conf:4: unknown key poll_intervall; did you mean poll_interval?\n"},
    {STREAM "colour = red\n",
     "a.conf:4: unknown key colour; man firebridge.conf lists those of each section\n"},
    {STREAM "[aws]\nwriters = 3\n",
     "a.conf:5: unknown key writers; man firebridge.conf lists those of each section\n"},
    {STREAM "writers = 3\nlinger = 1s\nwriters = 3\n  4\n",
     "a.conf:6: writers is assigned a second time; the first is in line 4\n"},
    {STREAM "writers = 3\n[aws]\n[stream s]\nwriters = 3\n",
     "a.conf:7: writers is assigned a second time; the first is in line 4\n"},
    {"[stream a]\nsource = s3://bucket/\n[stream b]\ntable = tab\n",
     "a.conf:1: [stream a] has no table, and there is no default for it\n"
     "a.conf:3: [stream b] has no source, and there is no default for it\n"},
    {"", "a.conf: there is no stream; write a section [stream NAME] with source = "
         "s3://BUCKET/PREFIX and table = TABLE\n"},
    {"[stream *]\ntable = tab\n",
     "a.conf: there is no stream; write a section [stream NAME] with source = "
     "s3://BUCKET/PREFIX and table = TABLE\n"},
    /* values */
    {STREAM "linger = 10\n", "a.conf:4: linger: \"10\"; expected a whole number with ms, s, min, h "
                             "or d, from 0ms to 10s\n"},
    {STREAM "lookback = 400d\n", "a.conf:4: lookback: \"400d\"; expected a whole number with ms, "
                                 "s, min, h or d, from 1min to 366d\n"},
    {STREAM "lookback = 99999999999999999999d\n",
     "a.conf:4: lookback: \"99999999999999999999d\"; expected a whole number with ms, s, min, h "
     "or d, from 1min to 366d\n"},
    {STREAM "lookback = 9000000000000000000d\n",
     "a.conf:4: lookback: \"9000000000000000000d\"; expected a whole number with ms, s, min, h "
     "or d, from 1min to 366d\n"},
    {STREAM "linger = -1s\n", "a.conf:4: linger: \"-1s\"; expected a whole number with ms, s, min, "
                              "h or d, from 0ms to 10s\n"},
    {STREAM "linger =\n", "a.conf:4: linger: \"\"; expected a whole number with ms, s, min, h or "
                          "d, from 0ms to 10s\n"},
    {STREAM "max_record_size = 17MiB\n",
     "a.conf:4: max_record_size: \"17MiB\"; expected bytes, or a whole number with KiB, MiB or "
     "GiB, from 1KiB to 16MiB\n"},
    {STREAM "max_in_flight = 1.5MiB\n",
     "a.conf:4: max_in_flight: \"1.5MiB\"; expected bytes, or a whole number with KiB, MiB or "
     "GiB, from 1MiB to 1GiB\n"},
    {STREAM "writers = 0\n", "a.conf:4: writers: \"0\"; expected a whole number from 1 to 256\n"},
    {STREAM "layout = flet\n", "a.conf:4: layout: \"flet\"; expected firehose or flat\n"},
    {STREAM "[daemon]\nlog_level = loud\n",
     "a.conf:5: log_level: \"loud\"; expected error, warning, notice, info or debug\n"},
    {STREAM "[daemon]\nstate_dir = state\n",
     "a.conf:5: state_dir: \"state\"; expected a whole path, from /\n"},
    {STREAM "[aws]\nregion = eu west\n",
     "a.conf:5: region: \"eu west\"; expected one word of letters, digits and -_./+\n"},
    {STREAM "[aws]\nprofile =\n",
     "a.conf:5: profile: is empty; leave the line out for the default\n"},
    {STREAM "[aws]\nendpoint.s3 = ftp://x\n",
     "a.conf:5: endpoint.s3: \"ftp://x\"; expected http://HOST[:PORT] or https://HOST[:PORT], "
     "with no path\n"},
    {STREAM "[aws]\nendpoint.s3 = http://x/y\n",
     "a.conf:5: endpoint.s3: \"http://x/y\"; expected http://HOST[:PORT] or https://HOST[:PORT], "
     "with no path\n"},
    {STREAM "[aws]\nendpoint.s3 = http://u@x\n",
     "a.conf:5: endpoint.s3: \"(hidden)\"; expected http://HOST[:PORT] or https://HOST[:PORT], "
     "with no path\n"},
    {STREAM "[aws]\nendpoint.s3 = http://x:65536\n",
     "a.conf:5: endpoint.s3: \"http://x:65536\"; expected http://HOST[:PORT] or "
     "https://HOST[:PORT], with no path\n"},
    {STREAM "[aws]\nendpoint.s3 = http://[::1\n",
     "a.conf:5: endpoint.s3: \"http://[::1\"; expected http://HOST[:PORT] or "
     "https://HOST[:PORT], with no path\n"},
    {STREAM "[aws]\nuse_fips = true\n", "a.conf:5: use_fips: \"true\"; expected yes or no\n"},
    {STREAM "[aws]\nproxy = socks5://user:secret@x\n",
     "a.conf:5: proxy: is none; expected http[s]://[USER:PASSWORD@]HOST[:PORT], or the word "
     "none\n"},
    {STREAM "expected_bucket_owner = 1234\n",
     "a.conf:4: expected_bucket_owner: \"1234\"; expected the 12 digits of an AWS account\n"},
    {"[stream s]\nsource = bucket/x\ntable = tab\n",
     "a.conf:2: source: \"bucket/x\"; expected s3://BUCKET/PREFIX\n"},
    {"[stream s]\nsource = s3://My_Bucket/x\ntable = tab\n",
     "a.conf:2: source: \"My_Bucket\" is no bucket's name; expected 3 to 63 lower-case letters, "
     "digits, - and .\n"},
    {"[stream s]\nsource = s3://192.168.0.1/x\ntable = tab\n",
     "a.conf:2: source: \"192.168.0.1\" is no bucket's name; expected 3 to 63 lower-case letters, "
     "digits, - and .\n"},
    {"[stream s]\nsource = s3://arn:aws:s3:::bucket/x\ntable = tab\n",
     "a.conf:2: source: 'arn:aws:s3:::bucket': of ARNs, only those of access points in one region "
     "can be read from (arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME); take that, or the bucket's "
     "name\n"},
    {"[stream s]\nsource = s3:///x\ntable = tab\n",
     "a.conf:2: source: \"\" is no bucket's name; expected 3 to 63 lower-case letters, "
     "digits, - and .\n"},
    {"[stream s]\nsource = s3://bucket/\ntable = my table\n",
     "a.conf:3: table: \"my table\"; expected a table's ARN, or its name: 3 to 255 letters, "
     "digits, _ - and .\n"},
    {STREAM "start_at = yesterday\n", "a.conf:4: start_at: \"yesterday\"; expected oldest, now or "
                                      "a time like 2026-11-22T10:00:00Z\n"},
    {STREAM "max_dead_letters = 5\n", "a.conf:4: max_dead_letters: \"5\"; expected dead letters "
                                      "(up to 1000000) in records, like 1000 in 10000\n"},
    {STREAM "max_dead_letters = 5 in 4\n", "a.conf:4: max_dead_letters: \"5 in 4\"; expected dead "
                                           "letters (up to 1000000) in records, like 1000 in "
                                           "10000\n"},
    {"[stream *]\nwriters = many\n" STREAM "writers = 4\n",
     "a.conf:2: writers: \"many\"; expected a whole number from 1 to 256\n"},
};

static void what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        conf_folder_put("a.conf", wrong[i].text);
        conf_folder_expect_report(FB_INVALID, wrong[i].report);
    }
}

static void an_over_long_line_is_refused_with_what_continues_it(void **state)
{
    char text[2048] = STREAM "exclude = ";

    (void)state;
    memset(text + strlen(text), 'g', 188);
    strcat(text, "\n  more\n  and more\nwriters = 0\n");
    conf_folder_put("a.conf", text);
    conf_folder_expect_report(
        FB_INVALID,
        "a.conf:4: the line has 198 bytes; at most 197 are read (continue a value on an "
        "indented line)\n"
        "a.conf:7: writers: \"0\"; expected a whole number from 1 to 256\n");
}

static void a_drop_in_is_named_in_its_mistakes(void **state)
{
    (void)state;
    conf_folder_put("a.conf", STREAM);
    conf_folder_put("a.conf.d/10-more.conf", "\n[stream s]\nwriters = 0\n");
    conf_folder_expect_report(FB_INVALID,
                              "a.conf.d/10-more.conf:3: writers: \"0\"; expected a whole number "
                              "from 1 to 256\n");
}

static void a_nul_byte_is_refused(void **state)
{
    static const char text[] = STREAM "exclude = a\0b\n#\0\n";

    (void)state;
    conf_folder_put_bytes("a.conf", text, sizeof text - 1);
    conf_folder_expect_report(FB_INVALID, "a.conf:4: the line has a NUL byte in it\n"
                                          "a.conf:5: the line has a NUL byte in it\n");
}

static void a_prefix_over_1024_bytes_is_refused(void **state)
{
    char text[2048] = "[stream s]\ntable = tab\nsource = s3://bucket/\n";

    (void)state;
    for (int i = 0; i < 41; i++)
        strcat(text, "  1234567890123456789012345\n");
    conf_folder_put("a.conf", text);
    conf_folder_expect_report(
        FB_INVALID,
        "a.conf:3: source: the prefix has over 1024 bytes, and no key in S3 has more\n");
}

static void what_is_no_readable_file_is_said_so(void **state)
{
    (void)state;
    conf_folder_expect_report(FB_IO, "a.conf: cannot be read: No such file or directory\n");
    assert_int_equal(mkdir(conf_folder_path("a.conf"), 0700), 0);
    conf_folder_expect_report(FB_IO, "a.conf: cannot be read: it is a directory, not a file\n");
    assert_int_equal(rmdir(conf_folder_path("a.conf")), 0);
    assert_int_equal(mkfifo(conf_folder_path("a.conf"), 0600), 0);
    conf_folder_expect_report(FB_IO, "a.conf: cannot be read: it is a FIFO, not a file\n");
    assert_int_equal(unlink(conf_folder_path("a.conf")), 0);
    conf_folder_put("a.conf", STREAM);
    assert_int_equal(mkdir(conf_folder_path("a.conf.d/x.conf"), 0700), 0);
    conf_folder_expect_report(FB_IO,
                              "a.conf.d/x.conf: cannot be read: it is a directory, not a file\n");
    assert_int_equal(rmdir(conf_folder_path("a.conf.d/x.conf")), 0);
    assert_int_equal(rmdir(conf_folder_path("a.conf.d")), 0);
    conf_folder_put("a.conf.d", "");
    conf_folder_expect_report(FB_IO, "a.conf.d: cannot be read: Not a directory\n");
}

static void a_file_over_1_mib_is_refused(void **state)
{
    char *bytes = malloc(1024 * 1024 + 1);

    (void)state;
    assert_non_null(bytes);
    memset(bytes, '\n', 1024 * 1024 + 1);
    memcpy(bytes, STREAM, strlen(STREAM));
    conf_folder_put_bytes("a.conf", bytes, 1024 * 1024);
    fb_conf_free(conf_folder_read());
    conf_folder_put_bytes("a.conf", bytes, 1024 * 1024 + 1);
    conf_folder_expect_report(FB_IO,
                              "a.conf: cannot be read: it is over 1 MiB, and no conf file is\n");
    free(bytes);
}

/* "#name = default" in the file that is installed. */
static bool take_annotated(char *line, const char **ret_name, const char **ret_value)
{
    char *equals = strstr(line, " =");

    if (line[0] != '#' || line[1] == ' ' || equals == NULL)
        return false;
    *equals = '\0';
    *ret_name = line + 1;
    *ret_value = equals[2] == ' ' ? equals + 3 : equals + 2;
    return true;
}

static const struct fb_conf_key *next_key(const char *name, size_t *found)
{
    assert_true(*found < FB_CONF_KEY_COUNT);
    assert_string_equal(name, fb_conf_keys[*found].name);
    return &fb_conf_keys[(*found)++];
}

static void expect_key(const struct fb_conf_key *key, const char *value, const char *above)
{
    assert_string_equal(value, key->default_text != NULL ? key->default_text : "");
    assert_string_equal(above + 2, key->sentence);
}

static void the_installed_file_shows_every_key_with_its_default(void **state)
{
    FILE *file = fopen("etc/firebridge.conf", "r");
    char above[256] = "";
    char line[256];
    size_t found = 0;
    size_t items = 0; /* shown by an example */

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        const char *name, *value;

        line[strcspn(line, "\n")] = '\0';
        if (take_annotated(line, &name, &value)) {
            if (fb_conf_item_begins(name))
                items++;
            else
                expect_key(next_key(name, &found), value, above);
        }
        snprintf(above, sizeof above, "%s", line);
    }
    fclose(file);
    assert_int_equal(found, FB_CONF_KEY_COUNT);
    assert_int_equal(items, 2);
}

static void every_default_passes_its_own_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < FB_CONF_KEY_COUNT; i++) {
        const struct fb_conf_key *key = &fb_conf_keys[i];
        static const char *const sections[] = {"aws", "daemon", "stream *"};
        char text[256];

        if (key->default_text == NULL)
            continue;
        snprintf(text, sizeof text, STREAM "[%s]\n%s = %s\n", sections[key->kind], key->name,
                 key->default_text);
        conf_folder_put("a.conf", text);
        fb_conf_free(conf_folder_read());
    }
}

static void the_nearest_name_is_found_over_a_slip(void **state)
{
    static const struct {
        const char *a, *b;
        size_t distance;
    } cases[] = {
        {"", "", 0},          {"", "abc", 3},           {"table", "tabel", 1},
        {"table", "tale", 1}, {"kitten", "sitting", 3}, {"abc", "xyz", 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(fb_edit_distance(cases[i].a, cases[i].b), cases[i].distance);
        assert_int_equal(fb_edit_distance(cases[i].b, cases[i].a), cases[i].distance);
    }
    assert_string_equal(fb_conf_key_nearest(FB_CONF_AWS, "endpoint_s3"), "endpoint.s3");
    assert_null(fb_conf_key_nearest(FB_CONF_AWS, "poll"));
}

#define test(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, conf_folder_make, conf_folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(two_keys_are_a_whole_stream),
        test(every_default_is_what_a_careful_person_would_pick),
        test(every_key_can_be_set),
        test(a_prefix_is_taken_as_it_stands),
        test(an_access_point_stands_where_a_bucket_does),
        test(a_continued_list_has_an_entry_a_line),
        test(a_value_that_is_no_list_continues_with_nothing_between),
        test(shared_values_apply_wherever_they_stand),
        test(drop_ins_are_read_in_byte_order_and_replace),
        test(a_name_of_64_bytes_is_kept_whole),
        test(bom_crlf_and_a_missing_last_newline_are_well),
        test(a_section_may_be_opened_again),
        test(a_line_may_have_197_bytes_and_a_comment_any),
        test(what_is_wrong_is_said_with_its_line),
        test(an_over_long_line_is_refused_with_what_continues_it),
        test(a_drop_in_is_named_in_its_mistakes),
        test(a_nul_byte_is_refused),
        test(a_prefix_over_1024_bytes_is_refused),
        test(what_is_no_readable_file_is_said_so),
        test(a_file_over_1_mib_is_refused),
        test(the_installed_file_shows_every_key_with_its_default),
        test(every_default_passes_its_own_check),
        cmocka_unit_test(the_nearest_name_is_found_over_a_slip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
