/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include "firebridge/codec/hash.h"
#include "map_record.h"

#define SEED 42

#define PATH_10   "a.b.c.d.e.f.g.h.i.j"
#define PATH_32   PATH_10 "." PATH_10 "." PATH_10 ".k.l"
#define LONG_NAME "a234567890123456789012345678901234567890123456789012345678901234"

/* ---- what is read ---- */

struct read_case {
    const char *source;
    enum fb_map_kind kind;
    const char *value;
};

static const char record_text[] =
    "{\"user_id\":42,\"name\":\"Ann\",\"flag\":true,\"off\":false,\"nothing\":null,\"price\":"
    "1.50E+2,\"empty\":\"\",\"escaped\":\"a\\\"b\\u00fc\\n\\ud83d\\ude00\",\"tags\":[\"x\",{\"y\":"
    "[7]},[]],\"product\":{\"price\":-0.10,\"0\":\"zero\",\"007\":\"bond\"},\"id.orig_h\":"
    "\"10.0.0.1\",\"a\\\"b\":1,\"c\\\\d\":2,\"caf\\u00e9\":3,\"@now\":\"mine\",\"\":\"unnamed\","
    "\"with-dash\":4,\"deep\":{\"er\":{\"\":{\"x\":5}}},\"blanks\" : { \"in\" : [ 1 , 2 ] } }";

/* Add a line: a source, and what it is in the record above and the object below. */
static const struct read_case read_cases[] = {
    {"user_id", FB_MAP_IS_NUMBER, "42"},
    {"name", FB_MAP_IS_STRING, "Ann"},
    {"flag", FB_MAP_IS_BOOL, "true"},
    {"off", FB_MAP_IS_BOOL, "false"},
    {"nothing", FB_MAP_IS_NULL, "null"},
    {"price", FB_MAP_IS_NUMBER, "1.50E+2"},
    {"empty", FB_MAP_IS_STRING, ""},
    {"escaped", FB_MAP_IS_STRING, "a\"b\xc3\xbc\n\xf0\x9f\x98\x80"},
    {"tags", FB_MAP_IS_ARRAY, "[\"x\",{\"y\":[7]},[]]"},
    {"tags.0", FB_MAP_IS_STRING, "x"},
    {"tags.\"0\"", FB_MAP_IS_STRING, "x"},
    {"tags.00", FB_MAP_IS_MISSING, ""},
    {"tags.1.y.0", FB_MAP_IS_NUMBER, "7"},
    {"tags.2", FB_MAP_IS_ARRAY, "[]"},
    {"tags.2.0", FB_MAP_IS_MISSING, ""},
    {"tags.3", FB_MAP_IS_MISSING, ""},
    {"tags.4294967295", FB_MAP_IS_MISSING, ""},
    {"tags.name", FB_MAP_IS_MISSING, ""},
    {"product", FB_MAP_IS_OBJECT, "{\"price\":-0.10,\"0\":\"zero\",\"007\":\"bond\"}"},
    {"product.price", FB_MAP_IS_NUMBER, "-0.10"},
    {"product.0", FB_MAP_IS_STRING, "zero"},
    {"product.007", FB_MAP_IS_STRING, "bond"},
    {"product.price.x", FB_MAP_IS_MISSING, ""},
    {"\"id.orig_h\"", FB_MAP_IS_STRING, "10.0.0.1"},
    {"\"user_id\"", FB_MAP_IS_NUMBER, "42"},
    {"\"a\\\"b\"", FB_MAP_IS_NUMBER, "1"},
    {"\"c\\\\d\"", FB_MAP_IS_NUMBER, "2"},
    {"\"caf\xc3\xa9\"", FB_MAP_IS_NUMBER, "3"},
    {"\"@now\"", FB_MAP_IS_STRING, "mine"},
    {"\"\"", FB_MAP_IS_STRING, "unnamed"},
    {"with-dash", FB_MAP_IS_NUMBER, "4"},
    {"deep.er.\"\".x", FB_MAP_IS_NUMBER, "5"},
    {"blanks.in.1", FB_MAP_IS_NUMBER, "2"},
    {"missing", FB_MAP_IS_MISSING, ""},
    {"User_id", FB_MAP_IS_MISSING, ""},
    {PATH_32, FB_MAP_IS_MISSING, ""},
    {"@now", FB_MAP_IS_NUMBER, "1795341621000"},
    {"@ingest_time", FB_MAP_IS_NUMBER, "1795341600123"},
    {"@arrival", FB_MAP_IS_NUMBER, "1795338000000"},
    {"@bucket", FB_MAP_IS_STRING, "events"},
    {"@object", FB_MAP_IS_STRING, "in/one"},
    {"@etag", FB_MAP_IS_STRING, ""},
    {"@stream", FB_MAP_IS_STRING, "clicks"},
    {"@record", FB_MAP_IS_NUMBER, "7"},
    {"@offset", FB_MAP_IS_NUMBER, "5000000000"},
    {"@partition.customer", FB_MAP_IS_STRING, "acme"},
    {"@partition.\"customer\"", FB_MAP_IS_STRING, "acme"},
    {"@partition.other", FB_MAP_IS_MISSING, ""},
    {"@error.errorCode", FB_MAP_IS_STRING, "say \"no\""},
    {"@error.ATTEMPTS", FB_MAP_IS_NUMBER, "4"},
    {"@error.rawdata", FB_MAP_IS_MISSING, ""},
};

