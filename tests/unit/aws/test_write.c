/* SPDX-License-Identifier: Apache-2.0 */
/* The calls behind fb_dynamodb_write but BatchWriteItem: what is sent, and what answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/script_transport.h"
#include "../support/static_credentials.h"
#include "firebridge/aws/write.h"

#define NOW_MS (INT64_C(1795341600) * 1000)

struct fixture {
    struct fb_clock_virtual clock;
    struct static_provider provider;
    struct fb_credentials_cache *cache;
    struct fb_client client;
    struct fb_write_scratch scratch;
    struct fb_write_target target;
    struct fb_batch_entry entries[2];
    double units;
    struct fb_error error;
};

static const struct fb_key_schema schema = {
    .attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_STRING},
                   {.name = "n", .name_size = 1, .type = FB_KEY_NUMBER}},
    .count = 2,
};

/* The cursor reads whole blocks: behind the text must stand as much as json_text.h demands. */
#define SLACK  "                                                                "
#define FIRST  "{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"},\"x\":{\"S\":\"one\"},\"v\":{\"N\":\"5\"}}"
#define SECOND "{\"id\":{\"S\":\"b\"},\"n\":{\"N\":\"2\"},\"it is\":{\"NULL\":true}}"

static void set_entry(struct fb_batch_entry *entry, const char *item, enum fb_operation operation)
{
    const char *version = strstr(item, "{\"N\":\"5\"}");

    *entry = (struct fb_batch_entry){
        .item = item, .item_size = strlen(item) - strlen(SLACK), .operation = operation};
    if (version != NULL) {
        entry->version_at = (size_t)(version - item);
        entry->version_size = strlen("{\"N\":\"5\"}");
    }
}

static void set_up(struct fixture *f, const struct script_step *steps, size_t count)
{
    memset(f, 0, sizeof *f);
    fb_clock_virtual_init(&f->clock, NOW_MS);
    static_provider_init(&f->provider, INT64_MAX);
    f->cache = static_cache_new(&f->provider, &f->clock.clock);
    f->client = (struct fb_client){.transport = script_transport_new(steps, count),
                                   .credentials = f->cache,
                                   .clock = &f->clock.clock,
                                   .region = "eu-west-1"};
    fb_write_scratch_init(&f->scratch);
    f->target = (struct fb_write_target){.table = "t",
                                         .schema = &schema,
                                         .version_attribute = "v",
                                         .removes_nulls = true,
                                         .scratch = &f->scratch};
    set_entry(&f->entries[0], FIRST SLACK, FB_INSERT);
    set_entry(&f->entries[1], SECOND SLACK, FB_INSERT);
}

static void tear_down(struct fixture *f)
{
    script_transport_assert_done(f->client.transport);
    fb_transport_free(f->client.transport);
    fb_credentials_cache_free(f->cache);
    fb_write_scratch_done(&f->scratch);
}

static enum fb_status write_them(struct fixture *f, enum fb_write_kind kind, size_t count)
{
    return fb_dynamodb_write(&f->client, &f->target, kind, f->entries, count, &f->units, &f->error);
}

#define ONE(kind, status_, body_)                                                                  \
    {                                                                                              \
        .header = "X-Amz-Target: DynamoDB_20120810." kind, .http_status = (status_),               \
        .answer = (body_)                                                                          \
    }

