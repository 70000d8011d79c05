/* SPDX-License-Identifier: Apache-2.0 */
#include "chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void chain_set_up(struct chain_fixture *f)
{
    memset(f, 0, sizeof *f);
    fb_clock_virtual_init(&f->clock, CHAIN_NOW_MS);
    snprintf(f->folder, sizeof f->folder, "/tmp/fb-chain-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->config, sizeof f->config, "%s/config", f->folder);
    snprintf(f->credentials, sizeof f->credentials, "%s/credentials", f->folder);
    snprintf(f->file, sizeof f->file, "%s/file", f->folder);
    f->options = (struct fb_chain_options){.config_file = f->config,
                                           .credentials_file = f->credentials,
                                           .imds_disabled = true,
                                           .region = "eu-west-1",
                                           .clock = &f->clock.clock};
}

void chain_tear_down(struct chain_fixture *f)
{
    unlink(f->config);
    unlink(f->credentials);
    unlink(f->file);
    rmdir(f->folder);
}

void chain_write(const char *path, const char *text)
{
    FILE *file;

    unlink(path);
    if (text == NULL)
        return;
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

enum fb_status chain_get(struct chain_fixture *f, const struct script_step *steps, size_t count)
{
    struct fb_credentials_cache *cache = NULL;
    enum fb_status status;

    f->error = (struct fb_error){0};
    f->options.transport = script_transport_new(steps, count);
    assert_int_equal(fb_chain_new(&f->options, &cache, &f->error), FB_OK);
    status = fb_credentials_cache_get(cache, &f->keys, &f->error);
    script_transport_assert_done(f->options.transport);
    fb_credentials_cache_report(cache, &f->report);
    fb_credentials_cache_free(cache);
    f->options.transport = NULL;
    return status;
}

void chain_expect(struct chain_fixture *f, enum fb_status status, enum fb_status expected,
                  const char *message)
{
    if (status != expected)
        fail_msg("%s, not %s: %s", fb_status_name(status), fb_status_name(expected),
                 f->error.message);
    if (status != FB_OK && strstr(f->error.message, message) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", f->error.message, message);
}
