/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/principals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/conf_folder.h"
#include "../support/script_transport.h"
#include "firebridge/app/refresher.h"

#define ROLE(name) "arn:aws:iam::123456789012:role/" name

/* Several chains, one script. */
static struct fb_transport *script;

static enum fb_status perform(struct fb_transport *transport, const struct fb_http_request *request,
                              fb_http_sink_fn sink, void *context,
                              struct fb_http_response *ret_response, struct fb_error *error)
{
    (void)transport;
    return script->perform(script, request, sink, context, ret_response, error);
}

static void free_nothing(struct fb_transport *transport)
{
    (void)transport;
}

static struct fb_transport shared = {perform, free_nothing};

static enum fb_status share_transport(void *context, struct fb_transport **ret_transport,
                                      struct fb_error *error)
{
    (void)context;
    (void)error;
    *ret_transport = &shared;
    return FB_OK;
}

struct fixture {
    struct fb_clock_virtual clock;
    struct fb_chain_options options;
    struct fb_conf *conf;
    struct fb_principals *principals;
    char credentials_file[256];
};

static void set_up(struct fixture *f, const char *conf)
{
    struct fb_error error = {0};

    memset(f, 0, sizeof *f);
    fb_clock_virtual_init(&f->clock, INT64_C(1795341600) * 1000);
    conf_folder_put("credentials", "[default]\naws_access_key_id = DEFAULT\n"
                                   "aws_secret_access_key = S\n[p]\naws_access_key_id = P\n"
                                   "aws_secret_access_key = S\n[q]\naws_access_key_id = Q\n"
                                   "aws_secret_access_key = S\n");
    snprintf(f->credentials_file, sizeof f->credentials_file, "%s",
             conf_folder_path("credentials"));
    conf_folder_put("a.conf", conf);
    f->conf = conf_folder_read();
    f->options = (struct fb_chain_options){.access_key_id = "ENVIRONMENT",
                                           .secret_access_key = "S",
                                           .credentials_file = f->credentials_file,
                                           .imds_disabled = true,
                                           .region = "eu-west-1",
                                           .clock = &f->clock.clock};
    assert_int_equal(
        fb_principals_new(f->conf, &f->options, share_transport, NULL, &f->principals, &error),
        FB_OK);
}

static void tear_down(struct fixture *f)
{
    fb_principals_free(f->principals);
    fb_conf_free(f->conf);
}

static void expect_key(struct fixture *f, size_t stream, enum fb_service service, const char *id)
{
    struct fb_credentials keys;
    struct fb_error error = {0};
    struct fb_credentials_cache *cache =
        fb_principals_find(f->principals, &f->conf->streams[stream], service);

    assert_non_null(cache);
    if (fb_credentials_cache_get(cache, &keys, &error) != FB_OK)
        fail_msg("%s", error.message);
    assert_string_equal(keys.access_key_id, id);
}

#define STREAM(name) "[stream " name "]\nsource = s3://bucket/p/\ntable = tab\n"

static void the_nearest_profile_counts(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, STREAM("a") STREAM("b") "profile = p\n" STREAM(
                   "c") "profile = p\nsource.profile = q\n" STREAM("d") "table.profile = q\n");
    expect_key(&f, 0, FB_SERVICE_S3, "ENVIRONMENT");
    expect_key(&f, 0, FB_SERVICE_DYNAMODB, "ENVIRONMENT");
    expect_key(&f, 1, FB_SERVICE_S3, "P");
    expect_key(&f, 1, FB_SERVICE_DYNAMODB, "P");
    expect_key(&f, 2, FB_SERVICE_S3, "Q");
    expect_key(&f, 2, FB_SERVICE_DYNAMODB, "P");
    expect_key(&f, 3, FB_SERVICE_S3, "ENVIRONMENT");
    expect_key(&f, 3, FB_SERVICE_DYNAMODB, "Q");
    assert_int_equal(fb_principals_count(f.principals), 3);
    tear_down(&f);
}

#define ANSWER(id)                                                                                 \
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>" id "</AccessKeyId>"         \
    "<SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken><Expiration>"               \
    "2026-11-22T11:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"

