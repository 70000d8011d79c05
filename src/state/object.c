/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects: listed, taken up, acknowledged, pruned. An object's id is its sequence number, which
 * it has from the moment anyone holds it; that saves every object an index.
 */
#include <stdlib.h>
#include <string.h>

#include "sql.h"

/* Columns of FB_SQL_OBJECT_FIRST_PENDING and FB_SQL_OBJECT_RESUME. */
enum {
    SEQUENCE,
    STATE,
    KEY,
    ETAG,
    SIZE,
    KEY_TIME,
    LAST_MODIFIED,
    FRONTIER_RECORD,
    FRONTIER_OFFSET,
    FRONTIER_PART,
    BACKFILL,
    IF_ABSENT,
    AGAIN,
    HAS_REASON,
};

void fb_state_object_done(struct fb_state_object *object)
{
    free(object->key);
    free(object->etag);
    object->key = NULL;
    object->etag = NULL;
}

struct added {
    uint64_t objects, bytes;
};

static enum fb_status add_object(struct fb_state *state, int64_t stream_id,
                                 const struct fb_state_listed *listed, struct added *added,
                                 struct fb_error *error)
{
    enum fb_status status = fb_sql_finish(
        state,
        fb_sql_start(state, FB_SQL_OBJECT_ADD, "ittiii", stream_id, listed->key, listed->etag,
                     (int64_t)listed->size_bytes, listed->key_time_ms, listed->last_modified_ms),
        error);

    if (status != FB_OK || sqlite3_changes(state->db) == 0)
        return status;
    added->objects++;
    added->bytes += listed->size_bytes;
    return fb_sql_finish(
        state,
        fb_sql_start(state, FB_SQL_OBJECT_REPLACE, "itt", stream_id, listed->key, listed->etag),
        error);
}

static enum fb_status add_all(struct fb_state *state, int64_t stream_id,
                              const struct fb_state_listed *objects, size_t count,
                              struct added *added, struct fb_error *error)
{
    for (size_t i = 0; i < count; i++) {
        enum fb_status status = add_object(state, stream_id, &objects[i], added, error);

        if (status != FB_OK)
            return status;
    }
    return FB_OK;
}

enum fb_status fb_state_add_objects(struct fb_state *state, int64_t stream_id,
                                    const struct fb_state_listed *objects, size_t count,
                                    size_t *ret_new, struct fb_error *error)
{
    struct added added = {0};
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    status = add_all(state, stream_id, objects, count, &added, error);
    status = fb_sql_end(state, status, error);
    if (status == FB_OK && ret_new != NULL)
        *ret_new = (size_t)added.objects;
    return status;
}

enum fb_status fb_state_add_backlog(struct fb_state *state, int64_t stream_id,
                                    const struct fb_state_listed *objects, size_t count,
                                    const char *cursor, bool complete, struct fb_error *error)
{
    struct added added = {0};
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    status = add_all(state, stream_id, objects, count, &added, error);
    if (status == FB_OK)
        status = fb_sql_finish(state,
                               fb_sql_start(state, FB_SQL_STREAM_BACKLOG, "itiii", stream_id,
                                            cursor, (int64_t)complete, (int64_t)added.objects,
                                            (int64_t)added.bytes),
                               error);
    return fb_sql_end(state, status, error);
}

static enum fb_status read_object(sqlite3_stmt *row, struct fb_state_object *object,
                                  struct fb_error *error)
{
    *object = (struct fb_state_object){
        .id = sqlite3_column_int64(row, SEQUENCE),
        .sequence = (uint64_t)sqlite3_column_int64(row, SEQUENCE),
        .state = (enum fb_object_state)sqlite3_column_int(row, STATE),
        .key = fb_sql_column_text(row, KEY),
        .etag = fb_sql_column_text(row, ETAG),
        .size_bytes = (uint64_t)sqlite3_column_int64(row, SIZE),
        .key_time_ms = sqlite3_column_int64(row, KEY_TIME),
        .last_modified_ms = sqlite3_column_int64(row, LAST_MODIFIED),
        .frontier = {.record = (uint64_t)sqlite3_column_int64(row, FRONTIER_RECORD),
                     .offset_bytes = (uint64_t)sqlite3_column_int64(row, FRONTIER_OFFSET),
                     .part = (uint64_t)sqlite3_column_int64(row, FRONTIER_PART)},
        .is_backfill = sqlite3_column_int(row, BACKFILL) != 0,
        .if_absent = sqlite3_column_int(row, IF_ABSENT) != 0,
        .is_skipped = sqlite3_column_int(row, HAS_REASON) != 0,
        .again_ms = sqlite3_column_int64(row, AGAIN),
    };
    if (object->key == NULL || object->etag == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    return FB_OK;
}

/* The one object that `query` finds, or FB_END. */
static enum fb_status find_object(struct fb_state *state, sqlite3_stmt *query,
                                  struct fb_state_object *object, struct fb_error *error)
{
    bool found;
    enum fb_status status = fb_sql_step(state, query, &found, error);

