/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "../support/client_fixture.h"
#include "firebridge/aws/write.h"

static const struct fb_key_schema schema = {
    .attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_STRING},
                   {.name = "n", .name_size = 1, .type = FB_KEY_NUMBER}},
    .count = 2,
};

#define ITEM(id, n) "{\"id\":{\"S\":\"" id "\"},\"n\":{\"N\":\"" n "\"},\"x\":{\"BOOL\":true}}"

#define ENTRY_COUNT 4

/* Four items, the last two with keys that are hard to recognise. */
struct entries {
    struct fb_batch_entry items[ENTRY_COUNT];
    struct fb_buffer keys[ENTRY_COUNT];
};

static void make_entries(struct entries *entries)
{
    static const struct {
        const char *item, *id, *n;
    } sent[ENTRY_COUNT] = {
        {ITEM("a", "1"), "a", "1"},
        {ITEM("a", "2"), "a", "2"},
        {ITEM("q\\\"\\u0001\\\\\\u00e4", "1.50"), "q\\\"\\u0001\\\\\\u00e4", "1.50"},
        {ITEM("nul\\u0000", "-1e2"), "nul\\u0000", "-1e2"},
    };

    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        struct fb_buffer *key = &entries->keys[i];

        fb_buffer_init(key, (size_t)16 * 1024);
        assert_int_equal(
            fb_key_append_canonical(key, FB_KEY_STRING, sent[i].id, strlen(sent[i].id)), FB_OK);
        assert_int_equal(fb_key_append_canonical(key, FB_KEY_NUMBER, sent[i].n, strlen(sent[i].n)),
                         FB_OK);
        entries->items[i] = (struct fb_batch_entry){.item = sent[i].item,
                                                    .item_size = strlen(sent[i].item),
                                                    .key = key->bytes,
                                                    .key_size = key->size,
                                                    .unprocessed = true};
    }
}

static void free_entries(struct entries *entries)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++)
        fb_buffer_done(&entries->keys[i]);
}

static enum fb_status write_batch(struct client_fixture *f, const char *table,
                                  struct fb_batch_entry *entries, size_t count)
{
    const struct fb_write_target target = {.table = table, .schema = &schema};
    double units;

    return fb_dynamodb_write(&f->client, &target, FB_WRITE_BATCH, entries, count, &units,
                             &f->error);
}

static enum fb_status write_table(struct client_fixture *f, struct entries *entries,
                                  const char *table)
{
    return write_batch(f, table, entries->items, ENTRY_COUNT);
}

static void is_signed_json(const struct fb_http_request *request)
{
    assert_string_equal(script_header(request, "Content-Type"), "application/x-amz-json-1.0");
    assert_string_equal(script_header(request, "Host"), "dynamodb.eu-west-1.amazonaws.com");
    assert_non_null(strstr(script_header(request, "Authorization"),
                           "/eu-west-1/dynamodb/aws4_request, SignedHeaders=content-type;host;"
                           "x-amz-date;x-amz-security-token;x-amz-target, "));
}

static void a_batch_is_one_put_per_item(void **state)
{
    static const struct script_step steps[] = {
        {.method = "POST",
         .url = "https://dynamodb.eu-west-1.amazonaws.com/",
         .header = "X-Amz-Target: DynamoDB_20120810.BatchWriteItem",
         .seen = is_signed_json,
         .body = "{\"RequestItems\":{\"ticker\":["
                 "{\"PutRequest\":{\"Item\":" ITEM(
                     "a", "1") "}},"
                               "{\"PutRequest\":{\"Item\":" ITEM(
                                   "a", "2") "}},"
                                             "{\"PutRequest\":{\"Item\":" ITEM(
                                                 "q\\\"\\u0001\\\\\\u00e4",
                                                 "1.50") "}},"
                                                         "{\"PutRequest\":{\"Item\":" ITEM(
                                                             "nul\\u0000", "-1e2") "}}]}}",
         .http_status = 200,
         .head = "x-amz-crc32: 4185382651",
         .answer = "{\"UnprocessedItems\":{}}"},
    };
    struct entries entries;
    struct client_fixture f;

    (void)state;
    SET_UP(f, steps);
    make_entries(&entries);
    assert_int_equal(write_table(&f, &entries, "ticker"), FB_OK);
    for (size_t i = 0; i < ENTRY_COUNT; i++)
        assert_false(entries.items[i].unprocessed);
    free_entries(&entries);
    client_fixture_tear_down(&f);
}

#define KEY(id, n)        "{\"id\":{\"S\":\"" id "\"},\"n\":{\"N\":\"" n "\"}}"
#define PUT(item)         "{\"PutRequest\":{\"Item\":" item "}}"
#define DELETE(key)       "{\"DeleteRequest\":{\"Key\":" key "}}"
#define BACK(table, puts) "{\"UnprocessedItems\":{\"" table "\":[" puts "]}}"

