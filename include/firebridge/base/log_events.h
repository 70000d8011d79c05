/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kind of event that the log tells of, in one table: its MESSAGE_ID, how important it is,
 * and what it says besides its sentence. `journalctl -x` explains each by
 * systemd/firebridge.catalog, and docs/operations.md lists them; a test holds all three together.
 *
 * A MESSAGE_ID is for ever: people filter and alert by it. An event that comes to mean something
 * else is a new one.
 */
#ifndef FIREBRIDGE_BASE_LOG_EVENTS_H
#define FIREBRIDGE_BASE_LOG_EVENTS_H

#include <stdbool.h>

/* syslog's numbers (RFC 5424, 6.2.1), which journald's PRIORITY takes as well. */
enum fb_log_level {
    FB_LOG_ERROR = 3,
    FB_LOG_WARNING = 4,
    FB_LOG_NOTICE = 5,
    FB_LOG_INFO = 6,
    FB_LOG_DEBUG = 7,
};

/* As in the conf: error, warning, notice, info, debug. */
const char *fb_log_level_name(enum fb_log_level level);

enum fb_event_id {
    FB_EVENT_STARTING,
    FB_EVENT_CONF_REFUSED,
    FB_EVENT_CONF_RELOADING,
    FB_EVENT_START_FAILED,
    FB_EVENT_CONTROL_FAILED,
    FB_EVENT_STATE_SOUND,
    FB_EVENT_STATE_DAMAGED,
    FB_EVENT_STATE_AWAITED,
    FB_EVENT_STATE_KEPT,
    FB_EVENT_STATE_NOT_KEPT,
    FB_EVENT_READY,
    FB_EVENT_LOG_LEVEL_CHANGED,
    FB_EVENT_THREADS_LIVE,
    FB_EVENT_STOPPING,
    FB_EVENT_STOPPING_NOW,
    FB_EVENT_ENDED,
    FB_EVENT_CONF_RELOADED,
    FB_EVENT_THREAD_SILENT,
    FB_EVENT_METRICS_REFUSED,
    FB_EVENT_METRICS_TAKEN,

    FB_EVENT_CREDENTIALS_FOUND,
    FB_EVENT_CREDENTIALS_BACK,
    FB_EVENT_CREDENTIALS_EXTENDED,
    FB_EVENT_CREDENTIALS_NOT_RENEWED,
    FB_EVENT_CREDENTIALS_NONE,

    FB_EVENT_STREAM_TROUBLE,
    FB_EVENT_STREAM_RECOVERED,
    FB_EVENT_STREAM_STOPPED,
    FB_EVENT_STREAM_RESTARTS_OBJECTS,
    FB_EVENT_STREAM_SUMMARY,
    FB_EVENT_STREAM_UNDONE,
    FB_EVENT_STREAM_HELD,
    FB_EVENT_STREAM_ENDED,
    FB_EVENT_CHECKPOINT_LOST,

    FB_EVENT_LISTING_GOES_ON,
    FB_EVENT_BACKLOG_LISTED,
    FB_EVENT_KEYS_LEFT_OUT,
    FB_EVENT_LISTINGS_STRETCHED,
    FB_EVENT_LISTINGS_ON_TIME,
    FB_EVENT_BACKFILL_RUNNING,
    FB_EVENT_BACKFILL_ENDED,
    FB_EVENT_BACKFILL_STANDS,

    FB_EVENT_OBJECT_BEGUN,
    FB_EVENT_OBJECT_FORM,
    FB_EVENT_OBJECT_ENDED,
    FB_EVENT_OBJECT_TAKEN_OFF,
    FB_EVENT_OBJECT_CHANGED,
    FB_EVENT_OBJECT_VANISHED,
    FB_EVENT_OBJECT_DAMAGED,
    FB_EVENT_DEAD_LETTER,
    FB_EVENT_KEY_THROTTLED,

    FB_EVENT_COUNT
};

/* What an event may carry, in the journal and in JSON lines; in the order of both. */
enum fb_log_field {
    FB_FIELD_STREAM,
    FB_FIELD_OBJECT,     /* the S3 object's key */
    FB_FIELD_RECORD,     /* the record's number in it */
    FB_FIELD_ERROR_CODE, /* AWS's code, else ours (status.h) */
    FB_FIELD_REQUEST_ID, /* where AWS gave one */
    FB_FIELD_REPEATS,    /* how many more like this were not written */
    FB_FIELD_CODE_FILE,
    FB_FIELD_CODE_LINE,
    FB_FIELD_CODE_FUNC,
    FB_FIELD_COUNT
};

struct fb_log_field_name {
    const char *json, *journal;
    bool is_number;
};

extern const struct fb_log_field_name fb_log_field_names[FB_FIELD_COUNT];

struct fb_event_kind {
    const char *name;       /* as JSON lines and the docs say it */
    const char *message_id; /* 32 hex digits, as sd_id128_t is written */
    enum fb_log_level level;
    unsigned fields;       /* a bit for each fb_log_field that it carries of the first five */
    bool folds;            /* repeats within a minute are counted instead of written */
    enum fb_event_id ends; /* when that comes again for the stream, it is news; 0: none */
};

extern const struct fb_event_kind fb_event_kinds[FB_EVENT_COUNT];

#endif
