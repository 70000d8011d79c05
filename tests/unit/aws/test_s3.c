/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/script_transport.h"
#include "../support/static_credentials.h"
#include "firebridge/aws/call.h"
#include "firebridge/aws/s3.h"
#include "firebridge/base/time.h"

/* 2026-11-22T10:00:00Z */
#define NOW_MS (INT64_C(1795341600) * 1000)

#define BASE "http://127.0.0.1:8000"

struct fixture {
    struct fb_clock_virtual clock;
    struct static_provider provider;
    struct fb_credentials_cache *cache;
    struct fb_client client;
    struct fb_error error;
    char seen[8192];     /* what the callbacks were given */
    uint64_t size_bytes; /* what a get says of the object */
};

static void set_up(struct fixture *f, const struct script_step *steps, size_t count)
{
    memset(f, 0, sizeof *f);
    fb_clock_virtual_init(&f->clock, NOW_MS);
    static_provider_init(&f->provider, INT64_MAX);
    f->cache = static_cache_new(&f->provider, &f->clock.clock);
    f->client = (struct fb_client){.transport = script_transport_new(steps, count),
                                   .credentials = f->cache,
                                   .clock = &f->clock.clock,
                                   .region = "eu-west-1",
                                   .endpoint = BASE,
                                   .connect_timeout_ms = 1000,
                                   .request_timeout_ms = 5000};
    f->size_bytes = UINT64_MAX;
}

static void tear_down(struct fixture *f)
{
    script_transport_assert_done(f->client.transport);
    fb_transport_free(f->client.transport);
    fb_credentials_cache_free(f->cache);
}

#define SET_UP(f, steps) set_up(&(f), steps, sizeof(steps) / sizeof *(steps))

static void note(struct fixture *f, const char *text)
{
    strncat(f->seen, text, sizeof f->seen - strlen(f->seen) - 1);
}

static enum fb_status note_object(void *context, const struct fb_s3_listed *object)
{
    char line[2048], time[FB_TIME_TEXT_SIZE];

    fb_time_format_rfc3339(object->last_modified_ms, time);
    snprintf(line, sizeof line, "[%s|%s|%s|%llu|%s]", object->key, object->etag,
             object->storage_class, (unsigned long long)object->size_bytes, time);
    note(context, line);
    return FB_OK;
}

static enum fb_status note_prefix(void *context, const char *prefix)
{
    note(context, "<");
    note(context, prefix);
    note(context, ">");
    return FB_OK;
}

static enum fb_status note_body(void *context, const struct fb_http_response *response,
                                const char *bytes, size_t size)
{
    struct fixture *f = context;
    size_t used = strlen(f->seen);

    (void)response;
    assert_true(used + size < sizeof f->seen);
    memcpy(f->seen + used, bytes, size);
    return FB_OK;
}

static enum fb_status list(struct fixture *f, struct fb_s3_list_result *ret_result)
{
    struct fb_s3_list_request request = {.bucket = "bucket",
                                         .prefix = "in/",
                                         .on_object = note_object,
                                         .on_prefix = note_prefix,
                                         .context = f};

    return fb_s3_list_page(&f->client, &request, ret_result, &f->error);
}

static enum fb_status get(struct fixture *f, const char *key, const char *etag, uint64_t offset)
{
    struct fb_s3_get_request request = {.bucket = "bucket",
                                        .key = key,
                                        .etag = etag,
                                        .size_bytes = f->size_bytes,
                                        .offset_bytes = offset,
                                        .sink = note_body,
                                        .context = f};

    return fb_s3_get(&f->client, &request, &f->error);
}

#define CONTENTS(key)                                                                              \
    "<Contents><Key>" key "</Key><LastModified>2026-11-22T09:00:00.000Z</LastModified>"            \
    "<ETag>&quot;abc&quot;</ETag><Size>12</Size><StorageClass>STANDARD</StorageClass></Contents>"

#define PAGE_BEGIN                                                                                 \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult "                               \
    "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bucket</Name>"
#define PAGE_END "</ListBucketResult>"
#define URL_TYPE "<EncodingType>url</EncodingType>"

static void a_page_is_listed_in_its_order(void **state)
{
    static const struct script_step steps[] = {
        {.method = "GET",
         .url = BASE "/bucket?encoding-type=url&list-type=2&prefix=in%2F",
         .header = "Host: 127.0.0.1:8000",
         .http_status = 200,
         .piece_bytes = 7,
         .answer = PAGE_BEGIN "<IsTruncated>true</IsTruncated>" URL_TYPE CONTENTS("in/a")
             CONTENTS("in/b%2Bc+d%25%22%0A%F0%9F%94%A5%3D") "<CommonPrefixes><Prefix>in/p+q/"
                                                            "</Prefix></CommonPrefixes>"
                                                            "<NextContinuationToken>1/t+=&amp;"
                                                            "</NextContinuationToken>" PAGE_END},
    };
    struct fb_s3_list_result result;
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(list(&f, &result), FB_OK);
    assert_string_equal(f.seen, "[in/a|abc|STANDARD|12|2026-11-22T09:00:00Z]"
                                "[in/b+c d%\"\n\xF0\x9F\x94\xA5=|abc|STANDARD|12|"
                                "2026-11-22T09:00:00Z]<in/p q/>");
    assert_true(result.is_truncated);
    assert_string_equal(result.continuation_token, "1/t+=&");
    assert_int_equal(result.key_count, 3);
    tear_down(&f);
}

