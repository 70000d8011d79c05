/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 318 documents of JSONTestSuite: what must be accepted is, what must be refused is, and what
 * RFC 8259 leaves open is decided as the table below says.
 */
#include "feed.h"

#include <dirent.h>
#include <unistd.h>

#include "firebridge/codec/validate.h"

/*
 * Of the open ones we refuse bytes that are not UTF-8, surrogates that are alone, and a byte order
 * mark before a value: a mark is passed over at an object's first byte only, which is the reader's
 * work. Numbers of any size are JSON (DynamoDB's limits come later), and so is any depth.
 */
static const char *const open_and_accepted[] = {
    "i_number_double_huge_neg_exp.json",  "i_number_huge_exp.json",
    "i_number_neg_int_huge_exp.json",     "i_number_pos_double_huge_exp.json",
    "i_number_real_neg_overflow.json",    "i_number_real_pos_overflow.json",
    "i_number_real_underflow.json",       "i_number_too_big_neg_int.json",
    "i_number_too_big_pos_int.json",      "i_number_very_big_negative_int.json",
    "i_structure_500_nested_arrays.json",
};

static const char *suite_folder(void)
{
    static char path[4096];
    const char *root = getenv("FIREBRIDGE_TESTDATA");

    snprintf(path, sizeof path, "%s/json-test-suite", root == NULL ? "../shared/testdata" : root);
    return access(path, R_OK) == 0 ? path : NULL;
}

static bool is_blank_to_the_end(const char *p, const char *end)
{
    while (p < end && strchr(" \t\r\n", *p) != NULL && *p != '\0')
        p++;
    return p == end;
}

static bool accepted(const char *text, size_t size)
{
    struct fb_nesting nesting = {0};
    struct fb_validated validated = {0};
    const enum fb_status status = fb_json_validate(&nesting, text, size, &validated);

    fb_nesting_done(&nesting);
    return status == FB_OK && !validated.bad_utf8 &&
           is_blank_to_the_end(text + validated.end, text + size);
}

static void keep_reason(const struct fb_record *record, void *userdata)
{
    struct text *reasons = userdata;

    add(reasons, fb_dead_reason_name(record->reason));
    add(reasons, " ");
}

/* The reader on the document as a whole object. */
static void read_document(const char *text, size_t size, struct text *reasons)
{
    const struct fb_key_schema schema = id_schema();
    struct fb_record_reader *reader = NULL;

    assert_int_equal(fb_record_reader_new(
                         &(struct fb_record_reader_options){
                             .schema = &schema, .hash_seed = 3, .max_record_size = 1 << 20},
                         &reader, NULL),
                     FB_OK);
    reasons->size = 0;
    add(reasons, "");
    feed(reader, text, size, 4096, keep_reason, reasons);
    fb_record_reader_free(reader);
}

static bool is_open_and_accepted(const char *name)
{
    for (size_t i = 0; i < COUNT(open_and_accepted); i++)
        if (strcmp(open_and_accepted[i], name) == 0)
            return true;
    return false;
}

static void check_reader(const char *name, const char *text, size_t size)
{
    const char *first = text + strspn(text, " \t\r\n");
    struct text reasons = {0};

    read_document(text, size, &reasons);
    if (*name == 'y' && *first == '[')
        assert_null(strstr(reasons.bytes, "malformed"));
    else if (*name == 'y' && *first != '{')
        assert_string_equal(reasons.bytes, "not-an-object ");
    else if (*name == 'y' && strstr(reasons.bytes, "malformed") != NULL)
        fail_msg("%s: %s", name, reasons.bytes);
    else if (*name == 'n' && strcmp(reasons.bytes, "none ") == 0)
        fail_msg("%s became an item", name);
    free(reasons.bytes);
}

static void check_document(const char *folder, const char *name, size_t counts[3])
{
    static const char kinds[] = "yni";
    char path[8192];
    static char buffer[1 << 20];
    FILE *file;
    size_t size;
    bool expected;
    char *text;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    size = fread(buffer, 1, sizeof buffer, file);
    fclose(file);
    text = padded(buffer, size);
    expected = *name == 'y' || (*name == 'i' && is_open_and_accepted(name));
    if (accepted(text, size) != expected)
        fail_msg("%s was %s", name, expected ? "refused" : "accepted");
    check_reader(name, text, size);
    counts[strchr(kinds, *name) - kinds]++;
    free(text);
}

static void the_json_test_suite_is_judged_as_it_should(void **state)
{
    const char *folder = suite_folder();
    size_t counts[3] = {0};
    const struct dirent *entry;
    DIR *dir;

    (void)state;
    if (folder == NULL) {
        puts("SKIP the_json_test_suite_is_judged_as_it_should: no json-test-suite folder in "
             "$FIREBRIDGE_TESTDATA");
        skip();
    }
    dir = opendir(folder);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        if (strchr("yni", entry->d_name[0]) != NULL && entry->d_name[1] == '_')
            check_document(folder, entry->d_name, counts);
    closedir(dir);
    assert_int_equal(counts[0], 95);
    assert_int_equal(counts[1], 188);
    assert_int_equal(counts[2], 35);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_json_test_suite_is_judged_as_it_should),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
