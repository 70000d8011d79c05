/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that say what becomes of a record. */
#include "firebridge/app/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/conf_folder.h"

#define STREAM CONF_STREAM

/* "NAME=TEMPLATE|..." */
static void expect_items(const struct fb_conf_stream *stream, const char *expected)
{
    const struct fb_mapping_options options = fb_conf_mapping_options(stream);
    char text[4096] = "";

    for (size_t i = 0; i < options.item_count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s=%s", i == 0 ? "" : "|",
                 options.items[i].name, options.items[i].value);
    assert_string_equal(text, expected);
}

static void expect_entries(const char *const *entries, size_t count, const char *expected)
{
    char text[1024] = "";

    for (size_t i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i == 0 ? "" : "|",
                 entries[i]);
    assert_string_equal(text, expected);
}

static void every_key_of_a_mapping_can_be_set(void **state)
{
    struct fb_conf *conf;
    struct fb_mapping_options options;

    (void)state;
    conf_folder_put("a.conf",
                    STREAM "item.pk = user#{user_id}\n"
                           "where = event in (view, purchase)\nflatten = product: product_\n"
                           "rename = userAgent > user_agent, ip > client_ip\ndrop = debug, a.b\n"
                           "keep = pk\nnull = dead-letter\nmissing = drop-attribute\n"
                           "number_overflow = round\nfilter_jq = .a\n"
                           "transform_jq = {a:\n  1}\n  | .\n");
    conf = conf_folder_read();
    options = fb_conf_mapping_options(&conf->streams[0]);
    expect_items(&conf->streams[0], "pk=user#{user_id}");
    assert_string_equal(options.where, "event in (view, purchase)");
    expect_entries(options.flattens, options.flatten_count, "product: product_");
    expect_entries(options.renames, options.rename_count, "userAgent > user_agent|ip > client_ip");
    expect_entries(options.drops, options.drop_count, "debug|a.b");
    expect_entries(options.keeps, options.keep_count, "pk");
    assert_int_equal(options.null, FB_MAP_NULL_DEAD_LETTER);
    assert_int_equal(options.missing, FB_MAP_MISSING_DROP);
    assert_int_equal(options.overflow, FB_MAP_OVERFLOW_ROUND);
    assert_string_equal(options.filter_jq, ".a");
    assert_string_equal(options.transform_jq, "{a:\n1}\n| .");
    fb_conf_free(conf);
}

static void a_stream_that_says_nothing_of_it_has_no_mapping(void **state)
{
    struct fb_conf *conf;
    struct fb_mapping *mapping;

    (void)state;
    conf_folder_put("a.conf", STREAM);
    conf = conf_folder_read();
    assert_int_equal(fb_conf_mapping(&conf->streams[0], 1, &mapping, NULL), FB_OK);
    assert_null(mapping);
    assert_int_equal(fb_conf_mapping_options(&conf->streams[0]).missing,
                     FB_MAP_MISSING_DEAD_LETTER);
    fb_conf_free(conf);
}

static void an_items_name_and_template_are_taken_as_they_stand(void **state)
{
    static const struct {
        const char *line, *item;
    } cases[] = {
        {"item.a = b", "a=b"},
        {"item.a=b", "a=b"},
        {"item.a =b=c:d", "a=b=c:d"},
        {"item.a = {ts:time=ms,format=%H:%M}#;x", "a={ts:time=ms,format=%H:%M}#;x"},
        {"item.the.odd-name_1 = b", "the.odd-name_1=b"},
        {"item.item.a = b", "item.a=b"},
        {"item.\"odd name\" = b", "odd name=b"},
        {"item.\"a=b:c\"\t= d", "a=b:c=d"},
        {"item.\"a #b ;c\" = d", "a #b ;c=d"},
        {"item.\"\\\"\\\\\\n\" = d", "\"\\\\n=d"},
        {"item.\"größe\" = d", "größe=d"},
        {"item.a-name-of-over-fifty-bytes-which-is-where-inih-cuts-it = a\n  b",
         "a-name-of-over-fifty-bytes-which-is-where-inih-cuts-it=ab"},
        {"item.a = {x}#\n  {y}\n# between\n\n\t{z}", "a={x}#{y}{z}"},
        {"item.a =\n  b = c\n  d:e", "a=b = cd:e"},
        {"item.b = 1\nitem.a = 2", "b=1|a=2"},
    };
    char text[512];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fb_conf *conf;

        snprintf(text, sizeof text, STREAM "%s\n", cases[i].line);
        conf_folder_put("a.conf", text);
        conf = conf_folder_read();
        expect_items(&conf->streams[0], cases[i].item);
        fb_conf_free(conf);
    }
}