static void without_encoding_type_keys_are_taken_as_they_are(void **state)
{
    static const struct script_step steps[] = {
        {.http_status = 200,
         .answer = PAGE_BEGIN "<IsTruncated>false</IsTruncated>"
                              "<Contents><Key>a+b%2B</Key><Size>0</Size><LastModified>"
                              "2026-11-22T09:00:00Z</LastModified></Contents>" PAGE_END}};
    struct fb_s3_list_result result;
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(list(&f, &result), FB_OK);
    assert_string_equal(f.seen, "[a+b%2B||STANDARD|0|2026-11-22T09:00:00Z]");
    assert_false(result.is_truncated);
    assert_string_equal(result.continuation_token, "");
    tear_down(&f);
}

static void all_parameters_are_sorted_and_encoded(void **state)
{
    static const struct script_step steps[] = {
        {.url = BASE "/bucket?continuation-token=a%2Bb%3D%2F&delimiter=%2F&encoding-type=url"
                     "&list-type=2&max-keys=5&prefix=x%20y%2B%F0%9F%94%A5",
         .http_status = 200,
         .answer = PAGE_BEGIN PAGE_END},
        {.url = BASE "/bucket?encoding-type=url&list-type=2&prefix=&start-after=~%2A%27",
         .http_status = 200,
         .answer = PAGE_BEGIN PAGE_END},
    };
    struct fb_s3_list_request request = {.bucket = "bucket",
                                         .prefix = "x y+\xF0\x9F\x94\xA5",
                                         .start_after = "ignored",
                                         .continuation_token = "a+b=/",
                                         .delimiter = "/",
                                         .max_keys = 5};
    struct fb_s3_list_result result;
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(fb_s3_list_page(&f.client, &request, &result, &f.error), FB_OK);
    request = (struct fb_s3_list_request){.bucket = "bucket", .prefix = "", .start_after = "~*'"};
    assert_int_equal(fb_s3_list_page(&f.client, &request, &result, &f.error), FB_OK);
    tear_down(&f);
}

static void a_damaged_page_reports_nothing(void **state)
{
    static char long_key[1024 + 2048], many[FB_S3_KEY_MAX_BYTES + 2];
    static const char *const pages[] = {
        "",
        "<html><body>It works!</body></html>",
        "<Error><Code>InternalError</Code></Error>",
        PAGE_BEGIN CONTENTS("in/a"),
        PAGE_BEGIN CONTENTS("in/a") "<Contents><Key>in/b</K",
        "<!DOCTYPE l [<!ENTITY a \"aaaa\">]>" PAGE_BEGIN CONTENTS("&a;") PAGE_END,
        PAGE_BEGIN URL_TYPE CONTENTS("in/%00x") PAGE_END,
        PAGE_BEGIN URL_TYPE CONTENTS("in/%zz") PAGE_END,
        PAGE_BEGIN CONTENTS("") PAGE_END,
        PAGE_BEGIN CONTENTS("in/a") "<Contents><Size>1</Size></Contents>" PAGE_END,
        PAGE_BEGIN CONTENTS("in/a") "<Contents><Key>k</Key><Size>-1</Size><LastModified>"
                                    "2026-11-22T09:00:00Z</LastModified></Contents>" PAGE_END,
        PAGE_BEGIN CONTENTS("in/a") "<Contents><Key>k</Key><Size>1</Size><LastModified>yesterday"
                                    "</LastModified></Contents>" PAGE_END,
        PAGE_BEGIN CONTENTS("in/a") "<IsTruncated>true</IsTruncated>" PAGE_END,
        PAGE_BEGIN CONTENTS("in/a") PAGE_END "<more/>",
        long_key,
    };

    (void)state;
    memset(many, 'k', sizeof many - 1);
    snprintf(long_key, sizeof long_key,
             PAGE_BEGIN "<Contents><Key>%s</Key><Size>1</Size><LastModified>2026-11-22T09:00:00Z"
                        "</LastModified></Contents>" PAGE_END,
             many);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        struct script_step steps[] = {{.http_status = 200, .answer = pages[i], .piece_bytes = 50}};
        struct fb_s3_list_result result;
        struct fixture f;
        enum fb_status status;

        SET_UP(f, steps);
        status = list(&f, &result);
        if (status != FB_CORRUPT || f.seen[0] != '\0')
            fail_msg("page %zu: %s, seen '%s'", i, fb_status_name(status), f.seen);
        assert_int_equal(fb_verdict_of(&f.error), FB_RETRY);
        assert_non_null(strstr(f.error.message, "s3://bucket/in/"));
        tear_down(&f);
    }
}

