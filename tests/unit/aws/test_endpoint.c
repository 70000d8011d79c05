/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/aws/endpoint.h"
#include "firebridge/aws/partition.h"

enum kind { PLAIN, FIPS, DUALSTACK, BOTH, KIND_COUNT };

static struct fb_endpoint_options options_of(enum kind kind, const char *region)
{
    return (struct fb_endpoint_options){.region = region,
                                        .use_fips = kind == FIPS || kind == BOTH,
                                        .use_dualstack = kind == DUALSTACK || kind == BOTH};
}

struct region_case {
    const char *region;
    const char *dynamodb[KIND_COUNT]; /* without https://; NULL: refused */
    const char *s3[KIND_COUNT];
};

/* AWS's general reference, "Service endpoints"; the SDKs' rule sets. */
static const struct region_case region_cases[] = {
    {"eu-west-1",
     {"dynamodb.eu-west-1.amazonaws.com", "dynamodb-fips.eu-west-1.amazonaws.com",
      "dynamodb.eu-west-1.api.aws", "dynamodb-fips.eu-west-1.api.aws"},
     {"b-1.s3.eu-west-1.amazonaws.com", "b-1.s3-fips.eu-west-1.amazonaws.com",
      "b-1.s3.dualstack.eu-west-1.amazonaws.com", "b-1.s3-fips.dualstack.eu-west-1.amazonaws.com"}},
    {"xx-new-7",
     {"dynamodb.xx-new-7.amazonaws.com", "dynamodb-fips.xx-new-7.amazonaws.com",
      "dynamodb.xx-new-7.api.aws", "dynamodb-fips.xx-new-7.api.aws"},
     {"b-1.s3.xx-new-7.amazonaws.com", "b-1.s3-fips.xx-new-7.amazonaws.com",
      "b-1.s3.dualstack.xx-new-7.amazonaws.com", "b-1.s3-fips.dualstack.xx-new-7.amazonaws.com"}},
    {"cn-north-1",
     {"dynamodb.cn-north-1.amazonaws.com.cn", NULL,
      "dynamodb.cn-north-1.api.amazonwebservices.com.cn", NULL},
     {"b-1.s3.cn-north-1.amazonaws.com.cn", NULL, "b-1.s3.dualstack.cn-north-1.amazonaws.com.cn",
      NULL}},
    {"us-gov-west-1",
     {"dynamodb.us-gov-west-1.amazonaws.com", "dynamodb.us-gov-west-1.amazonaws.com",
      "dynamodb.us-gov-west-1.api.aws", "dynamodb-fips.us-gov-west-1.api.aws"},
     {"b-1.s3.us-gov-west-1.amazonaws.com", "b-1.s3-fips.us-gov-west-1.amazonaws.com",
      "b-1.s3.dualstack.us-gov-west-1.amazonaws.com",
      "b-1.s3-fips.dualstack.us-gov-west-1.amazonaws.com"}},
    {"us-iso-east-1",
     {"dynamodb.us-iso-east-1.c2s.ic.gov", "dynamodb-fips.us-iso-east-1.c2s.ic.gov",
      "dynamodb.us-iso-east-1.api.aws.ic.gov", "dynamodb-fips.us-iso-east-1.api.aws.ic.gov"},
     {"b-1.s3.us-iso-east-1.c2s.ic.gov", "b-1.s3-fips.us-iso-east-1.c2s.ic.gov",
      "b-1.s3.dualstack.us-iso-east-1.c2s.ic.gov",
      "b-1.s3-fips.dualstack.us-iso-east-1.c2s.ic.gov"}},
    {"us-isob-east-1",
     {"dynamodb.us-isob-east-1.sc2s.sgov.gov", "dynamodb-fips.us-isob-east-1.sc2s.sgov.gov",
      "dynamodb.us-isob-east-1.api.aws.scloud", "dynamodb-fips.us-isob-east-1.api.aws.scloud"},
     {"b-1.s3.us-isob-east-1.sc2s.sgov.gov", "b-1.s3-fips.us-isob-east-1.sc2s.sgov.gov",
      "b-1.s3.dualstack.us-isob-east-1.sc2s.sgov.gov",
      "b-1.s3-fips.dualstack.us-isob-east-1.sc2s.sgov.gov"}},
    {"eu-isoe-west-1",
     {"dynamodb.eu-isoe-west-1.cloud.adc-e.uk", "dynamodb-fips.eu-isoe-west-1.cloud.adc-e.uk",
      "dynamodb.eu-isoe-west-1.api.cloud-aws.adc-e.uk",
      "dynamodb-fips.eu-isoe-west-1.api.cloud-aws.adc-e.uk"},
     {"b-1.s3.eu-isoe-west-1.cloud.adc-e.uk", "b-1.s3-fips.eu-isoe-west-1.cloud.adc-e.uk",
      "b-1.s3.dualstack.eu-isoe-west-1.cloud.adc-e.uk",
      "b-1.s3-fips.dualstack.eu-isoe-west-1.cloud.adc-e.uk"}},
    {"us-isof-south-1",
     {"dynamodb.us-isof-south-1.csp.hci.ic.gov", "dynamodb-fips.us-isof-south-1.csp.hci.ic.gov",
      "dynamodb.us-isof-south-1.api.aws.hci.ic.gov",
      "dynamodb-fips.us-isof-south-1.api.aws.hci.ic.gov"},
     {"b-1.s3.us-isof-south-1.csp.hci.ic.gov", "b-1.s3-fips.us-isof-south-1.csp.hci.ic.gov",
      "b-1.s3.dualstack.us-isof-south-1.csp.hci.ic.gov",
      "b-1.s3-fips.dualstack.us-isof-south-1.csp.hci.ic.gov"}},
    {"eusc-de-east-1",
     {"dynamodb.eusc-de-east-1.amazonaws.eu", "dynamodb-fips.eusc-de-east-1.amazonaws.eu",
      "dynamodb.eusc-de-east-1.api.amazonwebservices.eu",
      "dynamodb-fips.eusc-de-east-1.api.amazonwebservices.eu"},
     {"b-1.s3.eusc-de-east-1.amazonaws.eu", "b-1.s3-fips.eusc-de-east-1.amazonaws.eu",
      "b-1.s3.dualstack.eusc-de-east-1.amazonaws.eu",
      "b-1.s3-fips.dualstack.eusc-de-east-1.amazonaws.eu"}},
};