/* An error of Firehose around the record; the last field of a name counts. */
static const char envelope[128 + FB_TEXT_SLACK] =
    "{\"attempts\":3,\"ErrorCode\" : \"say \\\"no\\\"\",\"o\":{\"rawData\":1},\"Attempts\":4}";

static const struct fb_map_partition customer = {"customer", "acme/1", 4};

static const struct fb_map_object object = {
    .stream = "clicks",
    .bucket = "events",
    .key = "in/one",
    .now_ms = 1795341621000,
    .ingest_time_ms = 1795341600123,
    .arrival_ms = 1795338000000,
    .partitions = &customer,
    .partition_count = 1,
};

/* Parses a source, reads it from a record, and keeps both for as long as the value is looked at. */
struct reading {
    struct fb_map_tree tree;
    struct fb_map_source source;
    struct fb_map_record record;
    struct fb_buffer scratch;
    struct fb_map_value value;
    char *text;
};

static struct fb_map_source parsed(struct fb_map_tree *tree, const char *text)
{
    struct fb_map_source source;
    struct fb_error error;
    const char *at = text;

    if (fb_map_source_parse(tree, &at, &source, &error) != FB_OK)
        fail_msg("%s: %s", text, error.message);
    if (*at != '\0')
        fail_msg("%s: ends before %s", text, at);
    return source;
}

static void read_source(struct reading *r, const char *source, const char *text,
                        const struct fb_map_object *of, uint64_t number)
{
    fb_map_tree_init(&r->tree, SEED);
    fb_buffer_init(&r->scratch, 4096);
    r->source = parsed(&r->tree, source);
    r->text = padded(text, strlen(text));
    r->record = map_record(&r->tree, r->text, strlen(text), of);
    r->record.number = number;
    r->record.offset_bytes = 5000000000;
    r->record.envelope = envelope;
    assert_int_equal(fb_map_source_read(&r->source, &r->record, &r->scratch, &r->value), FB_OK);
}

static void reading_done(struct reading *r)
{
    map_record_done(&r->record);
    fb_map_tree_done(&r->tree);
    fb_buffer_done(&r->scratch);
    free(r->text);
}

static bool is_value(const struct fb_map_value *value, enum fb_map_kind kind, const char *expected)
{
    return value->kind == kind && value->size == strlen(expected) &&
           memcmp(value->bytes, expected, value->size) == 0;
}

static void a_source_is_what_the_record_and_its_object_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(read_cases); i++) {
        const struct read_case *c = &read_cases[i];
        struct reading r;

        read_source(&r, c->source, record_text, &object, 7);
        if (!is_value(&r.value, c->kind, c->value))
            fail_msg("%s: kind %d, %.*s", c->source, (int)r.value.kind, (int)r.value.size,
                     r.value.bytes);
        reading_done(&r);
    }
}

