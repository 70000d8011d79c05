/* SPDX-License-Identifier: Apache-2.0 */
#include "client_fixture.h"

#include <string.h>

void client_fixture_set_up(struct client_fixture *f, const struct script_step *steps, size_t count)
{
    memset(f, 0, sizeof *f);
    fb_clock_virtual_init(&f->clock, NOW_MS);
    static_provider_init(&f->provider, INT64_MAX);
    f->cache = static_cache_new(&f->provider, &f->clock.clock);
    f->client = (struct fb_client){.transport = script_transport_new(steps, count),
                                   .credentials = f->cache,
                                   .clock = &f->clock.clock,
                                   .region = "eu-west-1"};
}

void client_fixture_tear_down(struct client_fixture *f)
{
    script_transport_assert_done(f->client.transport);
    fb_transport_free(f->client.transport);
    fb_credentials_cache_free(f->cache);
}
