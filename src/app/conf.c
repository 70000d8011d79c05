/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/conf.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/app/conf_file.h"
#include "firebridge/app/conf_keys.h"

static int is_drop_in(const struct dirent *entry)
{
    return fnmatch("?*.conf", entry->d_name, FNM_PERIOD) == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_drop_ins(struct fb_conf_text *text, const char *path)
{
    struct dirent **entries = NULL;
    char *folder = NULL;
    int count;

    if (asprintf(&folder, "%s.d", path) < 0) {
        text->status = FB_NO_MEMORY;
        return;
    }
    count = scandir(folder, &entries, is_drop_in, by_bytes);
    if (count < 0 && errno != ENOENT) {
        fb_conf_text_mistake(text, folder, 0, "cannot be read: %s", strerror(errno));
        text->status = FB_IO;
    }
    for (int i = 0; i < count; i++) {
        char *file = NULL;

        if (asprintf(&file, "%s/%s", folder, entries[i]->d_name) < 0)
            text->status = FB_NO_MEMORY;
        else
            fb_conf_text_read(text, file);
        free(file);
        free(entries[i]);
    }
    free(entries);
    free(folder);
}

enum fb_status fb_conf_read(const char *path, fb_conf_report_fn report, void *context,
                            struct fb_conf **ret_conf)
{
    struct fb_conf_text text;
    enum fb_status status;

    fb_conf_text_init(&text, report, context);
    fb_conf_text_read(&text, path);
    if (text.status == FB_OK)
        read_drop_ins(&text, path);
    status = text.status;
    if (status == FB_OK)
        status = fb_conf_make(&text, path, ret_conf);
    fb_conf_text_done(&text);
    return status;
}
