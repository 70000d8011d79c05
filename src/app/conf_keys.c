/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/conf_keys.h"

#include <string.h>

#include "firebridge/app/conf.h"
#include "firebridge/base/nearest.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define KIB    INT64_C(1024)
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)

#define AWS(field)     .kind = FB_CONF_AWS, .offset = offsetof(struct fb_conf_aws, field)
#define DAEMON(field)  .kind = FB_CONF_DAEMON, .offset = offsetof(struct fb_conf_daemon, field)
#define METRICS(field) .kind = FB_CONF_METRICS, .offset = offsetof(struct fb_conf_metrics, field)
#define STREAM(field)  .kind = FB_CONF_STREAM, .offset = offsetof(struct fb_conf_stream, field)

static const struct fb_conf_choice log_levels[] = {
    {"error", FB_LOG_ERROR}, {"warning", FB_LOG_WARNING}, {"notice", FB_LOG_NOTICE},
    {"info", FB_LOG_INFO},   {"debug", FB_LOG_DEBUG},     {NULL, 0},
};

static const struct fb_conf_choice log_formats[] = {
    {"auto", FB_LOG_STYLE_AUTO},
    {"plain", FB_LOG_STYLE_PLAIN},
    {"json", FB_LOG_STYLE_JSON},
    {"journal", FB_LOG_STYLE_JOURNAL},
    {NULL, 0},
};

static const struct fb_conf_choice layouts[] = {
    {"firehose", FB_LAYOUT_FIREHOSE},
    {"flat", FB_LAYOUT_FLAT},
    {NULL, 0},
};

static const struct fb_conf_choice damages[] = {
    {"dead-letter", FB_DAMAGE_DEAD_LETTER},
    {"stop", FB_DAMAGE_STOP},
    {NULL, 0},
};

static const struct fb_conf_choice unwraps[] = {
    {"none", FB_UNWRAP_NONE},
    {"message", FB_UNWRAP_MESSAGE},
    {NULL, 0},
};

static const struct fb_conf_choice orders[] = {
    {"key", FB_ORDER_KEY},
    {"none", FB_ORDER_NONE},
    {NULL, 0},
};

static const struct fb_conf_choice nulls[] = {
    {"keep", FB_MAP_NULL_KEEP},
    {"drop", FB_MAP_NULL_DROP},
    {"dead-letter", FB_MAP_NULL_DEAD_LETTER},
    {NULL, 0},
};

static const struct fb_conf_choice utf8s[] = {
    {"dead-letter", FB_MAP_UTF8_DEAD_LETTER},
    {"replace", FB_MAP_UTF8_REPLACE},
    {"binary", FB_MAP_UTF8_BINARY},
    {NULL, 0},
};

static const struct fb_conf_choice overflows[] = {
    {"dead-letter", FB_MAP_OVERFLOW_DEAD_LETTER},
    {"string", FB_MAP_OVERFLOW_STRING},
    {"round", FB_MAP_OVERFLOW_ROUND},
    {NULL, 0},
};

