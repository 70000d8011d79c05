/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much is pending: counted once by reading all of it, and from then on along with what is
 * committed, as reading a backlog of millions takes a second each.
 */
#include <stdlib.h>

#include "sql.h"

static struct fb_state_total *find(struct fb_state *state, int64_t stream_id)
{
    for (size_t i = 0; i < state->total_count; i++)
        if (state->totals[i].stream_id == stream_id)
            return &state->totals[i];
    return NULL;
}

void fb_state_note_pending(struct fb_state *state, int64_t stream_id, int64_t objects,
                           int64_t bytes)
{
    struct fb_state_total *change = &state->change;

    /* One transaction is of one stream. */
    change->stream_id = stream_id;
    change->objects += objects;
    change->bytes += bytes;
}

void fb_state_forget_pending(struct fb_state *state, int64_t stream_id)
{
    state->change.stream_id = stream_id;
    state->change.is_unknown = true;
}

void fb_state_settle_pending(struct fb_state *state, bool committed)
{
    const struct fb_state_total change = state->change;
    struct fb_state_total *total = find(state, change.stream_id);

    state->change = (struct fb_state_total){.stream_id = 0};
    if (total == NULL || !committed)
        return;
    total->objects += change.objects;
    total->bytes += change.bytes;
    total->is_unknown |= change.is_unknown;
}

static enum fb_status find_or_make(struct fb_state *state, int64_t stream_id,
                                   struct fb_state_total **ret_total, struct fb_error *error)
{
    struct fb_state_total *grown;

    *ret_total = find(state, stream_id);
    if (*ret_total != NULL)
        return FB_OK;
    grown = realloc(state->totals, (state->total_count + 1) * sizeof *grown);
    if (grown == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    state->totals = grown;
    *ret_total = &grown[state->total_count++];
    **ret_total = (struct fb_state_total){.stream_id = stream_id, .is_unknown = true};
    return FB_OK;
}

static enum fb_status count(struct fb_state *state, struct fb_state_total *total,
                            struct fb_error *error)
{
    sqlite3_stmt *query = fb_sql_start(state, FB_SQL_OBJECT_PENDING_TOTAL, "i", total->stream_id);
    bool row;
    enum fb_status status = fb_sql_step(state, query, &row, error);

    if (status != FB_OK)
        return status;
    total->objects = sqlite3_column_int64(query, 0);
    total->bytes = sqlite3_column_int64(query, 1);
    total->is_unknown = false;
    sqlite3_reset(query);
    return FB_OK;
}

static enum fb_status find_oldest(struct fb_state *state, int64_t stream_id,
                                  int64_t *ret_key_time_ms, struct fb_error *error)
{
    sqlite3_stmt *query = fb_sql_start(state, FB_SQL_OBJECT_PENDING_OLDEST, "i", stream_id);
    bool row;
    enum fb_status status = fb_sql_step(state, query, &row, error);

    if (status != FB_OK)
        return status;
    *ret_key_time_ms = row ? sqlite3_column_int64(query, 0) : INT64_MAX;
    sqlite3_reset(query);
    return FB_OK;
}

enum fb_status fb_state_backlog(struct fb_state *state, int64_t stream_id,
                                struct fb_state_backlog *ret_backlog, struct fb_error *error)
{
    struct fb_state_total *total = NULL;
    int64_t oldest_ms = INT64_MAX;
    enum fb_status status;

    pthread_mutex_lock(&state->lock);
    status = find_or_make(state, stream_id, &total, error);
    if (status == FB_OK && total->is_unknown)
        status = count(state, total, error);
    if (status == FB_OK)
        status = find_oldest(state, stream_id, &oldest_ms, error);
    if (status == FB_OK)
        *ret_backlog = (struct fb_state_backlog){.objects = (uint64_t)total->objects,
                                                 .bytes = (uint64_t)total->bytes,
                                                 .oldest_key_time_ms = oldest_ms};
    pthread_mutex_unlock(&state->lock);
    return status;
}
