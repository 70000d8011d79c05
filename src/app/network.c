/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/network.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "firebridge/aws/endpoint.h"
#include "firebridge/aws/providers.h"
#include "firebridge/net/address.h"

/* What a proxy is set to where the environment's shall not count. */
#define NO_PROXY_AT_ALL "none"

/* Where an endpoint may come from, for messages. */
#define IN_PROFILE "endpoint_url of the profile"

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

static const char *text_of(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static const char *first_of(const char *a, const char *b)
{
    return a != NULL ? a : b;
}

/* Any value but true is false (SDKs and Tools reference guide). A variable beats the profile. */
static bool is_true(const char *name, bool in_profile)
{
    return fb_network_variable(name) == NULL ? in_profile : fb_network_says(name, "true");
}

/* Empty where the profile does not say it. */
static enum fb_status take_text(const struct fb_chain_options *files, const char *name, char *text,
                                size_t size, struct fb_error *error)
{
    struct fb_error own_error = {0};
    enum fb_status status = fb_shared_files_setting(files, name, text, size, &own_error);

    if (status == FB_OK)
        return FB_OK;
    text[0] = '\0';
    if (status == FB_NOT_FOUND)
        return FB_OK;
    if (error != NULL)
        *error = own_error;
    return status;
}

enum fb_status fb_network_read_profile(const struct fb_chain_options *files,
                                       struct fb_network_profile *ret_profile,
                                       struct fb_error *error)
{
    struct fb_network_profile profile = {0};
    struct {
        const char *name;
        bool *flag;
    } flags[] = {{"use_fips_endpoint", &profile.use_fips},
                 {"use_dualstack_endpoint", &profile.use_dualstack},
                 {"ignore_configured_endpoint_urls", &profile.ignores_endpoints}};
    char text[64] = "";
    enum fb_status status =
        take_text(files, "endpoint_url", profile.endpoint_url, sizeof profile.endpoint_url, error);

    if (status == FB_OK)
        status = take_text(files, "ca_bundle", profile.ca_bundle, sizeof profile.ca_bundle, error);
    for (size_t i = 0; i < sizeof flags / sizeof *flags && status == FB_OK; i++) {
        status = take_text(files, flags[i].name, text, sizeof text, error);
        *flags[i].flag = strcasecmp(text, "true") == 0;
    }
    if (status == FB_OK)
        status = take_text(files, "services", text, sizeof text, error);
    profile.has_services = text[0] != '\0';
    if (status == FB_OK)
        *ret_profile = profile;
    return status;
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

/* The nearest that says one; NULL: AWS's own. */
static const char *endpoint_of(const struct service *service, const char *in_conf,
                               const struct fb_network_profile *profile, const char **ret_name)
{
    const char *const names[] = {service->variable, "AWS_ENDPOINT_URL"};

    *ret_name = service->key;
    if (in_conf != NULL ||
        is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", profile->ignores_endpoints))
        return in_conf;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        *ret_name = names[i];
        if (fb_network_variable(names[i]) != NULL)
            return fb_network_variable(names[i]);
    }
    *ret_name = IN_PROFILE;
    return text_of(profile->endpoint_url);
}

/* A services section goes before the profile's own endpoint, and may name any. */
static enum fb_status refuse_services(const struct service *service, struct fb_error *error)
{
    return fb_fail(error, FB_UNSUPPORTED,
                   "the profile of the shared files has services, a section of endpoints that is "
                   "not read: say %s in [aws], or set %s, or "
                   "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true for AWS's own",
                   service->key, service->variable);
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

enum fb_status fb_network_read(const struct fb_conf_aws *aws,
                               const struct fb_network_profile *profile,
                               struct fb_network *ret_network, struct fb_error *error)
{
    const char *const in_conf[FB_SERVICE_COUNT] = {[FB_SERVICE_S3] = aws->endpoint_s3,
                                                   [FB_SERVICE_DYNAMODB] = aws->endpoint_dynamodb,
                                                   [FB_SERVICE_STS] = aws->endpoint_sts};
    const char *ca_bundle = first_of(aws->ca_bundle, fb_network_variable("AWS_CA_BUNDLE"));
    struct fb_network network = {
        .curl = {.ca_bundle = first_of(ca_bundle, text_of(profile->ca_bundle)),
                 .allow_http = aws->allow_http},
        .use_fips = aws->use_fips || is_true("AWS_USE_FIPS_ENDPOINT", profile->use_fips),
        .use_dualstack =
            aws->use_dualstack || is_true("AWS_USE_DUALSTACK_ENDPOINT", profile->use_dualstack),
    };
    enum fb_status status = FB_OK;

    read_proxies(aws, &network.curl);
    for (size_t i = 0; i < FB_SERVICE_COUNT && status == FB_OK; i++) {
        const char *name;

        network.endpoints[i] = endpoint_of(&services[i], in_conf[i], profile, &name);
        status = profile->has_services && strcmp(name, IN_PROFILE) == 0
                     ? refuse_services(&services[i], error)
                     : check_endpoint(&network, network.endpoints[i], name, error);
    }
    if (status == FB_OK)
        *ret_network = network;
    return status;
}