static void inserts_are_statements_with_parameters(void **state)
{
    static const struct script_step steps[] = {
        {.header = "X-Amz-Target: DynamoDB_20120810.BatchExecuteStatement",
         .body = "{\"Statements\":[{\"Statement\":\"INSERT INTO \\\"t\\\" VALUE "
                 "{'id':?,'n':?,'x':?,'v':?}\",\"Parameters\":[{\"S\":\"a\"},{\"N\":\"1\"},"
                 "{\"S\":\"one\"},{\"N\":\"5\"}]},{\"Statement\":\"INSERT INTO \\\"t\\\" VALUE "
                 "{'id':?,'n':?,'it is':?}\",\"Parameters\":[{\"S\":\"b\"},{\"N\":\"2\"},"
                 "{\"NULL\":true}]}],\"ReturnConsumedCapacity\":\"TOTAL\"}",
         .http_status = 200,
         .answer = "{\"Responses\":[{\"TableName\":\"t\"},{\"Error\":{\"Code\":\"DuplicateItem\","
                   "\"Message\":\"x\"},\"TableName\":\"t\"}],\"ConsumedCapacity\":[{\"TableName\":"
                   "\"t\",\"CapacityUnits\":1.0},{\"CapacityUnits\":2.5}]}"},
    };
    struct fixture f;

    (void)state;
    set_up(&f, steps, 1);
    f.target.wants_units = true;
    assert_int_equal(write_them(&f, FB_WRITE_INSERTS, 2), FB_OK);
    assert_false(f.entries[0].is_there);
    assert_true(f.entries[1].is_there);
    assert_true(f.units > 3.49 && f.units < 3.51);
    tear_down(&f);
}

