/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/codec/json_text.h"
#include "firebridge/pipeline/expectation.h"

static const struct fb_key_schema schema = {
    .attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_STRING}}, .count = 1};

/* Texts in the cases have one quote where JSON has two. */
struct text {
    char bytes[512 + FB_TEXT_SLACK];
    size_t size;
};

static struct text quoted(const char *plain)
{
    struct text text = {.size = strlen(plain)};

    memcpy(text.bytes, plain, text.size);
    for (size_t i = 0; i < text.size; i++)
        if (text.bytes[i] == '\'')
            text.bytes[i] = '"';
    return text;
}

#define ITEM(rest) "{'id':{'S':'a'}" rest "}"
#define V(n)       ",'v':{'N':'" #n "'}"

struct written {
    enum fb_operation operation;
    const char *item;
};

/* What was written, one after the other, what is expected then, and what is in that. */
static const struct {
    struct written writes[4];
    enum fb_expected kind;
    const char *item; /* NULL: it is not looked at */
} folds[] = {
    {{{FB_PUT, ITEM("")}}, FB_EXPECT_EXACT, ITEM("")},
    {{{FB_PUT, ITEM("")}, {FB_PUT, ITEM(V(2))}}, FB_EXPECT_EXACT, ITEM(V(2))},
    {{{FB_PUT, ITEM("")}, {FB_DELETE, ITEM("")}}, FB_EXPECT_NONE, NULL},
    {{{FB_INSERT, ITEM(V(1))}}, FB_EXPECT_SOME, NULL},
    {{{FB_PUT, ITEM(V(1))}, {FB_INSERT, ITEM(V(2))}}, FB_EXPECT_EXACT, ITEM(V(1))},
    {{{FB_DELETE, ITEM("")}, {FB_INSERT, ITEM(V(2))}}, FB_EXPECT_EXACT, ITEM(V(2))},
    {{{FB_INSERT, ITEM(V(1))}, {FB_PUT, ITEM(V(2))}}, FB_EXPECT_EXACT, ITEM(V(2))},
    {{{FB_NEWER, ITEM(V(3))}}, FB_EXPECT_VERSION, ITEM(V(3))},
    {{{FB_NEWER, ITEM(V(3))}, {FB_NEWER, ITEM(V(2))}}, FB_EXPECT_VERSION, ITEM(V(3))},
    {{{FB_NEWER, ITEM(V(3))}, {FB_NEWER, ITEM(V(10))}}, FB_EXPECT_VERSION, ITEM(V(10))},
    {{{FB_PUT, ITEM(V(3))}, {FB_NEWER, ITEM(V(10))}}, FB_EXPECT_EXACT, ITEM(V(10))},
    {{{FB_PUT, ITEM(V(3))}, {FB_NEWER, ITEM(V(3.0))}}, FB_EXPECT_EXACT, ITEM(V(3))},
    {{{FB_PUT, ITEM("")}, {FB_NEWER, ITEM(V(1))}}, FB_EXPECT_EXACT, ITEM(V(1))},
    {{{FB_PUT, ITEM(",'v':{'S':'x'}")}, {FB_NEWER, ITEM(V(1))}},
     FB_EXPECT_EXACT,
     ITEM(",'v':{'S':'x'}")},
    {{{FB_DELETE, ITEM("")}, {FB_NEWER, ITEM(V(1))}}, FB_EXPECT_EXACT, ITEM(V(1))},
    {{{FB_UPDATE, ITEM(V(1))}}, FB_EXPECT_ATTRIBUTES, ITEM(V(1))},
    {{{FB_UPDATE, ITEM(V(1))}, {FB_UPDATE, ITEM(",'w':{'S':'x'}")}},
     FB_EXPECT_ATTRIBUTES,
     ITEM(V(1) ",'w':{'S':'x'}")},
    {{{FB_PUT, ITEM(V(1))}, {FB_UPDATE, ITEM(V(2))}}, FB_EXPECT_ATTRIBUTES, ITEM(V(2))},
    {{{FB_INSERT, ITEM(V(1))}, {FB_UPDATE, ITEM(",'w':{'S':'x'}")}},
     FB_EXPECT_ATTRIBUTES,
     ITEM(",'w':{'S':'x'}")},
    {{{FB_UPDATE, ITEM(V(1))}, {FB_DELETE, ITEM("")}}, FB_EXPECT_NONE, NULL},
    /* All attributes are removed, so where there was none, none is made. */
    {{{FB_UPDATE, ITEM(",'w':{'NULL':true}")}}, FB_EXPECT_UNKNOWN, NULL},
    {{{FB_UPDATE, ITEM("")}}, FB_EXPECT_ATTRIBUTES, NULL},
    {{{FB_ADD, ITEM(V(1))}}, FB_EXPECT_UNKNOWN, NULL},
    {{{FB_PUT, ITEM("")}, {FB_ADD, ITEM(V(1))}}, FB_EXPECT_UNKNOWN, NULL},
    {{{FB_ADD, ITEM(V(1))}, {FB_PUT, ITEM(V(5))}}, FB_EXPECT_EXACT, ITEM(V(5))},
};

