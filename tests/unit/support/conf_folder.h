/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of its own for each test's conf files: a.conf and a.conf.d/. */
#ifndef FIREBRIDGE_TESTS_CONF_FOLDER_H
#define FIREBRIDGE_TESTS_CONF_FOLDER_H

#include <stddef.h>

#include "firebridge/app/conf.h"

/* A test's setup and teardown. */
int conf_folder_make(void **state);
int conf_folder_remove(void **state);

/* Valid until the next call. */
const char *conf_folder_path(const char *name);

void conf_folder_put(const char *name, const char *text);
void conf_folder_put_bytes(const char *name, const void *bytes, size_t size);

/* a.conf with its drop-ins, which must be good; for fb_conf_free. */
struct fb_conf *conf_folder_read(void);

/* Reading a.conf must fail so, with these lines, in which the folder's name is left out. */
void conf_folder_expect_report(enum fb_status expected, const char *text);

/* Reading a.conf must succeed, and then checking its streams fail with these lines. */
void conf_folder_expect_check_report(const char *text);

#define CONF_STREAM "[stream s]\nsource = s3://bucket/p/\ntable = tab\n"

#endif
