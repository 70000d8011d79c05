/* SPDX-License-Identifier: Apache-2.0 */
/* Files, sections and values in memory; conf_reader.c reads the lines. */
#include "firebridge/app/conf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firebridge/app/conf_reader.h"
#include "firebridge/base/buffer.h"

void fb_conf_text_init(struct fb_conf_text *text, fb_conf_report_fn report, void *context)
{
    *text = (struct fb_conf_text){.report = report, .context = context};
}

static void free_section(struct fb_conf_section *section)
{
    for (size_t k = 0; k < FB_CONF_KEY_COUNT; k++)
        free(section->values[k].text);
    for (size_t i = 0; i < section->item_count; i++) {
        free(section->items[i].name);
        free(section->items[i].value.text);
    }
    free(section->items);
    free(section->stream);
}

void fb_conf_text_done(struct fb_conf_text *text)
{
    for (size_t i = 0; i < text->section_count; i++)
        free_section(&text->sections[i]);
    free(text->sections);
    for (size_t i = 0; i < text->file_count; i++)
        free(text->files[i]);
    free(text->files);
    *text = (struct fb_conf_text){.report = text->report, .context = text->context};
}

void fb_conf_text_mistake(struct fb_conf_text *text, const char *file, unsigned line,
                          const char *format, ...)
{
    char message[1024];
    va_list arguments;
    int used;

    text->mistakes++;
    if (line > 0)
        used = snprintf(message, sizeof message, "%s:%u: ", file, line);
    else
        used = snprintf(message, sizeof message, "%s: ", file);
    if (used < 0 || (size_t)used >= sizeof message)
        used = 0;
    va_start(arguments, format);
    vsnprintf(message + used, sizeof message - (size_t)used, format, arguments);
    va_end(arguments);
    fb_make_printable(message);
    text->report(text->context, message);
}

static const char *file_kind(mode_t mode)
{
    if (S_ISDIR(mode))
        return "a directory";
    if (S_ISFIFO(mode))
        return "a FIFO";
    if (S_ISSOCK(mode))
        return "a socket";
    return "a device";
}

static bool cannot_read(struct fb_conf_text *text, const char *path, const char *why)
{
    fb_conf_text_mistake(text, path, 0, "cannot be read: %s", why);
    text->status = FB_IO;
    return false;
}

/* One byte over the limit tells a file that is too large from one that just fits. */
static bool read_bytes(struct fb_conf_text *text, const char *path, int fd,
                       struct fb_buffer *content)
{
    ssize_t got;

    do {
        if (fb_buffer_reserve(content, 1) != FB_OK) {
            text->status = FB_NO_MEMORY;
            return false;
        }
        got = read(fd, content->bytes + content->size, content->capacity - content->size);
        if (got > 0)
            content->size += (size_t)got;
        if (content->size > FB_CONF_FILE_MAX_BYTES)
            return cannot_read(text, path, "it is over 1 MiB, and no conf file is");
    } while (got > 0 || (got < 0 && errno == EINTR));
    return got == 0 || cannot_read(text, path, strerror(errno));
}

/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
static bool read_file(struct fb_conf_text *text, const char *path, struct fb_buffer *content)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    char why[64];
    struct stat status;
    bool is_read;

    if (fd < 0)
        return cannot_read(text, path, strerror(errno));
    if (fstat(fd, &status) != 0) {
        is_read = cannot_read(text, path, strerror(errno));
    } else if (!S_ISREG(status.st_mode)) {
        snprintf(why, sizeof why, "it is %s, not a file", file_kind(status.st_mode));
        is_read = cannot_read(text, path, why);
    } else {
        is_read = read_bytes(text, path, fd, content);
    }
    close(fd);
    return is_read;
}

static const char *keep_name(struct fb_conf_text *text, const char *path)
{
    char **grown = realloc(text->files, (text->file_count + 1) * sizeof *grown);
    char *copy = grown != NULL ? strdup(path) : NULL;

    if (grown != NULL)
        text->files = grown;
    if (copy == NULL) {
        text->status = FB_NO_MEMORY;
        return NULL;
    }
    text->files[text->file_count++] = copy;
    return copy;
}

void fb_conf_text_read(struct fb_conf_text *text, const char *path)
{
    const char *file = keep_name(text, path);
    struct fb_buffer content;

    if (file == NULL)
        return;
    fb_buffer_init(&content, FB_CONF_FILE_MAX_BYTES + 1);
    if (read_file(text, file, &content))
        fb_conf_reader_read(text, file, content.bytes, content.size);
    fb_buffer_done(&content);
}