static void of_a_key_without_a_time_there_is_no_arrival(void **state)
{
    static const struct fb_map_object timeless = {.key = "one"};
    struct reading r;

    (void)state;
    read_source(&r, "@arrival", "{}", &timeless, 0);
    assert_int_equal(r.value.kind, FB_MAP_IS_MISSING);
    reading_done(&r);
    read_source(&r, "@partition.customer", "{}", &timeless, 0);
    assert_int_equal(r.value.kind, FB_MAP_IS_MISSING);
    reading_done(&r);
}

/* ---- digests: keys in tables come of them, so these values may never change ---- */

static const struct {
    const char *source;
    uint64_t number;
    const char *key, *text, *value;
} digest_cases[] = {
    {"@sha256", 7, "in/one", "{\"a\":1}",
     "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"},
    {"@sha256", 8, "in/two", "{\"a\":1}",
     "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"},
    {"@shard:16", 7, "in/one", "{\"a\":1}", "13"},
    {"@shard:1000000", 7, "in/one", "{\"a\":1}", "828973"},
    {"@shard:1", 7, "in/one", "{\"a\":1}", "0"},
    {"@uuid5", 7, "in/one", "{\"a\":1}", "79f028fa-615c-5279-a8b7-2bfaea479519"},
    {"@uuid5", 8, "in/one", "{\"a\":1}", "8a8c60e7-c951-59a3-b29b-9e70e4e42566"},
    {"@uuid5", 7, "in/two", "{\"a\":1}", "6567dbba-3108-5d3e-a6a9-48d2d52f659d"},
    {"@uuid5", UINT64_MAX, "in/one", "{}", "796e4719-b7a1-59a3-b9c7-6cbdbe122ceb"},
};

static void digests_stay_the_same_for_ever(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(digest_cases); i++) {
        const struct fb_map_object of = {.key = digest_cases[i].key};
        struct reading r;

        read_source(&r, digest_cases[i].source, digest_cases[i].text, &of, digest_cases[i].number);
        if (r.value.size != strlen(digest_cases[i].value) ||
            memcmp(r.value.bytes, digest_cases[i].value, r.value.size) != 0)
            fail_msg("case %zu: %.*s", i, (int)r.value.size, r.value.bytes);
        reading_done(&r);
    }
}

static void a_uuid_tells_the_objects_the_numbers_and_the_bytes_apart(void **state)
{
    static const struct {
        const char *key;
        uint64_t number;
        const char *text;
    } places[] = {
        {"in/one", 1, "{}"}, {"in/one", 11, "{}"}, {"in/one1", 1, "{}"}, {"in/one", 1, "{ }"},
        {"in/on", 1, "{}"},  {NULL, 1, "{}"},      {NULL, 11, "{}"},     {"1", 1, "{}"},
    };
    char uuids[COUNT(places)][36];

    (void)state;
    for (size_t i = 0; i < COUNT(places); i++) {
        const struct fb_map_object of = {.key = places[i].key};
        struct reading r;

        read_source(&r, "@uuid5", places[i].text, &of, places[i].number);
        assert_int_equal(r.value.size, sizeof uuids[i]);
        memcpy(uuids[i], r.value.bytes, sizeof uuids[i]);
        assert_int_equal(uuids[i][14], '5');
        assert_non_null(memchr("89ab", uuids[i][19], 4));
        reading_done(&r);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(uuids[i], uuids[j], sizeof uuids[i]);
    }
}

static void shards_are_used_evenly(void **state)
{
    unsigned used[8] = {0};

    (void)state;
    for (unsigned i = 0; i < 800; i++) {
        char text[32];
        struct reading r;

        snprintf(text, sizeof text, "{\"n\":%u}", i);
        read_source(&r, "@shard:8", text, &object, i);
        assert_int_equal(r.value.size, 1);
        used[r.value.bytes[0] - '0']++;
        reading_done(&r);
    }
    for (size_t i = 0; i < COUNT(used); i++)
        assert_in_range(used[i], 60, 140);
}

