/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/client_fixture.h"
#include "firebridge/aws/batch_get.h"

#define KEYS 3

static const struct fb_key_schema schema = {
    .attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_STRING},
                   {.name = "n", .name_size = 1, .type = FB_KEY_NUMBER}},
    .count = 2,
};

static const char *const ids[KEYS] = {"a", "b", "q\\\""};
static const char *const numbers[KEYS] = {"1", "1.50", "-2e3"};
static const char *const keys[KEYS] = {"{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}}",
                                       "{\"id\":{\"S\":\"b\"},\"n\":{\"N\":\"1.50\"}}",
                                       "{\"id\":{\"S\":\"q\\\"\"},\"n\":{\"N\":\"-2e3\"}}"};

struct fixture {
    struct client_fixture base;
    struct fb_buffer canonical[KEYS];
    struct fb_get_entry entries[KEYS];
    struct fb_buffer answer;
};

static void set_up(struct fixture *f, const struct script_step *steps, size_t count)
{
    memset(f, 0, sizeof *f);
    client_fixture_set_up(&f->base, steps, count);
    fb_buffer_init(&f->answer, 65536);
    for (size_t i = 0; i < KEYS; i++) {
        fb_buffer_init(&f->canonical[i], 256);
        assert_int_equal(
            fb_key_append_canonical(&f->canonical[i], FB_KEY_STRING, ids[i], strlen(ids[i])),
            FB_OK);
        assert_int_equal(fb_key_append_canonical(&f->canonical[i], FB_KEY_NUMBER, numbers[i],
                                                 strlen(numbers[i])),
                         FB_OK);
        f->entries[i] = (struct fb_get_entry){.key = keys[i],
                                              .key_size = strlen(keys[i]),
                                              .canonical = f->canonical[i].bytes,
                                              .canonical_size = f->canonical[i].size};
    }
}

static void tear_down(struct fixture *f)
{
    client_fixture_tear_down(&f->base);
    for (size_t i = 0; i < KEYS; i++)
        fb_buffer_done(&f->canonical[i]);
    fb_buffer_done(&f->answer);
}

#undef SET_UP
#define SET_UP(f, steps) set_up(&(f), steps, sizeof(steps) / sizeof *(steps))

static enum fb_status get(struct fixture *f)
{
    return fb_dynamodb_batch_get(&f->base.client, "ticker", &schema, f->entries, KEYS, &f->answer,
                                 &f->base.error);
}

#define A "{\"x\":{\"M\":{\"id\":{\"S\":\"b\"}}},\"n\":{\"N\":\"1.0\"},\"id\":{\"S\":\"\\u0061\"}}"

static void items_are_found_by_their_keys_in_whatever_spelling(void **state)
{
    static const struct script_step steps[] = {
        {.method = "POST",
         .header = "X-Amz-Target: DynamoDB_20120810.BatchGetItem",
         .body = "{\"RequestItems\":{\"ticker\":{\"ConsistentRead\":true,\"Keys\":["
                 "{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}},"
                 "{\"id\":{\"S\":\"b\"},\"n\":{\"N\":\"1.50\"}},"
                 "{\"id\":{\"S\":\"q\\\"\"},\"n\":{\"N\":\"-2e3\"}}]}}}",
         .http_status = 200,
         .answer = "{\"Responses\":{\"ticker\":[" A "]},\"UnprocessedKeys\":{\"ticker\":{\"Keys\":"
                   "[{\"id\":{\"S\":\"q\\\"\"},\"n\":{\"N\":\"-2000\"}}],"
                   "\"ConsistentRead\":true}}}"},
    };
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(get(&f), FB_OK);
    assert_int_equal(f.entries[0].item_size, strlen(A));
    assert_memory_equal(f.entries[0].item, A, strlen(A));
    assert_false(f.entries[0].unprocessed);
    assert_null(f.entries[1].item);
    assert_false(f.entries[1].unprocessed);
    assert_null(f.entries[2].item);
    assert_true(f.entries[2].unprocessed);
    tear_down(&f);
}

#define B "{\"id\":{\"S\":\"b\"},\"n\":{\"N\":\"15e-1\"}}"

/* Each is an answer that is not to be believed. */
static const char *const hostile[] = {
    "",
    "<html>",
    "[]",
    "{}",
    "{\"Responses\":[]}",
    "{\"Responses\":{\"ticker\":{}}}",
    "{\"Responses\":{\"ticker\":[7]}}",
    "{\"Responses\":{\"ticker\":[{\"id\":{\"S\":\"b\"}}]}}",
    "{\"Responses\":{\"ticker\":[{\"id\":{\"N\":\"b\"},\"n\":{\"N\":\"1.5\"}}]}}",
    "{\"Responses\":{\"ticker\":[{\"id\":{\"S\":\"z\"},\"n\":{\"N\":\"1\"}}]}}",
    "{\"Responses\":{\"ticker\":[" B "," B "]}}",
    "{\"Responses\":{\"another\":[" B "]}}",
    "{\"Responses\":{\"ticker\":[" B "]},\"UnprocessedKeys\":{\"ticker\":{\"Keys\":[" B "]}}}",
    "{\"Responses\":{},\"UnprocessedKeys\":{\"another\":{\"Keys\":[" B "]}}}",
    "{\"Responses\":{},\"UnprocessedKeys\":{\"ticker\":[" B "]}}",
    "{\"Responses\":{},\"UnprocessedKeys\":[]}",
    "{\"Responses\":{\"ticker\":[" B "]}",
    "{\"Responses\":{\"ticker\":[{\"id\":{\"S\":\"b\xff\"},\"n\":{\"N\":\"1.5\"}}]}}",
};

static void an_answer_that_gives_what_was_not_asked_for_is_not_believed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        const struct script_step steps[] = {{.http_status = 200, .answer = hostile[i]}};
        struct fixture f;

        SET_UP(f, steps);
        assert_int_equal(get(&f), FB_CORRUPT);
        assert_non_null(
            strstr(f.base.error.message, "BatchGetItem of table ticker: the answer is not"));
        tear_down(&f);
    }
}

static void an_answer_over_the_maximum_is_refused(void **state)
{
    static const struct script_step steps[] = {
        {.http_status = 200, .answer = "{\"Responses\":{\"ticker\":[" B "]}}"}};
    struct fixture f;

    (void)state;
    SET_UP(f, steps);
    f.answer.max_bytes = 16;
    assert_int_equal(get(&f), FB_CORRUPT);
    tear_down(&f);
}

static void a_call_has_1_to_100_keys(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, NULL, 0);
    assert_int_equal(fb_dynamodb_batch_get(&f.base.client, "ticker", &schema, f.entries, 0,
                                           &f.answer, &f.base.error),
                     FB_INVALID);
    assert_int_equal(fb_dynamodb_batch_get(&f.base.client, "ticker", &schema, f.entries,
                                           FB_GET_MAX_ITEMS + 1, &f.answer, &f.base.error),
                     FB_INVALID);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_found_by_their_keys_in_whatever_spelling),
        cmocka_unit_test(an_answer_that_gives_what_was_not_asked_for_is_not_believed),
        cmocka_unit_test(an_answer_over_the_maximum_is_refused),
        cmocka_unit_test(a_call_has_1_to_100_keys),
    };

    return cmocka_run_group_tests_name("aws/batch_get", tests, NULL, NULL);
}
