/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `verify` works with: a copy of what the state file knows of a stream's objects, and what
 * their records should have made of each key. Both lie in a temporary database, of which little is
 * in memory at once; the state file itself is only read, whoever holds it.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_STATE_LEDGER_H
#define FIREBRIDGE_STATE_LEDGER_H

#include "firebridge/state/state.h"

struct fb_ledger;

/*
 * FB_NOT_FOUND: there is no state file, or no such stream in it; the message says which.
 * FB_CONFLICT: its checkpoint is that of another source; `source` NULL: it may be of any.
 */
enum fb_status fb_ledger_open(const char *state_directory, const char *stream, const char *source,
                              struct fb_ledger **ret_ledger, struct fb_error *error) FB_MUST_CHECK;
void fb_ledger_close(struct fb_ledger *ledger);

/* ---- objects ---- */

struct fb_ledger_object {
    uint64_t sequence;
    enum fb_object_state state;
    const char *key, *etag; /* until the next call for objects */
    uint64_t size_bytes;
    int64_t key_time_ms, last_modified_ms;
    uint64_t dead_letters;
    bool if_absent; /* its puts left alone what was there */
};

/*
 * Copies the rows of all that was taken up, as they are now, over those at hand. *ret_newest: the
 * greatest sequence number, which the next object to be taken up will exceed.
 */
enum fb_status fb_ledger_refresh(struct fb_ledger *ledger, uint64_t *ret_newest,
                                 struct fb_error *error) FB_MUST_CHECK;

struct fb_ledger_choice {
    int64_t from_ms, to_ms; /* of key times, `to` not included */
    uint64_t sample;        /* so many of them, by chance; 0: all */
};

/*
 * Chooses among the objects that are done. Those that the state file is about to forget are left
 * out, since objects that came behind them may be forgotten already. *ret_left_out: how many.
 */
enum fb_status fb_ledger_choose(struct fb_ledger *ledger, const struct fb_ledger_choice *choice,
                                uint64_t *ret_chosen, uint64_t *ret_left_out,
                                struct fb_error *error) FB_MUST_CHECK;

/* The first one behind `after`, by sequence, of those that were chosen or of all; FB_END. */
enum fb_status fb_ledger_next_object(struct fb_ledger *ledger, uint64_t after, bool only_chosen,
                                     struct fb_ledger_object *ret_object,
                                     struct fb_error *error) FB_MUST_CHECK;

/* ---- what is expected of a key ---- */

struct fb_ledger_entry {
    const void *key; /* until the next call for entries; so is the item */
    size_t key_size;
    int kind;        /* the caller's */
    bool is_suspect; /* the table had something else */
    bool is_unsure;  /* nobody can say what the table should have */
    uint64_t first;  /* the object of the first record that counts here ... */
    uint64_t last;   /* ... and of the last, and which one it is */
    uint64_t record;
    const void *item;
    size_t item_size;
};

/* FB_NOT_FOUND: nothing is expected of it. */
enum fb_status fb_ledger_find(struct fb_ledger *ledger, const void *key, size_t key_size,
                              struct fb_ledger_entry *ret_entry,
                              struct fb_error *error) FB_MUST_CHECK;

/* In place of what there is. */
enum fb_status fb_ledger_put(struct fb_ledger *ledger, const struct fb_ledger_entry *entry,
                             struct fb_error *error) FB_MUST_CHECK;

/* The first one behind the key (NULL: of all), of those that are suspect or of all; FB_END. */
enum fb_status fb_ledger_next_entry(struct fb_ledger *ledger, const void *key, size_t key_size,
                                    bool only_suspect, struct fb_ledger_entry *ret_entry,
                                    struct fb_error *error) FB_MUST_CHECK;

/* Forgets the entry. */
enum fb_status fb_ledger_drop(struct fb_ledger *ledger, const void *key, size_t key_size,
                              struct fb_error *error) FB_MUST_CHECK;

#endif