static void a_longer_name_than_a_line_has_can_be_given_by_hand(void **state)
{
    struct fb_conf *conf;
    struct fb_error error;
    char text[600] = "item.";

    (void)state;
    assert_int_equal(fb_conf_new_default(&conf), FB_OK);
    memset(text + 5, 'n', 255);
    strcpy(text + 260, " = x");
    assert_int_equal(fb_conf_stream_set(&conf->streams[0], text, NULL), FB_OK);
    assert_int_equal(strlen(conf->streams[0].items.assignments[0].name), 255);
    strcpy(text + 260, "n=x");
    assert_int_equal(fb_conf_stream_set(&conf->streams[0], text, &error), FB_INVALID);
    assert_string_equal(error.message,
                        "expected item.NAME = TEMPLATE, with a name of 1 to 255 bytes");
    fb_conf_free(conf);
}

static void items_of_all_streams_are_inherited_name_by_name(void **state)
{
    struct fb_conf *conf;

    (void)state;
    conf_folder_put("a.conf", "[stream a]\nsource = s3://bucket/a\nitem.new = A\nitem.y = 2\n"
                              "[stream *]\ntable = tab\nitem.x = 1\nitem.y = 1\nitem.z = 1\n"
                              "[stream b]\nsource = s3://bucket/b\nitem.y =\nitem.none =\n");
    conf = conf_folder_read();
    expect_items(&conf->streams[0], "x=1|y=2|z=1|new=A");
    expect_items(&conf->streams[1], "x=1|z=1");
    fb_conf_free(conf);
}

static void an_item_of_a_drop_in_replaces(void **state)
{
    struct fb_conf *conf;

    (void)state;
    conf_folder_put("a.conf", STREAM "item.x = 1\nitem.y = 1\nitem.z = 1\n");
    conf_folder_put("a.conf.d/1.conf", "[stream s]\nitem.y = 2\n  3\nitem.new = 2\n");
    conf_folder_put("a.conf.d/2.conf", "[stream s]\nitem.x =\nitem.y = 4\n");
    conf = conf_folder_read();
    expect_items(&conf->streams[0], "y=4|z=1|new=2");
    fb_conf_free(conf);
}

static void an_empty_value_takes_back_what_all_streams_have(void **state)
{
    struct fb_conf *conf;
    struct fb_mapping_options options;

    (void)state;
    conf_folder_put("a.conf",
                    "[stream *]\nwhere = a = 1\nflatten = a: a_\nrename = b > c\n"
                    "drop = d\nkeep = e\n" STREAM "where =\nflatten =\nrename =\ndrop =\nkeep =\n");
    conf = conf_folder_read();
    options = fb_conf_mapping_options(&conf->streams[0]);
    assert_false(fb_mapping_is_needed(&options));
    fb_conf_free(conf);
}

static void a_comma_in_quotes_belongs_to_an_entry(void **state)
{
    static const struct {
        const char *lines, *entries;
    } cases[] = {
        {"a > b", "a > b"},
        {"a>b,c>d", "a>b|c>d"},
        {",a > b , , c > d,", "a > b|c > d"},
        {"\"a,b\" > \"c,d\", e > f", "\"a,b\" > \"c,d\"|e > f"},
        {"\"a\\\",b\" > c, d > e", "\"a\\\",b\" > c|d > e"},
        {"\"a\\\\\", b", "\"a\\\\\"|b"},
        {"\"a\n  b\", c", "\"a|b\", c"},
        {"\n  a > b\n  c > d, e > f", "a > b|c > d|e > f"},
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fb_conf *conf;
        const struct fb_conf_list *renames;

        snprintf(text, sizeof text, STREAM "rename = %s\n", cases[i].lines);
        conf_folder_put("a.conf", text);
        conf = conf_folder_read();
        renames = &conf->streams[0].renames;
        expect_entries((const char *const *)renames->entries, renames->count, cases[i].entries);
        fb_conf_free(conf);
    }
}

static void the_lines_of_a_condition_are_joined_with_a_blank(void **state)
{
    struct fb_conf *conf;

    (void)state;
    conf_folder_put("a.conf", STREAM "where =\n  a = 1\n  # why\n\tand not (b = 2\n   or c = 3)\n");
    conf = conf_folder_read();
    assert_string_equal(conf->streams[0].where, "a = 1 and not (b = 2 or c = 3)");
    fb_conf_free(conf);
}

