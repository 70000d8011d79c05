/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* CODE_FILE and its like are those of the place that logs, not of this one. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "firebridge/base/log_line.h"
#include "firebridge/base/status.h"

/* Without it sd_journal_sendv says that all went well, and the line is lost. */
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* MESSAGE, MESSAGE_ID, PRIORITY, SYSLOG_IDENTIFIER */
#define FIXED_FIELDS 4

struct fields {
    struct iovec parts[FIXED_FIELDS + FB_FIELD_COUNT];
    int count;
    char *scratch;
    size_t used;
};

/* Journald takes any byte in a value, a newline too. What does not fit is left out. */
FB_PRINTF(2, 3) static void add(struct fields *fields, const char *format, ...)
{
    const size_t room = FB_LOG_OUTPUT_SIZE - fields->used;
    char *at = fields->scratch + fields->used;
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(at, room, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= room)
        return;
    fields->parts[fields->count++] = (struct iovec){at, (size_t)size};
    fields->used += (size_t)size;
}

bool fb_log_send_to_journal(const struct fb_log_line *line, char scratch[FB_LOG_OUTPUT_SIZE])
{
    struct fields fields = {.scratch = scratch};

    if (access(JOURNAL_SOCKET, F_OK) != 0)
        return false;
    add(&fields, "MESSAGE=%s", line->text);
    add(&fields, "PRIORITY=%d", (int)line->level);
    add(&fields, "SYSLOG_IDENTIFIER=firebridge");
    if (line->kind != NULL)
        add(&fields, "MESSAGE_ID=%s", line->kind->message_id);
    for (size_t i = 0; i < FB_FIELD_COUNT; i++)
        if (line->values[i] != NULL)
            add(&fields, "%s=%s", fb_log_field_names[i].journal, line->values[i]);
    return sd_journal_sendv(fields.parts, fields.count) == 0;
}
