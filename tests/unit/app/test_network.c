/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const variables[] = {
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_CA_BUNDLE",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NO_PROXY",
    "no_proxy",
};

static int clear_variables(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    return 0;
}

/* "NAME=value" each; the list ends with NULL. */
static void set_variables(const char *const *assignments)
{
    clear_variables(NULL);
    for (; *assignments != NULL; assignments++) {
        const char *equals = strchr(*assignments, '=');
        char name[64];

        snprintf(name, sizeof name, "%.*s", (int)(equals - *assignments), *assignments);
        setenv(name, equals + 1, 1);
    }
}

static void expect_text(size_t i, const char *actual, const char *expected)
{
    if (expected == NULL ? actual != NULL : actual == NULL || strcmp(actual, expected) != 0)
        fail_msg("case %zu: %s instead of %s", i, actual == NULL ? "(none)" : actual,
                 expected == NULL ? "(none)" : expected);
}

struct endpoint_case {
    const char *variables[4];
    char *s3_in_conf;
    const char *s3, *dynamodb, *sts;
};

static const struct fb_network_profile no_profile;

static char conf_address[] = "https://conf.example";

static const struct endpoint_case endpoint_cases[] = {
    {{NULL}, NULL, NULL, NULL, NULL},
    {{"AWS_ENDPOINT_URL=https://all.example"},
     NULL,
     "https://all.example",
     "https://all.example",
     "https://all.example"},
    {{"AWS_ENDPOINT_URL=https://all.example", "AWS_ENDPOINT_URL_S3=https://s3.example"},
     NULL,
     "https://s3.example",
     "https://all.example",
     "https://all.example"},
    {{"AWS_ENDPOINT_URL=https://all.example", "AWS_ENDPOINT_URL_STS=https://sts.example"},
     NULL,
     "https://all.example",
     "https://all.example",
     "https://sts.example"},
    {{"AWS_ENDPOINT_URL_DYNAMODB=https://db.example", "AWS_ENDPOINT_URL_S3="},
     NULL,
     NULL,
     "https://db.example",
     NULL},
    {{"AWS_ENDPOINT_URL=https://all.example"},
     conf_address,
     "https://conf.example",
     "https://all.example",
     "https://all.example"},
    {{"AWS_ENDPOINT_URL=https://all.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=True"},
     conf_address,
     "https://conf.example",
     NULL,
     NULL},
    {{"AWS_ENDPOINT_URL=https://all.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=0"},
     NULL,
     "https://all.example",
     "https://all.example",
     "https://all.example"},
};

static void the_nearest_endpoint_wins(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof endpoint_cases / sizeof *endpoint_cases; i++) {
        const struct fb_conf_aws aws = {.endpoint_s3 = endpoint_cases[i].s3_in_conf};
        struct fb_network network;

        set_variables(endpoint_cases[i].variables);
        assert_int_equal(fb_network_read(&aws, &no_profile, &network, NULL), FB_OK);
        expect_text(i, network.endpoints[FB_SERVICE_S3], endpoint_cases[i].s3);
        expect_text(i, network.endpoints[FB_SERVICE_DYNAMODB], endpoint_cases[i].dynamodb);
        expect_text(i, network.endpoints[FB_SERVICE_STS], endpoint_cases[i].sts);
    }
}

struct proxy_case {
    const char *variables[6];
    char *in_conf, *no_proxy_in_conf;
    const char *proxy, *http_proxy, *no_proxy;
};

static char conf_proxy[] = "http://conf:1";
static char no_proxy_at_all[] = "none";
static char conf_no_proxy[] = "conf.example";

static const struct proxy_case proxy_cases[] = {
    {{NULL}, NULL, NULL, NULL, NULL, NULL},
    {{"HTTPS_PROXY=http://env:1", "NO_PROXY=a,b"}, NULL, NULL, "http://env:1", NULL, "a,b"},
    {{"HTTPS_PROXY=http://env:1", "https_proxy=http://small:1", "NO_PROXY=a", "no_proxy=b"},
     NULL,
     NULL,
     "http://small:1",
     NULL,
     "b"},
    {{"HTTP_PROXY=http://cgi:1", "http_proxy=http://plain:1"},
     NULL,
     NULL,
     NULL,
     "http://plain:1",
     NULL},
    {{"HTTPS_PROXY=http://env:1", "http_proxy=http://plain:1", "NO_PROXY=a"},
     conf_proxy,
     conf_no_proxy,
     "http://conf:1",
     "http://conf:1",
     "conf.example"},
    {{"HTTPS_PROXY=http://env:1", "http_proxy=http://plain:1"},
     no_proxy_at_all,
     NULL,
     NULL,
     NULL,
     NULL},
    {{"HTTPS_PROXY= "}, NULL, NULL, NULL, NULL, NULL},
};

