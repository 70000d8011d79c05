/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/sts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/script_transport.h"
#include "../support/static_credentials.h"

#define NOW_MS (INT64_C(1795341600) * 1000)

#define FIELDS                                                                                     \
    "<AccessKeyId>AK</AccessKeyId><SecretAccessKey>S&amp;K</SecretAccessKey><SessionToken>T"       \
    "</SessionToken><Expiration>2026-11-22T11:00:00Z</Expiration>"
#define ANSWER(credentials)                                                                        \
    "<AssumeRoleResponse><AssumeRoleResult>" credentials "</AssumeRoleResult><ResponseMetadata>"   \
    "<RequestId>r</RequestId></ResponseMetadata></AssumeRoleResponse>"
#define WHOLE ANSWER("<Credentials>" FIELDS "</Credentials>")

static enum fb_status read_text(const char *text, struct fb_credentials *keys,
                                struct fb_error *error)
{
    return fb_sts_read_answer(text, strlen(text), keys, error);
}

static void an_answer_holds_keys(void **state)
{
    struct fb_credentials keys = {0};
    struct fb_error error = {0};

    (void)state;
    assert_int_equal(read_text(WHOLE, &keys, &error), FB_OK);
    assert_string_equal(keys.access_key_id, "AK");
    assert_string_equal(keys.secret_access_key, "S&K");
    assert_string_equal(keys.session_token, "T");
    assert_int_equal(keys.expires_ms, NOW_MS + 3600 * 1000);
    assert_int_equal(read_text("<?xml version=\"1.0\"?>\n<AssumeRoleWithWebIdentityResponse>"
                               "<AssumeRoleWithWebIdentityResult><Credentials>" FIELDS
                               "</Credentials></AssumeRoleWithWebIdentityResult>"
                               "</AssumeRoleWithWebIdentityResponse>",
                               &keys, &error),
                     FB_OK);
}

struct bad_case {
    const char *text, *message;
};

static const struct bad_case bad_cases[] = {
    {"", "no element found"},
    {"{}", "not well-formed"},
    {"<html><body>AK</body></html>", "it is no answer of AssumeRole"},
    {"<AssumeRoleResponse/>", "there is no session token"},
    {ANSWER(""), "there is no session token"},
    {ANSWER(FIELDS), "there is no session token"},
    {ANSWER("<Other>" FIELDS "</Other>"), "there is no session token"},
    {ANSWER("<Credentials><x>" FIELDS "</x></Credentials>"), "there is no session token"},
    {"<AssumeRoleResponse><Other><Credentials>" FIELDS
     "</Credentials></Other></AssumeRoleResponse>",
     "there is no session token"},
    {"<AssumeRoleResponse><AssumeRoleResult><Credentials>" FIELDS, "no element found"},
    {ANSWER("<Credentials><SessionToken>T</SessionToken></Credentials>"), "Expiration is no time"},
    {ANSWER("<Credentials><SessionToken>T</SessionToken><Expiration>2026-11-22T11:00:00Z"
            "</Expiration></Credentials>"),
     "the access key id is missing"},
    {ANSWER("<Credentials>" FIELDS "<AccessKeyId>A&#10;K</AccessKeyId></Credentials>"),
     "a character that none can have"},
    {"<!DOCTYPE a [<!ENTITY b \"c\">]>" WHOLE, "it declares a document type"},
};

static void what_is_no_answer_is_corrupt(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++) {
        struct fb_credentials keys = {0};
        struct fb_error error = {0};

        assert_int_equal(read_text(bad_cases[i].text, &keys, &error), FB_CORRUPT);
        if (strstr(error.message, bad_cases[i].message) == NULL)
            fail_msg("case %zu: %s", i, error.message);
        assert_string_equal(keys.secret_access_key, "");
    }
}

static void a_value_that_does_not_fit_is_corrupt(void **state)
{
    static char text[40000];
    struct fb_credentials keys = {0};
    struct fb_error error = {0};
    size_t used;

    (void)state;
    used = (size_t)snprintf(text, sizeof text,
                            "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
                            "<SessionToken>");
    memset(text + used, 'T', sizeof keys.session_token);
    assert_int_equal(read_text(text, &keys, &error), FB_CORRUPT);
    assert_string_equal(error.message, "a value is too long");
}