static void a_text_for_what_is_missing_stands_in_quotes(void **state)
{
    static const struct {
        const char *value, *text;
    } cases[] = {
        {"\"\"", ""},
        {"\"none\"", "none"},
        {"\" a {b} \"", " a {b} "},
        {"\"a\\\"b\\\\c\\d\"", "a\"b\\c\\d"},
        {"\"dead-letter\"", "dead-letter"},
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fb_conf *conf;

        snprintf(text, sizeof text, STREAM "missing = %s\n", cases[i].value);
        conf_folder_put("a.conf", text);
        conf = conf_folder_read();
        assert_int_equal(conf->streams[0].missing.kind, FB_MAP_MISSING_TEXT);
        assert_string_equal(conf->streams[0].missing.text, cases[i].text);
        fb_conf_free(conf);
    }
}

#define EXPECTED_ITEM                                                                              \
    "expected item.NAME = TEMPLATE; a name of other characters than letters, digits, _ - and . "   \
    "stands in double quotes\n"

static const struct {
    const char *text, *report;
} wrong[] = {
    {STREAM "item.a\n", "a.conf:4: item.a; " EXPECTED_ITEM},
    {STREAM "item.a: b\n", "a.conf:4: item.a: b; " EXPECTED_ITEM},
    {STREAM "item.a b = c\n", "a.conf:4: item.a b = c; " EXPECTED_ITEM},
    {STREAM "item.gr\xc3\xb6\xc3\x9f"
            "e = c\n",
     "a.conf:4: item.gr\xc3\xb6\xc3\x9f"
     "e = c; " EXPECTED_ITEM},
    {STREAM "item.\"a\"b = c\n  d\n", "a.conf:4: item.\"a\"b = c; " EXPECTED_ITEM},
    {STREAM "item.\"a = b\n",
     "a.conf:4: item.\"a = b; expected a second double quote behind the name\n"},
    {STREAM "item. = a\n",
     "a.conf:4: expected item.NAME = TEMPLATE, with a name of 1 to 255 bytes\n"},
    {STREAM "item.\"\" = a\n",
     "a.conf:4: expected item.NAME = TEMPLATE, with a name of 1 to 255 bytes\n"},
    {STREAM "item = a\n",
     "a.conf:4: unknown key item; man firebridge.conf lists those of each section\n"},
    {STREAM "item.a = b ;c\n",
     "a.conf:4: ';' behind a blank looks like a comment; comments stand on lines of their own\n"},
    {STREAM "item.a =\n  b #c\n",
     "a.conf:5: '#' behind a blank looks like a comment; comments stand on lines of their own\n"},
    {STREAM "item.a = b\n  item.c = d\n",
     "a.conf:5: an indented line continues the value above; write item.c from the first column\n"},
    {STREAM "item.a = b\nitem.\"a\" = c\n  d\n",
     "a.conf:5: item.a is assigned a second time; the first is in line 4\n"},
    {STREAM "item.a = b\n[aws]\n[stream s]\nitem.a =\n",
     "a.conf:7: item.a is assigned a second time; the first is in line 4\n"},
    {STREAM "[aws]\nitem.a = b\n",
     "a.conf:5: unknown key item.a; man firebridge.conf lists those of each section\n"},
    {"item.a = b\n" STREAM,
     "a.conf:1: a value outside of a section; expected [aws], [daemon], [metrics] or "
     "[stream NAME] above it\n"},
    {STREAM "null = ignore\n", "a.conf:4: null: \"ignore\"; expected keep, drop or dead-letter\n"},
    {STREAM "missing = none\n", "a.conf:4: missing: \"none\"; expected dead-letter, "
                                "drop-attribute or a text in double quotes\n"},
    {STREAM "missing = \"a\n", "a.conf:4: missing: \"\"a\"; expected dead-letter, drop-attribute "
                               "or a text in double quotes\n"},
    {STREAM "missing = \"a\" b\n", "a.conf:4: missing: \"\"a\" b\"; expected dead-letter, "
                                   "drop-attribute or a text in double quotes\n"},
    {STREAM "number_overflow = cut\n",
     "a.conf:4: number_overflow: \"cut\"; expected dead-letter, string or round\n"},
};

static void what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        conf_folder_put("a.conf", wrong[i].text);
        conf_folder_expect_report(FB_INVALID, wrong[i].report);
    }
}

static void add_items(char *text, const char *prefix, int count)
{
    for (int i = 0; i < count; i++)
        sprintf(text + strlen(text), "item.%s%d = x\n", prefix, i);
}

