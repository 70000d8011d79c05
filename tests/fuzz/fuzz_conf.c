/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a conf file: a conf with a stream comes out of it, or a mistake is reported. */
#include <stdint.h>
#include <stdlib.h>

#include "firebridge/app/conf_file.h"
#include "firebridge/app/conf_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void count_report(void *context, const char *message)
{
    size_t *reports = context;

    *reports += message[0] != '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fb_conf_text text;
    struct fb_conf *conf = NULL;
    size_t reports = 0;
    enum fb_status status;

    fb_conf_text_init(&text, count_report, &reports);
    fb_conf_reader_read(&text, "fuzz.conf", size > 0 ? (const char *)bytes : "", size);
    status = fb_conf_make(&text, "fuzz.conf", &conf);
    if ((status == FB_OK) != (reports == 0) || (status == FB_OK) != (conf != NULL))
        abort();
    if (conf != NULL && (conf->stream_count == 0 || conf->streams[0].table == NULL))
        abort();
    fb_conf_free(conf);
    fb_conf_text_done(&text);
    return 0;
}