static void make_delete(struct entries *entries, size_t i, const char *key)
{
    entries->items[i].operation = FB_DELETE;
    entries->items[i].item = key;
    entries->items[i].item_size = strlen(key);
}

static void a_batch_holds_puts_and_deletes_as_they_come(void **state)
{
    static const struct script_step steps[] = {
        {.body = "{\"RequestItems\":{\"ticker\":[" DELETE(KEY("a", "1")) "," PUT(
             ITEM("a", "2")) "," DELETE(KEY("q\\\"\\u0001\\\\\\u00e4",
                                            "1.50")) "," DELETE(KEY("nul\\u0000", "-1e2")) "]}}",
         .http_status = 200,
         .answer = "{\"UnprocessedItems\":{}}"},
        {.body = "{\"RequestItems\":{\"ticker\":[" PUT(ITEM("a", "1")) "," PUT(
             ITEM("a", "2")) "," DELETE(KEY("q\\\"\\u0001\\\\\\u00e4",
                                            "1.50")) "," PUT(ITEM("nul\\u0000", "-1e2")) "]}}",
         .http_status = 200,
         .answer = "{\"UnprocessedItems\":{}}"},
    };
    struct entries entries;
    struct client_fixture f;

    (void)state;
    SET_UP(f, steps);
    make_entries(&entries);
    make_delete(&entries, 0, KEY("a", "1"));
    make_delete(&entries, 2, KEY("q\\\"\\u0001\\\\\\u00e4", "1.50"));
    make_delete(&entries, 3, KEY("nul\\u0000", "-1e2"));
    assert_int_equal(write_table(&f, &entries, "ticker"), FB_OK);
    free_entries(&entries);
    make_entries(&entries);
    make_delete(&entries, 2, KEY("q\\\"\\u0001\\\\\\u00e4", "1.50"));
    assert_int_equal(write_table(&f, &entries, "ticker"), FB_OK);
    for (size_t i = 0; i < ENTRY_COUNT; i++)
        assert_false(entries.items[i].unprocessed);
    free_entries(&entries);
    client_fixture_tear_down(&f);
}

