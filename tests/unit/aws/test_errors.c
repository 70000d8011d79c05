/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/aws/aws_error.h"
#include "firebridge/aws/client.h"

struct answer_case {
    const char *body;
    long http_status;
    const char *code;
    enum fb_status status;
    enum fb_verdict verdict;
    const char *message_has;
};

static const struct answer_case answer_cases[] = {
    {"{\"__type\":\"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException\","
     "\"message\":\"slow\"}",
     400, "ProvisionedThroughputExceededException", FB_THROTTLED, FB_RETRY_SLOWER, "slow"},
    {"{\"__type\":\"ThrottlingException\",\"Message\":\"capital\"}", 400, "ThrottlingException",
     FB_THROTTLED, FB_RETRY_SLOWER, "capital"},
    {"{\"__type\":\"com.amazon.coral.validate#ValidationException\",\"message\":\"duplicates\"}",
     400, "ValidationException", FB_INVALID, FB_REJECTED, "duplicates"},
    {"{\"__type\":\"x#ItemCollectionSizeLimitExceededException\"}", 400,
     "ItemCollectionSizeLimitExceededException", FB_INVALID, FB_REJECTED, "10 GB"},
    {"{\"__type\":\"com.amazon.coral.service#SerializationException\"}", 400,
     "SerializationException", FB_INVALID, FB_REJECTED, ""},
    {"{\"__type\":\"x#ResourceNotFoundException\",\"message\":\"Requested resource not found\"}",
     400, "ResourceNotFoundException", FB_NOT_FOUND, FB_UNHEALTHY, "table's name"},
    {"{\"__type\":\"x#AccessDeniedException\",\"Message\":\"User is not authorized\"}", 400,
     "AccessDeniedException", FB_DENIED, FB_UNHEALTHY, "lack a permission on table t"},
    {"{\"__type\":\"x#UnrecognizedClientException\",\"message\":\"The security token included in "
     "the request is invalid.\"}",
     400, "UnrecognizedClientException", FB_DENIED, FB_UNHEALTHY, "access key"},
    {"{\"__type\":\"x#UnrecognizedClientException\",\"message\":\"The security token included in "
     "the request is expired\"}",
     400, "UnrecognizedClientException", FB_DENIED, FB_RETRY_REFRESHED, ""},
    {"{\"__type\":\"x#ExpiredTokenException\",\"message\":\"x\"}", 400, "ExpiredTokenException",
     FB_EXPIRED, FB_RETRY_REFRESHED, ""},
    {"{\"__type\":\"x#InternalServerError\"}", 500, "InternalServerError", FB_UNAVAILABLE, FB_RETRY,
     ""},
    {"{\"__type\":\"x#TransactionConflictException\"}", 400, "TransactionConflictException",
     FB_UNAVAILABLE, FB_RETRY, ""},
    {"<?xml version=\"1.0\"?>\n<Error><Code>SlowDown</Code><Message>Please reduce</Message>"
     "<RequestId>R1</RequestId></Error>",
     503, "SlowDown", FB_THROTTLED, FB_RETRY_SLOWER, "Please reduce"},
    {"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>", 403,
     "AccessDenied", FB_DENIED, FB_UNHEALTHY, "lack a permission"},
    {"{\"__type\":\"x#ThrottlingException:http://internal.amazon.com/coral/\"}", 400,
     "ThrottlingException", FB_THROTTLED, FB_RETRY_SLOWER, "slowly by itself"},
    {"{\"__type\":\"com.amazonaws.dynamodb.v20120810#ThrottlingException\",\"mess", 400,
     "ThrottlingException", FB_THROTTLED, FB_RETRY_SLOWER, ""},
    {"{\"__type\":\"com.amazonaws.dynamodb.v20120810#Throttl", 400, "", FB_INVALID, FB_UNHEALTHY,
     "no AWS error"},
    {"<Error><Code>NoSuchBucket</Code></Error>", 404, "NoSuchBucket", FB_NOT_FOUND, FB_UNHEALTHY,
     "bucket's name"},
    {"<ErrorResponse xmlns=\"urn:x\"><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code>"
     "<Message>no</Message></Error></ErrorResponse>",
     403, "InvalidClientTokenId", FB_DENIED, FB_UNHEALTHY, "no"},
    {"<Error><Code>ExpiredToken</Code><Message>old</Message><Token-0>SECRET</Token-0></Error>", 400,
     "ExpiredToken", FB_EXPIRED, FB_RETRY_REFRESHED, "old"},
    {"<Error><Code>RequestTimeTooSkewed</Code></Error>", 403, "RequestTimeTooSkewed", FB_EXPIRED,
     FB_RETRY_REFRESHED, "clock"},
    {"<Error><Code>SlowDown</Code><Message>cut o", 503, "SlowDown", FB_THROTTLED, FB_RETRY_SLOWER,
     ""},
    {"<Error><Code>SlowD", 503, "", FB_UNAVAILABLE, FB_RETRY, "no AWS error"},
    {"<html><body><Code>ValidationException</Code></body></html>", 400, "", FB_INVALID,
     FB_UNHEALTHY, "no AWS error"},
    {"<!DOCTYPE x [<!ENTITY a \"b\">]><Error><Code>ValidationException</Code></Error>", 400, "",
     FB_INVALID, FB_UNHEALTHY, ""},
    {"", 502, "", FB_UNAVAILABLE, FB_RETRY, "empty answer"},
    {"", 412, "", FB_INVALID, FB_UNHEALTHY, ""},
    {"", 413, "", FB_TOO_LARGE, FB_UNHEALTHY, ""},
    {"{\"__type\":\"x#RequestEntityTooLargeException\"}", 413, "RequestEntityTooLargeException",
     FB_TOO_LARGE, FB_REJECTED, ""},
    {"", 416, "", FB_INVALID, FB_UNHEALTHY, ""},
    {"", 429, "", FB_THROTTLED, FB_RETRY_SLOWER, ""},
    {"", 403, "", FB_DENIED, FB_UNHEALTHY, ""},
    {"{\"__type\":\"x#SomethingNewException\"}", 400, "SomethingNewException", FB_INVALID,
     FB_UNHEALTHY, ""},
    {"{\"__type\":\"x#SomethingNewException\"}", 503, "SomethingNewException", FB_UNAVAILABLE,
     FB_RETRY, ""},
    {"{\"__type\":17", 400, "", FB_INVALID, FB_UNHEALTHY, ""},
};