static void each_mode_says_as_much_as_it_promises(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof folds / sizeof *folds; i++) {
        struct fb_expectation now = {0};
        struct fb_buffer scratch[2];
        struct text items[4];
        struct text wanted;

        fb_buffer_init(&scratch[0], 4096);
        fb_buffer_init(&scratch[1], 4096);
        for (size_t k = 0; k < 4 && folds[i].writes[k].item != NULL; k++) {
            struct fb_expectation after;

            items[k] = quoted(folds[i].writes[k].item);
            assert_int_equal(fb_expectation_after(k == 0 ? NULL : &now,
                                                  &(struct fb_expected_write){
                                                      .operation = folds[i].writes[k].operation,
                                                      .item = items[k].bytes,
                                                      .item_size = items[k].size,
                                                      .schema = &schema,
                                                      .version_attribute = "v",
                                                      .removes_nulls = true},
                                                  &scratch[k % 2], &after),
                             FB_OK);
            now = after;
        }
        assert_int_equal(now.kind, folds[i].kind);
        if (folds[i].item != NULL) {
            wanted = quoted(folds[i].item);
            assert_int_equal(now.item_size, wanted.size);
            assert_memory_equal(now.item, wanted.bytes, wanted.size);
        }
        fb_buffer_done(&scratch[0]);
        fb_buffer_done(&scratch[1]);
    }
}

