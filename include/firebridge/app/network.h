/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How AWS is reached from here: endpoints, proxies and authorities, as the conf and the environment
 * say. (SDKs and Tools reference guide, "Service-specific endpoints", "Dual-stack and FIPS
 * endpoints"; the variables of proxies are as curl has them.)
 *
 * Read: AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_STS,
 * AWS_IGNORE_CONFIGURED_ENDPOINT_URLS, AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT,
 * AWS_CA_BUNDLE, HTTPS_PROXY, HTTP_PROXY, NO_PROXY. What the conf says wins, then a variable, then
 * the profile of the shared files.
 * Threads: made by one; constant then.
 */
#ifndef FIREBRIDGE_APP_NETWORK_H
#define FIREBRIDGE_APP_NETWORK_H

#include <limits.h>

#include "firebridge/app/conf.h"
#include "firebridge/aws/client.h"

enum fb_service { FB_SERVICE_S3, FB_SERVICE_DYNAMODB, FB_SERVICE_STS, FB_SERVICE_COUNT };

/* What the profile says of the network; a text that is empty is not set. */
struct fb_network_profile {
    bool use_fips, use_dualstack, ignores_endpoints;
    bool has_services; /* endpoints in a section of their own, which is not read */
    char endpoint_url[512];
    char ca_bundle[PATH_MAX];
};

/* The strings are the conf's, the environment's and the profile's. */
struct fb_network {
    struct fb_curl_options curl;
    bool use_fips, use_dualstack;
    const char *endpoints[FB_SERVICE_COUNT]; /* NULL: AWS's own */
};

/*
 * Of the profile that `files` names, or of the default one, which need not be there. FB_INVALID,
 * FB_IO: as the shared files are.
 */
enum fb_status fb_network_read_profile(const struct fb_chain_options *files,
                                       struct fb_network_profile *ret_profile,
                                       struct fb_error *error) FB_MUST_CHECK;

/*
 * FB_INVALID, with what to do, for an endpoint that is none, that is plain http where that is not
 * allowed, or that excludes the FIPS or dual-stack kind which is asked for. FB_UNSUPPORTED for one
 * that only a services section can say.
 */
enum fb_status fb_network_read(const struct fb_conf_aws *aws,
                               const struct fb_network_profile *profile,
                               struct fb_network *ret_network,
                               struct fb_error *error) FB_MUST_CHECK;

/* A variable's value; one that is set but blank counts as not set, as in the SDKs. */
const char *fb_network_variable(const char *name);

/* It has this value, whatever the case. */
bool fb_network_says(const char *name, const char *expected);

#endif
