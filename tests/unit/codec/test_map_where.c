/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include "../../../src/codec/map_where.h"
#include "map_record.h"

#define SEED 42

/* ---- what holds ---- */

static const struct fb_map_partition customer = {"customer", "acme/1", 4};

static const struct fb_map_object object = {
    .stream = "clicks",
    .bucket = "events",
    .now_ms = 1795341621000,
    .key = "in/2026/11/caf\xc3\xa9\\u0041",
    .partitions = &customer,
    .partition_count = 1,
};

static const char record_text[] =
    "{\"type\":\"view\",\"price\":10.50,\"count\":0,\"big\":123456789012345678901234567890.5,"
    "\"flag\":true,\"off\":false,\"nothing\":null,\"tags\":[\"a\",\"b\"],\"user\":{\"id\":\"42\","
    "\"plan\":\"pro\"},\"empty\":\"\",\"cafe\":\"caf\\u00e9\",\"umlaut\":\"\xc3\xbc"
    "ber\",\"smile\":\"\\ud83d\\ude00!\",\"quote\":\"say "
    "\\\"hi\\\"\",\"path\":\"C:\\\\x\",\"id.x\":"
    "7,\"time\":\"2026-11-22T10:00:00Z\",\"zip\":\"01234\",\"exists\":1,\"not\":2,\"in\":3,\"7\":"
    "\"seven\",\"neg\":-2.5,\"star\":\"a*b?c\",\"euro\":\"\xe2\x82\xac"
    "bxx\",\"sub\":\"\\u0027\\u2082\"}";