static void a_stream_has_at_most_1000_items(void **state)
{
    char *text = calloc(1, 65536);
    struct fb_conf *conf;

    (void)state;
    assert_non_null(text);
    strcpy(text, STREAM);
    add_items(text, "a", 1000);
    conf_folder_put("a.conf", text);
    conf = conf_folder_read();
    assert_int_equal(conf->streams[0].items.count, 1000);
    assert_int_equal(fb_conf_stream_set(&conf->streams[0], "item.a999 = y", NULL), FB_OK);
    assert_int_equal(fb_conf_stream_set(&conf->streams[0], "item.b = y", NULL), FB_INVALID);
    fb_conf_free(conf);
    strcat(text, "item.b = x\n  y\n");
    conf_folder_put("a.conf", text);
    conf_folder_expect_report(FB_INVALID, "a.conf:1004: the section has over 1000 items\n");

    strcpy(text, "[stream *]\n");
    add_items(text, "a", 600);
    strcat(text, STREAM);
    add_items(text, "a", 100);
    add_items(text, "b", 400);
    conf_folder_put("a.conf", text);
    fb_conf_free(conf_folder_read());
    strcat(text, "item.c = x\n");
    conf_folder_put("a.conf", text);
    conf_folder_expect_report(FB_INVALID, "a.conf:602: [stream s]: a stream has at most 1000 "
                                          "items, with those of [stream *]\n");
    free(text);
}