static enum fb_status stop_here(void *context, const struct fb_s3_listed *object)
{
    note_object(context, object);
    return FB_CANCELED;
}

static void a_callback_ends_the_listing_with_its_status(void **state)
{
    static const struct script_step steps[] = {
        {.http_status = 200, .answer = PAGE_BEGIN CONTENTS("a") CONTENTS("b") PAGE_END}};
    struct fb_s3_list_request request = {.bucket = "bucket", .on_object = stop_here};
    struct fb_s3_list_result result;
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    request.context = &f;
    assert_int_equal(fb_s3_list_page(&f.client, &request, &result, &f.error), FB_CANCELED);
    assert_null(strstr(f.seen, "[b"));
    tear_down(&f);
}

static void odd_keys_are_encoded_once_and_not_normalised(void **state)
{
    static const struct {
        const char *key, *url;
    } cases[] = {
        {"a b+c=d%e\"f\ng", BASE "/bucket/a%20b%2Bc%3Dd%25e%22f%0Ag"},
        {"//x//../y/./z/", BASE "/bucket///x//../y/./z/"},
        {"..", BASE "/bucket/.."},
        {"\xF0\x9F\x94\xA5&?#;:@", BASE "/bucket/%F0%9F%94%A5%26%3F%23%3B%3A%40"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct script_step steps[] = {
            {.method = "GET", .url = cases[i].url, .http_status = 200, .answer = "body"}};
        struct fixture f;

        SET_UP(f, steps);
        assert_int_equal(get(&f, cases[i].key, NULL, 0), FB_OK);
        assert_string_equal(f.seen, "body");
        tear_down(&f);
    }
}

static void a_key_stands_behind_the_bucket_or_its_host(void **state)
{
    static const struct {
        const char *bucket, *url;
    } cases[] = {
        {"bucket", "https://bucket.s3.eu-west-1.amazonaws.com/k"},
        {"my.bucket", "https://s3.eu-west-1.amazonaws.com/my.bucket/k"},
        {"arn:aws:s3:us-west-2:123456789012:accesspoint/mine",
         "https://mine-123456789012.s3-accesspoint.us-west-2.amazonaws.com/k"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct script_step steps[] = {{.url = cases[i].url, .http_status = 200}};
        struct fb_s3_get_request request = {
            .bucket = cases[i].bucket, .key = "k", .sink = note_body};
        struct fixture f;

        SET_UP(f, steps);
        request.context = &f;
        f.client.endpoint = NULL;
        assert_int_equal(fb_s3_get(&f.client, &request, &f.error), FB_OK);
        tear_down(&f);
    }
}

static void signed_for_us_west_2(const struct fb_http_request *request)
{
    assert_non_null(strstr(script_header(request, "Authorization"), "/us-west-2/s3/aws4_request"));
}

static void an_access_point_is_signed_for_its_own_region(void **state)
{
    static const struct script_step steps[] = {
        {.seen = signed_for_us_west_2, .http_status = 200, .answer = "x"}};
    struct fb_s3_get_request request = {.bucket =
                                            "arn:aws:s3:us-west-2:123456789012:accesspoint/mine",
                                        .key = "k",
                                        .size_bytes = 1,
                                        .sink = note_body};
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    request.context = &f;
    f.client.endpoint = NULL;
    assert_int_equal(fb_s3_get(&f.client, &request, &f.error), FB_OK);
    tear_down(&f);
}

#define HERE       "https://bucket.s3.eu-west-1.amazonaws.com/k"
#define THERE      "https://bucket.s3.us-west-2.amazonaws.com/k"
#define REDIRECTED "<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>"

/* How S3 says that a bucket is elsewhere (user guide, "Request redirection and the REST API"). */
static const struct script_step redirects[] = {
    {.http_status = 301, .head = "x-amz-bucket-region: us-west-2", .answer = REDIRECTED},
    {.http_status = 301, .head = "x-amz-bucket-region: us-west-2"},
    {.http_status = 307,
     .head = "x-amz-bucket-region: us-west-2",
     .answer = "<Error><Code>TemporaryRedirect</Code></Error>"},
    {.http_status = 400,
     .answer = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>expecting 'us-west-2'"
               "</Message><Region>us-west-2</Region></Error>"},
};

static void a_bucket_in_another_region_is_followed_and_remembered(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof redirects / sizeof *redirects; i++) {
        struct script_step steps[] = {
            redirects[i],
            {.url = THERE, .seen = signed_for_us_west_2, .http_status = 200, .answer = "x"},
            {.url = THERE, .seen = signed_for_us_west_2, .http_status = 200, .answer = "y"},
            {.url = "https://other.s3.eu-west-1.amazonaws.com/k", .http_status = 200},
        };
        struct fb_s3_get_request request = {
            .bucket = "other", .key = "k", .size_bytes = 0, .sink = note_body};
        struct fixture f;

        steps[0].url = HERE;
        SET_UP(f, steps);
        f.client.endpoint = NULL;
        f.client.scratch = fb_call_scratch_new();
        assert_int_equal(get(&f, "k", NULL, 0), FB_OK);
        assert_int_equal(get(&f, "k", NULL, 0), FB_OK);
        assert_string_equal(f.seen, "xy");
        assert_int_equal(fb_s3_get(&f.client, &request, &f.error), FB_OK);
        fb_call_scratch_free(f.client.scratch);
        tear_down(&f);
    }
}

static enum fb_status put_there(struct fb_client *client, struct fb_error *error)
{
    const struct fb_s3_put_request request = {
        .bucket = "bucket", .key = "k", .bytes = "hello", .size = 5};

    return fb_s3_put(client, &request, error);
}

static enum fb_status delete_there(struct fb_client *client, struct fb_error *error)
{
    return fb_s3_delete(client, "bucket", "k", error);
}

/* A dead letter's bucket need not be where the data's is. */
static void what_is_written_follows_its_bucket_too(void **state)
{
    static const struct {
        const char *method, *body;
        enum fb_status (*change)(struct fb_client *client, struct fb_error *error);
    } changes[] = {{"PUT", "hello", put_there}, {"DELETE", "", delete_there}};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof redirects / sizeof *redirects; i++) {
        const char *method = changes[i % 2].method, *body = changes[i % 2].body;
        struct script_step steps[] = {
            redirects[i / 2],
            {.method = method,
             .url = THERE,
             .body = body,
             .seen = signed_for_us_west_2,
             .http_status = 200,
             .head = "ETag: \"e\""},
            {.method = method,
             .url = THERE,
             .body = body,
             .seen = signed_for_us_west_2,
             .http_status = 403},
        };
        struct fixture f;

        steps[0].method = method;
        steps[0].url = HERE;
        SET_UP(f, steps);
        f.client.endpoint = NULL;
        f.client.scratch = fb_call_scratch_new();
        assert_int_equal(changes[i % 2].change(&f.client, NULL), FB_OK);
        assert_int_equal(changes[i % 2].change(&f.client, NULL), FB_DENIED);
        fb_call_scratch_free(f.client.scratch);
        tear_down(&f);
    }
}