#define BODY(role, more)                                                                           \
    "Version=2011-06-15&Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%"       \
    "2F" role "&RoleSessionName=me&DurationSeconds=900" more

static void a_bucket_and_a_table_may_be_in_two_accounts(void **state)
{
    const struct script_step steps[] = {
        {.body = BODY("source", "&ExternalId=eid"), .http_status = 200, .answer = ANSWER("SOURCE")},
        {.body = BODY("all", ""), .http_status = 200, .answer = ANSWER("ALL")},
        {.body = BODY("stream", ""), .http_status = 200, .answer = ANSWER("STREAM")},
    };
    struct fixture f;

    (void)state;
    script = script_transport_new(steps, 3);
    set_up(
        &f,
        "[aws]\nrole_arn = " ROLE(
            "all") "\nrole_session_name = me\nrole_duration = "
                   "15min\n" STREAM("a") "source.role_arn = " ROLE(
                       "sourc"
                       "e") "\nsource.external_id = eid\n" STREAM("b") "role_arn = "
                                                                       "none\n" STREAM(
                                                                           "c") "rol"
                                                                                "e_"
                                                                                "arn"
                                                                                " "
                                                                                "="
                                                                                " " ROLE(
                                                                                    "str"
                                                                                    "ea"
                                                                                    "m") "\ntable."
                                                                                         "role_arn "
                                                                                         "= "
                                                                                         "none\npro"
                                                                                         "file = "
                                                                                         "p\n");
    expect_key(&f, 0, FB_SERVICE_S3, "SOURCE");
    expect_key(&f, 0, FB_SERVICE_DYNAMODB, "ALL");
    expect_key(&f, 1, FB_SERVICE_S3, "ENVIRONMENT");
    expect_key(&f, 1, FB_SERVICE_DYNAMODB, "ENVIRONMENT");
    expect_key(&f, 2, FB_SERVICE_S3, "STREAM");
    expect_key(&f, 2, FB_SERVICE_DYNAMODB, "P");
    assert_int_equal(fb_principals_count(f.principals), 5);
    tear_down(&f);
    script_transport_assert_done(script);
    fb_transport_free(script);
}

static void an_external_id_goes_with_a_role(void **state)
{
    (void)state;
    conf_folder_put("a.conf", "[aws]\nexternal_id = e\n" STREAM("a"));
    conf_folder_expect_check_report("[aws]: external_id goes with role_arn, which is not there\n");
    conf_folder_put("a.conf", STREAM("a") "table.external_id = e\nrole_arn = " ROLE("r") "\n");
    conf_folder_expect_check_report("a.conf:1: [stream a]: table.external_id goes with "
                                    "table.role_arn, which is not there\n");
    conf_folder_put("a.conf", STREAM("a") "role_arn = arn:aws:iam::1:user/u\n");
    conf_folder_expect_report(FB_INVALID, "a.conf:4: role_arn: \"arn:aws:iam::1:user/u\"; expected "
                                          "arn:aws:iam::ACCOUNT:role/NAME, or none\n");
}

static void a_thread_renews_what_all_share(void **state)
{
    struct fb_refresher *refresher = NULL;
    struct fb_credentials_report report = {0};
    struct fb_error error = {0};
    struct fixture f;

    (void)state;
    set_up(&f, STREAM("a") "profile = p\n");
    assert_int_equal(fb_refresher_start(f.principals, fb_clock_system(), &refresher, &error),
                     FB_OK);
    for (int i = 0; i < 500 && report.expires_ms == 0; i++) {
        fb_sleep_ms(fb_clock_system(), NULL, FB_STOP_NOW, 10);
        fb_credentials_cache_report(
            fb_principals_find(f.principals, &f.conf->streams[0], FB_SERVICE_S3), &report);
    }
    assert_string_equal(report.source, "shared files: profile p");
    fb_refresher_free(refresher);
    tear_down(&f);
}

#define test(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, conf_folder_make, conf_folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(the_nearest_profile_counts),
        test(a_bucket_and_a_table_may_be_in_two_accounts),
        test(an_external_id_goes_with_a_role),
        test(a_thread_renews_what_all_share),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