static void a_scratch_that_is_too_small_is_no_crash(void **state)
{
    static const char *const sources[] = {"escaped", "@sha256", "@uuid5", "@now", "@shard:2"};

    (void)state;
    for (size_t i = 0; i < COUNT(sources); i++) {
        struct reading r;
        struct fb_buffer small;

        read_source(&r, sources[i], record_text, &object, 7);
        fb_buffer_init(&small, 1);
        assert_int_equal(fb_map_source_read(&r.source, &r.record, &small, &r.value), FB_TOO_LARGE);
        fb_buffer_done(&small);
        reading_done(&r);
    }
}

/* ---- what is parsed ---- */

/* Add a line: a text, where its source ends, and a part of the message when it is none. */
static const struct {
    const char *text;
    size_t end;
    const char *message;
} parse_cases[] = {
    {"a}", 1, NULL},
    {"a.b:as=string}", 3, NULL},
    {"a,b", 1, NULL},
    {"a b", 1, NULL},
    {"a\"b\"", 1, NULL},
    {"\"a\"b", 3, NULL},
    {"a>=1", 1, NULL},
    {"a-b@c_9.Z", 9, NULL},
    {"@now}", 4, NULL},
    {"@now.x", 4, NULL},
    {"@shard:16:pad=2}", 9, NULL},
    {"@shard:1000000", 14, NULL},
    {"@partition.a.b", 12, NULL},
    {"@partition.\"a b\"}", 16, NULL},
    {"", 0, "a field's name is expected here"},
    {"}", 0, "a field's name is expected here"},
    {" a", 0, "a field's name is expected here"},
    {".a", 0, "a field's name is expected here"},
    {"a.", 2, "a field's name is expected here"},
    {"a..b", 2, "a field's name is expected here"},
    {"a. b", 2, "a field's name is expected here"},
    {"gr\xc3\xb6\xc3\x9f"
     "e",
     2, NULL},
    {"\xc3\xbc", 0, "stands in double quotes"},
    {"'a'", 0, "stands in double quotes"},
    {"\"a", 2, "the closing \" of a quoted name is missing"},
    {"\"", 1, "the closing \" of a quoted name is missing"},
    {"\"a\\", 3, "a backslash stands before \" or \\ only"},
    {"\"a\\n\"", 3, "a backslash stands before \" or \\ only"},
    {PATH_32, 63, NULL},
    {PATH_32 ".m", 65, "a path of more than 32 parts"},
    {"@", 0, "there is no built-in value @; there are @now, @ingest_time"},
    {"@nwo", 0,
     "there is no built-in value @nwo; did you mean @now? A field of that name is written in "
     "quotes: \"@nwo\""},
    {"@timestamp", 0, "A field of that name is written in quotes: \"@timestamp\""},
    {"@objec.x", 0, "did you mean @object?"},
    {"@Now", 0, "did you mean @now?"},
    {"@shard", 6, "a colon and a number from 1 to 1000000 are expected here, as in @shard:16"},
    {"@shard:", 6, "a colon and a number from 1 to 1000000"},
    {"@shard:0", 6, "a colon and a number from 1 to 1000000"},
    {"@shard:-1", 6, "a colon and a number from 1 to 1000000"},
    {"@shard:1000001", 6, "a colon and a number from 1 to 1000000"},
    {"@shard:99999999999999999999", 6, "a colon and a number from 1 to 1000000"},
    {"@error", 6, "a dot and a field's name are expected here, as in @error.errorCode"},
    {"@partition", 10, "a dot and a partition key's name are expected here"},
    {"@partition.", 11, "a field's name is expected here"},
    {"@partition.\"\"", 13, "a partition key's name is empty"},
    {"@partition." LONG_NAME, 75, "a partition key's name is over 63 bytes"},
};