struct fixture {
    struct fb_clock_virtual clock;
    struct static_provider provider;
    struct fb_client client;
    struct fb_credentials keys;
    struct fb_error error;
};

static void set_up(struct fixture *f, const struct script_step *steps, size_t count)
{
    memset(f, 0, sizeof *f);
    fb_clock_virtual_init(&f->clock, NOW_MS);
    static_provider_init(&f->provider, INT64_MAX);
    f->client = (struct fb_client){.transport = script_transport_new(steps, count),
                                   .credentials = static_cache_new(&f->provider, &f->clock.clock),
                                   .clock = &f->clock.clock,
                                   .region = "cn-north-1"};
}

static void tear_down(struct fixture *f)
{
    script_transport_assert_done(f->client.transport);
    fb_transport_free(f->client.transport);
    fb_credentials_cache_free(f->client.credentials);
}

static const struct fb_role role = {.arn = "arn:aws-cn:iam::123456789012:role/path/r"};

static void what_fails_now_is_tried_thrice(void **state)
{
    const struct script_step steps[] = {
        {.url = "https://sts.cn-north-1.amazonaws.com.cn/", .http_status = 503},
        {.status = FB_UNAVAILABLE, .reason = "reset"},
        {.http_status = 200, .answer = WHOLE}};
    struct fixture f;

    (void)state;
    set_up(&f, steps, 3);
    assert_int_equal(fb_sts_assume_role(&f.client, &role, &f.keys, &f.error), FB_OK);
    assert_string_equal(f.keys.access_key_id, "AK");
    assert_int_equal(f.clock.slept_ms, 200 + 400);
    tear_down(&f);
}

static void tries_end_with_the_time_that_one_may_take(void **state)
{
    const struct script_step steps[] = {{.http_status = 503}, {.http_status = 503}};
    struct fixture f;

    (void)state;
    set_up(&f, steps, 2);
    f.client.request_timeout_ms = 150;
    assert_int_equal(fb_sts_assume_role(&f.client, &role, &f.keys, &f.error), FB_UNAVAILABLE);
    tear_down(&f);
}

static void an_identity_provider_that_is_away_is_waited_for(void **state)
{
    const struct script_step away = {
        .http_status = 400,
        .answer = "<ErrorResponse><Error><Code>IDPCommunicationError</Code><Message>later</Message>"
                  "</Error></ErrorResponse>"};
    const struct script_step steps[] = {away, away, away};
    struct fixture f;

    (void)state;
    set_up(&f, steps, 3);
    assert_int_equal(
        fb_sts_assume_role_with_web_identity(&f.client, &role, "token", &f.keys, &f.error),
        FB_UNAVAILABLE);
    assert_string_equal(f.error.code, "IDPCommunicationError");
    assert_null(strstr(f.error.message, "token"));
    tear_down(&f);
}

struct host_case {
    const char *region, *address;
    bool use_fips, use_dualstack;
    const char *url;
};

static const struct host_case host_cases[] = {
    {"eu-west-1", NULL, false, false, "https://sts.eu-west-1.amazonaws.com/"},
    {"us-west-2", NULL, true, false, "https://sts-fips.us-west-2.amazonaws.com/"},
    {"eu-west-1", NULL, false, true, "https://sts.eu-west-1.api.aws/"},
    {"us-gov-west-1", NULL, true, false, "https://sts.us-gov-west-1.amazonaws.com/"},
    {"us-iso-east-1", NULL, false, false, "https://sts.us-iso-east-1.c2s.ic.gov/"},
    {"eu-west-1", "http://127.0.0.1:5000", false, false, "http://127.0.0.1:5000/"},
};

static void sts_is_asked_where_every_service_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof host_cases / sizeof *host_cases; i++) {
        const struct host_case *c = &host_cases[i];
        const struct script_step steps[] = {{.url = c->url, .http_status = 200, .answer = WHOLE},
                                            {.url = c->url, .http_status = 200, .answer = WHOLE}};
        struct fixture f;

        set_up(&f, steps, 2);
        f.client.region = c->region;
        f.client.endpoint = c->address;
        f.client.use_fips = c->use_fips;
        f.client.use_dualstack = c->use_dualstack;
        assert_int_equal(fb_sts_assume_role(&f.client, &role, &f.keys, &f.error), FB_OK);
        assert_int_equal(
            fb_sts_assume_role_with_web_identity(&f.client, &role, "token", &f.keys, &f.error),
            FB_OK);
        tear_down(&f);
    }
}

