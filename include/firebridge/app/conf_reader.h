/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of one conf file, through inih. */
#ifndef FIREBRIDGE_APP_CONF_READER_H
#define FIREBRIDGE_APP_CONF_READER_H

#include "firebridge/app/conf_file.h"

/* `file` is kept as a pointer in `text`; the bytes are not. */
void fb_conf_reader_read(struct fb_conf_text *text, const char *file, const char *bytes,
                         size_t size);

#endif