    if (status == FB_OK)
        status = found ? read_object(query, object, error) : FB_END;
    sqlite3_reset(query);
    return status;
}

static enum fb_status activate(struct fb_state *state, int64_t stream_id,
                               struct fb_state_object *object, struct fb_error *error)
{
    sqlite3_stmt *query = fb_sql_start(state, FB_SQL_STREAM_SEQUENCE, "i", stream_id);
    enum fb_status status;
    int64_t sequence = 0;
    bool found;

    status = fb_sql_step(state, query, &found, error);
    if (status == FB_OK && !found)
        status = fb_fail(error, FB_NOT_FOUND, "%s has no stream %lld", state->path,
                         (long long)stream_id);
    if (status == FB_OK)
        sequence = sqlite3_column_int64(query, 0);
    sqlite3_reset(query);
    if (status != FB_OK)
        return status;
    object->id = sequence;
    object->sequence = (uint64_t)sequence;
    object->state = FB_OBJECT_ACTIVE;
    status = fb_sql_finish(state,
                           fb_sql_start(state, FB_SQL_OBJECT_ACTIVATE, "itti", stream_id,
                                        object->key, object->etag, sequence),
                           error);
    if (status != FB_OK)
        return status;
    return fb_sql_finish(
        state, fb_sql_start(state, FB_SQL_STREAM_NEXT_SEQUENCE, "ii", stream_id, sequence + 1),
        error);
}

static enum fb_status take_first(struct fb_state *state, int64_t stream_id, bool is_backfill,
                                 struct fb_state_object *ret_object, struct fb_error *error)
{
    struct fb_state_object object = {0};
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    status = find_object(
        state,
        fb_sql_start(state, FB_SQL_OBJECT_FIRST_PENDING, "ii", stream_id, (int64_t)is_backfill),
        &object, error);
    if (status == FB_OK)
        status = activate(state, stream_id, &object, error);
    if (status == FB_OK && is_backfill)
        status = fb_state_backfill_cover(state, stream_id, object.key_time_ms + 1, error);
    status = fb_sql_end(state, status, error);
    if (status == FB_OK)
        *ret_object = object;
    else
        fb_state_object_done(&object);
    return status;
}

enum fb_status fb_state_take_next(struct fb_state *state, int64_t stream_id,
                                  struct fb_state_object *ret_object, struct fb_error *error)
{
    return take_first(state, stream_id, false, ret_object, error);
}

enum fb_status fb_state_take_backfill(struct fb_state *state, int64_t stream_id,
                                      struct fb_state_object *ret_object, struct fb_error *error)
{
    return take_first(state, stream_id, true, ret_object, error);
}

enum fb_status fb_state_resume_next(struct fb_state *state, int64_t stream_id, uint64_t after,
                                    struct fb_state_object *ret_object, struct fb_error *error)
{
    struct fb_state_object object = {0};
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    status = find_object(state,
                         fb_sql_start(state, FB_SQL_OBJECT_RESUME, "ii", stream_id, (int64_t)after),
                         &object, error);
    status = fb_sql_end(state, status, error);
    if (status == FB_OK)
        *ret_object = object;
    else
        fb_state_object_done(&object);
    return status;
}

static bool is_ended(enum fb_object_state state)
{
    return state == FB_OBJECT_DONE || state == FB_OBJECT_CHANGED || state == FB_OBJECT_DAMAGED ||
           state == FB_OBJECT_SKIPPED;
}

/* Promise 1 rests on this, so the file itself does not take what would break it. */
static enum fb_status check_frontier(struct fb_state *state, int64_t stream_id, int64_t last_ended,
                                     struct fb_error *error)
{
    sqlite3_stmt *query = fb_sql_start(state, FB_SQL_OBJECT_FIRST_OPEN, "i", stream_id);
    bool found;
    enum fb_status status = fb_sql_step(state, query, &found, error);