/* Add a line: a condition, and whether it holds for the record above. */
static const struct {
    const char *condition;
    bool holds;
} cases[] = {
    {"type = view", true},
    {"type == view", true},
    {"type=view", true},
    {"  type\t=\n view ", true},
    {"type = \"view\"", true},
    {"type = 'view'", true},
    {"\"type\" = view", true},
    {"type = View", false},
    {"type = vie", false},
    {"type = views", false},
    {"type != view", false},
    {"type != click", true},
    {"type < w", true},
    {"type <= view", true},
    {"type < view", false},
    {"type > vieW", true},
    {"type >= views", false},
    {"empty = \"\"", true},
    {"empty = ''", true},
    {"empty < a", true},
    {"type > ''", true},

    {"price = 10.5", true},
    {"price = 10.50000", true},
    {"price = 1.05e1", true},
    {"price = 1.05E+1", true},
    {"price = 105e-1", true},
    {"price != 10.5", false},
    {"price > 10", true},
    {"price >= 10.5", true},
    {"price > 10.5", false},
    {"price < 10.50000000000000000000000000000000000000000001", true},
    {"price < 9.9", false},
    {"price < 100", true},
    {"price > -100", true},
    {"count = 0", true},
    {"count = -0.00e5", true},
    {"count < 1e-400", true},
    {"count > -1e-400", true},
    {"count >= 0 and count <= 0", true},
    {"big = 123456789012345678901234567890.5", true},
    {"big < 123456789012345678901234567890.51", true},
    {"big > 123456789012345678901234567890.49", true},
    {"big > 123456789012345678901234567890", true},
    {"big < 1e30", true},
    {"big < 1e99999999999999999999", true},
    {"neg = -2.5", true},
    {"neg < -2.4999", true},
    {"neg > -2.5001", true},
    {"neg < 0", true},
    {"neg > -25", true},
    {"user.id = \"42\"", true},
    {"zip = \"01234\"", true},
    {"zip = 01234", true},
    {"\"id.x\" = 7", true},
    {"\"7\" = seven", true},

    {"flag = true", true},
    {"flag != true", false},
    {"flag = false", false},
    {"off = false", true},
    {"off != true", true},
    {"nothing = null", true},
    {"nothing != null", false},
    {"type = null", false},
    {"type != null", true},
    {"tags != null", true},

    {"missing = a", false},
    {"missing != a", true},
    {"missing = null", false},
    {"missing != null", true},
    {"missing < 5", false},
    {"missing >= 5", false},
    {"missing in (a, null)", false},
    {"missing not in (a, null)", true},
    {"missing like '*'", false},
    {"missing not like '*'", true},
    {"user.missing.id = 1", false},
    {"nothing > 5", false},
    {"nothing < 5", false},
    {"nothing = 5", false},
    {"nothing != 5", true},
    {"nothing like '*'", false},

    {"type in (view)", true},
    {"type in (click, view, 'buy now')", true},
    {"type in(click,view)", true},
    {"type in (click)", false},
    {"type not in (click)", true},
    {"type not in (view)", false},
    {"price in (1, 2, 10.500)", true},
    {"price in (1, x, 10.5)", true},
    {"price not in (1, 2)", true},
    {"flag in (true, x)", true},
    {"nothing in (1, null)", true},
    {"type in (null, view)", true},
    {"tags.1 in (a, b)", true},

    {"type like 'v*'", true},
    {"type like \"*w\"", true},
    {"type like v*", true},
    {"type like vi??", true},
    {"type like vi?", false},
    {"type like vi???", false},
    {"type like '*'", true},
    {"type like '**'", true},
    {"type like '*i*'", true},
    {"type like '*e*e*'", false},
    {"type like view", true},
    {"type like iew", false},
    {"type like VIEW", false},
    {"type like ''", false},
    {"empty like ''", true},
    {"empty like '*'", true},
    {"empty like '?'", false},
    {"type not like 'v*'", false},
    {"type not like 'c*'", true},
    {"star like 'a\\*b\\?c'", true},
    {"star like 'a\\**'", true},
    {"type like 'v\\*'", false},
    {"type like 'vi\\?w'", false},
    {"path like 'C:\\\\*'", true},
    {"path like 'C:\\\\\\*'", false},
    {"quote like 'say \"??\"'", true},
    {"quote like \"say \\\"*\"", true},
    {"cafe like 'caf?'", true},
    {"cafe like 'caf\xc3\xa9'", true},
    {"cafe like 'caf?\?'", false},
    {"umlaut like '?ber'", true},
    {"smile like '?!'", true},
    {"euro like '*?b*'", true},
    {"euro like '*?\?b*'", false},
    {"smile like '?\?!'", false},
    {"zip like 0*", true},
    {"zip like 01234", true},
    {"time like '2026-11-*'", true},

    {"cafe = 'caf\xc3\xa9'", true},
    {"cafe > cafz", true},
    {"cafe > caf", true},
    {"cafe < 'caf\xc3\xaa'", true},
    {"cafe > 'caf\xc3\xa8'", true},
    {"sub = '\\'\xe2\x82\x82'", true},
    {"sub = '\\'\xe2\x82'", false},
    {"sub like '\\'\xe2\x82'", false},
    {"umlaut = '\xc3\xbc"
     "ber'",
     true},
    {"smile = '\xf0\x9f\x98\x80!'", true},
    {"smile > '\xef\xbf\xbd'", true},
    {"smile < '\xf0\x9f\x98\x80!!'", true},
    {"quote = \"say \\\"hi\\\"\"", true},
    {"quote = 'say \"hi\"'", true},
    {"quote = 'say \\'hi\\''", false},
    {"path = 'C:\\\\x'", true},
    {"path = \"C:\\\\y\"", false},
    {"time >= 2026-11-22T10:00:00Z", true},
    {"time < 2026-11-22T10:00:01Z", true},

    {"exists(type)", true},
    {"exists( user.id )", true},
    {"exists (nothing)", true},
    {"exists(missing)", false},
    {"exists(tags.1)", true},
    {"exists(tags.2)", false},
    {"exists(@partition.customer)", true},
    {"exists(@partition.other)", false},
    {"not exists(missing)", true},
    {"exists = 1", true},
    {"in = 3", true},
    {"in in (3)", true},
    {"\"not\" = 2", true},
    {"not \"not\" = 3", true},

    {"not type = view", false},
    {"not not type = view", true},
    {"not(type = click)", true},
    {"type = view and price > 10", true},
    {"type = view and price > 11", false},
    {"type = click and price > 10", false},
    {"type = click or price > 10", true},
    {"type = click or price > 11", false},
    {"type = view or price > 11", true},
    {"type = view or type = click and price > 11", true},
    {"(type = view or type = click) and price > 11", false},
    {"type = click and price > 11 or flag = true", true},
    {"price > 11 or type = view and flag = true", true},
    {"not type = click and price > 10", true},
    {"not (type = view and price > 11)", true},
    {"not (type = click or price > 11)", true},
    {"not (type = view or price > 11) or off = false", true},
    {"a = 1 or b = 1 or c = 1 or type = view", true},
    {"type = view and flag = true and off = false and count = 1", false},
    {"((((type = view))))", true},
    {"type = view and(price > 10)and not(flag = false)", true},
    {"type in (view, purchase) and price >= 10 and not exists(test)", true},

    {"@record >= 7 and @record < 8", true},
    {"@offset > 4999999999", true},
    {"@now = 1795341621000", true},
    {"@stream = clicks", true},
    {"@etag = ''", true},
    {"@object like 'in/2026/*'", true},
    {"@object like '*caf?\\\\u0041'", true},
    {"@object like '*A'", false},
    {"@partition.customer = acme", true},
    {"@partition.other = acme", false},
    {"@shard:10 in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)", true},
    {"@sha256 like ????????????????????????????????????????????????????????????????", true},
    {"@uuid5 like '???????\?-???\?-5??\?-???\?-???????????\?'", true},
};