/* What the parts of a mapping say themselves is tested with them. */
static void a_mapping_that_does_not_compile_is_said_with_the_line_of_its_key(void **state)
{
    static const struct {
        const char *text, *report;
    } cases[] = {
        {STREAM "item.a = x\nitem.b = {c\n",
         "a.conf:5: [stream s]: item.b: column 1: a placeholder without its closing }\n"},
        {STREAM "item.a = x\nitem.\"a: b\" =\n  x\n  {c\n",
         "a.conf:5: [stream s]: item.a: b: column 2: a placeholder without its closing }\n"},
        {"[stream *]\nitem.b = {c\n" STREAM "drop = d\n",
         "a.conf:2: [stream s]: item.b: column 1: a placeholder without its closing }\n"},
        {STREAM "drop = d\nrename = a\n",
         "a.conf:5: [stream s]: rename: \"a\"; expected FROM > TO\n"},
        {STREAM "flatten = a\n", "a.conf:4: [stream s]: flatten: \"a\"; expected PATH: PREFIX\n"},
        {STREAM "drop = a b\n", "a.conf:4: [stream s]: drop: \"a b\"; expected a path\n"},
        {STREAM "keep = \"a\n",
         "a.conf:4: [stream s]: keep: \"\"a\"; expected an attribute's name\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        conf_folder_put("a.conf", cases[i].text);
        conf_folder_expect_check_report(cases[i].report);
    }
}

static void an_addition_has_a_name_of_its_own(void **state)
{
    struct fb_conf *conf;
    const struct fb_conf_stream *stream;

    (void)state;
    conf_folder_put("a.conf", STREAM "write = add\nitem.pk = {a}\nitem.x = 1\nadd.y = 1\n"
                                     "add.\"odd name\" = -{v}\n");
    conf = conf_folder_read();
    stream = &conf->streams[0];
    expect_items(stream, "pk={a}|x=1|y=1|odd name=-{v}");
    assert_false(stream->items.assignments[1].is_added);
    assert_true(stream->items.assignments[2].is_added);
    assert_true(stream->items.assignments[3].is_added);
    assert_int_equal(fb_conf_check_streams(conf, NULL, NULL), FB_OK);
    assert_true(fb_conf_may_add(stream));
    assert_true(fb_conf_in_any_order(stream));
    assert_int_equal(fb_conf_decoders(stream), 4);
    fb_conf_free(conf);
    conf_folder_put("a.conf", STREAM "write = {op}\nwrite.map = P: put, A:add\nitem.pk = {a}\n"
                                     "add.n = 1\n");
    conf = conf_folder_read();
    assert_int_equal(fb_conf_check_streams(conf, NULL, NULL), FB_OK);
    assert_true(fb_conf_may_add(&conf->streams[0]));
    assert_false(fb_conf_in_any_order(&conf->streams[0]));
    assert_int_equal(fb_conf_decoders(&conf->streams[0]), 1);
    fb_conf_free(conf);
}

static void what_is_said_about_adding_must_go_together(void **state)
{
    static const struct {
        const char *text, *report;
    } cases[] = {
        {STREAM "item.pk = x\nadd.n = 1\n",
         "a.conf:5: [stream s]: add.n: nothing adds; set write = add, or a template that write.map "
         "turns into add\n"},
        {STREAM "item.pk = x\nwrite = add\n",
         "a.conf:5: [stream s]: write: to add, say what with add.NAME = NUMBER, or a template\n"},
        {STREAM "write = add\nadd.n = one\n",
         "a.conf:5: [stream s]: add.n: \"one\"; expected a number, or a template that gives one\n"},
        {STREAM "write = add\nadd.n = {a:as=binary}\n",
         "a.conf:5: [stream s]: add.n: \"{a:as=binary}\"; expected a number, or a template that "
         "gives one\n"},
        {STREAM "write = add\nitem.n = 1\nadd.n = 1\n",
         "a.conf:6: [stream s]: add.n: item.n sets the same attribute\n"},
        {STREAM "write = add\nadd.n = 1\ndrop = x\n",
         "a.conf:4: [stream s]: write: where all records add, their fields do not become "
         "attributes; "
         "make those with item.NAME, and leave out rename, flatten, drop and keep\n"},
        {STREAM "decoders = 2\n",
         "a.conf:4: [stream s]: decoders: 2 objects at once keep no order of a key; set order = "
         "none, or leave decoders out\n"},
        {STREAM "lookback = 20d\nmarker_ttl = 30d\n",
         "a.conf:5: [stream s]: marker_ttl: a marker must stay for at least twice the look-back, "
         "which is 480 hours\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        conf_folder_put("a.conf", cases[i].text);
        conf_folder_expect_check_report(cases[i].report);
    }
}

static void a_condition_that_does_not_compile_is_said_with_its_line(void **state)
{
    (void)state;
    conf_folder_put("a.conf", STREAM "drop = d\nwhere = a =\n");
    conf_folder_expect_check_report(
        "a.conf:5: [stream s]: where: column 4: expected a value: a number, a word or text "
        "in quotes, found the end\n");
}

static void a_drop_in_is_named_where_its_item_does_not_compile(void **state)
{
    (void)state;
    conf_folder_put("a.conf", STREAM);
    conf_folder_put("a.conf.d/1.conf", "[stream s]\n\nitem.a = }\n");
    conf_folder_expect_check_report("a.conf.d/1.conf:3: [stream s]: item.a: column 1: a } without "
                                    "its {; as text it is }}\n");
}

static void keys_are_set_by_hand_as_in_a_file(void **state)
{
    struct fb_conf *conf;
    struct fb_conf_stream *stream;
    struct fb_error error;

    (void)state;
    assert_int_equal(fb_conf_new_default(&conf), FB_OK);
    stream = &conf->streams[0];
    assert_int_equal(fb_conf_stream_set(stream, "item.pk=user#{id}", NULL), FB_OK);
    assert_int_equal(fb_conf_stream_set(stream, " item.\"a=b\" = {c:default=\"=\"} ", NULL), FB_OK);
    assert_int_equal(fb_conf_stream_set(stream, "item.c = 1", NULL), FB_OK);
    expect_items(stream, "pk=user#{id}|a=b={c:default=\"=\"}|c=1");
    assert_int_equal(fb_conf_stream_set(stream, "item.pk=account#{id}", NULL), FB_OK);
    assert_int_equal(fb_conf_stream_set(stream, "item.\"a=b\"=", NULL), FB_OK);
    expect_items(stream, "pk=account#{id}|c=1");
    assert_int_equal(fb_conf_stream_set(stream, "where=a = 1", NULL), FB_OK);
    assert_string_equal(stream->where, "a = 1");
    assert_int_equal(fb_conf_stream_set(stream, "item.pk", &error), FB_INVALID);
    assert_int_equal(strncmp(error.message, "item.pk; expected item.NAME = TEMPLATE", 38), 0);
    fb_conf_free(conf);
}

#define test(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, conf_folder_make, conf_folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(every_key_of_a_mapping_can_be_set),
        test(an_addition_has_a_name_of_its_own),
        test(what_is_said_about_adding_must_go_together),
        test(a_stream_that_says_nothing_of_it_has_no_mapping),
        test(an_items_name_and_template_are_taken_as_they_stand),
        test(a_longer_name_than_a_line_has_can_be_given_by_hand),
        test(items_of_all_streams_are_inherited_name_by_name),
        test(an_item_of_a_drop_in_replaces),
        test(an_empty_value_takes_back_what_all_streams_have),
        test(a_comma_in_quotes_belongs_to_an_entry),
        test(the_lines_of_a_condition_are_joined_with_a_blank),
        test(a_text_for_what_is_missing_stands_in_quotes),
        test(what_is_wrong_is_said_with_its_line),
        test(a_stream_has_at_most_1000_items),
        test(a_mapping_that_does_not_compile_is_said_with_the_line_of_its_key),
        test(a_condition_that_does_not_compile_is_said_with_its_line),
        test(a_drop_in_is_named_where_its_item_does_not_compile),
        test(keys_are_set_by_hand_as_in_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