static void every_form_of_error_is_read_and_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answer_cases / sizeof *answer_cases; i++) {
        const struct answer_case *c = &answer_cases[i];
        struct fb_http_response response = {.http_status = c->http_status};
        struct fb_error error = {0};
        enum fb_status status =
            fb_aws_error_make(&response, c->body, strlen(c->body), "Op", "table t", &error);

        if (status != c->status || error.status != c->status || strcmp(error.code, c->code) != 0 ||
            fb_verdict_of(&error) != c->verdict || strstr(error.message, c->message_has) == NULL)
            fail_msg("case %zu: %s: status %s, code '%s', verdict %d, message '%s'", i, c->body,
                     fb_status_name(status), error.code, (int)fb_verdict_of(&error), error.message);
        assert_non_null(strstr(error.message, "Op of table t"));
        assert_null(strstr(error.message, "SECRET"));
    }
}

/* What a person reads of the codes that matter, and what to do about each. */
struct sentence_case {
    const char *operation, *subject, *code, *said;
    const char *advice;
};

static const struct sentence_case sentence_cases[] = {
    {"ListObjectsV2", "s3://b/p/", "AccessDenied", "Access Denied",
     "lack s3:ListBucket on s3://b/p/"},
    {"GetObject", "s3://b/k", "AccessDenied", "Access Denied", "lack s3:GetObject on s3://b/k"},
    {"DescribeTable", "table t", "AccessDeniedException", "",
     "lack dynamodb:DescribeTable on table t"},
    {"BatchWriteItem", "table t", "AccessDeniedException", "",
     "lack dynamodb:BatchWriteItem on table t"},
    {"GetObject", "s3://b/k", "AccessDenied",
     "User: arn:aws:sts::1:assumed-role/r is not authorized to perform: kms:Decrypt on resource: "
     "arn:aws:kms:r:1:key/k because no identity-based policy allows the kms:Decrypt action",
     "lack kms:Decrypt; the bucket uses SSE-KMS"},
    {"BatchWriteItem", "table t", "AccessDeniedException", "KMS key access denied error: x",
     "see the key's policy"},
    {"GetObject", "s3://b/k", "InvalidRequest",
     "The object was stored using a form of Server Side Encryption. The correct parameters must be "
     "provided to retrieve the object.",
     "SSE-C"},
    {"GetObject", "s3://b/k", "KMS.DisabledException", "", "disabled; enable it"},
    {"GetObject", "s3://b/k", "KMS.NotFoundException", "", "does not exist any more"},
    {"GetObject", "s3://b/k", "KMS.KMSInvalidStateException", "", "cannot be used now"},
    {"GetObject", "s3://b/k", "InvalidObjectState", "", "restore-object"},
    {"ListObjectsV2", "s3://b/", "NoSuchBucket", "", "check the bucket's name"},
    {"ListObjectsV2", "s3://b/", "AuthorizationHeaderMalformed", "", "region to the bucket's"},
    {"ListObjectsV2", "s3://b/", "InvalidAccessKeyId", "", "check the access key"},
    {"BatchWriteItem", "table t", "UnrecognizedClientException", "", "region is enabled"},
    {"ListObjectsV2", "s3://b/", "SignatureDoesNotMatch", "", "secret access key"},
    {"BatchWriteItem", "table t", "MissingAuthenticationTokenException", "", "Authorization"},
    {"ListObjectsV2", "s3://b/", "RequestTimeTooSkewed", "", "machine's clock"},
    {"ListObjectsV2", "s3://b/", "ExpiredToken", "", "new credentials"},
    {"ListObjectsV2", "s3://b/", "SlowDown", "", "slowly by itself"},
    {"BatchWriteItem", "table t", "ProvisionedThroughputExceededException", "", "write capacity"},
    {"BatchWriteItem", "table t", "RequestLimitExceeded", "", "quota"},
    {"BatchWriteItem", "table t", "ResourceNotFoundException", "", "the region and the account"},
    {"BatchWriteItem", "table t", "ItemCollectionSizeLimitExceededException", "", "10 GB"},
    {"ListObjectsV2", "s3://b/", "OptInRequired", "", "support"},
};