/* Add a line: a condition that compares different types in the record above, how often, and
 * whether it holds. */
static const struct {
    const char *condition;
    uint64_t mismatches;
    bool holds;
} mismatch_cases[] = {
    {"price = '10.50'", 1, false},
    {"price != '10.50'", 1, true},
    {"price < abc", 1, false},
    {"user.id = 42", 1, false},
    {"user.id >= 42", 1, false},
    {"not user.id >= 42", 1, true},
    {"flag = 1", 1, false},
    {"flag = \"true\"", 1, false},
    {"tags = a", 1, false},
    {"user = a", 1, false},
    {"user != 5", 1, true},
    {"price in (a, b, c)", 1, false},
    {"price not in (a, b, c)", 1, true},
    {"price in (a, null)", 1, false},
    {"price in (a, 5)", 0, false},
    {"price in (null)", 0, false},
    {"price like '1*'", 1, false},
    {"price not like '1*'", 1, true},
    {"flag like 'true'", 1, false},
    {"tags like '*'", 1, false},
    {"nothing = 5", 0, false},
    {"nothing like a", 0, false},
    {"nothing in (5)", 0, false},
    {"price = null", 0, false},
    {"missing = 5", 0, false},
    {"price = a or flag = 1 or type = 5", 3, false},
    {"price = a and flag = 1 and type = 5", 1, false},
    {"type = view or price = a", 0, true},
    {"exists(price)", 0, true},
    {"@record = seven", 1, false},
    {"@stream > 5", 1, false},
};

static struct fb_map_where *compiled(const char *condition, struct fb_map_tree *tree)
{
    struct fb_map_where *where = NULL;
    struct fb_error error;

    if (fb_map_where_new(condition, tree, &where, &error) != FB_OK)
        fail_msg("%s: %s", condition, error.message);
    return where;
}

static bool holds_for(const char *condition, const char *text, uint64_t *mismatches)
{
    struct fb_map_tree tree;
    struct fb_map_where *where;
    struct fb_map_record record;
    char *copy = padded(text, strlen(text));
    bool holds = false;

    fb_map_tree_init(&tree, SEED);
    where = compiled(condition, &tree);
    record = map_record(&tree, copy, strlen(text), &object);
    record.number = 7;
    record.offset_bytes = 5000000000;
    assert_int_equal(fb_map_where_test(where, &record, mismatches, &holds), FB_OK);
    map_record_done(&record);
    fb_map_where_free(where);
    fb_map_tree_done(&tree);
    free(copy);
    return holds;
}

static void a_condition_holds_or_does_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t ignored = 0;

        if (holds_for(cases[i].condition, record_text, &ignored) != cases[i].holds)
            fail_msg("%s: should %s", cases[i].condition, cases[i].holds ? "hold" : "not hold");
    }
}

static void its_opposite_does_not_or_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char opposite[256];
        uint64_t ignored = 0;

        snprintf(opposite, sizeof opposite, "not (%s)", cases[i].condition);
        if (holds_for(opposite, record_text, &ignored) == cases[i].holds)
            fail_msg("%s: should %s", opposite, cases[i].holds ? "not hold" : "hold");
    }
}

