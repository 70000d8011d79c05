/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The write modes, a row each: with which call an operation goes out, and how two items of one key
 * become one write. A new mode is a row here and, where none fits, a call in src/aws.
 *
 * Constant; any thread.
 */
#ifndef FIREBRIDGE_PIPELINE_WRITE_MODE_H
#define FIREBRIDGE_PIPELINE_WRITE_MODE_H

#include "firebridge/aws/write.h"
#include "firebridge/pipeline/item.h"

/* What stands for two items of one key that follow each other. */
enum fb_fold {
    FB_FOLD_NONE,    /* both: the later waits its turn */
    FB_FOLD_LATER,   /* the later */
    FB_FOLD_EARLIER, /* the earlier */
    FB_FOLD_MERGE,   /* the attributes of both; of those in both the later's */
};

struct fb_write_mode {
    enum fb_write_kind kind;
    enum fb_write_kind otherwise; /* of an item that `kind` cannot carry */
    /* Whether it can; NULL: any. */
    bool (*fits)(const struct fb_write_target *target, const char *item, size_t item_size);
    /* Of the later's mode. After the fold the table is as it would be after both. */
    enum fb_fold (*fold)(const struct fb_item *earlier, const struct fb_item *later);
};

const struct fb_write_mode *fb_write_mode_of(enum fb_operation operation);

/*
 * How a record is written that must leave alone what is in the table: what would put an item
 * inserts it. False where it would only change or remove one: then there is nothing to write.
 */
bool fb_write_mode_if_absent(enum fb_operation operation, enum fb_operation *ret_operation);

/* The write units of one item, as far as they can be told beforehand: 1 for each KB. */
uint64_t fb_item_write_units(const struct fb_item *item);

#endif
