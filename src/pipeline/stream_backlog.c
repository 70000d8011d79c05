/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream has still to do, and how its listings go, for the report. */
#include "firebridge/base/log.h"
#include "stream_private.h"

/* Of a million pending objects a look takes a second; it shall be a fiftieth of the time. */
#define LOOK_SHARE 50

void fb_stream_look_at_backlog(struct fb_stream *stream, bool now)
{
    const int64_t begun_ms = fb_monotonic_ms(stream->options.clock);
    struct fb_state_backlog left;
    struct fb_error error = {0};
    int64_t ended_ms, pause_ms;
    enum fb_status status;

    if (!now && begun_ms < stream->next_look_ms)
        return;
    status = fb_state_backlog(stream->options.state, stream->row.id, &left, &error);
    ended_ms = fb_monotonic_ms(stream->options.clock);
    pause_ms = LOOK_SHARE * (ended_ms - begun_ms);
    stream->next_look_ms =
        ended_ms + (pause_ms > FB_BACKLOG_FRESH_MS ? pause_ms : FB_BACKLOG_FRESH_MS);
    if (status != FB_OK) {
        /* The checkpoint meets the same trouble, and says so. */
        fb_log_debug("stream %s: its backlog: %s", stream->options.name, error.message);
        return;
    }
    pthread_mutex_lock(&stream->lock);
    stream->left = left;
    fb_backlog_look(&stream->backlog, ended_ms, left.bytes);
    pthread_mutex_unlock(&stream->lock);
}

void fb_stream_report_backlog(const struct fb_stream *stream, struct fb_stream_report *report)
{
    const struct fb_poller_counters *listed = &stream->listed;

    report->backlog_objects = stream->left.objects;
    report->backlog_bytes = stream->left.bytes;
    report->oldest_ms = stream->left.oldest_ms;
    report->backlog_done_in_ms = fb_backlog_done_in_ms(&stream->backlog);
    report->list_calls = atomic_load(&listed->list_calls);
    report->list_budget = stream->options.list_budget;
    report->lists_stretched = atomic_load(&listed->is_stretched);
    report->poll_every_ms = atomic_load(&listed->poll_every_ms);
    report->sweep_every_ms = atomic_load(&listed->sweep_every_ms);
    report->partitions = atomic_load(&listed->partitions);
    report->quiet_partitions = atomic_load(&listed->quiet_partitions);
}
