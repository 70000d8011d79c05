/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As whom each side of each stream speaks with AWS: the source's bucket may be in one account, the
 * table in another.
 *
 * Of `profile` the nearest counts, of side, stream and [aws]; of `role_arn` too, with the
 * external_id that stands beside it. A bucket of dead letters has no side of its own. Streams that
 * speak as the same share their credentials, and roles that are assumed from the same profile share
 * that profile's.
 *
 * Threads: made and freed by one, when nobody else is at work; the rest from any.
 */
#ifndef FIREBRIDGE_APP_PRINCIPALS_H
#define FIREBRIDGE_APP_PRINCIPALS_H

#include "firebridge/app/conf.h"
#include "firebridge/aws/credentials.h"
#include "firebridge/pipeline/stream.h"

struct fb_principals;

/* What the conf says of one; all texts are the conf's. */
struct fb_principal {
    const char *profile; /* NULL: AWS_PROFILE, or the environment */
    struct fb_role role; /* without an ARN: none */
};

/* `stream` NULL: what [aws] says. */
struct fb_principal fb_principal_of(const struct fb_conf *conf, const struct fb_conf_stream *stream,
                                    enum fb_stream_side side);

/* Each chain of providers has a transport of its own, made by this. */
typedef enum fb_status (*fb_transport_new_fn)(void *context, struct fb_transport **ret_transport,
                                              struct fb_error *error);

/* `options` without a transport; what it and `conf` hold outlives the result. Asks nobody yet. */
enum fb_status fb_principals_new(const struct fb_conf *conf, const struct fb_chain_options *options,
                                 fb_transport_new_fn new_transport, void *context,
                                 struct fb_principals **ret_principals,
                                 struct fb_error *error) FB_MUST_CHECK;
void fb_principals_free(struct fb_principals *principals);

/* The credentials for a side of a stream of the conf; `stream` NULL: what [aws] says, where there
 * is no stream or one that says the same, else NULL. */
struct fb_credentials_cache *fb_principals_find(const struct fb_principals *principals,
                                                const struct fb_conf_stream *stream,
                                                enum fb_stream_side side);

size_t fb_principals_count(const struct fb_principals *principals);
struct fb_credentials_cache *fb_principals_at(const struct fb_principals *principals, size_t i);

#endif
