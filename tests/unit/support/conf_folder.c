/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

struct report {
    char text[16384]; /* a line each, without the folder */
};

static void take_report(void *context, const char *message)
{
    struct report *report = context;
    size_t used = strlen(report->text);

    if (strncmp(message, folder, strlen(folder)) == 0)
        message += strlen(folder) + 1;
    snprintf(report->text + used, sizeof report->text - used, "%s\n", message);
}

const char *conf_folder_path(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

void conf_folder_put_bytes(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(conf_folder_path(name), "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

void conf_folder_put(const char *name, const char *text)
{
    conf_folder_put_bytes(name, text, strlen(text));
}

int conf_folder_make(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fb-conf-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : mkdir(conf_folder_path("a.conf.d"), 0700);
}

int conf_folder_remove(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf -- '%s'", folder);
    return system(command); /* NOLINT(cert-env33-c): our own mkdtemp name */
}

struct fb_conf *conf_folder_read(void)
{
    struct report report = {0};
    struct fb_conf *conf = NULL;
    enum fb_status status = fb_conf_read(conf_folder_path("a.conf"), take_report, &report, &conf);

    assert_string_equal(report.text, "");
    assert_int_equal(status, FB_OK);
    return conf;
}

void conf_folder_expect_report(enum fb_status expected, const char *text)
{
    struct report report = {0};
    struct fb_conf *conf = NULL;
    enum fb_status status = fb_conf_read(conf_folder_path("a.conf"), take_report, &report, &conf);

    assert_null(conf);
    assert_string_equal(report.text, text);
    assert_int_equal(status, expected);
}

void conf_folder_expect_check_report(const char *text)
{
    struct fb_conf *conf = conf_folder_read();
    struct report report = {0};
    enum fb_status status = fb_conf_check_streams(conf, take_report, &report);

    assert_string_equal(report.text, text);
    assert_int_equal(status, FB_INVALID);
    fb_conf_free(conf);
}
