/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/client_fixture.h"
#include "firebridge/aws/transact.h"

#define PUT    "{\"Put\":{\"TableName\":\"ticker\"}}"
#define UPDATE "{\"Update\":{\"TableName\":\"ticker\"}}"

#define ACTIONS 3

static enum fb_status write_three(struct client_fixture *f, struct fb_transact_action *actions)
{
    const char *const texts[ACTIONS] = {PUT, UPDATE, UPDATE};

    for (size_t i = 0; i < ACTIONS; i++)
        actions[i] = (struct fb_transact_action){
            .text = texts[i], .size = strlen(texts[i]), .is_refused = true};
    return fb_dynamodb_transact_write(&f->client, "ticker", actions, ACTIONS, &f->error);
}

static void a_transaction_is_all_of_its_actions(void **state)
{
    static const struct script_step steps[] = {
        {.method = "POST",
         .url = "https://dynamodb.eu-west-1.amazonaws.com/",
         .header = "X-Amz-Target: DynamoDB_20120810.TransactWriteItems",
         .body = "{\"TransactItems\":[" PUT "," UPDATE "," UPDATE "]}",
         .http_status = 200,
         .head = "x-amz-crc32: 2745614147",
         .answer = "{}"},
    };
    struct fb_transact_action actions[ACTIONS];
    struct client_fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(write_three(&f, actions), FB_OK);
    for (size_t i = 0; i < ACTIONS; i++)
        assert_false(actions[i].is_refused);
    client_fixture_tear_down(&f);
}

#define CANCELED(reasons)                                                                          \
    "{\"__type\":\"com.amazonaws.dynamodb.v20120810#TransactionCanceledException\","               \
    "\"CancellationReasons\":[" reasons                                                            \
    "],\"Message\":\"Transaction cancelled, please refer cancellation reasons\"}"
#define NONE       "{\"Code\":\"None\"}"
#define BECAUSE(x) "{\"Code\":\"" x "\",\"Message\":\"why\"}"

static const struct {
    const char *answer;
    enum fb_status status;
    enum fb_verdict verdict;
    const char *code;
    unsigned refused; /* bits */
} refusals[] = {
    /* The marker is there: whatever else is said. */
    {CANCELED(BECAUSE("ConditionalCheckFailed") "," NONE "," NONE), FB_CHANGED, FB_DONE_BEFORE,
     "ConditionalCheckFailedException", 0},
    {CANCELED(BECAUSE("ConditionalCheckFailed") "," BECAUSE("ValidationError") "," NONE),
     FB_CHANGED, FB_DONE_BEFORE, "ConditionalCheckFailedException", 2},
    {CANCELED(NONE "," NONE "," BECAUSE("TransactionConflict")), FB_UNAVAILABLE, FB_RETRY,
     "TransactionConflictException", 0},
    {CANCELED(NONE "," BECAUSE("ThrottlingError") "," BECAUSE("TransactionConflict")), FB_THROTTLED,
     FB_RETRY_SLOWER, "ThrottlingException", 0},
    {CANCELED(NONE "," BECAUSE("ProvisionedThroughputExceeded") "," NONE), FB_THROTTLED,
     FB_RETRY_SLOWER, "ProvisionedThroughputExceededException", 0},
    {CANCELED(NONE "," BECAUSE("TransactionConflict") "," BECAUSE("ValidationError")), FB_INVALID,
     FB_REJECTED, "ValidationException", 4},
    {CANCELED(NONE "," BECAUSE("ItemCollectionSizeLimitExceeded") "," BECAUSE("ValidationError")),
     FB_INVALID, FB_REJECTED, "ValidationException", 6},
    /* What says nothing is no reason to give a record up. */
    {CANCELED(NONE "," NONE), FB_CORRUPT, FB_RETRY, "", 0},
    {CANCELED(NONE "," NONE "," BECAUSE("Mystery")), FB_CORRUPT, FB_RETRY, "", 0},
    {"{\"__type\":\"x#TransactionCanceledException\"}", FB_CORRUPT, FB_RETRY, "", 0},
    {"{\"__type\":\"x#ValidationException\",\"Message\":\"no\"}", FB_INVALID, FB_REJECTED,
     "ValidationException", 0},
    {"{\"__type\":\"x#TransactionInProgressException\"}", FB_UNAVAILABLE, FB_RETRY,
     "TransactionInProgressException", 0},
};