static void expect(const char *host, const char *region, enum fb_status status,
                   const struct fb_endpoint *endpoint, const struct fb_error *error)
{
    char origin[400];

    if (host == NULL) {
        assert_int_equal(status, FB_UNSUPPORTED);
        assert_non_null(strstr(error->message, region));
        return;
    }
    assert_int_equal(status, FB_OK);
    assert_string_equal(endpoint->host, host);
    snprintf(origin, sizeof origin, "https://%s", host);
    assert_string_equal(endpoint->origin, origin);
    assert_string_equal(endpoint->region, region);
}

static void every_partition_has_its_hosts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof region_cases / sizeof *region_cases; i++) {
        const struct region_case *c = &region_cases[i];

        for (enum kind kind = PLAIN; kind < KIND_COUNT; kind++) {
            struct fb_endpoint_options options = options_of(kind, c->region);
            struct fb_endpoint endpoint = {0};
            struct fb_error error = {0};
            enum fb_status status = fb_endpoint_service(&options, "dynamodb", &endpoint, &error);

            expect(c->dynamodb[kind], c->region, status, &endpoint, &error);
            status = fb_endpoint_s3(&options, "b-1", &endpoint, &error);
            expect(c->s3[kind], c->region, status, &endpoint, &error);
            assert_false(endpoint.is_path_style);
        }
    }
}

struct bucket_case {
    const char *bucket, *address;
    enum kind kind;
    const char *host;
    bool is_path_style;
    const char *region; /* signed for; that of the options is eu-west-1 */
};

#define POINT "arn:aws:s3:us-west-2:123456789012:accesspoint"