static void a_proxy_comes_from_the_conf_or_the_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof proxy_cases / sizeof *proxy_cases; i++) {
        const struct fb_conf_aws aws = {.proxy = proxy_cases[i].in_conf,
                                        .no_proxy = proxy_cases[i].no_proxy_in_conf};
        struct fb_network network;

        set_variables(proxy_cases[i].variables);
        assert_int_equal(fb_network_read(&aws, &no_profile, &network, NULL), FB_OK);
        expect_text(i, network.curl.proxy, proxy_cases[i].proxy);
        expect_text(i, network.curl.http_proxy, proxy_cases[i].http_proxy);
        expect_text(i, network.curl.no_proxy, proxy_cases[i].no_proxy);
    }
}

static void the_kind_of_aws_hosts_is_asked_for_by_either(void **state)
{
    const struct fb_conf_aws in_conf = {.use_fips = true, .use_dualstack = true};
    const struct fb_conf_aws nothing = {0};
    struct fb_network network;

    (void)state;
    assert_int_equal(fb_network_read(&nothing, &no_profile, &network, NULL), FB_OK);
    assert_false(network.use_fips || network.use_dualstack);
    assert_int_equal(fb_network_read(&in_conf, &no_profile, &network, NULL), FB_OK);
    assert_true(network.use_fips && network.use_dualstack);
    setenv("AWS_USE_FIPS_ENDPOINT", "TRUE", 1);
    setenv("AWS_USE_DUALSTACK_ENDPOINT", "yes", 1);
    assert_int_equal(fb_network_read(&nothing, &no_profile, &network, NULL), FB_OK);
    assert_true(network.use_fips);
    assert_false(network.use_dualstack);
}

static void the_authorities_come_from_the_conf_or_the_environment(void **state)
{
    char path[] = "/conf.pem";
    const struct fb_conf_aws nothing = {0}, aws = {.ca_bundle = path};
    struct fb_network network;

    (void)state;
    setenv("AWS_CA_BUNDLE", "/env.pem", 1);
    assert_int_equal(fb_network_read(&nothing, &no_profile, &network, NULL), FB_OK);
    assert_string_equal(network.curl.ca_bundle, "/env.pem");
    assert_int_equal(fb_network_read(&aws, &no_profile, &network, NULL), FB_OK);
    assert_string_equal(network.curl.ca_bundle, "/conf.pem");
}

struct refused_case {
    const char *variables[4];
    bool allow_http;
    const char *message_has; /* NULL: allowed */
};

static const struct refused_case refused_cases[] = {
    {{"AWS_ENDPOINT_URL_S3=http://s3.example"}, false, "AWS_ENDPOINT_URL_S3: plain http"},
    {{"AWS_ENDPOINT_URL_STS=http://sts.example"}, false, "AWS_ENDPOINT_URL_STS: plain http"},
    {{"AWS_ENDPOINT_URL=HTTP://x.example"}, true, "does not begin with"},
    {{"AWS_ENDPOINT_URL=http://x.example"}, false, "AWS_ENDPOINT_URL: plain http"},
    {{"AWS_ENDPOINT_URL=http://x.example"}, true, NULL},
    {{"AWS_ENDPOINT_URL=http://127.0.0.1:8000"}, false, NULL},
    {{"AWS_ENDPOINT_URL=http://localhost:8000"}, false, NULL},
    {{"AWS_ENDPOINT_URL=http://169.254.169.254"}, false, NULL},
    {{"AWS_ENDPOINT_URL=https://x.example/path"}, false, "of the form"},
    {{"AWS_ENDPOINT_URL=http://user:hidden@x.example"},
     false,
     "AWS_ENDPOINT_URL: the endpoint has"},
    {{"AWS_ENDPOINT_URL=https://x.example", "AWS_USE_FIPS_ENDPOINT=true"}, false, "FIPS"},
    {{"AWS_ENDPOINT_URL=https://x.example", "AWS_USE_DUALSTACK_ENDPOINT=true"},
     false,
     "dual-stack"},
};

static void what_cannot_be_used_is_refused_at_the_start(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused_cases / sizeof *refused_cases; i++) {
        const struct refused_case *c = &refused_cases[i];
        const struct fb_conf_aws aws = {.allow_http = c->allow_http};
        struct fb_network network;
        struct fb_error error = {0};
        enum fb_status status;

        set_variables(c->variables);
        status = fb_network_read(&aws, &no_profile, &network, &error);
        if (status != (c->message_has == NULL ? FB_OK : FB_INVALID) ||
            (c->message_has != NULL && strstr(error.message, c->message_has) == NULL))
            fail_msg("case %zu: %s: %s", i, fb_status_name(status), error.message);
        assert_null(strstr(error.message, "hidden"));
    }
}

struct profile_case {
    const char *config; /* the profile's settings */
    const char *variables[3];
    char *s3_in_conf;
    const char *s3, *dynamodb, *ca_bundle;
    bool use_fips, use_dualstack;
    const char *message_has; /* NULL: it serves */
};

