/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the body of an answer that is no success: it becomes one error that can be logged,
 * and a verdict. The first byte picks the HTTP status.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/aws_error.h"
#include "firebridge/aws/client.h"
#include "firebridge/aws/endpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void check_printable(const char *text, size_t capacity)
{
    check(memchr(text, '\0', capacity) != NULL);
    for (; *text != '\0'; text++)
        check((unsigned char)*text >= ' ' && *text != 0x7f);
}

static void check_error(const struct fb_error *error)
{
    const enum fb_verdict verdict = fb_verdict_of(error);
    const char *said = strcasestr(error->message, "Authorization=");
    const char *ids = strstr(error->message, " (request ");

    check_printable(error->message, sizeof error->message);
    check_printable(error->code, sizeof error->code);
    check_printable(error->request_id, sizeof error->request_id);
    check_printable(error->extended_id, sizeof error->extended_id);
    check(error->bucket_region[0] == '\0' ||
          fb_endpoint_check_region(error->bucket_region, NULL) == FB_OK);
    check(verdict >= FB_RETRY && verdict <= FB_REJECTED);
    check(said == NULL || (ids != NULL && said > ids));
    check(strncmp(error->message, "GetObject of s3://bucket/key: HTTP ", 35) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const long statuses[] = {301, 307, 400, 403, 404, 412, 500, 503};
    struct fb_http_response response = {0};
    struct fb_error error = {0};
    enum fb_status status;

    if (size < 1)
        return 0;
    response.http_status = statuses[bytes[0] % 8];
    status = fb_aws_error_make(&response, (const char *)bytes + 1, size - 1, "GetObject",
                               "s3://bucket/key", &error);
    check(status != FB_OK && error.status == status);
    check_error(&error);
    check(fb_aws_error_make(&response, (const char *)bytes + 1, size - 1, "GetObject",
                            "s3://bucket/key", NULL) == status);
    return 0;
}
