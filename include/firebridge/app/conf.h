/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conf file, read and checked. Every key stands in one table (conf_keys.c) with its type,
 * default and one sentence; reading, checking, `etc/firebridge.conf` and the manual follow it.
 *
 * A conf that was read is never changed. Strings are owned by it.
 */
#ifndef FIREBRIDGE_APP_CONF_H
#define FIREBRIDGE_APP_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/app/conf_keys.h"
#include "firebridge/base/log.h"
#include "firebridge/codec/mapping.h"
#include "firebridge/codec/object_reader.h"
#include "firebridge/pipeline/decoder.h"
#include "firebridge/pipeline/layout.h"

/* As whom. What is NULL is not said there: principals.h has what counts then. */
struct fb_conf_principal {
    char *profile;
    char *role_arn; /* or FB_CONF_NO_ROLE */
    char *external_id;
};

#define FB_CONF_NO_ROLE "none"

struct fb_conf_aws {
    char *region;      /* NULL: from the environment, the shared config or IMDS */
    char *endpoint_s3; /* NULL: AWS's own */
    char *endpoint_dynamodb;
    char *endpoint_imds;
    char *endpoint_sts;
    struct fb_conf_principal principal;
    char *role_session_name;
    int64_t role_duration_ms; /* 1h */
    bool imds_v1_fallback;
    bool use_fips, use_dualstack, allow_http;
    char *proxy;    /* NULL: the environment's; "none": none */
    char *no_proxy; /* NULL: the environment's */
    char *ca_bundle;
    int64_t connect_timeout_ms; /* 10s */
    int64_t request_timeout_ms; /* 30s */
    int64_t stall_timeout_ms;   /* 30s */
    char *text; /* every key that has a value, with it: what is equal does the same */
};

struct fb_conf_daemon {
    char *state_dir;   /* NULL: systemd's STATE_DIRECTORY, else FB_CONF_DEFAULT_STATE_DIR */
    char *runtime_dir; /* NULL: as fb_environment_runtime_dir says */
    enum fb_log_style log_format; /* FB_LOG_STYLE_AUTO */
    enum fb_log_level log_level;
    int64_t stop_timeout_ms; /* 30s */
    char *state_backup;      /* "s3://BUCKET/KEY"; NULL: none, and so are its parts */
    char *backup_bucket, *backup_key;
    int64_t state_backup_interval_ms; /* 1h */
    int64_t once_patience_ms; /* 2min: `run --once` gives up after so long without any success */
};

/* Doors that are NULL are shut. */
struct fb_conf_metrics {
    char *statsd;
    char *emf;
    char *listen;
    int64_t interval_ms; /* 60s */
    char *name_space;    /* firebridge */
    char *text;          /* as that of fb_conf_aws */
};

enum fb_start_at { FB_START_OLDEST, FB_START_NOW, FB_START_TIME };

/* FB_ORDER_NONE: objects are read side by side. */
enum fb_order { FB_ORDER_KEY, FB_ORDER_NONE };

enum fb_unwrap { FB_UNWRAP_NONE, FB_UNWRAP_MESSAGE };

struct fb_conf_list {
    char **entries;
    size_t count;
};

/* Where a value stands; without a file it is a default, or given by hand. */
struct fb_conf_place {
    const char *file; /* one of the conf's files */
    unsigned line;
};

/* What item.NAME and add.NAME say, those of [stream *] first, in the order of their first
 * assignments. */
struct fb_conf_items {
    struct fb_map_assignment *assignments; /* their strings are owned */
    struct fb_conf_place *places;          /* of each */
    size_t count;
};

struct fb_conf_missing {
    enum fb_map_missing kind;
    char *text; /* for FB_MAP_MISSING_TEXT */
};

struct fb_conf_delimiter {
    char bytes[FB_DELIMITER_MAX_BYTES];
    size_t size; /* 0: a newline */
};

struct fb_conf_stream {
    char *name;
    char *source;                /* as written */
    char *bucket;                /* from source */
    char *prefix;                /* from source, may hold expressions */
    char *expected_bucket_owner; /* NULL: any */
    char *table;
    struct fb_conf_principal principal; /* of both sides */
    struct fb_conf_principal source_principal;
    struct fb_conf_principal table_principal;
    char *time_zone; /* NULL: UTC */
    struct fb_conf_list exclude;
    enum fb_layout_form layout;
    enum fb_start_at start_at;
    int64_t start_at_ms;        /* for FB_START_TIME */
    int64_t poll_interval_ms;   /* 10s */
    int64_t sweep_interval_ms;  /* 10min */
    int64_t lookback_ms;        /* 25h */
    unsigned list_budget;       /* 3600 calls an hour */
    char *compression;          /* NULL: detected */
    unsigned max_layers;        /* 3; 1 to FB_LAYERS_MAX */
    unsigned max_expansion;     /* 1000 bytes out for one in */
    uint64_t max_inflated_size; /* 64 GiB */
    enum fb_on_damage on_damaged_object;
    enum fb_format format;
    struct fb_conf_delimiter delimiter;
    char field_separator; /* '\0': the format's own */
    bool requester_pays;
    struct fb_conf_list columns;
    struct fb_conf_list number_columns; /* of `types` */
    char *pattern;                      /* NULL: none */
    struct fb_conf_list fields;
    enum fb_unwrap unwrap;
    char *filter_jq;    /* NULL: none */
    char *transform_jq; /* NULL: none */
    char *where;        /* NULL: all records */
    struct fb_conf_items items;
    struct fb_conf_list flattens;
    struct fb_conf_list renames;
    struct fb_conf_list drops;
    struct fb_conf_list keeps;
    struct fb_conf_missing missing;
    char *write; /* put */
    struct fb_conf_list write_map;
    char *version_attribute; /* NULL: none */
    int64_t coalesce_for_ms;
    unsigned coalesce;        /* items in a lane; 0: as many as coalesce_for brings */
    unsigned max_write_units; /* a second; 0: no limit */
    enum fb_map_null null;
    enum fb_map_overflow overflow;
    enum fb_map_utf8 utf8;
    enum fb_order order;
    char *marker_table;             /* of write = add; NULL: the table itself */
    int64_t marker_ttl_ms;          /* 0: as fb_conf_marker_ttl_ms says */
    char *marker_ttl_attribute;     /* ttl */
    unsigned decoders;              /* 0: as fb_conf_decoders says */
    unsigned writers;               /* 16; 1 to 256 */
    int64_t linger_ms;              /* 50ms */
    uint64_t max_record_size;       /* 1 MiB; 1 KiB to 16 MiB */
    uint64_t max_in_flight;         /* 4 MiB; items between decoder and DynamoDB, in bytes */
    char *dead_letters;             /* as written; NULL: files */
    char *letters_bucket;           /* from dead_letters; NULL: files */
    char *letters_prefix;           /* from dead_letters, ends with "/" or is empty */
    uint64_t dead_letter_file_size; /* 64 MiB */
    uint64_t max_dead_letters_size; /* 1 GiB */
    uint64_t max_dead_letters;      /* "1000 in 10000": the first */
    uint64_t max_dead_letters_in;   /* the second */
    char *text;                     /* as that of fb_conf_aws */
    struct fb_conf_place place;     /* where the section begins */
    struct fb_conf_place places[FB_CONF_KEY_COUNT]; /* of its keys' values */
};

