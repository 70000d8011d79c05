/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a Firehose prefix to the folders that can hold its objects, and from a key to its time.
 * Pure: no clock, no network, no state.
 *
 * Sources: Amazon Data Firehose developer guide, "Custom prefixes for Amazon S3 objects" and
 * "Configure Amazon S3 object name format".
 */
#ifndef FIREBRIDGE_PIPELINE_LAYOUT_H
#define FIREBRIDGE_PIPELINE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firebridge/base/status.h"
#include "firebridge/codec/mapping.h"

struct fb_layout;

enum fb_layout_form {
    FB_LAYOUT_FIREHOSE, /* folders by time */
    FB_LAYOUT_FLAT,     /* the whole prefix */
};

struct fb_layout_options {
    const char *prefix; /* as configured in the delivery stream, expressions and all */
    enum fb_layout_form form;
    const char *time_zone;      /* IANA name; NULL: UTC */
    const char *const *exclude; /* globs over the whole key (fnmatch without FNM_PATHNAME) */
    size_t exclude_count;
};

/*
 * FB_INVALID: an expression that Firehose does not know, or that no folder can be derived from;
 * the message quotes it and says what to write instead. A time zone that was not loaded before is
 * loaded before the first thread; FB_UNSUPPORTED after fb_layout_seal.
 */
enum fb_status fb_layout_new(const struct fb_layout_options *options, struct fb_layout **ret_layout,
                             struct fb_error *error) FB_MUST_CHECK;
void fb_layout_free(struct fb_layout *layout);

/* There are threads from now on: no time zone can be loaded any more that is not known already. */
void fb_layout_seal(void);

/* One listing: the keys that begin with `prefix`, sort behind start_after and not behind end. */
struct fb_layout_range {
    char *prefix;
    char *start_after;      /* NULL: from the first */
    char *end;              /* stop at a key that sorts behind it by bytes; NULL: to the last */
    bool discover;          /* list with delimiter "/" and hand each prefix to fb_layout_descend */
    int64_t from_ms, to_ms; /* of the request that made it, for descend */
    size_t depth;           /* private to the layout */
};

struct fb_layout_ranges {
    struct fb_layout_range *ranges;
    size_t count, capacity;
};

void fb_layout_ranges_done(struct fb_layout_ranges *ranges);

/*
 * Appends the listings that together show every object whose folder's time span overlaps
 * [from_ms, to_ms]. Contiguous folders are one range. Number of ranges: see the .c.
 */
enum fb_status fb_layout_plan(const struct fb_layout *layout, int64_t from_ms, int64_t to_ms,
                              struct fb_layout_ranges *ranges) FB_MUST_CHECK;

/* Appends what `prefix`, found by listing a `discover` range, leads to. */
enum fb_status fb_layout_descend(const struct fb_layout *layout,
                                 const struct fb_layout_range *range, const char *prefix,
                                 struct fb_layout_ranges *ranges) FB_MUST_CHECK;

/* The part of the prefix before the first expression: what the first listing lists whole. */
const char *fb_layout_root(const struct fb_layout *layout);

/* True when no folder can be derived, so that every plan is one range over the whole root. */
bool fb_layout_is_whole(const struct fb_layout *layout);

/* True when every plan is one range in which names sort as times do, as far as names tell times. */
bool fb_layout_is_sequential(const struct fb_layout *layout);

/* The longest time that a folder of a plan spans; INT64_MAX where it is the whole root. */
int64_t fb_layout_folder_ms(const struct fb_layout *layout);

enum fb_key_verdict {
    FB_KEY_DATA,
    FB_KEY_EXCLUDED,     /* by `exclude` */
    FB_KEY_ERROR_OUTPUT, /* Firehose's own error prefixes under the data prefix */
    FB_KEY_FOLDER,       /* zero bytes and a name that ends in "/" */
    FB_KEY_UNREADABLE,   /* a storage class that GetObject refuses: GLACIER, DEEP_ARCHIVE */
    FB_KEY_FOREIGN,      /* does not begin as the prefix says */
};

enum fb_key_verdict fb_layout_judge(const struct fb_layout *layout, const char *key,
                                    uint64_t size_bytes, const char *storage_class);

/* Why such a key is left out, for "it is ..."; NULL for data. */
const char *fb_key_verdict_name(enum fb_key_verdict verdict);

/*
 * The folder's time, refined by the name's where the name is of Firehose's form and its time is
 * in the folder's span; else last_modified_ms.
 */
int64_t fb_layout_key_time_ms(const struct fb_layout *layout, const char *key,
                              int64_t last_modified_ms);

/* When the folder's span of time ends; INT64_MAX: nothing says that the key lies in one. */
int64_t fb_layout_folder_end_ms(const struct fb_layout *layout, const char *key);

/*
 * The values of dynamic partitioning in a key, by the names that the prefix has, in its order. They
 * stand in the layout and in the key. None where the key is not of the prefix. A value ends where
 * what follows in the prefix fits for the first time.
 */
#define FB_LAYOUT_PARTITIONS_MAX 64

struct fb_layout_partitions {
    struct fb_map_partition values[FB_LAYOUT_PARTITIONS_MAX];
    size_t count;
};

void fb_layout_partitions(const struct fb_layout *layout, const char *key,
                          struct fb_layout_partitions *ret_partitions);

/* The names alone, up to `max` of them; they stay as long as the layout. Returns how many. */
size_t fb_layout_partition_names(const struct fb_layout *layout, const char **ret_names,
                                 size_t max);

#endif