static void a_source_ends_where_it_ends_and_says_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(parse_cases); i++) {
        const char *const text = parse_cases[i].text;
        const char *const message = parse_cases[i].message;
        struct fb_map_source source;
        struct fb_error error = {0};
        struct fb_map_tree tree;
        const char *at = text;
        enum fb_status status;

        fb_map_tree_init(&tree, SEED);
        status = fb_map_source_parse(&tree, &at, &source, &error);
        if ((status == FB_OK) != (message == NULL) || (size_t)(at - text) != parse_cases[i].end ||
            (message != NULL && strstr(error.message, message) == NULL))
            fail_msg("%s: status %d at %zu: %s", text, (int)status, (size_t)(at - text),
                     error.message);
        fb_map_tree_done(&tree);
    }
}

static void every_unquoted_name_that_begins_with_an_at_sign_is_explained(void **state)
{
    struct fb_map_source source;
    struct fb_error error;
    struct fb_map_tree tree;
    char name[300] = "@";
    const char *at = name;

    (void)state;
    memset(name + 1, 'x', sizeof name - 2);
    fb_map_tree_init(&tree, SEED);
    assert_int_equal(fb_map_source_parse(&tree, &at, &source, &error), FB_INVALID);
    assert_non_null(strstr(error.message, "@shard:N"));
    fb_map_tree_done(&tree);
}

/* ---- the tree ---- */

static void equal_paths_share_a_slot(void **state)
{
    struct fb_map_tree tree;

    (void)state;
    fb_map_tree_init(&tree, SEED);
    assert_int_equal(parsed(&tree, "a.b").slot, 0);
    assert_int_equal(parsed(&tree, "a").slot, 1);
    assert_int_equal(parsed(&tree, "\"a\".\"b\"").slot, 0);
    assert_int_equal(parsed(&tree, "\"a.b\"").slot, 2);
    assert_int_equal(parsed(&tree, "b.a").slot, 3);
    assert_int_equal(parsed(&tree, "a.b").slot, 0);
    assert_int_equal(parsed(&tree, "@now").slot, FB_MAP_NO_SLOT);
    assert_int_equal(tree.slot_count, 4);
    fb_map_tree_done(&tree);
}

static void a_path_that_nobody_reads_has_a_node_and_no_slot(void **state)
{
    struct fb_map_tree tree;
    struct fb_map_node *node;
    const char *at = "product.internal, x";

    (void)state;
    fb_map_tree_init(&tree, SEED);
    assert_int_equal(fb_map_path_parse(&tree, &at, &node, NULL), FB_OK);
    assert_string_equal(at, ", x");
    assert_string_equal(node->name, "internal");
    assert_int_equal(node->slot, FB_MAP_NO_SLOT);
    assert_int_equal(tree.slot_count, 0);
    fb_map_tree_done(&tree);
}

static const struct fb_map_node *member(const struct fb_map_tree *tree,
                                        const struct fb_map_node *parent, const char *json,
                                        const char *meant)
{
    return fb_map_node_member(parent, fb_hash_bytes(tree->hash_seed, meant, strlen(meant)), json,
                              strlen(json), strcmp(json, meant) != 0);
}

static void a_member_is_found_by_what_its_name_means(void **state)
{
    struct fb_map_tree tree;
    char *json = padded("caf\\u00e9", 9);
    const struct fb_map_node *node;

    (void)state;
    fb_map_tree_init(&tree, SEED);
    assert_null(member(&tree, &tree.root, "a", "a"));
    assert_int_equal(parsed(&tree, "\"caf\xc3\xa9\".b").slot, 0);
    node = member(&tree, &tree.root, json, "caf\xc3\xa9");
    assert_non_null(node);
    assert_ptr_equal(node, member(&tree, &tree.root, "caf\xc3\xa9", "caf\xc3\xa9"));
    assert_null(member(&tree, &tree.root, "b", "b"));
    assert_non_null(member(&tree, node, "b", "b"));
    free(json);
    fb_map_tree_done(&tree);
}

static void an_equal_hash_alone_is_no_match(void **state)
{
    struct fb_map_tree tree;

    (void)state;
    fb_map_tree_init(&tree, SEED);
    (void)parsed(&tree, "name");
    assert_null(fb_map_node_member(&tree.root, tree.root.children[0].hash, "mane", 4, false));
    assert_null(fb_map_node_member(&tree.root, tree.root.children[0].hash, "nam", 3, false));
    fb_map_tree_done(&tree);
}

