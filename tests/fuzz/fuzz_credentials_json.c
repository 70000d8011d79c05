/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what IMDS, a container's endpoint or a credential_process writes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/credentials_json.h"
#include "firebridge/base/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_as(const struct fb_buffer *text, const struct fb_credentials_form *form,
                    struct fb_credentials *keys)
{
    struct fb_error error = {0};
    enum fb_status status = fb_credentials_json_read(text->bytes, text->size, form, keys, &error);

    if ((status == FB_OK) == (error.message[0] != '\0'))
        abort();
    if (status == FB_OK ? fb_credentials_check(keys, NULL) != FB_OK
                        : keys->secret_access_key[0] != '\0')
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct fb_credentials keys;
    struct fb_buffer text;

    if (fb_secret_buffer_init(&text, size + 1) != FB_OK)
        return 0;
    if (fb_buffer_append(&text, bytes, size) == FB_OK) {
        read_as(&text, &fb_credentials_form_metadata, &keys);
        read_as(&text, &fb_credentials_form_process, &keys);
    }
    fb_secret_buffer_done(&text);
    return 0;
}