/* clang-format off */
const struct fb_conf_key fb_conf_keys[FB_CONF_KEY_COUNT] = {
    {AWS(region), .name = "region", .type = &fb_conf_type_word,
     .sentence = "The region; without it AWS_REGION, the shared config or the instance says it."},
    {AWS(endpoint_s3), .name = "endpoint.s3", .type = &fb_conf_type_endpoint,
     .sentence = "Another address for S3, used path-style; without it AWS's own."},
    {AWS(endpoint_dynamodb), .name = "endpoint.dynamodb", .type = &fb_conf_type_endpoint,
     .sentence = "Another address for DynamoDB; without it AWS's own."},
    {AWS(endpoint_imds), .name = "endpoint.imds", .type = &fb_conf_type_endpoint,
     .sentence = "Another address for the instance metadata; without it http://169.254.169.254."},
    {AWS(endpoint_sts), .name = "endpoint.sts", .type = &fb_conf_type_endpoint,
     .sentence = "Another address for STS, which gives a role's keys; without it AWS's own."},
    {AWS(principal.profile), .name = "profile", .type = &fb_conf_type_text,
     .sentence = "The profile of the shared files; without it AWS_PROFILE, then \"default\"."},
    {AWS(principal.role_arn), .name = "role_arn", .type = &fb_conf_type_role,
     .sentence = "A role that is assumed with the credentials there are."},
    {AWS(principal.external_id), .name = "external_id", .type = &fb_conf_type_text,
     .sentence = "What the role's trust policy wants as sts:ExternalId."},
    {AWS(role_session_name), .name = "role_session_name", .type = &fb_conf_type_text,
     .default_text = "firebridge",
     .sentence = "What sessions of roles are called in CloudTrail."},
    {AWS(role_duration_ms), .name = "role_duration", .type = &fb_conf_type_duration,
     .default_text = "1h", .min = 15 * MINUTE, .max = 12 * HOUR,
     .sentence = "How long a role's keys serve; the role must allow it, and a role by a role has 1h."},
    {AWS(imds_v1_fallback), .name = "imds_v1_fallback", .type = &fb_conf_type_flag,
     .default_text = "no",
     .sentence = "With yes, an instance that gives no token is asked by version 1."},
    {AWS(use_fips), .name = "use_fips", .type = &fb_conf_type_flag, .default_text = "no",
     .sentence = "AWS's hosts whose cryptography is validated by FIPS 140; also AWS_USE_FIPS_ENDPOINT."},
    {AWS(use_dualstack), .name = "use_dualstack", .type = &fb_conf_type_flag, .default_text = "no",
     .sentence = "AWS's hosts that have IPv6, too; also AWS_USE_DUALSTACK_ENDPOINT."},
    {AWS(allow_http), .name = "allow_http", .type = &fb_conf_type_flag, .default_text = "no",
     .sentence = "Whether an address may be plain http that is neither this machine's nor the metadata's."},
    {AWS(proxy), .name = "proxy", .type = &fb_conf_type_proxy,
     .sentence = "A proxy, like http://proxy:3128, or none; without it HTTPS_PROXY says it."},
    {AWS(no_proxy), .name = "no_proxy", .type = &fb_conf_type_text,
     .sentence = "Hosts that are reached without the proxy, by commas; without it NO_PROXY says it."},
    {AWS(ca_bundle), .name = "ca_bundle", .type = &fb_conf_type_path,
     .sentence = "A PEM file of the authorities to trust, and no others; without it AWS_CA_BUNDLE or the system's."},
    {AWS(connect_timeout_ms), .name = "connect_timeout", .type = &fb_conf_type_duration,
     .default_text = "10s", .min = 100, .max = 5 * MINUTE,
     .sentence = "How long a connection may take to stand."},
    {AWS(request_timeout_ms), .name = "request_timeout", .type = &fb_conf_type_duration,
     .default_text = "30s", .min = SECOND, .max = 10 * MINUTE,
     .sentence = "How long a call with a small answer may take; reading an object has no limit."},
    {AWS(stall_timeout_ms), .name = "stall_timeout", .type = &fb_conf_type_duration,
     .default_text = "30s", .min = SECOND, .max = 10 * MINUTE,
     .sentence = "How long an object's bytes may stay away while they are being read."},

    {DAEMON(state_dir), .name = "state_dir", .type = &fb_conf_type_path,
     .default_text = "/var/lib/firebridge", .is_late = true,
     .sentence = "The folder of the state file and the dead letters; systemd's StateDirectory sets it."},
    {DAEMON(runtime_dir), .name = "runtime_dir", .type = &fb_conf_type_path,
     .sentence = "The folder of the control socket; without it systemd's RuntimeDirectory, or state_dir."},
    {DAEMON(log_level), .name = "log_level", .type = &fb_conf_type_choice,
     .default_text = "info", .choices = log_levels,
     .sentence = "The least important lines to log: error, warning, notice, info or debug."},
    {DAEMON(log_format), .name = "log_format", .type = &fb_conf_type_choice,
     .default_text = "auto", .choices = log_formats,
     .sentence = "What lines of the log are: plain, json, journal, or auto by what stderr is."},
    {DAEMON(stop_timeout_ms), .name = "stop_timeout", .type = &fb_conf_type_duration,
     .default_text = "30s", .min = SECOND, .max = HOUR,
     .sentence = "How long a stop may wait for what is in flight; the rest is left for next time."},
    {DAEMON(once_patience_ms), .name = "once_patience", .type = &fb_conf_type_duration,
     .default_text = "2min", .min = SECOND, .max = 7 * DAY,
     .sentence = "`run --once` gives a stream up after so long without any success."},
    {DAEMON(state_backup), .name = "state_backup", .type = &fb_conf_type_backup,
     .sentence = "Where the state file's backup goes, at every stop and now and then: s3://BUCKET/KEY."},
    {DAEMON(state_backup_interval_ms), .name = "state_backup_interval", .type = &fb_conf_type_duration,
     .default_text = "1h", .min = SECOND, .max = 7 * DAY,
     .sentence = "How long after a backup of the state file the next one is made."},

    {METRICS(statsd), .name = "statsd", .type = &fb_conf_type_statsd,
     .sentence = "Where metrics go by StatsD over UDP: the CloudWatch agent has 127.0.0.1:8125."},
    {METRICS(emf), .name = "emf", .type = &fb_conf_type_emf,
     .sentence = "Where they go in CloudWatch's embedded format, like udp://127.0.0.1:25888, or tcp."},
    {METRICS(listen), .name = "listen", .type = &fb_conf_type_listen,
     .sentence = "Where Prometheus may ask for /metrics, like 127.0.0.1:9464; /healthz, /readyz too."},
    {METRICS(interval_ms), .name = "interval", .type = &fb_conf_type_duration,
     .default_text = "60s", .min = SECOND, .max = HOUR,
     .sentence = "How often metrics are sent to statsd and emf."},
    {METRICS(name_space), .name = "namespace", .type = &fb_conf_type_namespace,
     .default_text = "firebridge",
     .sentence = "The namespace of metrics in CloudWatch, and what StatsD's names begin with."},

    {STREAM(source), .name = "source", .type = &fb_conf_type_source, .is_required = true,
     .sentence = "The bucket and the delivery stream's S3 prefix, exactly as configured there."},
    {STREAM(requester_pays), .name = "requester_pays", .type = &fb_conf_type_flag,
     .default_text = "no",
     .sentence = "Whether this account pays for reading a bucket that is set up so."},
    {STREAM(expected_bucket_owner), .name = "expected_bucket_owner",
     .type = &fb_conf_type_account,
     .sentence = "The account that the bucket must belong to; another's is not read."},
    {STREAM(table), .name = "table", .type = &fb_conf_type_table, .is_required = true,
     .sentence = "The DynamoDB table, by name or ARN."},
    {STREAM(principal.profile), .name = "profile", .type = &fb_conf_type_text,
     .sentence = "This stream's profile; without it that of [aws]."},
    {STREAM(principal.role_arn), .name = "role_arn", .type = &fb_conf_type_role,
     .sentence = "This stream's role; without it that of [aws], with none no role."},
    {STREAM(principal.external_id), .name = "external_id", .type = &fb_conf_type_text,
     .sentence = "The external id for this stream's role_arn."},
    {STREAM(source_principal.profile), .name = "source.profile", .type = &fb_conf_type_text,
     .sentence = "The profile for the bucket alone."},
    {STREAM(source_principal.role_arn), .name = "source.role_arn", .type = &fb_conf_type_role,
     .sentence = "The role for the bucket alone, which may be in another account."},
    {STREAM(source_principal.external_id), .name = "source.external_id",
     .type = &fb_conf_type_text,
     .sentence = "The external id for source.role_arn."},
    {STREAM(table_principal.profile), .name = "table.profile", .type = &fb_conf_type_text,
     .sentence = "The profile for the table alone."},
    {STREAM(table_principal.role_arn), .name = "table.role_arn", .type = &fb_conf_type_role,
     .sentence = "The role for the table alone, which may be in another account."},
    {STREAM(table_principal.external_id), .name = "table.external_id", .type = &fb_conf_type_text,
     .sentence = "The external id for table.role_arn."},
    {STREAM(layout), .name = "layout", .type = &fb_conf_type_choice,
     .default_text = "firehose", .choices = layouts,
     .sentence = "How keys are laid out: firehose (folders by time) or flat (list everything)."},
    {STREAM(time_zone), .name = "time_zone", .type = &fb_conf_type_word,
     .default_text = "UTC", .is_late = true,
     .sentence = "The delivery stream's CustomTimeZone, such as Europe/Vienna."},
    {STREAM(exclude), .name = "exclude", .type = &fb_conf_type_list,
     .sentence = "Globs of whole keys to leave out, by commas or on indented lines of their own."},
    {STREAM(start_at), .name = "start_at", .type = &fb_conf_type_start,
     .default_text = "oldest",
     .sentence = "Where a new stream begins: oldest, now, or a time such as 2026-11-22T10:00:00Z."},
    {STREAM(poll_interval_ms), .name = "poll_interval", .type = &fb_conf_type_duration,
     .default_text = "10s", .min = 100, .max = HOUR,
     .sentence = "How often the fresh folders are listed."},
    {STREAM(sweep_interval_ms), .name = "sweep_interval", .type = &fb_conf_type_duration,
     .default_text = "10min", .min = SECOND, .max = 7 * DAY,
     .sentence = "How often all folders within the look-back are listed, for late objects."},
    {STREAM(lookback_ms), .name = "lookback", .type = &fb_conf_type_duration,
     .default_text = "25h", .min = MINUTE, .max = 366 * DAY,
     .sentence = "How late an object may be; Firehose retries a delivery for up to 24 hours."},
    {STREAM(list_budget), .name = "list_budget", .type = &fb_conf_type_count,
     .default_text = "3600", .min = 60, .max = 100000000,
     .sentence = "How many LIST calls an hour the stream may make; listings come later, not more."},
    {STREAM(compression), .name = "compression", .type = &fb_conf_type_compression,
     .default_text = "auto",
     .sentence = "What objects are compressed with, where their first bytes shall not decide it."},
    {STREAM(max_layers), .name = "max_layers", .type = &fb_conf_type_count,
     .default_text = "3", .min = 1, .max = FB_LAYERS_MAX,
     .sentence = "How many compressions may stand inside one another."},
    {STREAM(max_expansion), .name = "max_expansion", .type = &fb_conf_type_count,
     .default_text = "1000", .min = 1, .max = 1000000000,
     .sentence = "How many bytes one byte may inflate to, once an object has given 64 MiB."},
    {STREAM(max_inflated_size), .name = "max_inflated_size", .type = &fb_conf_type_size,
     .default_text = "64GiB", .min = MIB, .max = INT64_C(1) << 60,
     .sentence = "The bytes that an object may inflate to."},
    {STREAM(on_damaged_object), .name = "on_damaged_object", .type = &fb_conf_type_choice,
     .default_text = "dead-letter", .choices = damages,
     .sentence = "What the rest of an object becomes that cannot be inflated: a dead-letter, or stop."},
    {STREAM(format), .name = "format", .type = &fb_conf_type_format,
     .default_text = "auto",
     .sentence = "The form of records; auto takes one of the JSON forms by an object's first record."},
    {STREAM(delimiter), .name = "delimiter", .type = &fb_conf_type_delimiter,
     .default_text = "newline",
     .sentence = "What stands between records, with \\n, \\t, \\0, \\xHH for what cannot be written."},
    {STREAM(field_separator), .name = "field_separator", .type = &fb_conf_type_separator,
     .default_text = "comma", .is_late = true,
     .sentence = "What stands between the fields of csv: comma, semicolon, tab, pipe, space or a byte."},
    {STREAM(columns), .name = "columns", .type = &fb_conf_type_names,
     .sentence = "The names of the columns of csv and tsv; without them the first line has them."},
    {STREAM(number_columns), .name = "types", .type = &fb_conf_type_types,
     .sentence = "Which columns or fields are numbers, like price: number; the others are strings."},
    {STREAM(pattern), .name = "pattern", .type = &fb_conf_type_text,
     .sentence = "A POSIX extended regular expression that cuts fields out of lines."},
    {STREAM(fields), .name = "fields", .type = &fb_conf_type_names,
     .sentence = "What the groups of the pattern are called, in their order; - leaves one out."},
    {STREAM(unwrap), .name = "unwrap", .type = &fb_conf_type_choice,
     .default_text = "none", .choices = unwraps,
     .sentence = "With message, what a CloudWatch message that is a JSON object holds is merged in."},
    {STREAM(filter_jq), .name = "filter_jq", .type = &fb_conf_type_program,
     .sentence = "A jq program; records that it gives false, null or nothing for are left out."},
    {STREAM(transform_jq), .name = "transform_jq", .type = &fb_conf_type_program,
     .sentence = "A jq program that gives the objects to take in a record's place; before all else."},
    {STREAM(where), .name = "where", .type = &fb_conf_type_where,
     .sentence = "A condition; records that it does not hold for are left out."},
    {STREAM(flattens), .name = "flatten", .type = &fb_conf_type_paths,
     .sentence = "Objects whose members become attributes, like product: product_, by commas."},
    {STREAM(renames), .name = "rename", .type = &fb_conf_type_paths,
     .sentence = "Fields that are called otherwise, like userAgent > user_agent, by commas."},
    {STREAM(drops), .name = "drop", .type = &fb_conf_type_paths,
     .sentence = "Paths that are left out of the item, by commas."},
    {STREAM(keeps), .name = "keep", .type = &fb_conf_type_paths,
     .sentence = "The only fields that become attributes, by commas; without it all do."},
    {STREAM(null), .name = "null", .type = &fb_conf_type_choice,
     .default_text = "keep", .choices = nulls, .is_late = true,
     .sentence = "What becomes of a field that is null: keep, drop, or dead-letter for its record."},
    {STREAM(missing), .name = "missing", .type = &fb_conf_type_missing,
     .default_text = "dead-letter",
     .sentence = "Where a template's path is not there: dead-letter, drop-attribute or a \"text\"."},
    {STREAM(overflow), .name = "number_overflow", .type = &fb_conf_type_choice,
     .default_text = "dead-letter", .choices = overflows,
     .sentence = "What becomes of a number beyond DynamoDB's: dead-letter, string or round."},
    {STREAM(utf8), .name = "invalid_utf8", .type = &fb_conf_type_choice,
     .default_text = "dead-letter", .choices = utf8s,
     .sentence = "What becomes of a string that is not UTF-8: dead-letter, replace or binary."},
    {STREAM(write), .name = "write", .type = &fb_conf_type_text,
     .default_text = "put",
     .sentence = "What is done with it: put, delete, insert, newer, update, add, or a template."},
    {STREAM(write_map), .name = "write.map", .type = &fb_conf_type_list,
     .sentence = "What the values of write mean, like I: insert, U: put, D: delete, by commas."},
    {STREAM(version_attribute), .name = "version_attribute", .type = &fb_conf_type_text,
     .sentence = "The item's number or string that grows, by which write = newer decides."},
    {STREAM(coalesce), .name = "coalesce", .type = &fb_conf_type_items,
     .default_text = "0", .max = 1000000,
     .sentence = "So many items wait in a lane for later ones of their keys, to be one write."},
    {STREAM(coalesce_for_ms), .name = "coalesce_for", .type = &fb_conf_type_duration,
     .default_text = "0s", .max = HOUR,
     .sentence = "How long an item waits for later ones of its key, to be one write with them."},
    {STREAM(max_write_units), .name = "max_write_units", .type = &fb_conf_type_count,
     .default_text = "0", .max = 10000000,
     .sentence = "The write units that the stream consumes in a second at most; 0: no limit."},
    {STREAM(marker_table), .name = "marker_table", .type = &fb_conf_type_table,
     .sentence = "Where the markers of write = add stand; without it in the table itself."},
    {STREAM(marker_ttl_ms), .name = "marker_ttl", .type = &fb_conf_type_duration,
     .min = 30 * DAY, .max = 3660 * DAY,
     .sentence = "How long a marker stays; at least 30 days and twice the look-back."},
    {STREAM(marker_ttl_attribute), .name = "marker_ttl_attribute", .type = &fb_conf_type_text,
     .default_text = "ttl",
     .sentence = "The attribute by which the markers' table lets items expire."},
    {STREAM(order), .name = "order", .type = &fb_conf_type_choice,
     .default_text = "key", .choices = orders,
     .sentence = "With key, the last record of a key wins; with none, objects are read at once."},
    {STREAM(decoders), .name = "decoders", .type = &fb_conf_type_count, .min = 1, .max = 64,
     .sentence = "How many objects are read at once, where order allows it."},
    {STREAM(writers), .name = "writers", .type = &fb_conf_type_count,
     .default_text = "16", .min = 1, .max = 256,
     .sentence = "How many calls to DynamoDB may be under way at once."},
    {STREAM(linger_ms), .name = "linger", .type = &fb_conf_type_duration,
     .default_text = "50ms", .min = 0, .max = 10 * SECOND,
     .sentence = "How long a batch that is not full waits for more items."},
    {STREAM(max_record_size), .name = "max_record_size", .type = &fb_conf_type_size,
     .default_text = "1MiB", .min = KIB, .max = 16 * MIB,
     .sentence = "A longer record becomes a dead letter."},
    {STREAM(max_in_flight), .name = "max_in_flight", .type = &fb_conf_type_size,
     .default_text = "4MiB", .min = MIB, .max = GIB,
     .sentence = "The bytes of items that may wait for DynamoDB."},
    {STREAM(dead_letters), .name = "dead_letters", .type = &fb_conf_type_letters,
     .default_text = "files",
     .sentence = "Where dead letters go: files in state_dir, or s3://BUCKET/PREFIX/."},
    {STREAM(dead_letter_file_size), .name = "dead_letter_file_size", .type = &fb_conf_type_size,
     .default_text = "64MiB", .min = KIB, .max = 16 * GIB,
     .sentence = "A file of dead letters that would grow over it is closed, and a new one begun."},
    {STREAM(max_dead_letters_size), .name = "max_dead_letters_size", .type = &fb_conf_type_size,
     .default_text = "1GiB", .min = KIB, .max = INT64_C(1) << 50,
     .sentence = "The bytes of all files of dead letters; the stream waits where they are used up."},
    {STREAM(max_dead_letters), .name = "max_dead_letters", .type = &fb_conf_type_share,
     .default_text = "1000 in 10000",
     .sentence = "So many dead letters in so many records stop the stream: its conf may be wrong."},
};
/* clang-format on */

size_t fb_conf_key_find(enum fb_conf_kind kind, const char *name)
{
    size_t i;

    for (i = 0; i < FB_CONF_KEY_COUNT; i++)
        if (fb_conf_keys[i].kind == kind && strcmp(fb_conf_keys[i].name, name) == 0)
            break;
    return i;
}

const char *fb_conf_key_nearest(enum fb_conf_kind kind, const char *name)
{
    struct fb_nearest nearest;

    fb_nearest_init(&nearest, name);
    for (size_t i = 0; i < FB_CONF_KEY_COUNT; i++)
        if (fb_conf_keys[i].kind == kind)
            fb_nearest_offer(&nearest, fb_conf_keys[i].name);
    return nearest.name;
}

bool fb_conf_key_is_known(const char *name, size_t size)
{
    for (size_t i = 0; i < FB_CONF_KEY_COUNT; i++)
        if (strlen(fb_conf_keys[i].name) == size && memcmp(fb_conf_keys[i].name, name, size) == 0)
            return true;
    return false;
}