    if (status == FB_OK && found && sqlite3_column_int64(query, 0) < last_ended)
        status = fb_fail(error, FB_INVALID,
                         "object %lld cannot be ended before object %lld of the same stream is",
                         (long long)last_ended, (long long)sqlite3_column_int64(query, 0));
    sqlite3_reset(query);
    return status;
}

static enum fb_status write_progress(struct fb_state *state, int64_t stream_id,
                                     const struct fb_checkpoint *checkpoint, struct fb_error *error)
{
    enum fb_status status = FB_OK;
    int64_t last_ended = 0;

    for (size_t i = 0; i < checkpoint->object_count && status == FB_OK; i++) {
        const struct fb_object_progress *progress = &checkpoint->objects[i];

        if (progress->state == FB_OBJECT_PENDING)
            return fb_fail(error, FB_INVALID, "object %lld cannot be pending again",
                           (long long)progress->id);
        status = fb_sql_finish(
            state,
            fb_sql_start(state, FB_SQL_OBJECT_PROGRESS, "iiiiiiii", stream_id, progress->id,
                         (int64_t)progress->state, (int64_t)progress->records,
                         (int64_t)progress->dead_letters, (int64_t)progress->frontier.record,
                         (int64_t)progress->frontier.offset_bytes,
                         (int64_t)progress->frontier.part),
            error);
        if (is_ended(progress->state) && progress->id > last_ended)
            last_ended = progress->id;
    }
    if (status == FB_OK && last_ended > 0 && !checkpoint->in_any_order)
        status = check_frontier(state, stream_id, last_ended, error);
    return status;
}

enum fb_status fb_state_checkpoint(struct fb_state *state, int64_t stream_id,
                                   const struct fb_checkpoint *checkpoint, struct fb_error *error)
{
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    status = write_progress(state, stream_id, checkpoint, error);
    return fb_sql_end(state, status, error);
}

/* So many rows go in one transaction, as others wait for it. */
#define VANISHED_AT_ONCE 2000

struct key_list {
    char *keys[VANISHED_AT_ONCE];
    size_t count;
};

/* Known keys between the ends that the listing does not show; both run in the order of bytes. */
static enum fb_status find_vanished(struct fb_state *state, sqlite3_stmt *known,
                                    const char *const *keys, size_t count,
                                    struct key_list *vanished, struct fb_error *error)
{
    enum fb_status status = FB_OK;
    size_t i = 0;

    while (status == FB_OK && vanished->count < VANISHED_AT_ONCE) {
        const char *key;
        bool row;

        status = fb_sql_step(state, known, &row, error);
        if (status != FB_OK || !row)
            break;
        key = (const char *)sqlite3_column_text(known, 0);
        while (i < count && strcmp(keys[i], key) < 0)
            i++;
        if (i < count && strcmp(keys[i], key) == 0)
            continue;
        vanished->keys[vanished->count] = strdup(key);
        if (vanished->keys[vanished->count] == NULL)
            status = fb_fail(error, FB_NO_MEMORY, "out of memory");
        else
            vanished->count++;
    }
    sqlite3_reset(known);
    return status;
}

static enum fb_status forget_vanished(struct fb_state *state, int64_t stream_id, const char *after,
                                      const char *up_to, const char *const *keys, size_t count,
                                      struct key_list *vanished, struct fb_error *error)
{
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    status = find_vanished(
        state, fb_sql_start(state, FB_SQL_OBJECT_ENDED_KEYS, "itt", stream_id, after, up_to), keys,
        count, vanished, error);
    for (size_t i = 0; i < vanished->count && status == FB_OK; i++)
        status = fb_sql_finish(
            state, fb_sql_start(state, FB_SQL_OBJECT_FORGET, "it", stream_id, vanished->keys[i]),
            error);
    return fb_sql_end(state, status, error);
}

enum fb_status fb_state_prune_vanished(struct fb_state *state, int64_t stream_id, const char *after,
                                       const char *up_to, const char *const *keys, size_t count,
                                       struct fb_error *error)
{
    struct key_list *vanished = calloc(1, sizeof *vanished);
    char *last = strdup(after != NULL ? after : "");
    enum fb_status status = FB_OK;
    bool more = true;

    if (vanished == NULL || last == NULL) {
        free(vanished);
        free(last);
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    }
    while (status == FB_OK && more) {
        status = forget_vanished(state, stream_id, last, up_to, keys, count, vanished, error);
        more = vanished->count == VANISHED_AT_ONCE;
        if (more) {
            free(last);
            last = vanished->keys[--vanished->count];
        }
        while (vanished->count > 0)
            free(vanished->keys[--vanished->count]);
    }
    free(last);
    free(vanished);
    return status;
}

/* Adds what one of the two indexes says. */
static void add_backlog(struct fb_state_backlog *backlog, sqlite3_stmt *query)
{
    const int64_t oldest_ms = sqlite3_column_int64(query, 2);

    if (oldest_ms != 0 && (backlog->oldest_ms == 0 || oldest_ms < backlog->oldest_ms))
        backlog->oldest_ms = oldest_ms;
    backlog->objects += (uint64_t)sqlite3_column_int64(query, 0);
    backlog->bytes += (uint64_t)sqlite3_column_int64(query, 1);
}

enum fb_status fb_state_backlog(struct fb_state *state, int64_t stream_id,
                                struct fb_state_backlog *ret_backlog, struct fb_error *error)
{
    struct fb_state_backlog backlog = {0};
    sqlite3_stmt *query;
    bool row = true;
    enum fb_status status = fb_sql_begin(state, error);

    if (status != FB_OK)
        return status;
    query = fb_sql_start(state, FB_SQL_OBJECT_BACKLOG, "i", stream_id);
    while (status == FB_OK && row) {
        status = fb_sql_step(state, query, &row, error);
        if (status == FB_OK && row)
            add_backlog(&backlog, query);
    }
    status = fb_sql_end(state, status, error);
    if (status == FB_OK)
        *ret_backlog = backlog;
    return status;
}
