/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the shared files: the config up to a byte of 0xff, the credentials behind it. What
 * is asked of them afterwards is there, NUL-terminated, and within the text. The command of a
 * credential_process is cut into words.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/credential_process.h"
#include "firebridge/aws/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void look_up(const struct fb_profiles *profiles, size_t size)
{
    static const char *const names[] = {"aws_access_key_id", "role_arn", "s3",
                                        "credential_process"};
    char *words[FB_PROCESS_WORDS_MAX + 1];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct fb_profile_setting *found = fb_profiles_find(profiles, "default", names[i]);
        char *copy;

        if (found == NULL)
            continue;
        if (!fb_profiles_has(profiles, "default") || strlen(found->value) > size ||
            found->line == 0)
            abort();
        copy = strdup(found->value);
        if (copy != NULL && fb_process_split(copy, words, NULL) == FB_OK && words[0] == NULL)
            abort();
        free(copy);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *text = (const char *)bytes;
    const char *cut = size > 0 ? memchr(text, 0xff, size) : NULL;
    size_t config = cut == NULL ? size : (size_t)(cut - text);
    struct fb_profiles *profiles = fb_profiles_new();
    struct fb_error error = {0};
    enum fb_status status;

    if (profiles == NULL)
        return 0;
    status = fb_profiles_parse(profiles, FB_PROFILE_CONFIG, "config", text, config, &error);
    if (status == FB_OK && cut != NULL)
        status = fb_profiles_parse(profiles, FB_PROFILE_CREDENTIALS, "credentials", cut + 1,
                                   size - config - 1, &error);
    if ((status == FB_OK) == (error.message[0] != '\0'))
        abort();
    look_up(profiles, size);
    fb_profiles_free(profiles);
    return 0;
}
