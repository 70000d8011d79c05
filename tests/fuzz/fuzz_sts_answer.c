/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an answer of AssumeRole. */
#include <stdint.h>
#include <stdlib.h>

#include "firebridge/aws/credentials_json.h"
#include "firebridge/aws/sts.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct fb_credentials keys;
    struct fb_error error = {0};
    enum fb_status status = fb_sts_read_answer((const char *)bytes, size, &keys, &error);

    if ((status == FB_OK) == (error.message[0] != '\0'))
        abort();
    if (status == FB_OK ? fb_credentials_check(&keys, NULL) != FB_OK || keys.expires_ms < 0
                        : keys.secret_access_key[0] != '\0')
        abort();
    return 0;
}
