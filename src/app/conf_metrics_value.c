/* SPDX-License-Identifier: Apache-2.0 */
/* Values of [metrics]. */
#include <stddef.h>
#include <string.h>

#include "firebridge/app/conf_value.h"
#include "firebridge/app/metrics_address.h"

/* CloudWatch takes more; a StatsD name must not have : | # @ in it. */
#define NAMESPACE_MAX_BYTES 100

static enum fb_status keep(const struct fb_conf_key *key, const char *text, void *base)
{
    char **target = (char **)(void *)((char *)base + key->offset);

    return fb_conf_set_text(target, text) ? FB_OK : FB_NO_MEMORY;
}

static enum fb_status parse_statsd(const struct fb_conf_key *key, const char *text, void *base,
                                   struct fb_error *error)
{
    struct fb_metrics_address address;
    const enum fb_status status = fb_metrics_address_parse(text, false, &address, error);

    return status == FB_OK ? keep(key, text, base) : status;
}

static enum fb_status parse_emf(const struct fb_conf_key *key, const char *text, void *base,
                                struct fb_error *error)
{
    struct fb_metrics_address address;
    const enum fb_status status = fb_metrics_address_parse(text, true, &address, error);

    return status == FB_OK ? keep(key, text, base) : status;
}

static enum fb_status parse_listen(const struct fb_conf_key *key, const char *text, void *base,
                                   struct fb_error *error)
{
    if (!FB_HAVE_libmicrohttpd)
        return fb_fail(error, FB_INVALID,
                       "%s cannot be: this firebridge was built without libmicrohttpd", key->name);
    return parse_statsd(key, text, base, error);
}

static enum fb_status parse_namespace(const struct fb_conf_key *key, const char *text, void *base,
                                      struct fb_error *error)
{
    const size_t size = strlen(text);

    if (!fb_conf_only_of(text, size, "_-./") || size > NAMESPACE_MAX_BYTES ||
        strncmp(text, "AWS/", 4) == 0)
        return fb_fail(error, FB_INVALID,
                       "\"%s\"; expected up to %d letters, digits, _ - . and /, not AWS/...", text,
                       NAMESPACE_MAX_BYTES);
    return keep(key, text, base);
}

const struct fb_conf_type fb_conf_type_statsd = {"address", parse_statsd, false};
const struct fb_conf_type fb_conf_type_emf = {"address", parse_emf, false};
const struct fb_conf_type fb_conf_type_listen = {"address", parse_listen, false};
const struct fb_conf_type fb_conf_type_namespace = {"namespace", parse_namespace, false};
