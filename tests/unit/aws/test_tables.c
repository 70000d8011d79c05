/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/client_fixture.h"
#include "firebridge/aws/tables.h"

static const struct fb_key_schema schema = {
    .attributes = {{.name = "pk", .name_size = 2, .type = FB_KEY_STRING},
                   {.name = "n\"", .name_size = 2, .type = FB_KEY_NUMBER}},
    .count = 2,
};

static void a_table_is_made_on_demand_with_its_key(void **state)
{
    static const struct script_step steps[] = {
        {.method = "POST",
         .header = "X-Amz-Target: DynamoDB_20120810.CreateTable",
         .body = "{\"TableName\":\"ticker\",\"AttributeDefinitions\":[{\"AttributeName\":\"pk\","
                 "\"AttributeType\":\"S\"},{\"AttributeName\":\"n\\\"\",\"AttributeType\":\"N\"}],"
                 "\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"},"
                 "{\"AttributeName\":\"n\\\"\",\"KeyType\":\"RANGE\"}],"
                 "\"BillingMode\":\"PAY_PER_REQUEST\"}",
         .http_status = 200,
         .answer = "{\"TableDescription\":{}}"},
        {.http_status = 400,
         .answer = "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceInUseException\"}"},
        {.http_status = 200, .answer = "[]"},
    };
    json_t *creation = fb_table_creation("ticker", &schema);
    struct client_fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(fb_dynamodb_create_table(&f.client, "ticker", creation, &f.error), FB_OK);
    assert_int_equal(fb_dynamodb_create_table(&f.client, "ticker", creation, &f.error),
                     FB_UNAVAILABLE);
    assert_string_equal(f.error.code, "ResourceInUseException");
    assert_int_equal(fb_dynamodb_create_table(&f.client, "ticker", creation, &f.error), FB_CORRUPT);
    json_decref(creation);
    client_fixture_tear_down(&f);
}

static void an_attribute_is_named_by_which_items_are_to_expire(void **state)
{
    static const struct script_step steps[] = {
        {.header = "X-Amz-Target: DynamoDB_20120810.UpdateTimeToLive",
         .body = "{\"TableName\":\"ticker\",\"TimeToLiveSpecification\":{\"Enabled\":true,"
                 "\"AttributeName\":\"ttl\"}}",
         .http_status = 200,
         .answer = "{}"},
    };
    json_t *expiry = fb_table_expiry("ticker", "ttl");
    struct client_fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(fb_dynamodb_update_ttl(&f.client, "ticker", expiry, &f.error), FB_OK);
    json_decref(expiry);
    client_fixture_tear_down(&f);
}

static void the_attribute_by_which_items_expire_is_told(void **state)
{
    static const struct script_step steps[] = {
        {.header = "X-Amz-Target: DynamoDB_20120810.DescribeTimeToLive",
         .body = "{\"TableName\":\"ticker\"}",
         .http_status = 200,
         .answer = "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"ENABLED\","
                   "\"AttributeName\":\"expires\"}}"},
        {.http_status = 200,
         .answer = "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"DISABLING\","
                   "\"AttributeName\":\"expires\"}}"},
    };
    char attribute[FB_KEY_NAME_MAX + 1];
    struct client_fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(fb_dynamodb_describe_ttl(&f.client, "ticker", attribute, &f.error), FB_OK);
    assert_string_equal(attribute, "expires");
    assert_int_equal(fb_dynamodb_describe_ttl(&f.client, "ticker", attribute, &f.error), FB_OK);
    assert_string_equal(attribute, "");
    client_fixture_tear_down(&f);
}

static void what_says_nothing_of_expiry_is_not_believed(void **state)
{
    static const struct script_step steps[] = {
        {.http_status = 200, .answer = "{}"},
        {.http_status = 200, .answer = "{\"TimeToLiveDescription\":[]}"},
        {.http_status = 200,
         .answer = "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"ENABLED\"}}"},
        {.http_status = 200,
         .answer = "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":7,\"AttributeName\":\"t\"}}"},
        {.http_status = 200, .answer = "<html>"},
    };
    char attribute[FB_KEY_NAME_MAX + 1] = "untouched";
    struct client_fixture f;

    (void)state;
    SET_UP(f, steps);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        assert_int_equal(fb_dynamodb_describe_ttl(&f.client, "ticker", attribute, &f.error),
                         FB_CORRUPT);
    assert_string_equal(attribute, "untouched");
    client_fixture_tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_made_on_demand_with_its_key),
        cmocka_unit_test(an_attribute_is_named_by_which_items_are_to_expire),
        cmocka_unit_test(the_attribute_by_which_items_expire_is_told),
        cmocka_unit_test(what_says_nothing_of_expiry_is_not_believed),
    };

    return cmocka_run_group_tests_name("aws/tables", tests, NULL, NULL);
}