struct fb_conf {
    struct fb_conf_aws aws;
    struct fb_conf_daemon daemon;
    struct fb_conf_metrics metrics;
    struct fb_conf_stream *streams;
    size_t stream_count;
    char **files; /* the names that places point to */
    size_t file_count;
};

#define FB_CONF_DEFAULT_PATH      "/etc/firebridge/firebridge.conf"
#define FB_CONF_DEFAULT_STATE_DIR "/var/lib/firebridge"

/*
 * Reads `path`, then `<path>.d/?*.conf` in byte order of their names; a key in a later file
 * replaces one of an earlier. Every mistake is reported to `report` ("file:line: ...: what was
 * expected, did you mean ..."), as many as there are; FB_INVALID when there was one, FB_IO when
 * `path` or a drop-in cannot be read.
 */
typedef void (*fb_conf_report_fn)(void *context, const char *message);
enum fb_status fb_conf_read(const char *path, fb_conf_report_fn report, void *context,
                            struct fb_conf **ret_conf) FB_MUST_CHECK;
void fb_conf_free(struct fb_conf *conf);

/* A conf of defaults alone, with one stream without source and table. FB_NO_MEMORY. */
enum fb_status fb_conf_new_default(struct fb_conf **ret_conf) FB_MUST_CHECK;

/* Sets a stream's key, also item.NAME, by "NAME=VALUE"; blanks around both are left out.
 * FB_INVALID. */
enum fb_status fb_conf_stream_set(struct fb_conf_stream *stream, const char *assignment,
                                  struct fb_error *error) FB_MUST_CHECK;

/* The stream's layout, to be freed by the caller. Before the first thread: see fb_layout_new. */
enum fb_status fb_conf_layout(const struct fb_conf_stream *stream, struct fb_layout **ret_layout,
                              struct fb_error *error) FB_MUST_CHECK;

/* What may be done with the stream's items: a bit, 1 << FB_PUT and so on, for each operation. */
unsigned fb_conf_operations(const struct fb_conf_stream *stream);

/* Whether records may add, and whether they do nothing else. */
bool fb_conf_may_add(const struct fb_conf_stream *stream);
bool fb_conf_only_adds(const struct fb_conf_stream *stream);

/* How long the marker of a run of additions stays: by itself twice the look-back, or 30 days. */
int64_t fb_conf_marker_ttl_ms(const struct fb_conf_stream *stream);

/* Whether objects may be read side by side, each with a frontier of its own; and how many. */
bool fb_conf_in_any_order(const struct fb_conf_stream *stream);
unsigned fb_conf_decoders(const struct fb_conf_stream *stream);

/* How the stream's objects are read. Without a schema and a seed; the strings are the conf's. */
struct fb_object_reader_options fb_conf_reader_options(const struct fb_conf_stream *stream);

/* What becomes of the stream's records. The strings are the conf's. */
struct fb_mapping_options fb_conf_mapping_options(const struct fb_conf_stream *stream);

/*
 * The stream's mapping, to be freed by the caller; NULL where there is nothing to map. `hash_seed`
 * is that of the reader that will use it.
 */
enum fb_status fb_conf_mapping(const struct fb_conf_stream *stream, uint64_t hash_seed,
                               struct fb_mapping **ret_mapping,
                               struct fb_error *error) FB_MUST_CHECK;

/*
 * Whether the stream's records can become items with this key: FB_INVALID, FB_UNSUPPORTED with the
 * place in the conf, as far as there is one. `mapping` is the stream's.
 */
enum fb_status fb_conf_check_key(const struct fb_conf_stream *stream,
                                 const struct fb_mapping *mapping,
                                 const struct fb_key_schema *schema,
                                 struct fb_error *error) FB_MUST_CHECK;

/*
 * Whether each stream's prefix, time zone and globs are good, what is said about its records goes
 * together, and its mapping compiles; reports as fb_conf_read does.
 */
enum fb_status fb_conf_check_streams(const struct fb_conf *conf, fb_conf_report_fn report,
                                     void *context) FB_MUST_CHECK;

#endif