static void a_bucket_at_an_address_is_followed_there(void **state)
{
    struct script_step steps[] = {
        redirects[3],
        {.url = BASE "/bucket/k", .seen = signed_for_us_west_2, .http_status = 200},
    };
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(get(&f, "k", NULL, 0), FB_OK);
    tear_down(&f);
}

/* Where the lead ends: nothing signed goes to another partition, in circles, or just anywhere. */
static void a_region_that_cannot_be_is_not_followed(void **state)
{
    static const char *const heads[] = {
        "x-amz-bucket-region: cn-north-1",    "x-amz-bucket-region: eu-west-1",
        "x-amz-bucket-region: evil.example/", "x-amz-bucket-region: ",
        "Location: https://evil.example/",
    };

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct script_step steps[] = {
            {.url = HERE, .http_status = 301, .head = heads[i], .answer = REDIRECTED}};
        struct fixture f;

        SET_UP(f, steps);
        f.client.endpoint = NULL;
        assert_int_equal(get(&f, "k", NULL, 0), FB_INVALID);
        assert_int_equal(fb_verdict_of(&f.error), FB_UNHEALTHY);
        tear_down(&f);
    }
}

static void a_second_redirect_in_one_call_is_not_followed(void **state)
{
    struct script_step steps[] = {
        redirects[0],
        {.url = THERE,
         .http_status = 301,
         .head = "x-amz-bucket-region: ap-south-1",
         .answer = REDIRECTED},
    };
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    f.client.endpoint = NULL;
    assert_int_equal(get(&f, "k", NULL, 0), FB_INVALID);
    assert_non_null(strstr(f.error.message, "the bucket is in region ap-south-1"));
    tear_down(&f);
}

static void pays_and_checks_the_owner(const struct fb_http_request *request)
{
    assert_string_equal(script_header(request, "x-amz-request-payer"), "requester");
    assert_string_equal(script_header(request, "x-amz-expected-bucket-owner"), "123456789012");
    assert_non_null(strstr(script_header(request, "Authorization"),
                           "x-amz-expected-bucket-owner;x-amz-request-payer"));
}

static void who_pays_and_who_must_own_is_said_in_every_call(void **state)
{
    static const struct script_step steps[] = {
        {.seen = pays_and_checks_the_owner, .http_status = 200, .answer = PAGE_BEGIN PAGE_END},
        {.seen = pays_and_checks_the_owner, .http_status = 200},
    };
    struct fb_s3_list_result result;
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    f.client.requester_pays = true;
    f.client.bucket_owner = "123456789012";
    assert_int_equal(list(&f, &result), FB_OK);
    assert_int_equal(get(&f, "k", NULL, 0), FB_OK);
    tear_down(&f);
}