/* What becomes of the first of two statements, and of the call. */
static void what_a_statements_error_means(void **state)
{
    static const struct {
        const char *code;
        enum fb_status status;
        bool unprocessed, is_there, is_refused;
    } cases[] = {
        {"DuplicateItem", FB_OK, false, true, false},
        {"ValidationError", FB_OK, false, false, true},
        {"ItemCollectionSizeLimitExceeded", FB_OK, false, false, true},
        {"ProvisionedThroughputExceeded", FB_OK, true, false, false},
        {"ThrottlingError", FB_OK, true, false, false},
        {"RequestLimitExceeded", FB_OK, true, false, false},
        {"InternalServerError", FB_OK, true, false, false},
        {"TransactionConflict", FB_OK, true, false, false},
        {"AccessDenied", FB_DENIED, false, false, false},
        {"ResourceNotFound", FB_NOT_FOUND, false, false, false},
        {"NobodyKnowsIt", FB_INVALID, false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char answer[256];
        const struct script_step steps[] = {ONE("BatchExecuteStatement", 200, answer)};
        struct fixture f;

        snprintf(answer, sizeof answer,
                 "{\"Responses\":[{\"Error\":{\"Code\":\"%s\",\"Message\":\"why\"}},{}]}",
                 cases[i].code);
        set_up(&f, steps, 1);
        assert_int_equal(write_them(&f, FB_WRITE_INSERTS, 2), cases[i].status);
        assert_int_equal(f.entries[0].unprocessed, cases[i].unprocessed);
        assert_int_equal(f.entries[0].is_there, cases[i].is_there);
        assert_int_equal(f.entries[0].is_refused, cases[i].is_refused);
        if (cases[i].is_refused)
            assert_non_null(strstr(f.entries[0].refusal, "why"));
        if (cases[i].status != FB_OK)
            assert_string_equal(f.error.code, cases[i].code);
        assert_false(f.entries[1].unprocessed || f.entries[1].is_there || f.entries[1].is_refused);
        tear_down(&f);
    }
}

static void an_answer_that_is_none_is_not_taken_for_one(void **state)
{
    static const struct {
        enum fb_write_kind kind;
        const char *answer;
    } cases[] = {
        {FB_WRITE_INSERTS, "{\"Responses\":[{}]}"},
        {FB_WRITE_INSERTS, "{\"Responses\":[{},{},{}]}"},
        {FB_WRITE_INSERTS, "{\"Responses\":[{},1]}"},
        {FB_WRITE_INSERTS, "{\"Responses\":{}}"},
        {FB_WRITE_INSERTS, "{}"},
        {FB_WRITE_INSERTS, "<html>"},
        {FB_WRITE_INSERTS, "{\"Responses\":[{\"TableName\":\"u\"},{}]}"},
        {FB_WRITE_IF_ABSENT, ""},
        {FB_WRITE_IF_ABSENT, "[]"},
        {FB_WRITE_NEWER, "<html>log in</html>"},
        {FB_WRITE_UPDATE, "{"},
        {FB_WRITE_UPDATE, "{} {}"},
        {FB_WRITE_IF_ABSENT, "{\"__type\":\"x#InternalServerError\",\"message\":\"try again\"}"},
        {FB_WRITE_NEWER, "{\"__type\":\"x#InternalServerError\"}"},
        {FB_WRITE_UPDATE, "{\"status\":\"ok\"}"},
        {FB_WRITE_UPDATE, "{\"ConsumedCapacity\":{},\"error\":{}}"},
        {FB_WRITE_UPDATE, "{\"ConsumedCapacity\":{\"TableName\":\"u\",\"CapacityUnits\":1}}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct script_step steps[] = {{.http_status = 200, .answer = cases[i].answer}};
        struct fixture f;

        set_up(&f, steps, 1);
        assert_int_equal(write_them(&f, cases[i].kind, cases[i].kind == FB_WRITE_INSERTS ? 2 : 1),
                         FB_CORRUPT);
        tear_down(&f);
    }
}

static void an_insert_of_its_own_has_a_condition(void **state)
{
    static const struct script_step steps[] = {
        {.header = "X-Amz-Target: DynamoDB_20120810.PutItem",
         .body = "{\"TableName\":\"t\",\"Item\":" FIRST ",\"ConditionExpression\":"
                 "\"attribute_not_exists(#k)\",\"ExpressionAttributeNames\":{\"#k\":\"id\"}}",
         .http_status = 200,
         .answer = "{}"},
        ONE("PutItem", 400, "{\"__type\":\"x#ConditionalCheckFailedException\"}"),
        ONE("PutItem", 400, "{\"__type\":\"x#ValidationException\",\"message\":\"no\"}"),
    };
    struct fixture f;

    (void)state;
    set_up(&f, steps, 3);
    assert_int_equal(write_them(&f, FB_WRITE_IF_ABSENT, 1), FB_OK);
    assert_false(f.entries[0].is_there);
    assert_int_equal(write_them(&f, FB_WRITE_IF_ABSENT, 1), FB_OK);
    assert_true(f.entries[0].is_there);
    assert_int_equal(write_them(&f, FB_WRITE_IF_ABSENT, 1), FB_INVALID);
    tear_down(&f);
}

#define FAILED(item)                                                                               \
    "{\"__type\":\"com.x#ConditionalCheckFailedException\",\"message\":\"m\"" item "}"

static void a_newer_version_is_put_with_a_condition(void **state)
{
    static const struct script_step steps[] = {
        {.header = "X-Amz-Target: DynamoDB_20120810.PutItem",
         .body = "{\"TableName\":\"t\",\"Item\":" FIRST ",\"ConditionExpression\":"
                 "\"attribute_not_exists(#v) OR #v < :v\","
                 "\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\","
                 "\"ExpressionAttributeNames\":{\"#v\":\"v\"},"
                 "\"ExpressionAttributeValues\":{\":v\":{\"N\":\"5\"}}}",
         .http_status = 200,
         .answer = "{}"},
    };
    struct fixture f;

    (void)state;
    set_up(&f, steps, 1);
    f.entries[0].operation = FB_NEWER;
    assert_int_equal(write_them(&f, FB_WRITE_NEWER, 1), FB_OK);
    assert_false(f.entries[0].is_there || f.entries[0].is_refused);
    tear_down(&f);
}

static void a_failed_condition_tells_stale_from_of_another_type(void **state)
{
    static const struct {
        const char *answer, *crc32;
        enum fb_status status;
        bool is_there, is_refused;
    } cases[] = {
        {FAILED(",\"Item\":{\"id\":{\"S\":\"a\"},\"v\":{\"N\":\"7\"}}"), NULL, FB_OK, true, false},
        {FAILED(",\"Item\":{\"v\":{\"S\":\"7\"}}"), NULL, FB_OK, false, true},
        {FAILED(",\"Item\":{\"v\":{\"M\":{}}}"), NULL, FB_OK, false, true},
        {FAILED(",\"Item\":{\"\\u0076\":{\"N\":\"7\"}}"), NULL, FB_OK, true, false},
        /* It does not say what is there: nothing may be concluded. */
        {FAILED(""), NULL, FB_CORRUPT, false, false},
        {FAILED(",\"Item\":7"), NULL, FB_CORRUPT, false, false},
        {FAILED(",\"Item\":{\"v\":{\"N\":\"7\"}}"), "x-amz-crc32: 1", FB_CONFLICT, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct script_step steps[] = {
            {.http_status = 400, .answer = cases[i].answer, .head = cases[i].crc32}};
        struct fixture f;

        set_up(&f, steps, 1);
        f.entries[0].operation = FB_NEWER;
        assert_int_equal(write_them(&f, FB_WRITE_NEWER, 1), cases[i].status);
        assert_int_equal(f.entries[0].is_there, cases[i].is_there);
        assert_int_equal(f.entries[0].is_refused, cases[i].is_refused);
        tear_down(&f);
    }
}

/* Over the 64 KiB that are kept of other errors. */
static void what_is_there_may_be_large(void **state)
{
    char *answer = malloc(600000);
    struct script_step steps[] = {{.http_status = 400}};
    struct fixture f;
    int size;

    (void)state;
    assert_non_null(answer);
    size = snprintf(answer, 600000,
                    "{\"__type\":\"x#ConditionalCheckFailedException\",\"Item\":{"
                    "\"big\":{\"S\":\"%0400000d\"},\"v\":{\"N\":\"9\"}}}",
                    7);
    assert_true(size > 400000);
    steps[0].answer = answer;
    set_up(&f, steps, 1);
    f.entries[0].operation = FB_NEWER;
    assert_int_equal(write_them(&f, FB_WRITE_NEWER, 1), FB_OK);
    assert_true(f.entries[0].is_there);
    tear_down(&f);
    free(answer);
}

#define KEY_OF_FIRST     "\"Key\":{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}}"
#define SET(name, value) "\"" name "\":{\"Action\":\"PUT\",\"Value\":" value "}"

static void an_update_sets_attributes_and_null_removes(void **state)
{
    static const struct script_step steps[] = {
        {.header = "X-Amz-Target: DynamoDB_20120810.UpdateItem",
         .body = "{\"TableName\":\"t\"," KEY_OF_FIRST ",\"AttributeUpdates\":{" SET(
             "x", "{\"S\":\"one\"}") "," SET("v", "{\"N\":\"5\"}") "}}",
         .http_status = 200,
         .answer = "{}"},
        {.body = "{\"TableName\":\"t\",\"Key\":{\"id\":{\"S\":\"b\"},\"n\":{\"N\":\"2\"}},"
                 "\"AttributeUpdates\":{\"it is\":{\"Action\":\"DELETE\"}}}",
         .http_status = 200,
         .answer = "{}"},
        {.body = "{\"TableName\":\"t\",\"Key\":{\"id\":{\"S\":\"b\"},\"n\":{\"N\":\"2\"}},"
                 "\"AttributeUpdates\":{" SET("it is", "{\"NULL\":true}") "}}",
         .http_status = 200,
         .answer = "{}"},
        {.body = "{\"TableName\":\"t\"," KEY_OF_FIRST "}", .http_status = 200, .answer = "{}"},
    };
    struct fixture f;

    (void)state;
    set_up(&f, steps, 4);
    assert_int_equal(write_them(&f, FB_WRITE_UPDATE, 1), FB_OK);
    f.entries[0] = f.entries[1];
    assert_int_equal(write_them(&f, FB_WRITE_UPDATE, 1), FB_OK);
    f.target.removes_nulls = false;
    assert_int_equal(write_them(&f, FB_WRITE_UPDATE, 1), FB_OK);
    set_entry(&f.entries[0], "{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}}" SLACK, FB_UPDATE);
    assert_int_equal(write_them(&f, FB_WRITE_UPDATE, 1), FB_OK);
    tear_down(&f);
}

/* Also where a name is spelled in two ways. */
static void of_merged_updates_the_later_value_counts(void **state)
{
    static const char oldest[] = "{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"},\"x\":{\"S\":\"old\"},"
                                 "\"p\":{\"N\":\"1\"},\"\\u0071\":{\"N\":\"1\"}}" SLACK;
    static const char middle[] = "{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"},\"p\":{\"NULL\":true},"
                                 "\"q\":{\"N\":\"2\"}}" SLACK;
    static const struct script_step steps[] = {
        {.body = "{\"TableName\":\"t\"," KEY_OF_FIRST
                 ",\"AttributeUpdates\":{" SET("x", "{\"S\":\"one\"}") "," SET(
                     "v", "{\"N\":\"5\"}") ",\"p\":{\"Action\":"
                                           "\"DELETE\"}," SET("q", "{\"N\":\"2\"}") "}}",
         .http_status = 200,
         .answer = "{}"},
    };
    const struct fb_json_text earlier[] = {{oldest, 0}, {middle, 0}};
    struct fixture f;

    (void)state;
    set_up(&f, steps, 1);
    f.entries[0].earlier = earlier;
    f.entries[0].earlier_count = 2;
    assert_int_equal(write_them(&f, FB_WRITE_UPDATE, 1), FB_OK);
    tear_down(&f);
}

static void partiql_cannot_say_every_insert(void **state)
{
    static const struct {
        const char *table, *item;
        bool can;
    } cases[] = {
        {"t", FIRST SLACK, true},
        {"t", SECOND SLACK, true},
        {"arn:aws:dynamodb:eu-west-1:123456789012:table/t", FIRST SLACK, false},
        {"t", "{\"it's\":{\"S\":\"\"}}" SLACK, false},
        {"t", "{\"a\\\"b\":{\"S\":\"\"}}" SLACK, false},
        {"t", "{\"\\u0061\":{\"S\":\"\"}}" SLACK, false},
        {"t", "{\"\xc3\xa9\":{\"S\":\"\"}}" SLACK, false},
        {"t", "{\"a.b-c d\":{\"S\":\"\"}}" SLACK, true},
    };
    char *wide = malloc(20000);
    size_t size = 1;

    (void)state;
    assert_non_null(wide);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct fb_write_target target = {.table = cases[i].table, .schema = &schema};

        assert_int_equal(fb_write_can_be_statement(&target, cases[i].item, strlen(cases[i].item)),
                         cases[i].can);
    }
    wide[0] = '{';
    for (int i = 0; i < 1000; i++)
        size += (size_t)sprintf(wide + size, "%s\"a%03d\":{\"N\":\"1\"}", i > 0 ? "," : "", i);
    memcpy(wide + size, "}" SLACK, sizeof "}" SLACK);
    assert_false(fb_write_can_be_statement(
        &(struct fb_write_target){.table = "t", .schema = &schema}, wide, size + 1));
    free(wide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inserts_are_statements_with_parameters),
        cmocka_unit_test(what_a_statements_error_means),
        cmocka_unit_test(an_answer_that_is_none_is_not_taken_for_one),
        cmocka_unit_test(an_insert_of_its_own_has_a_condition),
        cmocka_unit_test(a_newer_version_is_put_with_a_condition),
        cmocka_unit_test(a_failed_condition_tells_stale_from_of_another_type),
        cmocka_unit_test(what_is_there_may_be_large),
        cmocka_unit_test(an_update_sets_attributes_and_null_removes),
        cmocka_unit_test(of_merged_updates_the_later_value_counts),
        cmocka_unit_test(partiql_cannot_say_every_insert),
    };

    return cmocka_run_group_tests_name("aws/write", tests, NULL, NULL);
}