static void comparisons_of_different_types_are_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mismatch_cases); i++) {
        uint64_t mismatches = 100;
        const bool holds = holds_for(mismatch_cases[i].condition, record_text, &mismatches);

        if (holds != mismatch_cases[i].holds || mismatches - 100 != mismatch_cases[i].mismatches)
            fail_msg("%s: %s, %d", mismatch_cases[i].condition, holds ? "holds" : "does not hold",
                     (int)(mismatches - 100));
    }
}

/* ---- numbers ---- */

/* In their order; numbers of one line of it are equal. */
static const char *const ascending[] = {
    "-1e1000 -10e999",
    "-1e400",
    "-123456789012345678901234567890123456789012345678901234567890.2",
    "-123456789012345678901234567890123456789012345678901234567890.1",
    "-100 -1e2 -100.000 -0.1e3",
    "-99.99",
    "-10",
    "-9.5 -9.50 -95e-1",
    "-1",
    "-0.5",
    "-1e-400",
    "0 -0 0.0 0e5 -0e-5 0e99999999999999999999",
    "1e-400 0.1e-399",
    "0.000001 1e-6",
    "0.05 5e-2 0.050",
    "0.1 1e-1 0.10",
    "0.11",
    "0.2",
    "1 1.0 1e0 10e-1 0.01e2",
    "1.0000000000000000000000000000000000000000000001",
    "1.05",
    "1.5",
    "9",
    "10 1e1 10.0",
    "10.0001",
    "10.001",
    "99",
    "100 1e2 1.00e+2",
    "101",
    "9007199254740992",
    "9007199254740993",
    "123456789012345678901234567890123456789012345678901234567890.1",
    "123456789012345678901234567890123456789012345678901234567890.2",
    "1e400",
    "1e999999999999999",
    "1e1000000000000000 1e99999999999999999999",
};

static void expect_order(const char *a, const char *b, int order)
{
    char text[256];
    char condition[256];
    uint64_t mismatches = 0;

    snprintf(text, sizeof text, "{\"n\":%s}", a);
    for (int relation = -1; relation <= 1; relation++) {
        snprintf(condition, sizeof condition, "n %c %s", "<=>"[relation + 1], b);
        if (holds_for(condition, text, &mismatches) != (relation == order))
            fail_msg("%s for n = %s", condition, a);
    }
    assert_int_equal(mismatches, 0);
}

/* Calls `each` with every spelling of two lines. */
static void compare_lines(const char *line_a, const char *line_b, int order)
{
    char a[256];
    char b[256];
    char *rest_a = NULL;

    snprintf(a, sizeof a, "%s", line_a);
    for (char *one = strtok_r(a, " ", &rest_a); one != NULL; one = strtok_r(NULL, " ", &rest_a)) {
        char *rest_b = NULL;

        snprintf(b, sizeof b, "%s", line_b);
        for (char *other = strtok_r(b, " ", &rest_b); other != NULL;
             other = strtok_r(NULL, " ", &rest_b))
            expect_order(one, other, order);
    }
}

static void numbers_compare_as_decimals_however_they_are_spelled(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ascending); i++)
        for (size_t j = 0; j < COUNT(ascending); j++)
            compare_lines(ascending[i], ascending[j], i < j ? -1 : i > j);
}

/* ---- limits ---- */

/* Zeros, and a 7 at the end. */
static char *list_of(unsigned count)
{
    struct text text = {0};

    add(&text, "n in (");
    for (unsigned i = 1; i < count; i++)
        add(&text, "0, ");
    add(&text, "7)");
    return text.bytes;
}

static void a_list_has_up_to_1000_values(void **state)
{
    char *most = list_of(FB_MAP_WHERE_VALUES_MAX);
    char *too_many = list_of(FB_MAP_WHERE_VALUES_MAX + 1);
    struct fb_map_where *where = NULL;
    struct fb_map_tree tree;
    struct fb_error error;
    uint64_t mismatches = 0;

    (void)state;
    assert_true(holds_for(most, "{\"n\":7}", &mismatches));
    assert_false(holds_for(most, "{\"n\":8}", &mismatches));
    fb_map_tree_init(&tree, SEED);
    assert_int_equal(fb_map_where_new(too_many, &tree, &where, &error), FB_TOO_LARGE);
    assert_non_null(strstr(error.message, "more than 1000 values in a list"));
    assert_null(where);
    fb_map_tree_done(&tree);
    free(most);
    free(too_many);
}