/* What is expected, what is there (NULL: nothing), and what it comes to. */
static const struct {
    enum fb_expected kind;
    const char *expected, *found;
    enum fb_found verdict;
    const char *attribute; /* that differs */
} comparisons[] = {
    {FB_EXPECT_EXACT, ITEM(V(1)), ITEM(V(1)), FB_FOUND_AS_EXPECTED, NULL},
    {FB_EXPECT_EXACT, ITEM(V(1.0)), "{'v':{'N':'1'},'id':{'S':'a'}}", FB_FOUND_AS_EXPECTED, NULL},
    {FB_EXPECT_EXACT, ITEM(V(1)), ITEM(V(2)), FB_FOUND_DIFFERENT, "v"},
    {FB_EXPECT_EXACT, ITEM(V(1)), ITEM(",'v':{'S':'1'}"), FB_FOUND_DIFFERENT, "v"},
    {FB_EXPECT_EXACT, ITEM(V(1)), ITEM(""), FB_FOUND_DIFFERENT, "v"},
    {FB_EXPECT_EXACT, ITEM(""), ITEM(V(1)), FB_FOUND_DIFFERENT, "v"},
    {FB_EXPECT_EXACT, ITEM(""), NULL, FB_FOUND_MISSING, NULL},
    {FB_EXPECT_EXACT, ITEM(",'now':{'N':'1'}"), ITEM(",'now':{'N':'9'}"), FB_FOUND_AS_EXPECTED,
     NULL},
    {FB_EXPECT_EXACT, ITEM(",'ttl':{'N':'99'}"), NULL, FB_FOUND_EXPIRED, NULL},
    {FB_EXPECT_EXACT, ITEM(",'ttl':{'N':'101'}"), NULL, FB_FOUND_MISSING, NULL},
    {FB_EXPECT_EXACT, ITEM(",'ttl':{'S':'99'}"), NULL, FB_FOUND_MISSING, NULL},
    {FB_EXPECT_EXACT, ITEM(",'s':{'SS':['b','a']},'n':{'NS':['2','1.0']},'b':{'BS':['YQ==']}"),
     ITEM(",'s':{'SS':['a','b']},'n':{'NS':['1','2.00']},'b':{'BS':['YQ==']}"),
     FB_FOUND_AS_EXPECTED, NULL},
    {FB_EXPECT_EXACT, ITEM(",'s':{'SS':['b','a']}"), ITEM(",'s':{'SS':['a','c']}"),
     FB_FOUND_DIFFERENT, "s"},
    {FB_EXPECT_EXACT, ITEM(",'l':{'L':[{'N':'1'},{'M':{'x':{'NULL':true},'y':{'BOOL':false}}}]}"),
     ITEM(",'l':{'L':[{'N':'1.0'},{'M':{'y':{'BOOL':false},'x':{'NULL':true}}}]}"),
     FB_FOUND_AS_EXPECTED, NULL},
    {FB_EXPECT_EXACT, ITEM(",'l':{'L':[{'N':'1'},{'N':'2'}]}"),
     ITEM(",'l':{'L':[{'N':'2'},{'N':'1'}]}"), FB_FOUND_DIFFERENT, "l"},
    {FB_EXPECT_EXACT, ITEM(",'b':{'BOOL':true}"), ITEM(",'b':{'BOOL':false}"), FB_FOUND_DIFFERENT,
     "b"},
    {FB_EXPECT_NONE, ITEM(""), NULL, FB_FOUND_AS_EXPECTED, NULL},
    {FB_EXPECT_NONE, ITEM(""), ITEM(""), FB_FOUND_UNDELETED, NULL},
    {FB_EXPECT_SOME, ITEM(V(1)), ITEM(V(2)), FB_FOUND_AS_EXPECTED, NULL},
    {FB_EXPECT_SOME, ITEM(V(1)), NULL, FB_FOUND_MISSING, NULL},
    {FB_EXPECT_VERSION, ITEM(V(2)), ITEM(V(2)), FB_FOUND_AS_EXPECTED, NULL},
    {FB_EXPECT_VERSION, ITEM(V(2)), ITEM(V(10)), FB_FOUND_AS_EXPECTED, NULL},
    {FB_EXPECT_VERSION, ITEM(V(2)), ITEM(V(1)), FB_FOUND_DIFFERENT, "v"},
    {FB_EXPECT_VERSION, ITEM(V(2)), ITEM(""), FB_FOUND_DIFFERENT, "v"},
    {FB_EXPECT_VERSION, ITEM(",'v':{'S':'b'}"), ITEM(",'v':{'S':'a'}"), FB_FOUND_DIFFERENT, "v"},
    {FB_EXPECT_VERSION, ITEM(",'v':{'S':'b'}"), ITEM(",'v':{'S':'ba'}"), FB_FOUND_AS_EXPECTED,
     NULL},
    {FB_EXPECT_VERSION, ITEM(",'v':{'S':'b'}"), ITEM(V(1)), FB_FOUND_DIFFERENT, "v"},
    {FB_EXPECT_ATTRIBUTES, ITEM(V(1)), ITEM(V(1) ",'w':{'S':'x'}"), FB_FOUND_AS_EXPECTED, NULL},
    {FB_EXPECT_ATTRIBUTES, ITEM(V(1)), ITEM(",'w':{'S':'x'}"), FB_FOUND_DIFFERENT, "v"},
    {FB_EXPECT_ATTRIBUTES, ITEM(",'w':{'NULL':true}"), ITEM(""), FB_FOUND_AS_EXPECTED, NULL},
    {FB_EXPECT_ATTRIBUTES, ITEM(",'w':{'NULL':true}"), ITEM(",'w':{'NULL':true}"),
     FB_FOUND_AS_EXPECTED, NULL},
    {FB_EXPECT_ATTRIBUTES, ITEM(",'w':{'NULL':true}"), ITEM(",'w':{'S':''}"), FB_FOUND_DIFFERENT,
     "w"},
    {FB_EXPECT_UNKNOWN, ITEM(""), ITEM(V(1)), FB_FOUND_AS_EXPECTED, NULL},
    {FB_EXPECT_UNKNOWN, ITEM(""), NULL, FB_FOUND_AS_EXPECTED, NULL},
    /* What is no item is none of DynamoDB's. */
    {FB_EXPECT_EXACT, ITEM(V(1)), ITEM(",'v':{'N':'1','S':'1'}"), FB_FOUND_DIFFERENT, "v"},
    {FB_EXPECT_EXACT, ITEM(V(1)), ITEM(",'v':7"), FB_FOUND_DIFFERENT, "v"},
    {FB_EXPECT_EXACT, ITEM(",'\\u0000':{'N':'1'}"), ITEM(""), FB_FOUND_INCOMPARABLE, NULL},
};

static void what_is_there_is_held_against_what_is_expected(void **state)
{
    static const char *const volatiles[] = {"now"};
    const struct fb_comparison comparison = {.version_attribute = "v",
                                             .ttl_attribute = "ttl",
                                             .now_ms = 100000,
                                             .volatiles = volatiles,
                                             .volatile_count = 1};

    (void)state;
    for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons; i++) {
        const bool is_there = comparisons[i].found != NULL;
        const struct text expected = quoted(comparisons[i].expected);
        const struct text found = quoted(is_there ? comparisons[i].found : "");
        const struct fb_expectation expectation = {comparisons[i].kind, expected.bytes,
                                                   expected.size};
        struct fb_difference difference = {0};

        if (fb_expectation_compare(&expectation, is_there ? found.bytes : NULL, found.size,
                                   &comparison, &difference) != comparisons[i].verdict)
            fail_msg("case %zu: %s", i, comparisons[i].expected);
        if (comparisons[i].attribute != NULL)
            assert_string_equal(difference.attribute, comparisons[i].attribute);
        else
            assert_null(difference.attribute);
        fb_difference_done(&difference);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mode_says_as_much_as_it_promises),
        cmocka_unit_test(what_is_there_is_held_against_what_is_expected),
    };

    return cmocka_run_group_tests_name("pipeline/expectation", tests, NULL, NULL);
}