static const struct profile_case profile_cases[] = {
    {"region = r\n", {NULL}, NULL, NULL, NULL, NULL, false, false, NULL},
    {"endpoint_url = https://p.example\nca_bundle = /p.pem\n",
     {NULL},
     NULL,
     "https://p.example",
     "https://p.example",
     "/p.pem",
     false,
     false,
     NULL},
    {"endpoint_url = https://p.example\nca_bundle = /p.pem\n",
     {"AWS_ENDPOINT_URL_DYNAMODB=https://db.example", "AWS_CA_BUNDLE=/env.pem"},
     conf_address,
     "https://conf.example",
     "https://db.example",
     "/env.pem",
     false,
     false,
     NULL},
    {"endpoint_url = https://p.example\n",
     {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"},
     NULL,
     NULL,
     NULL,
     NULL,
     false,
     false,
     NULL},
    {"ignore_configured_endpoint_urls = true\nservices = s\n",
     {"AWS_ENDPOINT_URL=https://all.example"},
     conf_address,
     "https://conf.example",
     NULL,
     NULL,
     false,
     false,
     NULL},
    {"use_fips_endpoint = TRUE\nuse_dualstack_endpoint = true\n",
     {NULL},
     NULL,
     NULL,
     NULL,
     NULL,
     true,
     true,
     NULL},
    {"use_fips_endpoint = true\nuse_dualstack_endpoint = true\n",
     {"AWS_USE_FIPS_ENDPOINT=false", "AWS_USE_DUALSTACK_ENDPOINT= "},
     NULL,
     NULL,
     NULL,
     NULL,
     false,
     true,
     NULL},
    {"services = s\n",
     {"AWS_ENDPOINT_URL=https://all.example"},
     NULL,
     "https://all.example",
     "https://all.example",
     NULL,
     false,
     false,
     NULL},
    {.config = "services = s\n",
     .s3_in_conf = conf_address,
     .message_has = "say endpoint.dynamodb in [aws], or set AWS_ENDPOINT_URL_DYNAMODB"},
    {.config = "endpoint_url = https://p.example/path\n",
     .message_has = "endpoint_url of the profile: the endpoint 'https://p.example/path' is not"},
    {.config = "endpoint_url = http://p.example\n",
     .message_has = "endpoint_url of the profile: plain http"},
    {.config = "endpoint_url = https://p.example\nuse_fips_endpoint = true\n",
     .message_has = "FIPS endpoints are AWS's own"},
    {.config = "use_fips_endpoint\n", .message_has = ":2: a setting is written NAME = VALUE"},
};

/* What a profile of these settings says. */
static enum fb_status read_profile(const char *settings, struct fb_network_profile *profile,
                                   struct fb_error *error)
{
    char path[] = "/tmp/fb-network-XXXXXX";
    const struct fb_chain_options files = {.profile = "p", .config_file = path};
    FILE *file = fdopen(mkstemp(path), "w");
    enum fb_status status;

    assert_non_null(file);
    fprintf(file, "[profile p]\n%s[default]\nuse_fips_endpoint = true\n", settings);
    assert_int_equal(fclose(file), 0);
    status = fb_network_read_profile(&files, profile, error);
    unlink(path);
    return status;
}

static void what_nobody_else_says_the_profile_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof profile_cases / sizeof *profile_cases; i++) {
        const struct profile_case *c = &profile_cases[i];
        const struct fb_conf_aws aws = {.endpoint_s3 = c->s3_in_conf};
        struct fb_network_profile profile;
        struct fb_network network = {0};
        struct fb_error error = {0};
        enum fb_status status;

        set_variables(c->variables);
        status = read_profile(c->config, &profile, &error);
        if (status == FB_OK)
            status = fb_network_read(&aws, &profile, &network, &error);
        if ((status == FB_OK) != (c->message_has == NULL) ||
            (c->message_has != NULL && strstr(error.message, c->message_has) == NULL))
            fail_msg("case %zu: %s: %s", i, fb_status_name(status), error.message);
        expect_text(i, network.endpoints[FB_SERVICE_S3], c->s3);
        expect_text(i, network.endpoints[FB_SERVICE_DYNAMODB], c->dynamodb);
        expect_text(i, network.curl.ca_bundle, c->ca_bundle);
        assert_int_equal(network.use_fips, c->use_fips);
        assert_int_equal(network.use_dualstack, c->use_dualstack);
    }
}

static void without_shared_files_the_profile_says_nothing(void **state)
{
    const struct fb_chain_options files = {0};
    struct fb_network_profile profile;

    (void)state;
    assert_int_equal(fb_network_read_profile(&files, &profile, NULL), FB_OK);
    assert_string_equal(profile.endpoint_url, "");
    assert_string_equal(profile.ca_bundle, "");
    assert_false(profile.use_fips || profile.use_dualstack || profile.ignores_endpoints ||
                 profile.has_services);
}

#define test(function) cmocka_unit_test_setup(function, clear_variables)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(the_nearest_endpoint_wins),
        test(a_proxy_comes_from_the_conf_or_the_environment),
        test(the_kind_of_aws_hosts_is_asked_for_by_either),
        test(the_authorities_come_from_the_conf_or_the_environment),
        test(what_cannot_be_used_is_refused_at_the_start),
        test(what_nobody_else_says_the_profile_does),
        test(without_shared_files_the_profile_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