static void each_reason_for_canceling_has_its_verdict(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct script_step steps[] = {{.http_status = 400, .answer = refusals[i].answer}};
        struct fb_transact_action actions[ACTIONS];
        struct client_fixture f;

        SET_UP(f, steps);
        assert_int_equal(write_three(&f, actions), refusals[i].status);
        assert_int_equal(f.error.status, refusals[i].status);
        assert_int_equal(fb_verdict_of(&f.error), refusals[i].verdict);
        assert_string_equal(f.error.code, refusals[i].code);
        for (unsigned k = 0; k < ACTIONS; k++)
            assert_int_equal(actions[k].is_refused, (refusals[i].refused >> k) & 1);
        client_fixture_tear_down(&f);
    }
}

static void reasons_with_a_wrong_crc_are_not_believed(void **state)
{
    static const struct script_step steps[] = {
        {.http_status = 400,
         .head = "x-amz-crc32: 1",
         .answer = CANCELED(NONE "," BECAUSE("ValidationError") "," NONE)},
    };
    struct fb_transact_action actions[ACTIONS];
    struct client_fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(write_three(&f, actions), FB_CORRUPT);
    assert_int_equal(fb_verdict_of(&f.error) == FB_REJECTED, false);
    client_fixture_tear_down(&f);
}

static void an_answer_that_is_none_of_dynamodbs_is_not_believed(void **state)
{
    static const struct script_step steps[] = {
        {.http_status = 200, .answer = "<html>"},
        {.http_status = 200},
        {.http_status = 200, .answer = "{\"__type\":\"x#InternalServerError\"}"},
        {.http_status = 200,
         .answer = " {\"ConsumedCapacity\":[],\"ItemCollectionMetrics\":{\"t\":[{}]}} "},
    };
    struct fb_transact_action actions[ACTIONS];
    struct client_fixture f;

    (void)state;
    SET_UP(f, steps);
    for (int i = 0; i < 3; i++)
        assert_int_equal(write_three(&f, actions), FB_CORRUPT);
    assert_int_equal(write_three(&f, actions), FB_OK);
    client_fixture_tear_down(&f);
}

static void an_item_is_read_as_it_is_now(void **state)
{
    static const struct script_step steps[] = {
        {.header = "X-Amz-Target: DynamoDB_20120810.GetItem",
         .body =
             "{\"TableName\":\"ticker\",\"ConsistentRead\":true,\"Key\":{\"id\":{\"S\":\"a\"}}}",
         .http_status = 200,
         .answer = "{\"Item\":{\"id\":{\"S\":\"a\"},\"firebridge\":{\"S\":\"5.1\"}}}"},
        {.http_status = 200, .answer = "{}"},
        {.http_status = 200, .answer = "<html>"},
        {.http_status = 400, .answer = "{\"__type\":\"x#ResourceNotFoundException\"}"},
    };
    static const char key[] = "{\"id\":{\"S\":\"a\"}}";
    json_t *item = NULL;
    struct client_fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(
        fb_dynamodb_get_item(&f.client, "ticker", key, sizeof key - 1, &item, &f.error), FB_OK);
    assert_int_equal(json_object_size(item), 2);
    json_decref(item);
    assert_int_equal(
        fb_dynamodb_get_item(&f.client, "ticker", key, sizeof key - 1, &item, &f.error), FB_OK);
    assert_null(item);
    assert_int_equal(
        fb_dynamodb_get_item(&f.client, "ticker", key, sizeof key - 1, &item, &f.error),
        FB_CORRUPT);
    assert_int_equal(
        fb_dynamodb_get_item(&f.client, "ticker", key, sizeof key - 1, &item, &f.error),
        FB_NOT_FOUND);
    client_fixture_tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transaction_is_all_of_its_actions),
        cmocka_unit_test(each_reason_for_canceling_has_its_verdict),
        cmocka_unit_test(reasons_with_a_wrong_crc_are_not_believed),
        cmocka_unit_test(an_answer_that_is_none_of_dynamodbs_is_not_believed),
        cmocka_unit_test(an_item_is_read_as_it_is_now),
    };

    return cmocka_run_group_tests_name("aws/transact", tests, NULL, NULL);
}
