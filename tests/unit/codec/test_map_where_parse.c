/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include "../../../src/codec/map_where.h"

/* Add a line: a condition that is none, and the whole message. */
static const struct {
    const char *condition, *message;
} bad[] = {
    {"", "column 1: a field's name is expected here; one with other characters than letters, "
         "digits, _, - and @ stands in double quotes"},
    {"type = view and ", "column 17: a field's name is expected here; one with other characters "
                         "than letters, digits, _, - and @ stands in double quotes"},
    {"'type' = view", "column 1: a field's name is expected here; one with other characters than "
                      "letters, digits, _, - and @ stands in double quotes"},
    {"type", "column 5: expected =, !=, <, <=, >, >=, in, not in, like or not like, found the end"},
    {"type is view",
     "column 6: expected =, !=, <, <=, >, >=, in, not in, like or not like, found is"},
    {"type ~ view",
     "column 6: expected =, !=, <, <=, >, >=, in, not in, like or not like, found ~"},
    {"type not view", "column 10: expected in or like, found view"},
    {"type = ", "column 8: expected a value: a number, a word or text in quotes, found the end"},
    {"type = (a)", "column 8: expected a value: a number, a word or text in quotes, found (a)"},
    {"type <> a", "column 7: expected a value: a number, a word or text in quotes, found >"},
    {"type => a", "column 7: expected a value: a number, a word or text in quotes, found >"},
    {"price = +5", "column 9: expected a value: a number, a word or text in quotes, found +5"},
    {"price > .5",
     "column 9: expected a number with digits around its point, or text in quotes, found .5"},
    {"price > -5.",
     "column 9: expected a number with digits around its point, or text in quotes, found -5."},
    {"type = buy now",
     "column 12: expected and, or or the end (text with blanks stands in quotes), found now"},
    {"type = a)", "column 9: expected and, or or the end (text with blanks stands in quotes), "
                  "found )"},
    {"type = a && b = c",
     "column 10: expected and, or or the end (text with blanks stands in quotes), found &&"},
    {"type = a AND b = c",
     "column 10: expected and, or or the end (text with blanks stands in quotes), found AND"},
    {"(type = a", "column 10: expected and, or or ), found the end"},
    {"(type = a]", "column 10: expected and, or or ), found ]"},
    {"type in a", "column 9: expected ( and the values, as in (a, b), found a"},
    {"type in ()", "column 10: expected a value: a number, a word or text in quotes, found )"},
    {"type in (a,)", "column 12: expected a value: a number, a word or text in quotes, found )"},
    {"type in (a b)", "column 12: expected , or ), found b)"},
    {"type in (a", "column 11: expected , or ), found the end"},
    {"type like ", "column 11: expected a pattern, as in \"a*b?\", found the end"},
    {"type like (a)", "column 11: expected a pattern, as in \"a*b?\", found (a)"},
    {"type = \"a", "column 10: expected a closing \", found the end"},
    {"type = 'a", "column 10: expected a closing ', found the end"},
    {"type = \"a\\n\"", "column 10: expected one of \\\" \\' \\\\, found \\n\""},
    {"type = \"a\\*\"", "column 10: expected one of \\\" \\' \\\\, found \\*\""},
    {"type like \"a\\d\"", "column 13: expected one of \\\" \\' \\\\ \\* \\?, found \\d\""},
    {"type like 'a\\", "column 13: expected one of \\\" \\' \\\\ \\* \\?, found \\"},
    {"exists(type", "column 12: expected ), found the end"},
    {"exists(type = a)", "column 13: expected ), found ="},
    {"exists()", "column 8: a field's name is expected here; one with other characters than "
                 "letters, digits, _, - and @ stands in double quotes"},
    {"10 < price",
     "column 1: expected a field on the left (in quotes where its name is a number), found 10"},
    {"a = 1 or 2",
     "column 10: expected a field on the left (in quotes where its name is a number), found 2"},
    {"flag < true", "column 8: expected a number or text, as only those are less or more, found "
                    "true"},
    {"flag >= null", "column 9: expected a number or text, as only those are less or more, found "
                     "null"},
    {"@nwo > 5", "column 1: there is no built-in value @nwo; did you mean @now? A field of that "
                 "name is written in quotes: \"@nwo\""},
    {"@shard = 5", "column 7: a colon and a number from 1 to 1000000 are expected here, as in "
                   "@shard:16"},
    {"\"open = 5", "column 10: the closing \" of a quoted name is missing"},
    /* Columns are characters, also behind text whose quotes were taken away. */
    {"a = '\xc3\xbc\xc3\xb6' b", "column 10: expected and, or or the end (text with blanks stands "
                                 "in quotes), found b"},
    {"a = '\\'\\'\xc3\xbc\xc3\xb6\\'' b", "column 16: expected and, or or the end (text with "
                                          "blanks stands in quotes), found b"},
    {"a = abcdefghijklmnopqrstuvwxyz ~bcdefghijklmnopqrstuvwxyz",
     "column 32: expected and, or or the end (text with blanks stands in quotes), found "
     "~bcdefghijklmnopqrstuvwx..."},
    {"a = \xff", "column 5: expected a value: a number, a word or text in quotes, found ?"},
};

static void what_is_no_condition_is_explained_by_its_column(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct fb_map_where *where = NULL;
        struct fb_error error = {0};
        struct fb_map_tree tree;

        fb_map_tree_init(&tree, 42);
        if (fb_map_where_new(bad[i].condition, &tree, &where, &error) != FB_INVALID ||
            strcmp(error.message, bad[i].message) != 0)
            fail_msg("%s: %s", bad[i].condition, error.message);
        assert_null(where);
        fb_map_tree_done(&tree);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_condition_is_explained_by_its_column),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
