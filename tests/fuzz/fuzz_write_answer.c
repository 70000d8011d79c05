/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers to the calls that write, of a server that may send anything. The first byte chooses the
 * call, the second whether it succeeds; the rest is the answer's body. An entry has one outcome.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static const struct fb_key_schema schema = {
    .attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_STRING}}, .count = 1};

struct server {
    struct fb_transport transport;
    long http_status;
    const char *answer;
    size_t size;
};

static enum fb_status perform(struct fb_transport *transport, const struct fb_http_request *request,
                              fb_http_sink_fn sink, void *context,
                              struct fb_http_response *ret_response, struct fb_error *error)
{
    const struct server *server = (const struct server *)transport;

    (void)request;
    (void)error;
    *ret_response = (struct fb_http_response){.http_status = server->http_status};
    return sink(context, ret_response, server->answer, server->size);
}

static enum fb_status get_keys(struct fb_provider *provider, struct fb_credentials *ret_credentials,
                               struct fb_error *error)
{
    (void)provider;
    (void)error;
    *ret_credentials = (struct fb_credentials){.expires_ms = INT64_MAX};
    strcpy(ret_credentials->access_key_id, "AKID");
    strcpy(ret_credentials->secret_access_key, "secret");
    return FB_OK;
}

static void free_nothing(struct fb_provider *provider)
{
    (void)provider;
}

static struct fb_credentials_cache *make_credentials(struct fb_clock *clock)
{
    static struct fb_provider provider = {"fuzz", get_keys, free_nothing};
    struct fb_provider *providers[] = {&provider};
    struct fb_credentials_cache *cache = NULL;

    if (fb_credentials_cache_new(providers, 1, clock, &cache, NULL) != FB_OK)
        abort();
    return cache;
}

static void check_entries(const struct fb_batch_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (entries[i].unprocessed + entries[i].is_there + entries[i].is_refused > 1)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static const char item[128] = "{\"id\":{\"S\":\"a\"},\"v\":{\"N\":\"5\"}}";
    static struct fb_clock_virtual clock;
    static struct fb_credentials_cache *credentials;
    struct fb_write_scratch scratch;
    const struct fb_write_target target = {.table = "t",
                                           .schema = &schema,
                                           .version_attribute = "v",
                                           .wants_units = true,
                                           .scratch = &scratch};
    struct fb_batch_entry entries[3];
    struct server server = {.transport.perform = perform};
    struct fb_client client = {.transport = &server.transport, .region = "eu-west-1"};
    struct fb_error error;
    enum fb_write_kind kind;
    double units = 0;
    size_t count;

    if (size < 2)
        return 0;
    if (credentials == NULL) {
        fb_clock_virtual_init(&clock, INT64_C(1795341600000));
        credentials = make_credentials(&clock.clock);
    }
    client.clock = &clock.clock;
    client.credentials = credentials;
    kind = (enum fb_write_kind)(FB_WRITE_INSERTS + input[0] % (FB_WRITE_KIND_COUNT - 1));
    server.http_status = input[1] % 2 == 0 ? 200 : 400;
    server.answer = (const char *)input + 2;
    server.size = size - 2;
    count = kind == FB_WRITE_INSERTS ? 3 : 1;
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct fb_batch_entry){
            .item = item, .item_size = strlen(item), .version_at = 21, .version_size = 9};
    fb_write_scratch_init(&scratch);
    if (fb_dynamodb_write(&client, &target, kind, entries, count, &units, &error) == FB_OK)
        check_entries(entries, count);
    fb_write_scratch_done(&scratch);
    return 0;
}