/* The second and the last of four are deletes. */
static void a_delete_that_comes_back_is_found_by_its_key_and_operation(void **state)
{
    static const struct {
        const char *answer;
        enum fb_status status;
        unsigned back; /* a bit for each entry */
    } cases[] = {
        {BACK("ticker", DELETE(KEY("a", "2"))), FB_OK, 2},
        {BACK("ticker", DELETE(KEY("a", "2.0")) "," PUT(ITEM("a", "1"))), FB_OK, 3},
        {BACK("ticker", PUT(ITEM("a", "1")) "," DELETE(KEY("nul\\u0000", "-100"))), FB_OK, 9},
        {BACK("ticker", "{\"PutRequest\":null,\"DeleteRequest\":{\"Key\":{\"n\":{\"N\":\"2\"},"
                        "\"id\":{\"S\":\"a\"}}}}"),
         FB_OK, 2},
        {BACK("ticker", "{ \"Delete\\u0052equest\" : { \"Note\":1, \"\\u004bey\" : " KEY(
                            "\\u0061", "20e-1") " } }"),
         FB_OK, 2},
        /* another operation than was sent */
        {BACK("ticker", DELETE(KEY("a", "1"))), FB_CORRUPT, 0},
        {BACK("ticker", PUT(ITEM("a", "2"))), FB_CORRUPT, 0},
        {BACK("ticker", PUT(KEY("a", "2"))), FB_CORRUPT, 0},
        /* the same twice */
        {BACK("ticker", DELETE(KEY("a", "2")) "," DELETE(KEY("a", "2.0"))), FB_CORRUPT, 0},
        {BACK("ticker", DELETE(KEY("a", "2")) "," PUT(ITEM("a", "2"))), FB_CORRUPT, 0},
        /* not sent, or not to be told */
        {BACK("ticker", DELETE(KEY("b", "2"))), FB_CORRUPT, 0},
        {BACK("ticker", DELETE("{\"id\":{\"S\":\"a\"}}")), FB_CORRUPT, 0},
        {BACK("ticker", DELETE("{}")), FB_CORRUPT, 0},
        {BACK("ticker", DELETE("null")), FB_CORRUPT, 0},
        {BACK("ticker", "{\"DeleteRequest\":{\"Item\":" KEY("a", "2") "}}"), FB_CORRUPT, 0},
        {BACK("ticker", "{\"PutRequest\":{\"Key\":" KEY("a", "2") "}}"), FB_CORRUPT, 0},
        {BACK("ticker", "{\"PutRequest\":{\"Item\":" ITEM(
                            "a", "1") "},\"DeleteRequest\":{\"Key\":" KEY("a", "2") "}}"),
         FB_CORRUPT, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct script_step steps[] = {{.http_status = 200, .answer = cases[i].answer}};
        struct entries entries;
        struct client_fixture f;
        enum fb_status status;
        unsigned back = 0;

        SET_UP(f, steps);
        make_entries(&entries);
        make_delete(&entries, 1, KEY("a", "2"));
        make_delete(&entries, 3, KEY("nul\\u0000", "-1e2"));
        status = write_table(&f, &entries, "ticker");
        if (status != cases[i].status)
            fail_msg("case %zu: %s", i, fb_status_name(status));
        for (unsigned j = 0; j < ENTRY_COUNT; j++)
            back |= entries.items[j].unprocessed ? 1U << j : 0;
        if (status == FB_OK && back != cases[i].back)
            fail_msg("case %zu gives back %u", i, back);
        free_entries(&entries);
        client_fixture_tear_down(&f);
    }
}

static void what_comes_back_is_found_by_its_key(void **state)
{
    static const struct script_step steps[] = {
        {.http_status = 200,
         .answer = BACK("ticker", PUT(ITEM("a", "2.0")) "," PUT(ITEM("nul\\u0000", "-100")))},
        {.http_status = 200, .answer = BACK("ticker", PUT(ITEM("q\\\"\\u0001\\\\ä", "15e-1")))},
        {.http_status = 200, .answer = BACK("t", PUT(ITEM("a", "1")))},
        {.http_status = 200, .answer = " { \"UnprocessedItems\" : { } } "},
    };
    struct entries entries;
    struct client_fixture f;

    (void)state;
    SET_UP(f, steps);
    make_entries(&entries);
    assert_int_equal(write_table(&f, &entries, "ticker"), FB_OK);
    assert_false(entries.items[0].unprocessed);
    assert_true(entries.items[1].unprocessed);
    assert_false(entries.items[2].unprocessed);
    assert_true(entries.items[3].unprocessed);
    assert_int_equal(write_table(&f, &entries, "ticker"), FB_OK);
    assert_false(entries.items[1].unprocessed);
    assert_true(entries.items[2].unprocessed);
    assert_int_equal(write_table(&f, &entries, "arn:aws:dynamodb:eu-west-1:1:table/t"), FB_OK);
    assert_true(entries.items[0].unprocessed);
    assert_int_equal(write_table(&f, &entries, "ticker"), FB_OK);
    assert_false(entries.items[0].unprocessed);
    free_entries(&entries);
    client_fixture_tear_down(&f);
}

static void an_answer_that_cannot_be_right_is_corrupt(void **state)
{
    static const struct {
        const char *answer, *head;
    } cases[] = {
        {BACK("ticker", PUT(ITEM("unknown", "1"))), NULL},
        {BACK("ticker", PUT(ITEM("a", "1")) "," PUT(ITEM("a", "1.0"))), NULL},
        {BACK("other", PUT(ITEM("a", "1"))), NULL},
        {BACK("ticker", DELETE("{}")), NULL},
        {BACK("ticker", DELETE(KEY("a", "1"))), NULL},
        {BACK("ticker", PUT("{\"id\":{\"N\":\"1\"}}")), NULL},
        {"{\"UnprocessedItems\":{\"ticker\":{}}}", NULL},
        {"{\"UnprocessedItems\":[]}", NULL},
        {"{}", NULL},
        {"", NULL},
        {"<html>hello</html>", NULL},
        {"[]", NULL},
        {"null", NULL},
        {"\"UnprocessedItems\"", NULL},
        {"{\"UnprocessedItems\":null}", NULL},
        {"{\"unprocessedItems\":{}}", NULL},
        {"{\"x\":{\"UnprocessedItems\":{}}}", NULL},
        {"{\"UnprocessedItems\":{}}{}", NULL},
        {"{\"UnprocessedItems\":{}}x", NULL},
        {"{\"UnprocessedItems\":{},\"UnprocessedItems\":{}}", NULL},
        {"{\"UnprocessedItems\":{},\"x\":\"\xff\"}", NULL},
        {"{\"UnprocessedItems\":{},\"x\":\"\\ud800\"}", NULL},
        {"{\"UnprocessedItems\":{\"ticker\":[[]]}}", NULL},
        {"{\"UnprocessedItems\":{\"ticker\":[null]}}", NULL},
        {"{\"UnprocessedItems\":{\"ticker\":[" PUT(ITEM("a", "1")) "],\"other\":[]}}", NULL},
        {BACK("ticker", "{\"PutRequest\":[]}"), NULL},
        {BACK("ticker", "{\"PutRequest\":{}}"), NULL},
        {BACK("ticker", PUT("[]")), NULL},
        {BACK("ticker", PUT("{}")), NULL},
        {BACK("ticker", PUT("{\"id\":{\"S\":\"a\"}}")), NULL},
        {BACK("ticker", PUT("{\"id\":\"a\",\"n\":\"1\"}")), NULL},
        {BACK("ticker", PUT("{\"id\":{\"S\":\"a\"},\"n\":{\"S\":\"1\"}}")), NULL},
        {BACK("ticker", PUT("{\"id\":{\"S\":\"a\"},\"n\":{\"N\":1}}")), NULL},
        {BACK("ticker", PUT("{\"id\":{\"S\":\"x\"},\"n\":{\"N\":\"1\"},\"id\":{\"S\":\"a\"}}")),
         NULL},
        {BACK("ticker", PUT(ITEM("a", "1 "))), NULL},
        {BACK("ticker", PUT(ITEM("a", ""))), NULL},
        {BACK("ticker", PUT(ITEM("a", "one"))), NULL},
        {BACK("ticker", PUT(ITEM("A", "1"))), NULL},
        {"{\"UnprocessedItems\":{}", NULL},
        {"{\"UnprocessedItems\":{}}", "x-amz-crc32: 1"},
        {"{\"UnprocessedItems\":{}}", "x-amz-crc32: none"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct script_step steps[] = {
            {.http_status = 200, .answer = cases[i].answer, .head = cases[i].head}};
        struct entries entries;
        struct client_fixture f;
        enum fb_status status;

        SET_UP(f, steps);
        make_entries(&entries);
        status = write_table(&f, &entries, "ticker");
        if (status != FB_CORRUPT)
            fail_msg("case %zu: %s", i, fb_status_name(status));
        assert_int_equal(fb_verdict_of(&f.error), FB_RETRY);
        free_entries(&entries);
        client_fixture_tear_down(&f);
    }
}

/* Four items are sent, and this comes back, in small pieces. */
static enum fb_status answer_with(const char *answer, size_t size, struct entries *entries)
{
    const struct script_step steps[] = {
        {.http_status = 200, .answer = answer, .answer_size = size, .piece_bytes = 7}};
    struct client_fixture f;
    enum fb_status status;

    SET_UP(f, steps);
    make_entries(entries);
    status = write_table(&f, entries, "ticker");
    if (status == FB_CORRUPT)
        assert_int_equal(fb_verdict_of(&f.error), FB_RETRY);
    free_entries(entries);
    client_fixture_tear_down(&f);
    return status;
}

static void an_answer_may_be_written_in_any_way(void **state)
{
    static const struct {
        const char *answer;
        unsigned back; /* a bit for each entry */
    } cases[] = {
        {" {\r\n \"UnprocessedItems\" : { \"ticker\" :\t[ { \"PutRequest\" : { \"Item\" : { \"id\" "
         ": "
         "{ \"S\" : \"a\" } , \"n\" : { \"N\" : \"1\" } } } } ] } }\n",
         1},
        /* members in another order, and some more */
        {"{\"ConsumedCapacity\":[{\"TableName\":\"ticker\",\"CapacityUnits\":1.5}],"
         "\"ItemCollectionMetrics\":{\"ticker\":[{\"ItemCollectionKey\":{\"id\":{\"S\":\"a\"}}}]},"
         "\"UnprocessedItems\":{\"ticker\":[{\"PutRequest\":{\"Note\":[{}],\"Item\":"
         "{\"x\":{\"NULL\":true},\"n\":{\"N\":\"2\"},\"id\":{\"S\":\"a\"}}},\"More\":null}]},"
         "\"Last\":[1,{\"UnprocessedItems\":{\"other\":{}}}]}",
         2},
        /* escapes in names, values, the table's name */
        {"{\"Unprocessed\\u0049tems\":{\"\\u0074icker\":[{\"Put\\u0052equest\":{\"\\u0049tem\":"
         "{\"\\u0069d\":{\"\\u0053\":\"\\u0061\"},\"\\u006E\":{\"\\u004e\":\"\\u0031\"}}}}]}}",
         1},
        {BACK("ticker", PUT(ITEM("\\u0071\\u0022\\u0001\\u005c\\u00E4", "1.5"))), 4},
        /* one number, many spellings */
        {BACK("ticker", PUT(ITEM("a", "1.0"))), 1},
        {BACK("ticker", PUT(ITEM("a", "10E-1"))), 1},
        {BACK("ticker", PUT(ITEM("a", "0.1e+1")) "," PUT(ITEM("a", "0.2e1"))), 3},
        {BACK("ticker", PUT(ITEM("nul\\u0000", "-100.00"))), 8},
        /* what looks like a key, deeper down or within a text */
        {BACK("ticker",
              PUT("{\"PutRequest\":{\"M\":{\"Item\":{\"M\":{\"id\":{\"S\":\"b\"}}}}},"
                  "\"m\":{\"M\":{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"2\"}}},"
                  "\"l\":{\"L\":[{\"M\":{\"n\":{\"N\":\"3\"}}},{\"L\":[]}]},"
                  "\"t\":{\"S\":\"}}]}},{\\\"id\\\":{\\\"S\\\":\\\"a\\\"}\\\\\"},"
                  "\"id\\u0000\":{\"S\":\"c\"},\"id2\":{\"S\":\"d\"},\"i\":{\"S\":\"e\"},"
                  "\"UnprocessedItems\":{\"S\":\"\"},\"n\":{\"N\":\"1\"},\"id\":{\"S\":\"a\"}}")),
         1},
        {BACK("ticker",
              PUT(ITEM("a", "1")) "," PUT(ITEM("a", "2")) "," PUT(
                  ITEM("nul\\u0000", "-1e2")) "," PUT(ITEM("q\\\"\\u0001\\\\\\u00e4", "1.50"))),
         15},
        {"{\"UnprocessedItems\":{\"ticker\":[]}}", 0},
        {"{\"UnprocessedItems\":{},\"ConsumedCapacity\":[]}", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct entries entries;
        unsigned back = 0;

        if (answer_with(cases[i].answer, 0, &entries) != FB_OK)
            fail_msg("case %zu is refused", i);
        for (unsigned j = 0; j < ENTRY_COUNT; j++)
            back |= entries.items[j].unprocessed ? 1U << j : 0;
        if (back != cases[i].back)
            fail_msg("case %zu gives back %u", i, back);
    }
}

/* {"UnprocessedItems":{}}, as gzip -n makes it. */
static const char gzipped_nothing[] =
    "\037\213\010\000\000\000\000\000\002\003\253\126\012\315\053\050\312\117\116\055\056\116"
    "\115\361\054\111\315\055\126\262\252\256\255\005\000\373\336\167\371\027\000\000\000";

struct gzip_case {
    const char *head;
    size_t answer_size;
    enum fb_status status;
};

static void a_gzipped_answer_is_checked_as_sent_and_inflated(void **state)
{
    static const struct gzip_case cases[] = {
        {"Content-Encoding: gzip\nx-amz-crc32: 2073836653", sizeof gzipped_nothing - 1, FB_OK},
        {"Content-Encoding: GZIP", sizeof gzipped_nothing - 1, FB_OK},
        {"Content-Encoding: gzip\nx-amz-crc32: 1", sizeof gzipped_nothing - 1, FB_CORRUPT},
        {"Content-Encoding: gzip", sizeof gzipped_nothing - 2, FB_CORRUPT},
        {"Content-Encoding: gzip", sizeof gzipped_nothing, FB_CORRUPT},
        {"Content-Encoding: br", sizeof gzipped_nothing - 1, FB_CORRUPT},
        {NULL, sizeof gzipped_nothing - 1, FB_CORRUPT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct script_step steps[] = {{.http_status = 200,
                                       .head = cases[i].head,
                                       .answer = gzipped_nothing,
                                       .answer_size = cases[i].answer_size}};
        struct entries entries;
        struct client_fixture f;
        enum fb_status status;

        SET_UP(f, steps);
        make_entries(&entries);
        status = write_table(&f, &entries, "ticker");
        if (status != cases[i].status)
            fail_msg("case %zu: %s: %s", i, fb_status_name(status), f.error.message);
        free_entries(&entries);
        client_fixture_tear_down(&f);
    }
}

/* 1 GiB of spaces would be 1 MB of gzip; a MiB of them shows as well that the limit holds. */
static void a_gzip_bomb_is_cut_off(void **state)
{
    unsigned char bomb[4096];
    unsigned char *spaces = malloc(1024 * 1024);
    z_stream stream = {.next_out = bomb, .avail_out = sizeof bomb};
    struct script_step steps[] = {
        {.http_status = 200, .head = "Content-Encoding: gzip", .answer = (const char *)bomb}};
    struct entries entries;
    struct client_fixture f;

    (void)state;
    assert_non_null(spaces);
    memset(spaces, ' ', 1024 * 1024);
    stream.next_in = spaces;
    stream.avail_in = 1024 * 1024;
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    steps[0].answer_size = sizeof bomb - stream.avail_out;
    deflateEnd(&stream);
    SET_UP(f, steps);
    make_entries(&entries);
    assert_int_equal(write_table(&f, &entries, "ticker"), FB_CORRUPT);
    assert_non_null(strstr(f.error.message, "inflates to more"));
    free_entries(&entries);
    client_fixture_tear_down(&f);
    free(spaces);
}

static void a_gzipped_refusal_is_read(void **state)
{
    static const char refusal[] =
        "\037\213\010\000\000\000\000\000\002\003\253\126\212\217\057\251\054\110\125\262\122\252"
        "\120\016\311\050\312\057\051\311\311\314\113\167\255\110\116\055\050\311\314\317\123\252"
        "\005\000\061\345\300\123\042\000\000\000";
    static const struct script_step steps[] = {
        {.http_status = 400,
         .head = "Content-Encoding: gzip",
         .answer = refusal,
         .answer_size = sizeof refusal - 1},
        {.http_status = 400,
         .head = "Content-Encoding: gzip",
         .answer = refusal,
         .answer_size = sizeof refusal - 5},
    };
    struct entries entries;
    struct client_fixture f;

    (void)state;
    SET_UP(f, steps);
    make_entries(&entries);
    assert_int_equal(write_table(&f, &entries, "ticker"), FB_THROTTLED);
    assert_int_equal(write_table(&f, &entries, "ticker"), FB_INVALID);
    assert_int_equal(fb_verdict_of(&f.error), FB_UNHEALTHY);
    free_entries(&entries);
    client_fixture_tear_down(&f);
}

static void an_answer_that_is_cut_off_is_corrupt(void **state)
{
    static const char whole[] = BACK("ticker", PUT(ITEM("a", "2.0")) "," PUT(ITEM("a", "1")));
    struct entries entries;

    (void)state;
    for (size_t size = 1; size < sizeof whole - 1; size++)
        if (answer_with(whole, size, &entries) != FB_CORRUPT)
            fail_msg("%.*s", (int)size, whole);
    assert_int_equal(answer_with(whole, sizeof whole - 1, &entries), FB_OK);
}

/* Whatever byte is spoilt, it ends, and only with these. */
static void a_spoilt_answer_does_no_harm(void **state)
{
    static const char spoilers[] = {'"', '{',  '}', '[', ']',    ',',
                                    ':', '\\', '0', ' ', '\xff', '\x01'};
    char answer[] = BACK("ticker", PUT(ITEM("q\\\"\\u0001\\\\ä", "15e-1")));

    (void)state;
    for (size_t i = 0; i < sizeof answer - 1; i++) {
        const char right = answer[i];

        for (size_t j = 0; j < sizeof spoilers; j++) {
            struct entries entries;
            enum fb_status status;

            answer[i] = spoilers[j];
            status = answer_with(answer, sizeof answer - 1, &entries);
            if (status != FB_CORRUPT && status != FB_OK)
                fail_msg("%s: %s", answer, fb_status_name(status));
        }
        answer[i] = right;
    }
}

static void an_endless_answer_is_cut_off(void **state)
{
    size_t size = (size_t)128 * 1024;
    char *spaces = malloc(size);
    struct script_step steps[] = {
        {.http_status = 200, .answer = spaces, .answer_size = size, .piece_bytes = 4096}};
    struct entries entries;
    struct client_fixture f;

    (void)state;
    assert_non_null(spaces);
    memset(spaces, ' ', size);
    SET_UP(f, steps);
    make_entries(&entries);
    assert_int_equal(write_table(&f, &entries, "ticker"), FB_CORRUPT);
    free_entries(&entries);
    client_fixture_tear_down(&f);
    free(spaces);
}

static void a_throttled_batch_says_so(void **state)
{
    static const struct script_step steps[] = {
        {.http_status = 400,
         .head = "x-amzn-RequestId: RID",
         .answer = "{\"__type\":\"com.amazonaws.dynamodb.v20120810#"
                   "ProvisionedThroughputExceededException\",\"message\":\"too fast\"}"}};
    struct entries entries;
    struct client_fixture f;

    (void)state;
    SET_UP(f, steps);
    make_entries(&entries);
    assert_int_equal(write_table(&f, &entries, "ticker"), FB_THROTTLED);
    assert_int_equal(f.error.http_status, 400);
    assert_string_equal(f.error.request_id, "RID");
    assert_non_null(strstr(f.error.message, "BatchWriteItem of table ticker"));
    free_entries(&entries);
    client_fixture_tear_down(&f);
}

static void a_batch_outside_the_limits_is_never_sent(void **state)
{
    struct fb_batch_entry entries[26] = {{0}};
    struct client_fixture f;

    (void)state;
    client_fixture_set_up(&f, NULL, 0);
    assert_int_equal(write_batch(&f, "t", entries, 26), FB_INVALID);
    assert_int_equal(write_batch(&f, "t", entries, 0), FB_INVALID);
    assert_int_equal(write_batch(&f, "t\"", entries, 1), FB_INVALID);
    entries[0].item_size = FB_BATCH_MAX_BYTES;
    assert_int_equal(write_batch(&f, "t", entries, 1), FB_TOO_LARGE);
    client_fixture_tear_down(&f);
}

static void a_table_is_described(void **state)
{
    static const struct script_step steps[] = {
        {.header = "X-Amz-Target: DynamoDB_20120810.DescribeTable",
         .body = "{\"TableName\":\"ticker\"}",
         .http_status = 200,
         .answer = "{\"Table\":{\"AttributeDefinitions\":[{\"AttributeName\":\"n\","
                   "\"AttributeType\":\"N\"},{\"AttributeName\":\"id\",\"AttributeType\":\"S\"}],"
                   "\"KeySchema\":[{\"AttributeName\":\"n\",\"KeyType\":\"RANGE\"},"
                   "{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}],\"TableStatus\":\"ACTIVE\","
                   "\"TableArn\":\"arn:aws:dynamodb:eu-west-1:1:table/ticker\","
                   "\"CreationDateTime\":1.795341600123E9}}"}};
    struct fb_table table;
    struct client_fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(fb_dynamodb_describe_table(&f.client, "ticker", &table, &f.error), FB_OK);
    assert_string_equal(table.arn, "arn:aws:dynamodb:eu-west-1:1:table/ticker");
    assert_string_equal(table.status, "ACTIVE");
    assert_int_equal(table.created_ms, NOW_MS + 123);
    assert_int_equal(table.schema.count, 2);
    assert_string_equal(table.schema.attributes[0].name, "id");
    assert_int_equal(table.schema.attributes[0].type, FB_KEY_STRING);
    assert_string_equal(table.schema.attributes[1].name, "n");
    assert_int_equal(table.schema.attributes[1].name_size, 1);
    assert_int_equal(table.schema.attributes[1].type, FB_KEY_NUMBER);
    client_fixture_tear_down(&f);
}

static void a_table_by_arn_is_asked_for_in_its_region(void **state)
{
    static const struct script_step steps[] = {
        {.url = "https://dynamodb.ap-south-1.amazonaws.com/",
         .body = "{\"TableName\":\"arn:aws:dynamodb:ap-south-1:123456789012:table/t\"}",
         .http_status = 400,
         .answer = "{\"__type\":\"x#AccessDeniedException\"}"},
    };
    struct fb_table table;
    struct client_fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(fb_dynamodb_describe_table(&f.client,
                                                "arn:aws:dynamodb:ap-south-1:123456789012:table/t",
                                                &table, &f.error),
                     FB_DENIED);
    assert_int_equal(
        fb_dynamodb_describe_table(&f.client, "arn:aws:dynamodb:../x:1:table/t", &table, &f.error),
        FB_INVALID);
    client_fixture_tear_down(&f);
}

static void an_answer_that_describes_no_table_is_corrupt(void **state)
{
    static const char *const answers[] = {
        "",
        "{}",
        "[]",
        "<html/>",
        "{\"Table\":{}}",
        "{\"Table\":{\"TableArn\":\"a\",\"TableStatus\":\"ACTIVE\",\"KeySchema\":[]}}",
        "{\"Table\":{\"TableArn\":\"a\",\"TableStatus\":\"ACTIVE\",\"KeySchema\":[{"
        "\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":[]}}",
        "{\"Table\":{\"TableArn\":\"a\",\"TableStatus\":\"ACTIVE\",\"KeySchema\":[{"
        "\"AttributeName\":\"id\",\"KeyType\":\"RANGE\"}],\"AttributeDefinitions\":[{"
        "\"AttributeName\":\"id\",\"AttributeType\":\"S\"}]}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct script_step steps[] = {{.http_status = 200, .answer = answers[i]}};
        struct fb_table table;
        struct client_fixture f;

        SET_UP(f, steps);
        assert_int_equal(fb_dynamodb_describe_table(&f.client, "t", &table, &f.error), FB_CORRUPT);
        client_fixture_tear_down(&f);
    }
}

#define TABLE_WITH(capacity)                                                                       \
    "{\"Table\":{\"TableArn\":\"a\",\"TableStatus\":\"ACTIVE\",\"KeySchema\":[{"                   \
    "\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":[{"                  \
    "\"AttributeName\":\"id\",\"AttributeType\":\"S\"}]" capacity "}}"

static void what_a_table_takes_is_told_if_it_says_so(void **state)
{
    static const struct {
        const char *answer;
        uint64_t write_units;
        bool is_provisioned;
    } cases[] = {
        {TABLE_WITH(""), 0, false},
        {TABLE_WITH(",\"ProvisionedThroughput\":{\"WriteCapacityUnits\":25}"), 25, true},
        {TABLE_WITH(",\"BillingModeSummary\":{\"BillingMode\":\"PROVISIONED\"},"
                    "\"ProvisionedThroughput\":{\"WriteCapacityUnits\":25}"),
         25, true},
        {TABLE_WITH(",\"BillingModeSummary\":{\"BillingMode\":\"PAY_PER_REQUEST\"},"
                    "\"ProvisionedThroughput\":{\"WriteCapacityUnits\":25}"),
         0, false},
        {TABLE_WITH(",\"BillingModeSummary\":{\"BillingMode\":\"PAY_PER_REQUEST\"},"
                    "\"OnDemandThroughput\":{\"MaxWriteRequestUnits\":900}"),
         900, false},
        {TABLE_WITH(",\"BillingModeSummary\":{\"BillingMode\":\"PAY_PER_REQUEST\"},"
                    "\"OnDemandThroughput\":{\"MaxWriteRequestUnits\":-1}"),
         0, false},
        {TABLE_WITH(",\"ProvisionedThroughput\":{\"WriteCapacityUnits\":-5}"), 0, false},
        {TABLE_WITH(",\"ProvisionedThroughput\":[7],\"BillingModeSummary\":7"), 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct script_step steps[] = {{.http_status = 200, .answer = cases[i].answer}};
        struct fb_table table;
        struct client_fixture f;

        SET_UP(f, steps);
        assert_int_equal(fb_dynamodb_describe_table(&f.client, "t", &table, &f.error), FB_OK);
        assert_int_equal(table.write_units, cases[i].write_units);
        assert_int_equal(table.is_provisioned, cases[i].is_provisioned);
        client_fixture_tear_down(&f);
    }
}

static void a_missing_table_is_not_found(void **state)
{
    static const struct script_step steps[] = {
        {.http_status = 400,
         .answer = "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException\","
                   "\"message\":\"Cannot do operations on a non-existent table\"}"}};
    struct fb_table table;
    struct client_fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(fb_dynamodb_describe_table(&f.client, "t", &table, &f.error), FB_NOT_FOUND);
    assert_int_equal(fb_verdict_of(&f.error), FB_UNHEALTHY);
    client_fixture_tear_down(&f);
}

static void expired_signature(const struct fb_http_request *request)
{
    assert_string_equal(script_header(request, "x-amz-date"), "20261122T093000Z");
}

static void a_signature_not_yet_current_corrects_the_clock(void **state)
{
    static const struct script_step steps[] = {
        {.http_status = 400,
         .head = "Date: Sun, 22 Nov 2026 09:30:00 GMT",
         .answer = "{\"__type\":\"com.amazon.coral.service#InvalidSignatureException\","
                   "\"message\":\"Signature not yet current: 20261122T100000Z is still later than "
                   "20261122T093500Z\"}"},
        {.seen = expired_signature,
         .http_status = 400,
         .answer = "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException\"}"},
    };
    struct fb_table table;
    struct client_fixture f;

    (void)state;
    SET_UP(f, steps);
    assert_int_equal(fb_dynamodb_describe_table(&f.client, "t", &table, &f.error), FB_NOT_FOUND);
    assert_int_equal(fb_credentials_cache_skew_ms(f.cache), -30 * 60 * 1000);
    client_fixture_tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_one_put_per_item),
        cmocka_unit_test(a_batch_holds_puts_and_deletes_as_they_come),
        cmocka_unit_test(a_delete_that_comes_back_is_found_by_its_key_and_operation),
        cmocka_unit_test(what_comes_back_is_found_by_its_key),
        cmocka_unit_test(an_answer_that_cannot_be_right_is_corrupt),
        cmocka_unit_test(an_answer_may_be_written_in_any_way),
        cmocka_unit_test(a_gzipped_answer_is_checked_as_sent_and_inflated),
        cmocka_unit_test(a_gzip_bomb_is_cut_off),
        cmocka_unit_test(a_gzipped_refusal_is_read),
        cmocka_unit_test(an_answer_that_is_cut_off_is_corrupt),
        cmocka_unit_test(a_spoilt_answer_does_no_harm),
        cmocka_unit_test(an_endless_answer_is_cut_off),
        cmocka_unit_test(a_throttled_batch_says_so),
        cmocka_unit_test(a_batch_outside_the_limits_is_never_sent),
        cmocka_unit_test(a_table_is_described),
        cmocka_unit_test(a_table_by_arn_is_asked_for_in_its_region),
        cmocka_unit_test(an_answer_that_describes_no_table_is_corrupt),
        cmocka_unit_test(what_a_table_takes_is_told_if_it_says_so),
        cmocka_unit_test(a_missing_table_is_not_found),
        cmocka_unit_test(a_signature_not_yet_current_corrects_the_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