static void the_codes_that_matter_say_what_to_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sentence_cases / sizeof *sentence_cases; i++) {
        const struct sentence_case *c = &sentence_cases[i];
        struct fb_http_response response = {
            .http_status = 403, .request_id = "R1", .extended_id = "X2"};
        struct fb_error error = {0};
        char body[512];

        snprintf(body, sizeof body, "<Error><Code>%s</Code><Message>%s</Message></Error>", c->code,
                 c->said);
        fb_aws_error_make(&response, body, strlen(body), c->operation, c->subject, &error);
        if (strstr(error.message, c->advice) == NULL ||
            strstr(error.message, " (request R1, X2)") == NULL)
            fail_msg("%s: %s", c->code, error.message);
        assert_string_equal(error.extended_id, "X2");
    }
}

static void what_was_signed_is_never_quoted(void **state)
{
    static const char *const bodies[] = {
        "{\"__type\":\"x#InvalidSignatureException\",\"message\":\"The request signature we "
        "calculated does not match. The Canonical String for this request should have been\\n'POST"
        "\\nx-amz-security-token:SECRETTOKEN\\n'\"}",
        "{\"__type\":\"x#IncompleteSignatureException\",\"message\":\"bad header "
        "Authorization=AWS4-HMAC-SHA256 Credential=A, Signature=SECRETTOKEN\"}",
        "{\"__type\":\"x#InvalidSignatureException\",\"message\":\"got "
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct fb_http_response response = {.http_status = 400};
        struct fb_error error = {0};

        fb_aws_error_make(&response, bodies[i], strlen(bodies[i]), "Op", "table t", &error);
        assert_null(strstr(error.message, "SECRETTOKEN"));
        assert_null(strstr(error.message, "5fa00fa3"));
    }
}

static void a_huge_error_body_is_not_parsed(void **state)
{
    size_t size = FB_AWS_ERROR_BODY_MAX_BYTES + 1;
    char *body = malloc(size);
    struct fb_aws_error read;

    (void)state;
    assert_non_null(body);
    memset(body, '<', size);
    fb_aws_error_read(body, size, &read);
    assert_string_equal(read.code, "");
    free(body);
}

static void the_request_id_comes_from_the_head_or_the_body(void **state)
{
    static const char body[] =
        "<Error><Code>X</Code><RequestId>BODY</RequestId><HostId>HOST</HostId></Error>";
    struct fb_http_response response = {.http_status = 500};
    struct fb_error error = {0};

    (void)state;
    fb_aws_error_make(&response, body, sizeof body - 1, "Op", "s3://b/", &error);
    assert_string_equal(error.request_id, "BODY");
    assert_string_equal(error.extended_id, "HOST");
    strcpy(response.request_id, "HEAD");
    fb_aws_error_make(&response, body, sizeof body - 1, "Op", "s3://b/", &error);
    assert_string_equal(error.request_id, "HEAD");
}

static void a_bucket_elsewhere_says_where(void **state)
{
    static const char body[] = "<Error><Code>PermanentRedirect</Code></Error>";
    struct fb_http_response response = {.http_status = 301, .bucket_region = "eu-north-1"};
    struct fb_error error = {0};

    (void)state;
    fb_aws_error_make(&response, body, sizeof body - 1, "Op", "s3://b/", &error);
    assert_non_null(strstr(error.message, "eu-north-1"));
    assert_int_equal(fb_verdict_of(&error), FB_UNHEALTHY);
}

static void a_failure_without_an_answer_is_judged_by_its_status(void **state)
{
    static const struct {
        enum fb_status status;
        enum fb_verdict verdict;
    } cases[] = {
        {FB_UNAVAILABLE, FB_RETRY}, {FB_CORRUPT, FB_RETRY},      {FB_DENIED, FB_UNHEALTHY},
        {FB_INVALID, FB_UNHEALTHY}, {FB_TOO_LARGE, FB_REJECTED}, {FB_THROTTLED, FB_RETRY_SLOWER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fb_error error = {.status = cases[i].status};

        assert_int_equal(fb_verdict_of(&error), cases[i].verdict);
        error.http_status = 200; /* HTML where an answer should be */
        assert_int_equal(fb_verdict_of(&error), cases[i].verdict);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_error_is_read_and_judged),
        cmocka_unit_test(the_codes_that_matter_say_what_to_do),
        cmocka_unit_test(what_was_signed_is_never_quoted),
        cmocka_unit_test(a_huge_error_body_is_not_parsed),
        cmocka_unit_test(the_request_id_comes_from_the_head_or_the_body),
        cmocka_unit_test(a_bucket_elsewhere_says_where),
        cmocka_unit_test(a_failure_without_an_answer_is_judged_by_its_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