static const struct bucket_case bucket_cases[] = {
    {"bucket", NULL, PLAIN, "bucket.s3.eu-west-1.amazonaws.com", false, "eu-west-1"},
    {"my.bucket", NULL, PLAIN, "s3.eu-west-1.amazonaws.com", true, "eu-west-1"},
    {"my.bucket", NULL, BOTH, "s3-fips.dualstack.eu-west-1.amazonaws.com", true, "eu-west-1"},
    {"Old_Bucket", NULL, PLAIN, "s3.eu-west-1.amazonaws.com", true, "eu-west-1"},
    {"-odd", NULL, PLAIN, "s3.eu-west-1.amazonaws.com", true, "eu-west-1"},
    {"odd-", NULL, PLAIN, "s3.eu-west-1.amazonaws.com", true, "eu-west-1"},
    {"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg", NULL, PLAIN,
     "s3.eu-west-1.amazonaws.com", true, "eu-west-1"},
    {"ap-1-abcdefghijklmnopqrstuvwxyz1234-s3alias", NULL, PLAIN,
     "ap-1-abcdefghijklmnopqrstuvwxyz1234-s3alias.s3.eu-west-1.amazonaws.com", false, "eu-west-1"},
    {"bucket", "http://127.0.0.1:9000/", PLAIN, "127.0.0.1:9000", true, "eu-west-1"},
    {"bucket", "https://[::1]", PLAIN, "[::1]", true, "eu-west-1"},
    {POINT "/mine", NULL, PLAIN, "mine-123456789012.s3-accesspoint.us-west-2.amazonaws.com", false,
     "us-west-2"},
    {POINT ":mine", NULL, FIPS, "mine-123456789012.s3-accesspoint-fips.us-west-2.amazonaws.com",
     false, "us-west-2"},
    {POINT "/mine", NULL, BOTH,
     "mine-123456789012.s3-accesspoint-fips.dualstack.us-west-2.amazonaws.com", false, "us-west-2"},
    {"arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/mine", NULL, PLAIN,
     "mine-123456789012.s3-accesspoint.cn-north-1.amazonaws.com.cn", false, "cn-north-1"},
    {POINT "/mine", "https://vpce-1.s3.us-west-2.vpce.amazonaws.com", PLAIN,
     "mine-123456789012.vpce-1.s3.us-west-2.vpce.amazonaws.com", false, "us-west-2"},
};

static void a_bucket_is_reached_as_its_name_allows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bucket_cases / sizeof *bucket_cases; i++) {
        const struct bucket_case *c = &bucket_cases[i];
        struct fb_endpoint_options options = options_of(c->kind, "eu-west-1");
        struct fb_endpoint endpoint;
        struct fb_error error = {0};

        options.address = c->address;
        if (fb_endpoint_s3(&options, c->bucket, &endpoint, &error) != FB_OK)
            fail_msg("%s: %s", c->bucket, error.message);
        assert_string_equal(endpoint.host, c->host);
        assert_string_equal(endpoint.region, c->region);
        assert_int_equal(endpoint.is_path_style, c->is_path_style);
        assert_non_null(strstr(endpoint.origin, c->host));
    }
}

struct refused_case {
    const char *bucket, *address, *region;
    enum kind kind;
    enum fb_status status;
    const char *message_has;
};