static void elements_are_found_by_their_number(void **state)
{
    struct fb_map_tree tree;
    const struct fb_map_node *tags;

    (void)state;
    fb_map_tree_init(&tree, SEED);
    (void)parsed(&tree, "tags.3");
    (void)parsed(&tree, "tags.17");
    (void)parsed(&tree, "tags.name");
    (void)parsed(&tree, "tags.017");
    (void)parsed(&tree, "tags.4294967294");
    tags = member(&tree, &tree.root, "tags", "tags");
    assert_non_null(tags);
    assert_string_equal(fb_map_node_element(tags, 3)->name, "3");
    assert_string_equal(fb_map_node_element(tags, 17)->name, "17");
    assert_string_equal(fb_map_node_element(tags, 4294967294)->name, "4294967294");
    assert_null(fb_map_node_element(tags, 0));
    assert_null(fb_map_node_element(tags, 18));
    assert_null(fb_map_node_element(tags, FB_MAP_NO_ELEMENT));
    fb_map_tree_done(&tree);
}

static void more_paths_than_the_limit_are_refused(void **state)
{
    struct fb_map_tree tree;
    struct fb_map_source source;
    struct fb_error error;
    const char *at = "one_more";

    (void)state;
    fb_map_tree_init(&tree, SEED);
    for (unsigned i = 0; i < FB_MAP_PATHS_MAX; i++) {
        char path[32];

        snprintf(path, sizeof path, "p%u", i);
        assert_int_equal(parsed(&tree, path).slot, i);
    }
    assert_int_equal(fb_map_source_parse(&tree, &at, &source, &error), FB_TOO_LARGE);
    assert_string_equal(error.message, "more than 1024 different paths");
    assert_string_equal(at, "one_more");
    assert_int_equal(parsed(&tree, "p77").slot, 77);
    fb_map_tree_done(&tree);
}

/* Ten times the paths in far less than a hundred times the time: the test's own time-out tells. */
static void a_hundred_thousand_names_are_all_found(void **state)
{
    enum { NAMES = 100000 };
    struct fb_map_tree tree;
    char name[32];

    (void)state;
    fb_map_tree_init(&tree, SEED);
    for (unsigned i = 0; i < NAMES; i++) {
        struct fb_map_node *node;
        const char *at = name;

        snprintf(name, sizeof name, "n%u", i);
        assert_int_equal(fb_map_path_parse(&tree, &at, &node, NULL), FB_OK);
    }
    assert_int_equal(tree.root.child_count, NAMES);
    for (unsigned i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "n%u", i);
        assert_string_equal(member(&tree, &tree.root, name, name)->name, name);
    }
    assert_null(member(&tree, &tree.root, "n100000", "n100000"));
    fb_map_tree_done(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_is_what_the_record_and_its_object_say),
        cmocka_unit_test(of_a_key_without_a_time_there_is_no_arrival),
        cmocka_unit_test(digests_stay_the_same_for_ever),
        cmocka_unit_test(a_uuid_tells_the_objects_the_numbers_and_the_bytes_apart),
        cmocka_unit_test(shards_are_used_evenly),
        cmocka_unit_test(a_scratch_that_is_too_small_is_no_crash),
        cmocka_unit_test(a_source_ends_where_it_ends_and_says_what_is_wrong),
        cmocka_unit_test(every_unquoted_name_that_begins_with_an_at_sign_is_explained),
        cmocka_unit_test(equal_paths_share_a_slot),
        cmocka_unit_test(a_path_that_nobody_reads_has_a_node_and_no_slot),
        cmocka_unit_test(a_member_is_found_by_what_its_name_means),
        cmocka_unit_test(an_equal_hash_alone_is_no_match),
        cmocka_unit_test(elements_are_found_by_their_number),
        cmocka_unit_test(more_paths_than_the_limit_are_refused),
        cmocka_unit_test(a_hundred_thousand_names_are_all_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
