/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conf files as text: which section assigns which key which value, and where that stands.
 *
 * inih reads; a reader of ours stands before it, counts lines and refuses, by line, what inih
 * would misread. What the values mean is not looked at here.
 *
 * Invariant: a key has one value per section, the last file's; within one file a second
 * assignment is a mistake. Lines of one value are kept apart by '\n'.
 * Threads:   one owner.
 */
#ifndef FIREBRIDGE_APP_CONF_FILE_H
#define FIREBRIDGE_APP_CONF_FILE_H

#include "firebridge/app/conf.h"
#include "firebridge/app/conf_keys.h"

/* inih's buffer has 200 bytes and needs three for itself. Comments may be longer. */
#define FB_CONF_LINE_MAX_BYTES 197

#define FB_CONF_FILE_MAX_BYTES  (1024 * 1024)
#define FB_CONF_VALUE_MAX_BYTES (64 * 1024)
#define FB_CONF_SECTIONS_MAX    1000
#define FB_CONF_NAME_MAX_BYTES  64 /* of a stream */

struct fb_conf_value {
    char *text; /* NULL: not assigned */
    const char *file;
    unsigned line;
};

/* item.NAME = TEMPLATE, add.NAME = TEMPLATE */
struct fb_conf_item_value {
    char *name;
    bool is_added;
    struct fb_conf_value value;
};

struct fb_conf_section {
    enum fb_conf_kind kind;
    char *stream; /* its name, "*" for all of them; NULL for the other kinds */
    const char *file;
    unsigned line; /* of its first header */
    struct fb_conf_value values[FB_CONF_KEY_COUNT];
    struct fb_conf_item_value *items; /* in the order of their first assignments */
    size_t item_count;
};

struct fb_conf_text {
    fb_conf_report_fn report;
    void *context;
    size_t mistakes;
    enum fb_status status; /* FB_OK, FB_NO_MEMORY, or FB_IO when a file could not be read */
    struct fb_conf_section *sections;
    size_t section_count;
    char **files; /* the names that the above point to */
    size_t file_count;
};

void fb_conf_text_init(struct fb_conf_text *text, fb_conf_report_fn report, void *context);
void fb_conf_text_done(struct fb_conf_text *text);

/* Reports "file:line: ..." (line 0: "file: ...") and counts it. */
void fb_conf_text_mistake(struct fb_conf_text *text, const char *file, unsigned line,
                          const char *format, ...) FB_PRINTF(4, 5);

/* Adds what the file says. All mistakes are reported; what is wrong is left out. */
void fb_conf_text_read(struct fb_conf_text *text, const char *path);

/*
 * Checks every value, and makes a conf of them: a stream's own value, else that of [stream *],
 * else the default. FB_INVALID when there was any mistake, in the text or now. `path` stands in
 * messages about what is nowhere. The conf takes the files' names over.
 */
enum fb_status fb_conf_make(struct fb_conf_text *text, const char *path,
                            struct fb_conf **ret_conf) FB_MUST_CHECK;

#endif