static char *repeated(const char *before, unsigned count, const char *middle, const char *after)
{
    struct text text = {0};

    for (unsigned i = 0; i < count; i++)
        add(&text, before);
    add(&text, middle);
    for (unsigned i = 0; i < count; i++)
        add(&text, after);
    return text.bytes;
}

static void parentheses_go_as_deep_as_32(void **state)
{
    static const struct {
        const char *before, *after;
    } nestings[] = {{"(", ")"}, {"not ", ""}};

    (void)state;
    for (size_t i = 0; i < COUNT(nestings); i++) {
        char *deepest = repeated(nestings[i].before, 32, "n = 1", nestings[i].after);
        char *deeper = repeated(nestings[i].before, 33, "n = 1", nestings[i].after);
        struct fb_map_where *where = NULL;
        struct fb_map_tree tree;
        struct fb_error error;
        uint64_t mismatches = 0;

        assert_true(holds_for(deepest, "{\"n\":1}", &mismatches));
        fb_map_tree_init(&tree, SEED);
        assert_int_equal(fb_map_where_new(deeper, &tree, &where, &error), FB_TOO_LARGE);
        assert_non_null(strstr(error.message, "parentheses and not deeper than 32"));
        fb_map_tree_done(&tree);
        free(deepest);
        free(deeper);
    }
}

static void a_long_chain_needs_no_depth(void **state)
{
    char *any = repeated("n = 2 or ", 20000, "n = 1", "");
    char *all = repeated("n = 1 and ", 20000, "n = 1", "");
    uint64_t mismatches = 0;

    (void)state;
    assert_true(holds_for(any, "{\"n\":1}", &mismatches));
    assert_true(holds_for(all, "{\"n\":1}", &mismatches));
    assert_false(holds_for(all, "{\"n\":2}", &mismatches));
    free(any);
    free(all);
}

/* 50 stars over 4,000 characters: backtracking into each of them would not end. */
static void a_pattern_of_many_stars_takes_no_exponential_time(void **state)
{
    char *pattern = repeated("*a", 50, "*b'", "");
    char *letters = repeated("a", 4000, "\"}", "");
    struct text condition = {0};
    struct text text = {0};
    uint64_t mismatches = 0;

    (void)state;
    add(&condition, "n like '");
    add(&condition, pattern);
    add(&text, "{\"n\":\"");
    add(&text, letters);
    assert_false(holds_for(condition.bytes, text.bytes, &mismatches));
    free(condition.bytes);
    free(text.bytes);
    free(pattern);
    free(letters);
}

static void one_compiled_condition_serves_many_records(void **state)
{
    static const struct {
        const char *text;
        bool holds;
    } records[] = {
        {"{\"type\":\"view\",\"n\":5}", true},
        {"{\"type\":\"view\",\"n\":6}", false},
        {"{\"n\":5}", false},
        {"{\"type\":\"v\\u0069ew\",\"n\":5.0}", true},
        {"{}", false},
    };
    struct fb_map_tree tree;
    struct fb_map_where *where;
    uint64_t mismatches = 0;

    (void)state;
    fb_map_tree_init(&tree, SEED);
    where = compiled("type = \"view\" and n = 5", &tree);
    for (size_t i = 0; i < COUNT(records); i++) {
        char *copy = padded(records[i].text, strlen(records[i].text));
        struct fb_map_record record = map_record(&tree, copy, strlen(copy), &object);
        bool holds = !records[i].holds;

        assert_int_equal(fb_map_where_test(where, &record, &mismatches, &holds), FB_OK);
        assert_int_equal(holds, records[i].holds);
        map_record_done(&record);
        free(copy);
    }
    fb_map_where_free(where);
    fb_map_tree_done(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_condition_holds_or_does_not),
        cmocka_unit_test(its_opposite_does_not_or_does),
        cmocka_unit_test(comparisons_of_different_types_are_counted),
        cmocka_unit_test(numbers_compare_as_decimals_however_they_are_spelled),
        cmocka_unit_test(a_list_has_up_to_1000_values),
        cmocka_unit_test(parentheses_go_as_deep_as_32),
        cmocka_unit_test(a_long_chain_needs_no_depth),
        cmocka_unit_test(a_pattern_of_many_stars_takes_no_exponential_time),
        cmocka_unit_test(one_compiled_condition_serves_many_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