/* A bucket's policy may deny UNSIGNED-PAYLOAD, and over http it would sign nothing of the body. */
static void signs_that_nothing_is_sent(const struct fb_http_request *request)
{
    assert_string_equal(script_header(request, "x-amz-content-sha256"),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void a_payload_is_signed_whatever_the_scheme(void **state)
{
    static const struct script_step steps[] = {
        {.seen = signs_that_nothing_is_sent, .http_status = 200},
        {.url = HERE, .seen = signs_that_nothing_is_sent, .http_status = 200},
    };
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(get(&f, "k", NULL, 0), FB_OK);
    f.client.endpoint = NULL;
    assert_int_equal(get(&f, "k", NULL, 0), FB_OK);
    tear_down(&f);
}

static void a_wrong_bucket_region_or_endpoint_is_refused_before_any_request(void **state)
{
    static const struct {
        const char *bucket, *region, *endpoint;
    } cases[] = {
        {"a/b", "eu-west-1", BASE},  {"", "eu-west-1", BASE},    {"bucket", "", BASE},
        {"bucket", "eu west", BASE}, {"bucket", "r", "ftp://x"}, {"bucket", "r", "http://x/path"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fb_s3_get_request request = {
            .bucket = cases[i].bucket, .key = "k", .sink = note_body};
        struct fixture f;

        set_up(&f, NULL, 0);
        f.client.region = cases[i].region;
        f.client.endpoint = cases[i].endpoint;
        assert_int_equal(fb_s3_get(&f.client, &request, &f.error), FB_INVALID);
        assert_int_equal(fb_verdict_of(&f.error), FB_UNHEALTHY);
        tear_down(&f);
    }
}

static void no_range_is_sent(const struct fb_http_request *request)
{
    assert_null(script_header(request, "Range"));
    assert_null(script_header(request, "If-Match"));
    assert_non_null(script_header(request, "x-amz-content-sha256"));
    assert_non_null(script_header(request, "x-amz-security-token"));
    assert_int_equal(request->total_timeout_ms, 0);
}

static void if_match_is_signed(const struct fb_http_request *request)
{
    assert_string_equal(script_header(request, "If-Match"), "\"e1\"");
    assert_non_null(strstr(script_header(request, "Authorization"),
                           "SignedHeaders=host;if-match;range;x-amz-content-sha256;x-amz-date;"
                           "x-amz-security-token"));
}

static void a_get_goes_on_from_its_offset(void **state)
{
    static const struct script_step steps[] = {
        {.http_status = 200, .answer = "0123456789", .piece_bytes = 3, .seen = no_range_is_sent},
        {.header = "Range: bytes=4-",
         .seen = if_match_is_signed,
         .http_status = 206,
         .head = "Content-Range: bytes 4-9/10\nETag: \"e1\"",
         .answer = "456789"},
    };
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(get(&f, "k", NULL, 0), FB_OK);
    assert_string_equal(f.seen, "0123456789");
    f.seen[0] = '\0';
    memset(f.seen, 0, sizeof f.seen);
    assert_int_equal(get(&f, "k", "e1", 4), FB_OK);
    assert_string_equal(f.seen, "456789");
    tear_down(&f);
}

static void a_range_that_begins_elsewhere_never_reaches_the_sink(void **state)
{
    static const struct {
        uint64_t offset;
        long http_status;
        const char *head, *answer;
    } cases[] = {
        {4, 206, "Content-Range: bytes 3-9/10", "x"},
        {4, 206, NULL, "x"},
        {4, 200, NULL, "x"},
        {4, 200, NULL, NULL},
        {0, 206, "Content-Range: bytes 0-9/10", "x"},
        {4, 206, "Content-Range: bytes 44-9/10", "x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct script_step steps[] = {{.http_status = cases[i].http_status,
                                       .head = cases[i].head,
                                       .answer = cases[i].answer}};
        struct fixture f;

        SET_UP(f, steps);
        assert_int_equal(get(&f, "k", NULL, cases[i].offset), FB_UNAVAILABLE);
        assert_string_equal(f.seen, "");
        tear_down(&f);
    }
}

static void what_a_get_is_refused_with_is_told_apart(void **state)
{
    static const struct {
        long http_status;
        const char *answer;
        enum fb_status status;
        enum fb_verdict verdict;
    } cases[] = {
        {404, "<Error><Code>NoSuchKey</Code></Error>", FB_NOT_FOUND, FB_UNHEALTHY},
        {404, "<Error><Code>NoSuchBucket</Code></Error>", FB_UNAVAILABLE, FB_UNHEALTHY},
        {404, "<html>gone</html>", FB_UNAVAILABLE, FB_UNHEALTHY},
        {412, "<Error><Code>PreconditionFailed</Code></Error>", FB_CHANGED, FB_REJECTED},
        {412, NULL, FB_INVALID, FB_UNHEALTHY},
        {412, "<html>blocked</html>", FB_INVALID, FB_UNHEALTHY},
        {416, "<Error><Code>InvalidRange</Code></Error>", FB_INVALID, FB_REJECTED},
        {416, NULL, FB_INVALID, FB_UNHEALTHY},
        {403, "<Error><Code>AccessDenied</Code></Error>", FB_DENIED, FB_UNHEALTHY},
        {503, "<Error><Code>SlowDown</Code></Error>", FB_THROTTLED, FB_RETRY_SLOWER},
        {500, "half an ans", FB_UNAVAILABLE, FB_RETRY},
        {204, NULL, FB_UNAVAILABLE, FB_RETRY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct script_step steps[] = {
            {.http_status = cases[i].http_status, .answer = cases[i].answer}};
        struct fixture f;
        enum fb_status status;

        SET_UP(f, steps);
        status = get(&f, "k", "e", 0);
        if (status != cases[i].status || fb_verdict_of(&f.error) != cases[i].verdict)
            fail_msg("case %zu: %s, verdict %d", i, fb_status_name(status),
                     (int)fb_verdict_of(&f.error));
        assert_int_equal(f.error.status, status);
        assert_string_equal(f.seen, "");
        tear_down(&f);
    }
}

static void what_is_not_the_object_never_reaches_the_sink(void **state)
{
    static const struct {
        const char *head;
        enum fb_status status;
    } cases[] = {
        {"ETag: \"e1\"\nContent-Length: 10", FB_OK},
        {"ETag: \"e1\"", FB_OK}, /* chunked */
        {"ETag: \"e2\"\nContent-Length: 10", FB_UNAVAILABLE},
        {"ETag: e1\nContent-Length: 10", FB_UNAVAILABLE},
        {"Content-Type: text/html\nContent-Length: 10", FB_UNAVAILABLE},
        {"ETag: \"e1\"\nContent-Length: 9", FB_UNAVAILABLE},
        {"ETag: \"e1\"\nContent-Length: 11", FB_UNAVAILABLE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct script_step steps[] = {
            {.http_status = 200, .head = cases[i].head, .answer = "0123456789"}};
        struct fixture f;

        SET_UP(f, steps);
        f.size_bytes = 10;
        assert_int_equal(get(&f, "k", "e1", 0), cases[i].status);
        assert_string_equal(f.seen, cases[i].status == FB_OK ? "0123456789" : "");
        tear_down(&f);
    }
}

/* A chunked answer has no length in its head. */
static void an_answer_that_ends_early_or_late_is_not_the_whole_object(void **state)
{
    static const struct {
        uint64_t size_bytes;
        enum fb_status status;
        const char *seen;
    } cases[] = {
        {10, FB_OK, "0123456789"},
        {11, FB_UNAVAILABLE, "0123456789"},
        {9, FB_UNAVAILABLE, "01234567"},
        {0, FB_UNAVAILABLE, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct script_step steps[] = {
            {.http_status = 200, .answer = "0123456789", .piece_bytes = 4}};
        struct fixture f;

        SET_UP(f, steps);
        f.size_bytes = cases[i].size_bytes;
        assert_int_equal(get(&f, "k", NULL, 0), cases[i].status);
        assert_string_equal(f.seen, cases[i].seen);
        tear_down(&f);
    }
}

static void a_broken_connection_says_which_object(void **state)
{
    static const struct script_step steps[] = {{.http_status = 200,
                                                .head = "ETag: \"e\"",
                                                .answer = "01234",
                                                .status = FB_UNAVAILABLE,
                                                .reason = "cut off after 5 bytes"}};
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(get(&f, "k", "e", 0), FB_UNAVAILABLE);
    assert_string_equal(f.seen, "01234");
    assert_string_equal(f.error.message, "GetObject of s3://bucket/k: cut off after 5 bytes");
    tear_down(&f);
}

static enum fb_status refuse_body(void *context, const struct fb_http_response *response,
                                  const char *bytes, size_t size)
{
    (void)context;
    (void)response;
    (void)bytes;
    (void)size;
    return FB_CONFLICT;
}

static void the_sink_ends_a_get_with_its_status(void **state)
{
    static const struct script_step steps[] = {{.http_status = 200, .answer = "x"}};
    struct fb_s3_get_request request = {
        .bucket = "bucket", .key = "k", .size_bytes = UINT64_MAX, .sink = refuse_body};
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(fb_s3_get(&f.client, &request, &f.error), FB_CONFLICT);
    tear_down(&f);
}

#define SKEWED "<Error><Code>RequestTimeTooSkewed</Code></Error>"

static void signed_at_10(const struct fb_http_request *request)
{
    assert_string_equal(script_header(request, "x-amz-date"), "20261122T100000Z");
}

static void signed_at_11(const struct fb_http_request *request)
{
    assert_string_equal(script_header(request, "x-amz-date"), "20261122T110000Z");
}

static void a_wrong_clock_is_corrected_within_the_call(void **state)
{
    static const struct script_step steps[] = {
        {.seen = signed_at_10,
         .http_status = 403,
         .head = "Date: Sun, 22 Nov 2026 11:00:00 GMT",
         .answer = SKEWED},
        {.seen = signed_at_11, .http_status = 200, .answer = "x"},
        {.seen = signed_at_11, .http_status = 200, .answer = "y"},
    };
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(get(&f, "k", NULL, 0), FB_OK);
    assert_int_equal(fb_credentials_cache_skew_ms(f.cache), 3600 * 1000);
    assert_int_equal(get(&f, "k", NULL, 0), FB_OK);
    tear_down(&f);
}

static void a_bad_date_never_sticks(void **state)
{
    static const struct script_step steps[] = {
        {.http_status = 403, .head = "Date: Sun, 22 Nov 2026 11:00:00 GMT", .answer = SKEWED},
        {.seen = signed_at_11,
         .http_status = 403,
         .head = "Date: Sun, 22 Nov 2026 10:00:00 GMT",
         .answer = SKEWED},
        {.seen = signed_at_10, .http_status = 200, .answer = "x"},
    };
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(get(&f, "k", NULL, 0), FB_EXPIRED);
    assert_int_equal(fb_credentials_cache_skew_ms(f.cache), 0);
    assert_int_equal(get(&f, "k", NULL, 0), FB_OK);
    tear_down(&f);
}

static void an_implausible_date_is_not_believed(void **state)
{
    static const char *const heads[] = {"Date: Thu, 01 Jan 1970 00:00:00 GMT",
                                        "Date: Sun, 22 Nov 2116 10:00:00 GMT", "Date: yesterday",
                                        "Date: Sun, 22 Nov 2026 10:03:00 GMT", NULL};

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct script_step steps[] = {{.http_status = 403, .head = heads[i], .answer = SKEWED}};
        struct fixture f;

        SET_UP(f, steps);
        assert_int_equal(get(&f, "k", NULL, 0), FB_EXPIRED);
        assert_int_equal(fb_credentials_cache_skew_ms(f.cache), 0);
        tear_down(&f);
    }
}

static void with_second_keys(const struct fb_http_request *request)
{
    assert_non_null(strstr(script_header(request, "Authorization"), "Credential=AKID2/"));
}

static void an_expired_token_is_renewed_once(void **state)
{
    static const char expired[] = "<Error><Code>ExpiredToken</Code></Error>";
    static const struct script_step steps[] = {
        {.http_status = 400, .answer = expired},
        {.seen = with_second_keys, .http_status = 200, .answer = "x"},
        {.seen = with_second_keys, .http_status = 400, .answer = expired},
        {.http_status = 400, .answer = expired},
    };
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(get(&f, "k", NULL, 0), FB_OK);
    assert_int_equal(get(&f, "k", NULL, 0), FB_EXPIRED);
    assert_int_equal(f.provider.calls, 3);
    assert_int_equal(fb_verdict_of(&f.error), FB_RETRY_REFRESHED);
    tear_down(&f);
}

static void missing_credentials_are_no_missing_object(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, NULL, 0);
    f.provider.status = FB_NOT_FOUND;
    f.provider.reason = "nothing is set";
    assert_int_equal(get(&f, "k", NULL, 0), FB_DENIED);
    assert_int_equal(f.error.status, FB_DENIED);
    assert_int_equal(fb_verdict_of(&f.error), FB_UNHEALTHY);
    assert_non_null(strstr(f.error.message, "test: nothing is set"));
    tear_down(&f);
}

/* Or a lane would write more slowly to a table that takes all. */
static void throttled_credentials_are_no_throttled_table(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, NULL, 0);
    f.provider.status = FB_THROTTLED;
    f.provider.reason = "AssumeRole: Rate exceeded";
    assert_int_equal(get(&f, "k", NULL, 0), FB_UNAVAILABLE);
    assert_int_equal(f.error.status, FB_UNAVAILABLE);
    assert_int_equal(fb_verdict_of(&f.error), FB_RETRY);
    assert_non_null(strstr(f.error.message, "Rate exceeded"));
    tear_down(&f);
}

static void no_error_holds_a_secret(void **state)
{
    static const struct script_step steps[] = {
        {.http_status = 403,
         .answer = "<Error><Code>SignatureDoesNotMatch</Code><Message>no match</Message>"
                   "<StringToSign>AWS4 test-token</StringToSign></Error>"}};
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(get(&f, "k", NULL, 0), FB_DENIED);
    assert_null(strstr(f.error.message, "test-secret"));
    assert_null(strstr(f.error.message, "test-token"));
    tear_down(&f);
}

static void put_is_whole(const struct fb_http_request *request)
{
    /* SHA-256 of the body. */
    assert_string_equal(script_header(request, "x-amz-content-sha256"),
                        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    assert_non_null(strstr(script_header(request, "Authorization"),
                           "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date"));
}

static void a_put_is_signed_with_the_hash_of_its_body(void **state)
{
    static const struct script_step steps[] = {
        {.method = "PUT",
         .url = BASE "/bucket/d/a%20b%2B.gz",
         .header = "Content-Type: application/gzip",
         .body = "hello",
         .seen = put_is_whole,
         .http_status = 200,
         .head = "ETag: \"e\""},
        {.http_status = 403,
         .answer = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"},
        {.status = FB_UNAVAILABLE, .reason = "time-out"},
        {.http_status = 200, .answer = "<html>log in</html>"},
    };
    const struct fb_s3_put_request request = {.bucket = "bucket",
                                              .key = "d/a b+.gz",
                                              .content_type = "application/gzip",
                                              .bytes = "hello",
                                              .size = 5};
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(fb_s3_put(&f.client, &request, &f.error), FB_OK);
    assert_int_equal(fb_s3_put(&f.client, &request, &f.error), FB_DENIED);
    assert_non_null(strstr(f.error.message, "PutObject of s3://bucket/d/a b+.gz"));
    assert_int_equal(fb_verdict_of(&f.error), FB_UNHEALTHY);
    assert_int_equal(fb_s3_put(&f.client, &request, &f.error), FB_UNAVAILABLE);
    assert_int_equal(fb_s3_put(&f.client, &request, &f.error), FB_UNAVAILABLE);
    assert_non_null(strstr(f.error.message, "no ETag"));
    assert_int_equal(fb_verdict_of(&f.error), FB_RETRY);
    tear_down(&f);
}

static void a_delete_is_answered_without_a_body(void **state)
{
    static const struct script_step steps[] = {
        {.method = "DELETE", .url = BASE "/bucket/d/k", .body = "", .http_status = 204},
        {.http_status = 404,
         .answer = "<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>"},
    };
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(fb_s3_delete(&f.client, "bucket", "d/k", &f.error), FB_OK);
    assert_int_equal(fb_s3_delete(&f.client, "bucket", "d/k", &f.error), FB_NOT_FOUND);
    tear_down(&f);
}

static void an_answer_without_a_body_is_no_object(void **state)
{
    static const struct script_step steps[] = {{.http_status = 204}};
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(get(&f, "k", NULL, 0), FB_UNAVAILABLE);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_listed_in_its_order),
        cmocka_unit_test(without_encoding_type_keys_are_taken_as_they_are),
        cmocka_unit_test(all_parameters_are_sorted_and_encoded),
        cmocka_unit_test(a_damaged_page_reports_nothing),
        cmocka_unit_test(a_callback_ends_the_listing_with_its_status),
        cmocka_unit_test(odd_keys_are_encoded_once_and_not_normalised),
        cmocka_unit_test(a_key_stands_behind_the_bucket_or_its_host),
        cmocka_unit_test(an_access_point_is_signed_for_its_own_region),
        cmocka_unit_test(a_bucket_in_another_region_is_followed_and_remembered),
        cmocka_unit_test(what_is_written_follows_its_bucket_too),
        cmocka_unit_test(a_bucket_at_an_address_is_followed_there),
        cmocka_unit_test(a_region_that_cannot_be_is_not_followed),
        cmocka_unit_test(a_second_redirect_in_one_call_is_not_followed),
        cmocka_unit_test(who_pays_and_who_must_own_is_said_in_every_call),
        cmocka_unit_test(a_payload_is_signed_whatever_the_scheme),
        cmocka_unit_test(a_wrong_bucket_region_or_endpoint_is_refused_before_any_request),
        cmocka_unit_test(a_get_goes_on_from_its_offset),
        cmocka_unit_test(a_range_that_begins_elsewhere_never_reaches_the_sink),
        cmocka_unit_test(what_a_get_is_refused_with_is_told_apart),
        cmocka_unit_test(what_is_not_the_object_never_reaches_the_sink),
        cmocka_unit_test(an_answer_that_ends_early_or_late_is_not_the_whole_object),
        cmocka_unit_test(a_broken_connection_says_which_object),
        cmocka_unit_test(the_sink_ends_a_get_with_its_status),
        cmocka_unit_test(a_wrong_clock_is_corrected_within_the_call),
        cmocka_unit_test(a_bad_date_never_sticks),
        cmocka_unit_test(an_implausible_date_is_not_believed),
        cmocka_unit_test(an_expired_token_is_renewed_once),
        cmocka_unit_test(missing_credentials_are_no_missing_object),
        cmocka_unit_test(throttled_credentials_are_no_throttled_table),
        cmocka_unit_test(no_error_holds_a_secret),
        cmocka_unit_test(a_put_is_signed_with_the_hash_of_its_body),
        cmocka_unit_test(a_delete_is_answered_without_a_body),
        cmocka_unit_test(an_answer_without_a_body_is_no_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