static const struct refused_case refused_cases[] = {
    {"bucket", NULL, "", PLAIN, FB_INVALID, "no region"},
    {"bucket", NULL, NULL, PLAIN, FB_INVALID, "no region"},
    {"bucket", NULL, "eu west", PLAIN, FB_INVALID, "no region"},
    {"bucket", NULL, "evil.example/", PLAIN, FB_INVALID, "no region"},
    {"a/b", NULL, "eu-west-1", PLAIN, FB_INVALID, "no bucket name"},
    {"", NULL, "eu-west-1", PLAIN, FB_INVALID, "no bucket name"},
    {"..", NULL, "eu-west-1", PLAIN, FB_INVALID, "no bucket name"},
    {"bucket", "ftp://x", "eu-west-1", PLAIN, FB_INVALID, "http(s)"},
    {"bucket", "http://user@x", "eu-west-1", PLAIN, FB_INVALID, "before the @"},
    {"bucket", "http://user:hidden@x", "eu-west-1", PLAIN, FB_INVALID, "before the @"},
    {"bucket", "http://user:hid/hidden@x", "eu-west-1", PLAIN, FB_INVALID, "before the @"},
    {"bucket", "user:hidden@x", "eu-west-1", PLAIN, FB_INVALID, "before the @"},
    {"bucket", "http://user:hidden@x", "eu-west-1", FIPS, FB_INVALID, "before the @"},
    {POINT "/mine", "http://user:hidden@x", "eu-west-1", PLAIN, FB_INVALID, "before the @"},
    {"bucket", "http://", "eu-west-1", PLAIN, FB_INVALID, "of the form"},
    {"bucket", "http://x/path", "eu-west-1", PLAIN, FB_INVALID, "of the form"},
    {"bucket", "http://x?q", "eu-west-1", PLAIN, FB_INVALID, "of the form"},
    {"bucket", "http://x", "eu-west-1", FIPS, FB_INVALID, "FIPS"},
    {"bucket", "http://x", "eu-west-1", DUALSTACK, FB_INVALID, "dual-stack"},
    {"bucket", NULL, "cn-north-1", FIPS, FB_UNSUPPORTED, "FIPS"},
    {"arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/mine", NULL, "eu-west-1", FIPS,
     FB_UNSUPPORTED, "cn-north-1"},
    {"arn:aws:s3:cn-north-1:123456789012:accesspoint/mine", NULL, "eu-west-1", PLAIN, FB_INVALID,
     "aws-cn"},
    {"arn:aws:s3:::bucket", NULL, "eu-west-1", PLAIN, FB_UNSUPPORTED, "bucket's name"},
    {"arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap", NULL, "eu-west-1", PLAIN,
     FB_UNSUPPORTED, "in one region"},
    {"arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/mine", NULL, "eu-west-1", PLAIN,
     FB_UNSUPPORTED, "access points"},
    {"arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-1/accesspoint/mine", NULL, "eu-west-1",
     PLAIN, FB_UNSUPPORTED, "access points"},
    {POINT "/mine/more", NULL, "eu-west-1", PLAIN, FB_INVALID, "no access point's ARN"},
    {POINT "/", NULL, "eu-west-1", PLAIN, FB_INVALID, "no access point's ARN"},
    {POINT "/Mine", NULL, "eu-west-1", PLAIN, FB_INVALID, "no access point's ARN"},
    {POINT, NULL, "eu-west-1", PLAIN, FB_INVALID, "no access point's ARN"},
    {"arn:aws:s3:us-west-2:1234:accesspoint/mine", NULL, "eu-west-1", PLAIN, FB_INVALID,
     "no access point's ARN"},
    {"arn:aws:s3:us.west.2:123456789012:accesspoint/mine", NULL, "eu-west-1", PLAIN, FB_INVALID,
     "no access point's ARN"},
    {"arn:", NULL, "eu-west-1", PLAIN, FB_INVALID, "no ARN"},
    {"arn:aws:s3", NULL, "eu-west-1", PLAIN, FB_INVALID, "no ARN"},
};

static void what_cannot_be_reached_says_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused_cases / sizeof *refused_cases; i++) {
        const struct refused_case *c = &refused_cases[i];
        struct fb_endpoint_options options = options_of(c->kind, c->region);
        struct fb_endpoint endpoint = {.host = "untouched"};
        struct fb_error error = {0};
        enum fb_status status;

        options.address = c->address;
        status = fb_endpoint_s3(&options, c->bucket, &endpoint, &error);
        if (status != c->status || strstr(error.message, c->message_has) == NULL)
            fail_msg("case %zu: %s: %s", i, fb_status_name(status), error.message);
        assert_null(strstr(error.message, "hid"));
        assert_string_equal(endpoint.host, "untouched");
    }
}

static void an_arn_ends_where_its_prefix_begins(void **state)
{
    static const struct {
        const char *text, *arn;
    } cases[] = {
        {POINT "/mine/in/2026/", POINT "/mine"},
        {POINT "/mine", POINT "/mine"},
        {POINT ":mine/in/", POINT ":mine"},
        {"arn:aws:s3:::bucket/in/", "arn:aws:s3:::bucket"},
        {POINT, POINT},
        {"accesspoint/x/y", "accesspoint"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(fb_access_point_size(cases[i].text), strlen(cases[i].arn));
}

static void an_address_may_have_slashes_behind_it(void **state)
{
    const struct fb_endpoint_options options = {.address = "https://db.example:8443//",
                                                .region = "eu-west-1"};
    struct fb_endpoint endpoint;

    (void)state;
    assert_int_equal(fb_endpoint_service(&options, "dynamodb", &endpoint, NULL), FB_OK);
    assert_string_equal(endpoint.origin, "https://db.example:8443");
    assert_string_equal(endpoint.host, "db.example:8443");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_partition_has_its_hosts),
        cmocka_unit_test(a_bucket_is_reached_as_its_name_allows),
        cmocka_unit_test(what_cannot_be_reached_says_why),
        cmocka_unit_test(an_arn_ends_where_its_prefix_begins),
        cmocka_unit_test(an_address_may_have_slashes_behind_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
