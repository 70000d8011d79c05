/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/network.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "firebridge/aws/endpoint.h"
#include "firebridge/net/address.h"

/* What a proxy is set to where the environment's shall not count. */
#define NO_PROXY_AT_ALL "none"

struct service {
    const char *key; /* of the conf */
    const char *variable;
};

static const struct service services[FB_SERVICE_COUNT] = {
    [FB_SERVICE_S3] = {"endpoint.s3", "AWS_ENDPOINT_URL_S3"},
    [FB_SERVICE_DYNAMODB] = {"endpoint.dynamodb", "AWS_ENDPOINT_URL_DYNAMODB"},
    [FB_SERVICE_STS] = {"endpoint.sts", "AWS_ENDPOINT_URL_STS"},
};

const char *fb_network_variable(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[strspn(value, " \t\r\n")] != '\0' ? value : NULL;
}

bool fb_network_says(const char *name, const char *expected)
{
    const char *value = fb_network_variable(name);

    return value != NULL && strcasecmp(value, expected) == 0;
}

static const char *first_of(const char *a, const char *b)
{
    return a != NULL ? a : b;
}

/* Any value but true is false (SDKs and Tools reference guide). */
static bool is_true(const char *name)
{
    return fb_network_says(name, "true");
}

/* curl's own order: small letters first. HTTP_PROXY in capitals is what a CGI's caller can set. */
static void read_proxies(const struct fb_conf_aws *aws, struct fb_curl_options *curl)
{
    curl->no_proxy = first_of(fb_network_variable("no_proxy"), fb_network_variable("NO_PROXY"));
    curl->no_proxy = first_of(aws->no_proxy, curl->no_proxy);
    curl->proxy = first_of(fb_network_variable("https_proxy"), fb_network_variable("HTTPS_PROXY"));
    curl->http_proxy = fb_network_variable("http_proxy");
    if (aws->proxy == NULL)
        return;
    curl->proxy = strcmp(aws->proxy, NO_PROXY_AT_ALL) == 0 ? NULL : aws->proxy;
    curl->http_proxy = curl->proxy;
}

static const char *endpoint_of(const struct service *service, const char *in_conf,
                               const char **ret_name)
{
    const char *found;

    *ret_name = service->key;
    if (in_conf != NULL || is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"))
        return in_conf;
    *ret_name = service->variable;
    found = fb_network_variable(service->variable);
    if (found == NULL) {
        *ret_name = "AWS_ENDPOINT_URL";
        found = fb_network_variable(*ret_name);
    }
    return found;
}

static enum fb_status check_endpoint(const struct fb_network *network, const char *address,
                                     const char *name, struct fb_error *error)
{
    const struct fb_endpoint_options options = {.address = address,
                                                .region =
                                                    "us-east-1", /* any, to look at the rest */
                                                .use_fips = network->use_fips,
                                                .use_dualstack = network->use_dualstack};
    struct fb_endpoint endpoint;
    enum fb_status status;

    if (address == NULL)
        return FB_OK;
    status = fb_endpoint_service(&options, "dynamodb", &endpoint, error);
    if (status == FB_OK && strncasecmp(address, "http:", 5) == 0 && !network->curl.allow_http &&
        !fb_address_is_near(address))
        status = fb_fail(error, FB_INVALID,
                         "plain http to '%.200s' shows everything to whoever is on the way; use "
                         "https, or say allow_http = yes in [aws]",
                         address);
    if (status != FB_OK)
        fb_error_prefix(error, "%s", name);
    return status;
}

enum fb_status fb_network_read(const struct fb_conf_aws *aws, struct fb_network *ret_network,
                               struct fb_error *error)
{
    const char *const in_conf[FB_SERVICE_COUNT] = {[FB_SERVICE_S3] = aws->endpoint_s3,
                                                   [FB_SERVICE_DYNAMODB] = aws->endpoint_dynamodb,
                                                   [FB_SERVICE_STS] = aws->endpoint_sts};
    struct fb_network network = {
        .curl = {.ca_bundle = first_of(aws->ca_bundle, fb_network_variable("AWS_CA_BUNDLE")),
                 .allow_http = aws->allow_http},
        .use_fips = aws->use_fips || is_true("AWS_USE_FIPS_ENDPOINT"),
        .use_dualstack = aws->use_dualstack || is_true("AWS_USE_DUALSTACK_ENDPOINT"),
    };
    enum fb_status status = FB_OK;

    read_proxies(aws, &network.curl);
    for (size_t i = 0; i < FB_SERVICE_COUNT && status == FB_OK; i++) {
        const char *name;

        network.endpoints[i] = endpoint_of(&services[i], in_conf[i], &name);
        status = check_endpoint(&network, network.endpoints[i], name, error);
    }
    if (status == FB_OK)
        *ret_network = network;
    return status;
}
