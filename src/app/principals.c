/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/principals.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    struct fb_principal principal;
    struct fb_credentials_cache *cache;
};

struct fb_principals {
    const struct fb_conf *conf;
    struct entry *entries; /* whose keys assume a role stands before the role */
    size_t count;
};

/* How the makers of entries go about it. */
struct maker {
    struct fb_principals *principals;
    const struct fb_chain_options *options;
    fb_transport_new_fn new_transport;
    void *context;
};

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_same(const struct fb_principal *a, const struct fb_principal *b)
{
    return is_same_text(a->profile, b->profile) && is_same_text(a->role.arn, b->role.arn) &&
           is_same_text(a->role.external_id, b->role.external_id);
}

struct fb_principal fb_principal_of(const struct fb_conf *conf, const struct fb_conf_stream *stream,
                                    enum fb_stream_side side)
{
    const struct fb_conf_principal *levels[3] = {&conf->aws.principal};
    struct fb_principal principal = {0};
    size_t count = 1;

    if (stream != NULL)
        levels[count++] = &stream->principal;
    if (stream != NULL && side == FB_SIDE_SOURCE)
        levels[count++] = &stream->source_principal;
    if (stream != NULL && side == FB_SIDE_TABLE)
        levels[count++] = &stream->table_principal;
    for (size_t i = 0; i < count; i++) {
        if (levels[i]->profile != NULL)
            principal.profile = levels[i]->profile;
        if (levels[i]->role_arn != NULL)
            principal.role =
                (struct fb_role){.arn = levels[i]->role_arn,
                                 .session_name = conf->aws.role_session_name,
                                 .external_id = levels[i]->external_id,
                                 .duration_seconds = (unsigned)(conf->aws.role_duration_ms / 1000)};
    }
    if (principal.role.arn != NULL && strcmp(principal.role.arn, FB_CONF_NO_ROLE) == 0)
        principal.role = (struct fb_role){0};
    return principal;
}

static struct fb_credentials_cache *find(const struct fb_principals *principals,
                                         const struct fb_principal *principal)
{
    for (size_t i = 0; i < principals->count; i++)
        if (is_same(&principals->entries[i].principal, principal))
            return principals->entries[i].cache;
    return NULL;
}

static enum fb_status make_cache(const struct maker *maker, const struct fb_principal *principal,
                                 struct fb_credentials_cache *source,
                                 struct fb_credentials_cache **ret_cache, struct fb_error *error)
{
    struct fb_chain_options options = *maker->options;
    enum fb_status status;

    options.seed += maker->principals->count; /* not all at once */
    status = maker->new_transport(maker->context, &options.transport, error);

    if (status != FB_OK)
        return status;
    if (source != NULL)
        return fb_role_chain_new(&options, &principal->role, source, ret_cache, error);
    if (principal->profile != NULL) {
        options.profile = principal->profile;
        options.profile_is_chosen = true;
    }
    return fb_chain_new(&options, ret_cache, error);
}

/* There is room for it; `source` NULL: no role is assumed. */
static enum fb_status add(const struct maker *maker, const struct fb_principal *principal,
                          struct fb_credentials_cache *source, struct fb_error *error)
{
    struct fb_principals *principals = maker->principals;
    struct entry *entry = &principals->entries[principals->count];
    enum fb_status status;

    if (find(principals, principal) != NULL)
        return FB_OK;
    status = make_cache(maker, principal, source, &entry->cache, error);
    if (status != FB_OK)
        return status;
    entry->principal = *principal;
    principals->count++;
    return FB_OK;
}

static enum fb_status add_with_source(const struct maker *maker,
                                      const struct fb_conf_stream *stream, enum fb_stream_side side,
                                      struct fb_error *error)
{
    const struct fb_principal principal = fb_principal_of(maker->principals->conf, stream, side);
    const struct fb_principal source = {.profile = principal.profile};
    enum fb_status status = add(maker, &source, NULL, error);

    if (status != FB_OK || principal.role.arn == NULL)
        return status;
    return add(maker, &principal, find(maker->principals, &source), error);
}

/* Only who will speak: keys that nobody needs are not asked for. */
static enum fb_status add_all(const struct maker *maker, struct fb_error *error)
{
    const struct fb_conf *conf = maker->principals->conf;
    enum fb_status status =
        conf->stream_count == 0 ? add_with_source(maker, NULL, FB_SIDE_SOURCE, error) : FB_OK;

    for (size_t i = 0; i < conf->stream_count && status == FB_OK; i++) {
        const struct fb_conf_stream *stream = &conf->streams[i];

        status = add_with_source(maker, stream, FB_SIDE_SOURCE, error);
        if (status == FB_OK)
            status = add_with_source(maker, stream, FB_SIDE_TABLE, error);
        if (status == FB_OK && stream->letters_bucket != NULL)
            status = add_with_source(maker, stream, FB_SIDE_LETTERS, error);
    }
    return status;
}

enum fb_status fb_principals_new(const struct fb_conf *conf, const struct fb_chain_options *options,
                                 fb_transport_new_fn new_transport, void *context,
                                 struct fb_principals **ret_principals, struct fb_error *error)
{
    struct fb_principals *principals = calloc(1, sizeof *principals);
    const struct maker maker = {principals, options, new_transport, context};
    enum fb_status status;

    if (principals != NULL)
        principals->entries = calloc(2 * (1 + 3 * conf->stream_count), sizeof *principals->entries);
    if (principals == NULL || principals->entries == NULL) {
        free(principals);
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    }
    principals->conf = conf;
    status = add_all(&maker, error);
    if (status == FB_OK)
        *ret_principals = principals;
    else
        fb_principals_free(principals);
    return status;
}

void fb_principals_free(struct fb_principals *principals)
{
    if (principals == NULL)
        return;
    for (size_t i = principals->count; i > 0; i--)
        fb_credentials_cache_free(principals->entries[i - 1].cache);
    free(principals->entries);
    free(principals);
}

struct fb_credentials_cache *fb_principals_find(const struct fb_principals *principals,
                                                const struct fb_conf_stream *stream,
                                                enum fb_stream_side side)
{
    const struct fb_principal principal = fb_principal_of(principals->conf, stream, side);

    return find(principals, &principal);
}

size_t fb_principals_count(const struct fb_principals *principals)
{
    return principals->count;
}

struct fb_credentials_cache *fb_principals_at(const struct fb_principals *principals, size_t i)
{
    return principals->entries[i].cache;
}