static void hosts_that_there_are_not_are_not_asked(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, NULL, 0);
    f.client.use_fips = true;
    assert_int_equal(fb_sts_assume_role(&f.client, &role, &f.keys, &f.error), FB_UNSUPPORTED);
    tear_down(&f);
}

static void a_refusal_says_whom_to_ask(void **state)
{
    const struct script_step steps[] = {
        {.http_status = 403,
         .answer = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: arn:aws:iam::1:"
                   "user/u is not authorized to perform: sts:AssumeRole on resource: x</Message>"
                   "</Error><RequestId>r-1</RequestId></ErrorResponse>"}};
    struct fixture f;

    (void)state;
    set_up(&f, steps, 1);
    assert_int_equal(fb_sts_assume_role(&f.client, &role, &f.keys, &f.error), FB_DENIED);
    assert_non_null(strstr(f.error.message, "lack sts:AssumeRole; see the role's trust policy"));
    assert_non_null(strstr(f.error.message, "(request r-1)"));
    tear_down(&f);
}

static void a_bad_answer_names_who_gave_it(void **state)
{
    const struct script_step steps[] = {{.http_status = 200, .answer = "<html/>"}};
    struct fixture f;

    (void)state;
    set_up(&f, steps, 1);
    assert_int_equal(fb_sts_assume_role(&f.client, &role, &f.keys, &f.error), FB_CORRUPT);
    assert_string_equal(f.error.message,
                        "AssumeRole of arn:aws-cn:iam::123456789012:role/path/r: what "
                        "sts.cn-north-1.amazonaws.com.cn answers holds no keys: it is no answer of "
                        "AssumeRole");
    tear_down(&f);
}

static void the_end_is_told_by_our_clock(void **state)
{
    const struct script_step steps[] = {
        {.http_status = 200, .head = "Date: Sun, 22 Nov 2026 09:00:00 GMT", .answer = WHOLE}};
    struct fixture f;

    (void)state;
    set_up(&f, steps, 1);
    assert_int_equal(fb_sts_assume_role(&f.client, &role, &f.keys, &f.error), FB_OK);
    assert_int_equal(f.keys.expires_ms, NOW_MS + 2 * 3600 * 1000);
    tear_down(&f);
}

static void a_role_that_cannot_be_is_not_asked_for(void **state)
{
    static const struct fb_role roles[] = {
        {.arn = "r"},
        {.arn = "arn:aws:iam::1:user/u"},
        {.arn = "arn:aws:iam::1:role/a b"},
        {.arn = "arn:aws:iam::1:role/r", .session_name = "x"},
        {.arn = "arn:aws:iam::1:role/r", .session_name = "a/b"},
        {.arn = "arn:aws:iam::1:role/r", .external_id = "x"},
        {.arn = "arn:aws:iam::1:role/r", .external_id = "a b"},
        {.arn = "arn:aws:iam::1:role/r", .duration_seconds = 899},
        {.arn = "arn:aws:iam::1:role/r", .duration_seconds = 43201},
    };
    struct fixture f;

    (void)state;
    set_up(&f, NULL, 0);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        assert_int_equal(fb_sts_assume_role(&f.client, &roles[i], &f.keys, &f.error), FB_INVALID);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_holds_keys),
        cmocka_unit_test(what_is_no_answer_is_corrupt),
        cmocka_unit_test(a_value_that_does_not_fit_is_corrupt),
        cmocka_unit_test(what_fails_now_is_tried_thrice),
        cmocka_unit_test(tries_end_with_the_time_that_one_may_take),
        cmocka_unit_test(an_identity_provider_that_is_away_is_waited_for),
        cmocka_unit_test(sts_is_asked_where_every_service_is),
        cmocka_unit_test(hosts_that_there_are_not_are_not_asked),
        cmocka_unit_test(a_refusal_says_whom_to_ask),
        cmocka_unit_test(a_bad_answer_names_who_gave_it),
        cmocka_unit_test(the_end_is_told_by_our_clock),
        cmocka_unit_test(a_role_that_cannot_be_is_not_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
