/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of all keys: what a conf file may say, with types, defaults and limits.
 *
 * Constant; any thread.
 */
#ifndef FIREBRIDGE_APP_CONF_KEYS_H
#define FIREBRIDGE_APP_CONF_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/base/status.h"

enum fb_conf_kind { FB_CONF_AWS, FB_CONF_DAEMON, FB_CONF_STREAM };

struct fb_conf_key;

struct fb_conf_choice {
    const char *name;
    int value;
};

/*
 * Reads `text` into the struct at `base` (fb_conf_aws, fb_conf_daemon or fb_conf_stream) and
 * frees what stood there. FB_INVALID with what was expected; FB_NO_MEMORY.
 */
typedef enum fb_status (*fb_conf_parse_fn)(const struct fb_conf_key *key, const char *text,
                                           void *base, struct fb_error *error);

struct fb_conf_type {
    const char *name;
    fb_conf_parse_fn parse;
    bool takes_lines; /* they are kept apart by '\n'; else they are joined with nothing between */
};

extern const struct fb_conf_type fb_conf_type_text;        /* any text */
extern const struct fb_conf_type fb_conf_type_word;        /* letters, digits and -_./:@ */
extern const struct fb_conf_type fb_conf_type_path;        /* of a file, from / */
extern const struct fb_conf_type fb_conf_type_endpoint;    /* http[s]://HOST[:PORT] */
extern const struct fb_conf_type fb_conf_type_role;        /* a role's ARN, or none */
extern const struct fb_conf_type fb_conf_type_duration;    /* int64_t, milliseconds */
extern const struct fb_conf_type fb_conf_type_size;        /* uint64_t, bytes */
extern const struct fb_conf_type fb_conf_type_count;       /* unsigned */
extern const struct fb_conf_type fb_conf_type_items;       /* unsigned, like "500 items" */
extern const struct fb_conf_type fb_conf_type_choice;      /* an enum */
extern const struct fb_conf_type fb_conf_type_flag;        /* bool: yes or no */
extern const struct fb_conf_type fb_conf_type_proxy;       /* none, or a proxy's address */
extern const struct fb_conf_type fb_conf_type_account;     /* 12 digits */
extern const struct fb_conf_type fb_conf_type_source;      /* source, bucket and prefix */
extern const struct fb_conf_type fb_conf_type_table;       /* char *: a table's name or ARN */
extern const struct fb_conf_type fb_conf_type_list;        /* struct fb_conf_list */
extern const struct fb_conf_type fb_conf_type_start;       /* start_at and start_at_ms */
extern const struct fb_conf_type fb_conf_type_share;       /* "1000 in 10000" */
extern const struct fb_conf_type fb_conf_type_letters;     /* "files", or a place in S3 */
extern const struct fb_conf_type fb_conf_type_compression; /* a codec's name; NULL: auto */
extern const struct fb_conf_type fb_conf_type_format;      /* enum fb_format */
extern const struct fb_conf_type fb_conf_type_delimiter;   /* struct fb_conf_delimiter */
extern const struct fb_conf_type fb_conf_type_separator;   /* char; '\0': unset */
extern const struct fb_conf_type fb_conf_type_names;       /* struct fb_conf_list, none left out */
extern const struct fb_conf_type fb_conf_type_types;       /* struct fb_conf_list: the numbers */
extern const struct fb_conf_type fb_conf_type_paths;       /* struct fb_conf_list, may be quoted */
extern const struct fb_conf_type fb_conf_type_where;       /* NULL: all records */
extern const struct fb_conf_type fb_conf_type_program;     /* with its lines; NULL: none */
extern const struct fb_conf_type fb_conf_type_missing;     /* struct fb_conf_missing */

struct fb_conf_key {
    const char *name;
    const struct fb_conf_type *type;
    const char *default_text; /* as one would write it; NULL: none */
    const char *sentence;
    const struct fb_conf_choice *choices; /* ends with a NULL name */
    int64_t min, max;                     /* where the type has limits */
    size_t offset;                        /* in the kind's struct */
    enum fb_conf_kind kind;
    bool is_required;
    bool is_late; /* unset stays NULL: whoever uses it applies the default */
};

#define FB_CONF_KEY_COUNT 90
extern const struct fb_conf_key fb_conf_keys[FB_CONF_KEY_COUNT];

/* The key's place in the table, or FB_CONF_KEY_COUNT. */
size_t fb_conf_key_find(enum fb_conf_kind kind, const char *name);

/* The nearest known name of this kind of section; NULL: none is near. */
const char *fb_conf_key_nearest(enum fb_conf_kind kind, const char *name);

/* In whatever section. */
bool fb_conf_key_is_known(const char *name, size_t size);

#endif
