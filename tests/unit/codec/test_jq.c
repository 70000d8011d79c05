/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jq programs between records and items. A new case is a line in `cases`: the programs, the object,
 * and what becomes of its records, a line each: the number, and the item or the dead letter.
 */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "feed.h"

#include "../../../src/codec/jq_numbers.h"
#include "firebridge/codec/mapping.h"

#define SEED 7

#if FB_HAVE_jq

struct setting {
    struct fb_mapping *mapping;
    struct fb_record_reader *reader;
};

static struct fb_record_reader *make_reader(const struct fb_mapping *mapping, enum fb_format format)
{
    const struct fb_key_schema schema = id_schema();
    const struct fb_record_reader_options options = {.schema = &schema,
                                                     .hash_seed = SEED,
                                                     .max_record_size = 4096,
                                                     .form = {.format = format},
                                                     .mapping = mapping};
    struct fb_record_reader *reader = NULL;

    assert_int_equal(fb_record_reader_new(&options, &reader, NULL), FB_OK);
    return reader;
}

static struct setting set_up(const struct fb_mapping_options *options, enum fb_format format)
{
    struct setting setting = {0};
    struct fb_error error = {0};
    enum fb_status status = fb_mapping_new(options, SEED, &setting.mapping, &error);

    assert_string_equal(error.message, "");
    assert_int_equal(status, FB_OK);
    setting.reader = make_reader(setting.mapping, format);
    return setting;
}

static void tear_down(struct setting *setting)
{
    fb_record_reader_free(setting->reader);
    fb_mapping_free(setting->mapping);
}

/* "NUMBER ITEM\n" or "NUMBER REASON: MESSAGE\n"; "+" where more of the number follow. */
static void tell(const struct fb_record *record, void *userdata)
{
    struct text *out = userdata;
    char head[32];

    snprintf(head, sizeof head, "%llu%s ", (unsigned long long)record->number,
             record->is_followed ? "+" : "");
    add(out, head);
    if (record->reason == FB_DEAD_NONE) {
        add_bytes(out, record->item, record->item_size);
    } else {
        add(out, fb_dead_reason_name(record->reason));
        add(out, ": ");
        add(out, record->message);
    }
    add(out, "\n");
}

static void expect_records(struct fb_record_reader *reader, const char *object, size_t piece,
                           const char *expected)
{
    struct text told = {0};

    fb_record_reader_begin(reader);
    feed(reader, object, strlen(object), piece, tell, &told);
    add_bytes(&told, "", 1);
    assert_string_equal(told.bytes, expected);
    free(told.bytes);
}

/* ---- what becomes of records ---- */

static const struct {
    struct fb_mapping_options options;
    enum fb_format format;
    const char *object, *expected;
    uint64_t left_out;
} cases[] = {
    /* a filter takes what its first output is true for, and changes nothing */
    {{.filter_jq = ".n > 1"},
     0,
     "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":1.50e1}",
     "1 {\"id\":{\"S\":\"b\"},\"n\":{\"N\":\"1.50e1\"}}\n",
     1},
    {{.filter_jq = ".x"},
     0,
     "{\"id\":\"a\"}{\"id\":\"b\",\"x\":false}{\"id\":\"c\",\"x\":0}",
     "2 {\"id\":{\"S\":\"c\"},\"x\":{\"N\":\"0\"}}\n",
     2},
    {{.filter_jq = "empty"}, 0, "{\"id\":\"a\"}", "", 1},
    {{.filter_jq = "false, true"}, 0, "{\"id\":\"a\"}", "", 1},
    {{.filter_jq = "true, error(\"late\")"}, 0, "{\"id\":\"a\"}", "0 {\"id\":{\"S\":\"a\"}}\n", 0},
    {{.filter_jq = "true"},
     0,
     "{\"id\":\"a\",\"n\":12345678901234567890}",
     "0 {\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"12345678901234567890\"}}\n",
     0},
    /* a transform gives the record, or several, or none */
    {{.transform_jq = "{id: .user}"},
     0,
     "{\"user\":\"a\",\"x\":[1]}",
     "0 {\"id\":{\"S\":\"a\"}}\n",
     0},
    {{.transform_jq = "empty"}, 0, "{\"id\":\"a\"}", "", 1},
    {{.transform_jq = "{id: .ids[]}"},
     0,
     "{\"ids\":[\"a\",\"b\"]}\n{\"ids\":[]}{\"ids\":[\"c\"]}",
     "0+ {\"id\":{\"S\":\"a\"}}\n0 {\"id\":{\"S\":\"b\"}}\n2 {\"id\":{\"S\":\"c\"}}\n",
     1},
    {{.transform_jq = ".id |= ascii_upcase"},
     0,
     "[{\"id\":\"a\"},{\"id\":\"b\"}]",
     "0 {\"id\":{\"S\":\"A\"}}\n1 {\"id\":{\"S\":\"B\"}}\n",
     0},
    {{.filter_jq = ".n == 2", .transform_jq = "del(.n)"},
     0,
     "{\"id\":\"a\",\"n\":1} {\"id\":\"b\",\"n\":2}",
     "1 {\"id\":{\"S\":\"b\"}}\n",
     1},
    {{.transform_jq = "{id: .message}"},
     FB_FORMAT_LINES,
     "a\nb\n",
     "0 {\"id\":{\"S\":\"a\"}}\n1 {\"id\":{\"S\":\"b\"}}\n",
     0},
    {{.filter_jq = ".n != \"1\"", .transform_jq = "{id}"},
     FB_FORMAT_CSV,
     "id,n\na,1\nb,2\n",
     "1 {\"id\":{\"S\":\"b\"}}\n",
     1},
    /* a dead letter of one output leaves the others */
    {{.transform_jq = "{id: (\"a\", 1, \"c\")}"},
     0,
     "{}",
     "0+ {\"id\":{\"S\":\"a\"}}\n0+ key-type: a key attribute must be a string: id\n"
     "0 {\"id\":{\"S\":\"c\"}}\n",
     0},
    /* the rest of the mapping sees what the transform gives */
    {{.transform_jq = "{id: .ids[]}", .where = "id != b"},
     0,
     "{\"ids\":[\"a\",\"b\",\"c\"]}",
     "0+ {\"id\":{\"S\":\"a\"}}\n0 {\"id\":{\"S\":\"c\"}}\n",
     0},
    {{.transform_jq = "{id: .ids[]}", .where = "id = a"},
     0,
     "{\"ids\":[\"a\",\"b\"]}",
     "0+ {\"id\":{\"S\":\"a\"}}\n",
     1},
    {{.items = (struct fb_map_assignment[]){{"id", "{a}{@record}", false}},
      .item_count = 1,
      .transform_jq = "{a: .b}"},
     0,
     "{\"b\":\"x\"}{\"b\":\"y\"}",
     "0 {\"a\":{\"S\":\"x\"},\"id\":{\"S\":\"x0\"}}\n1 "
     "{\"a\":{\"S\":\"y\"},\"id\":{\"S\":\"y1\"}}\n",
     0},
    /* strings keep their bytes */
    {{.transform_jq = "."},
     0,
     "{\"id\":\"\\u0000\\ud83d\\ude00\xc3\xa9\\\"\\\\\x7f\"}",
     "0 {\"id\":{\"S\":\"\\u0000\xf0\x9f\x98\x80\xc3\xa9\\\"\\\\\\u007f\"}}\n",
     0},
    {{.transform_jq = "."},
     0,
     "{\"id\":\"\\ud800\"}",
     "0 invalid-utf8: bytes that are not UTF-8, or a lone surrogate, at byte 7\n",
     0},
    {{.transform_jq = "."},
     0,
     "{\"id\":\"a\xff\"}{\"id\":\"b\"}",
     "0 invalid-utf8: bytes that are not UTF-8, or a lone surrogate, at byte 8\n"
     "1 {\"id\":{\"S\":\"b\"}}\n",
     0},
    {{.transform_jq = "."},
     0,
     "{\"id\":\"a\"]{\"id\":\"b\"}",
     "0 malformed-json: a comma or a closing bracket is missing, at byte 9\n"
     "1 {\"id\":{\"S\":\"b\"}}\n",
     0},
    {{.transform_jq = "{id: .message}", .utf8 = FB_MAP_UTF8_REPLACE},
     FB_FORMAT_LINES,
     "a\xff\nb\n",
     "0 invalid-utf8: bytes that are not UTF-8, or a lone surrogate, at byte 13 of the JSON that "
     "it "
     "becomes\n1 {\"id\":{\"S\":\"b\"}}\n",
     0},
    {{.filter_jq = ".n == 1"},
     0,
     "{\"id\":\"\xff\",\"n\":0}{\"id\":\"\xff\",\"n\":1}",
     "1 invalid-utf8: bytes that are not UTF-8, at byte 7\n",
     1},
    {{.filter_jq = ".x == \"\xef\xbf\xbd\"", .utf8 = FB_MAP_UTF8_BINARY},
     0,
     "{\"id\":\"a\",\"x\":\"\xff\"}",
     "0 {\"id\":{\"S\":\"a\"},\"x\":{\"B\":\"/w==\"}}\n",
     0},
    /* so do numbers, or it is said */
    {{.transform_jq = "."},
     0,
     "{\"id\":\"a\",\"n\":[0.1,100,-0.3,123456789012345]}",
     "0 {\"id\":{\"S\":\"a\"},\"n\":{\"L\":[{\"N\":\"0.1\"},{\"N\":\"100\"},{\"N\":\"-0.3\"},"
     "{\"N\":\"123456789012345\"}]}}\n",
     0},
    {{.transform_jq = "{id}"},
     0,
     "{\"id\":\"a\",\"n\":[9007199254740993]}",
     "0 number-precision: a number with more digits than jq keeps (see number_overflow), at byte "
     "15\n",
     0},
    {{.filter_jq = ".n == 0", .transform_jq = "{id}"},
     0,
     "{\"id\":\"a\",\"n\":9007199254740993}{\"id\":\"b\",\"n\":0,\"m\":9007199254740993}",
     "1 number-precision: a number with more digits than jq keeps (see number_overflow), at byte "
     "20\n",
     1},
    {{.transform_jq = "{id: \"user#\\(.n)\", n, m}", .overflow = FB_MAP_OVERFLOW_STRING},
     0,
     "{\"n\":9007199254740993,\"m\":-1.5}",
     "0 {\"id\":{\"S\":\"user#9007199254740993\"},\"n\":{\"S\":\"9007199254740993\"},"
     "\"m\":{\"N\":\"-1.5\"}}\n",
     0},
    {{.transform_jq = ".", .overflow = FB_MAP_OVERFLOW_ROUND},
     0,
     "{\"id\":\"a\",\"n\":9007199254740993}",
     "0 {\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"9007199254740992\"}}\n",
     0},
    {{.transform_jq = "{id, n: (.n + 1)}"},
     0,
     "{\"id\":\"a\",\"n\":1}",
     "0 {\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"2\"}}\n",
     0},
    /* what a program fails on is a dead letter, whole */
    {{.filter_jq = ".n / 0 > 1"},
     0,
     "{\"id\":\"a\",\"n\":1}{\"id\":\"b\",\"n\":\"x\"}",
     "0 jq: filter_jq fails: number (1) and number (0) cannot be divided because the divisor is "
     "zero\n1 jq: filter_jq fails: string (\"x\") and number (0) cannot be divided\n",
     0},
    {{.transform_jq = "{id}, error(\"no \\(.id)\\n!\")"},
     0,
     "{\"id\":\"a\"}",
     "0 jq: transform_jq fails: no a !\n",
     0},
    {{.transform_jq = "error({code: 1})"},
     0,
     "{\"id\":\"a\"}",
     "0 jq: transform_jq fails: {\"code\":1}\n",
     0},
    {{.transform_jq = "if .ok then {id} else error(.why) end"},
     0,
     "{\"id\":\"a\",\"why\":null}{\"id\":\"b\",\"ok\":true}",
     "0 jq: transform_jq fails: null\n1 {\"id\":{\"S\":\"b\"}}\n",
     0},
    {{.filter_jq = "null | error"}, 0, "{\"id\":\"a\"}", "0 jq: filter_jq fails: null\n", 0},
    {{.transform_jq = "def error: \"own\"; {id: (null | error)}"},
     0,
     "{\"id\":\"a\"}",
     "0 {\"id\":{\"S\":\"own\"}}\n",
     0},
    {{.transform_jq = "{id: (try error(\"x\") catch .)}, (label $f | break $f)"},
     0,
     "{\"id\":\"a\"}",
     "0 {\"id\":{\"S\":\"x\"}}\n",
     0},
    {{.transform_jq = "{id}, .id"},
     0,
     "{\"id\":\"a\"}{\"id\":null}",
     "0 jq: transform_jq gives what is no object: string\n"
     "1 jq: transform_jq gives what is no object: null\n",
     0},
    {{.transform_jq = "{id}, halt"},
     0,
     "{\"id\":\"a\"}",
     "0 jq: transform_jq fails: it halts\n",
     0},
    {{.transform_jq = "range(1e9) | {id: \"\\(.)\"}"},
     0,
     "{}",
     "0 jq: transform_jq gives too much: its outputs are too large together\n",
     0},
    {{.transform_jq = "{id, x: (\"x\" * 5000)}"},
     0,
     "{\"id\":\"a\"}",
     "0 record-too-large: the record that it becomes is over max_record_size = 4096 bytes\n",
     0},
    /* nothing of the machine is seen */
    {{.transform_jq = "{id: \"\\($ENV | length) \\(env | length) \\(input_filename)\"}"},
     0,
     "{}",
     "0 {\"id\":{\"S\":\"0 0 null\"}}\n",
     0},
    {{.transform_jq = "{id: (0 | localtime | mktime | tostring)}"},
     0,
     "{}",
     "0 {\"id\":{\"S\":\"0\"}}\n",
     0},
    {{.transform_jq = "{id: (input | tostring)}"},
     0,
     "{}{}",
     "0 jq: transform_jq fails: there is no input but the record\n"
     "1 jq: transform_jq fails: there is no input but the record\n",
     0},
    {{.transform_jq = "debug | stderr"}, 0, "{\"id\":\"a\"}", "0 {\"id\":{\"S\":\"a\"}}\n", 0},
};

static void records_become_what_the_programs_say(void **state)
{
    (void)state;
    assert_int_equal(setenv("AWS_SECRET_ACCESS_KEY", "not-for-jq", 1), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct setting setting = set_up(&cases[i].options, cases[i].format);

        expect_records(setting.reader, cases[i].object, SIZE_MAX, cases[i].expected);
        assert_int_equal(fb_record_reader_tally(setting.reader).left_out, cases[i].left_out);
        tear_down(&setting);
    }
}

static void it_does_not_matter_how_bytes_come(void **state)
{
    static const size_t pieces[] = {1, 37, 1000, SIZE_MAX};
    const struct fb_mapping_options options = {
        .filter_jq = ".n % 7 != 0",
        .transform_jq = "if .n % 11 == 0 then error(\"eleven\") else {id: \"\\(.n)\", "
                        "k: range(.n % 3)} end"};
    struct setting setting = set_up(&options, FB_FORMAT_AUTO);
    struct text object = {0}, first = {0};

    (void)state;
    for (int n = 0; n < 500; n++) {
        char record[64];

        snprintf(record, sizeof record, "%s{\"n\":%d}%s", n % 50 == 49 ? "x" : "", n,
                 n % 2 == 0 ? "\n" : "");
        add(&object, record);
    }
    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct text told = {0};

        fb_record_reader_begin(setting.reader);
        feed(setting.reader, object.bytes, object.size, pieces[i], tell, &told);
        assert_true(told.size > 5000);
        if (first.bytes == NULL)
            first = told;
        else {
            assert_int_equal(told.size, first.size);
            assert_memory_equal(told.bytes, first.bytes, first.size);
            free(told.bytes);
        }
    }
    free(first.bytes);
    free(object.bytes);
    tear_down(&setting);
}

/* "NUMBER PLACE+SIZE->END REASON\n" */
static void tell_place(const struct fb_record *record, void *userdata)
{
    char line[128];

    snprintf(line, sizeof line, "%llu %llu+%llu->%llu %s\n", (unsigned long long)record->number,
             (unsigned long long)record->offset_bytes, (unsigned long long)record->size_bytes,
             (unsigned long long)record->end_offset_bytes, fb_dead_reason_name(record->reason));
    add(userdata, line);
}

/* "OFFSET.PART.OUTPUT\n" */
static void tell_output(const struct fb_record *record, void *userdata)
{
    char place[64];

    snprintf(place, sizeof place, "%llu.%llu.%llu%s\n", (unsigned long long)record->offset_bytes,
             (unsigned long long)record->part, (unsigned long long)record->output,
             record->is_followed ? "+" : "");
    add(userdata, place);
}

static const struct {
    const char *transform;
    enum fb_format format;
    const char *object, *places;
} placed[] = {
    {NULL, 0, "{\"id\":\"a\"}\n{\"id\":\"b\"}", "0.0.0\n11.0.0\n"},
    {".", 0, "{\"id\":\"a\"}\n{\"id\":\"b\"}", "0.0.0\n11.0.0\n"},
    {"., .", 0, "{\"id\":\"a\"}\n{\"id\":\"b\"}", "0.0.0+\n0.0.1\n11.0.0+\n11.0.1\n"},
    {"if .id == \"a\" then error else . end", 0, "{\"id\":\"a\"}\n{\"id\":\"b\"}",
     "0.0.0\n11.0.0\n"},
    /* rawData is {"id":"a"}{"id":"b"}: both begin at the same byte */
    {NULL, FB_FORMAT_FIREHOSE_ERRORS, "{\"rawData\":\"eyJpZCI6ImEifXsiaWQiOiJiIn0=\"}",
     "0.0.0\n0.1.0\n"},
    {"., .", FB_FORMAT_FIREHOSE_ERRORS, "{\"rawData\":\"eyJpZCI6ImEifXsiaWQiOiJiIn0=\"}",
     "0.0.0+\n0.0.1\n0.1.0+\n0.1.1\n"},
    {"select(.id == \"b\")", FB_FORMAT_FIREHOSE_ERRORS,
     "{\"rawData\":\"eyJpZCI6ImEifXsiaWQiOiJiIn0=\"}", "0.1.0\n"},
};

static void a_program_moves_no_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof placed / sizeof *placed; i++) {
        const struct fb_mapping_options options = {.transform_jq = placed[i].transform};
        struct setting setting = set_up(&options, placed[i].format);
        struct text told = {0};

        fb_record_reader_begin(setting.reader);
        feed(setting.reader, placed[i].object, strlen(placed[i].object), SIZE_MAX, tell_output,
             &told);
        add_bytes(&told, "", 1);
        assert_string_equal(told.bytes, placed[i].places);
        free(told.bytes);
        tear_down(&setting);
    }
}

static void a_filter_moves_no_record(void **state)
{
    const struct fb_mapping_options options = {.filter_jq = "true"};
    struct setting setting = set_up(&options, FB_FORMAT_AUTO);
    struct fb_record_reader *plain = make_reader(NULL, FB_FORMAT_AUTO);
    struct text object = {0};

    (void)state;
    add(&object,
        "\xef\xbb\xbf{\"id\":\"a\"} {\"id\":\"\xff\"}{\"id\":\"b\"\n{\"id\":\"c\"}\n 5 \n");
    add(&object, "[{\"id\":\"d\"},7,{\"id\":\"e\"},]{\"id\":\"f\",}{\"id\":\"g\"}\r\n{\"id\":\"");
    add_times(&object, "long", 2000);
    add(&object, "\"}{\"id\":\"h\",\"x\":");
    add_times(&object, "[", 40);
    add_times(&object, "]", 40);
    add(&object, "}{\"id\":1}{\"id\":\"\"}\n{\"n\":1e999,\"id\":\"i\"}\n{\"id\":");
    for (size_t piece = 1; piece <= object.size; piece *= 7) {
        struct text with = {0}, without = {0};

        fb_record_reader_begin(setting.reader);
        feed(setting.reader, object.bytes, object.size, piece, tell_place, &with);
        fb_record_reader_begin(plain);
        feed(plain, object.bytes, object.size, piece, tell_place, &without);
        add_bytes(&with, "", 1);
        add_bytes(&without, "", 1);
        assert_non_null(strstr(with.bytes, "too-deep"));
        assert_string_equal(with.bytes, without.bytes);
        free(with.bytes);
        free(without.bytes);
    }
    free(object.bytes);
    fb_record_reader_free(plain);
    tear_down(&setting);
}

/* ---- programs that do not end well ---- */

/* A sanitizer's allocator ends the process itself. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OUT_OF_MEMORY "jq ends early"
#else
#define OUT_OF_MEMORY "the jq program needs too much memory"
#endif

static void who_does_not_end_is_a_dead_letter_among_good_records(void **state)
{
    const struct fb_mapping_options options = {
        .transform_jq = "if .do == \"loop\" then last(range(1e12))"
                        " elif .do == \"loop for ever\" then def f: f; f"
                        " elif .do == \"eat\" then [range(1e10)]"
                        " elif .do == \"dig\" then reduce range(1e6) as $i (null; [.]) | {a: .}"
                        " else . end | {id}"};
    struct setting setting = set_up(&options, FB_FORMAT_JSON);

    (void)state;
    expect_records(setting.reader,
                   "{\"id\":\"a\"}{\"do\":\"loop\"}{\"id\":\"b\"}{\"do\":\"eat\"}{\"id\":\"c\"}"
                   "{\"do\":\"dig\",\"id\":\"d\"}{\"do\":\"loop for ever\"}{\"id\":\"e\"}",
                   SIZE_MAX,
                   "0 {\"id\":{\"S\":\"a\"}}\n1 jq: the jq program takes too long\n"
                   "2 {\"id\":{\"S\":\"b\"}}\n3 jq: " OUT_OF_MEMORY "\n"
                   "4 {\"id\":{\"S\":\"c\"}}\n5 jq: jq crashes\n"
                   "6 jq: the jq program takes too long\n7 {\"id\":{\"S\":\"e\"}}\n");
    tear_down(&setting);
}

/* The newest child of the process; 0: it has none. */
static pid_t child_of(pid_t parent)
{
    DIR *folder = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        char path[300];
        FILE *file;
        int of = 0;
        char how = 'Z';

        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        file = atoi(entry->d_name) > 0 ? fopen(path, "r") : NULL;
        if (file == NULL)
            continue;
        if (fscanf(file, "%*d (%*[^)]) %c %d", &how, &of) == 2 && of == parent && how != 'Z' &&
            atoi(entry->d_name) > found)
            found = atoi(entry->d_name);
        fclose(file);
    }
    closedir(folder);
    return found;
}

static void a_killed_worker_changes_nothing(void **state)
{
    const struct fb_mapping_options options = {.transform_jq = "{id}"};
    struct setting setting = set_up(&options, FB_FORMAT_JSON);
    const pid_t nursery = child_of(getpid());

    (void)state;
    for (int i = 0; i < 5; i++) {
        pid_t worker;

        expect_records(setting.reader, "{\"id\":\"a\"}{\"id\":\"b\"}{\"id\":\"c\"}", SIZE_MAX,
                       "0 {\"id\":{\"S\":\"a\"}}\n1 {\"id\":{\"S\":\"b\"}}\n"
                       "2 {\"id\":{\"S\":\"c\"}}\n");
        worker = child_of(nursery);
        assert_true(worker > 0);
        assert_int_equal(kill(worker, SIGKILL), 0);
    }
    tear_down(&setting);
}

static void a_stop_of_the_group_is_not_for_workers(void **state)
{
    const struct fb_mapping_options options = {.transform_jq = "{id}"};
    struct setting setting = set_up(&options, FB_FORMAT_JSON);
    const pid_t nursery = child_of(getpid());
    pid_t worker;

    (void)state;
    expect_records(setting.reader, "{\"id\":\"a\"}", SIZE_MAX, "0 {\"id\":{\"S\":\"a\"}}\n");
    worker = child_of(nursery);
    assert_int_equal(kill(nursery, SIGTERM), 0);
    assert_int_equal(kill(worker, SIGTERM), 0);
    assert_int_equal(kill(worker, SIGINT), 0);
    expect_records(setting.reader, "{\"id\":\"b\"}", SIZE_MAX, "0 {\"id\":{\"S\":\"b\"}}\n");
    assert_int_equal(child_of(nursery), worker);
    tear_down(&setting);
}

static enum fb_status read_one(struct fb_record_reader *reader, const char *record)
{
    struct fb_record ignored;
    char *space = NULL;
    size_t room = 0;

    fb_record_reader_begin(reader);
    assert_int_equal(fb_record_reader_space(reader, &space, &room, NULL), FB_OK);
    memcpy(space, record, strlen(record));
    fb_record_reader_wrote(reader, strlen(record));
    return fb_record_reader_next(reader, &ignored);
}

static void without_the_nursery_nothing_is_taken_for_a_dead_letter(void **state)
{
    const struct fb_mapping_options options = {.transform_jq = "{id}"};
    struct setting setting = set_up(&options, FB_FORMAT_JSON);

    (void)state;
    assert_int_equal(kill(child_of(getpid()), SIGKILL), 0);
    assert_int_equal(read_one(setting.reader, "{\"id\":\"a\"}"), FB_UNAVAILABLE);
    assert_non_null(strstr(fb_record_reader_error(setting.reader)->message,
                           "was ended from outside; start firebridge again"));
    tear_down(&setting);
}

struct killer {
    pid_t nursery;
    atomic_bool is_over;
};

static void *kill_workers(void *argument)
{
    struct killer *killer = argument;

    while (!atomic_load(&killer->is_over)) {
        const struct timespec pause = {.tv_nsec = 20000000};
        const pid_t worker = child_of(killer->nursery);

        if (worker > 0)
            kill(worker, SIGKILL);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void a_record_over_which_every_worker_is_killed_stops_the_reader(void **state)
{
    const struct fb_mapping_options options = {.transform_jq = "last(range(1e12)) | {}"};
    struct setting setting = set_up(&options, FB_FORMAT_JSON);
    struct killer killer = {.nursery = child_of(getpid())};
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, kill_workers, &killer), 0);
    assert_int_equal(read_one(setting.reader, "{\"id\":\"a\"}"), FB_UNAVAILABLE);
    assert_non_null(strstr(fb_record_reader_error(setting.reader)->message,
                           "5 processes of jq were killed over one record"));
    atomic_store(&killer.is_over, true);
    pthread_join(thread, NULL);
    tear_down(&setting);
}

static void no_process_stays_behind(void **state)
{
    const struct fb_mapping_options options = {.filter_jq = "true"};
    struct setting setting = set_up(&options, FB_FORMAT_JSON);

    (void)state;
    expect_records(setting.reader, "{\"id\":\"a\"}", SIZE_MAX, "0 {\"id\":{\"S\":\"a\"}}\n");
    assert_true(child_of(getpid()) > 0);
    tear_down(&setting);
    assert_int_equal(child_of(getpid()), 0);
}

/* ---- programs that are none ---- */

static void a_program_that_does_not_compile_is_refused_with_what_jq_says(void **state)
{
    static const struct {
        struct fb_mapping_options options;
        const char *message;
    } wrong[] = {
        {{.filter_jq = ".a | nope"}, "filter_jq: nope/0 is not defined at <top-level>, line 1"},
        {{.transform_jq = "{a:\n"}, "transform_jq: syntax error, unexpected $end at <top-level>, "},
        {{.filter_jq = "true", .transform_jq = "$x"}, "transform_jq: $x is not defined"},
        {{.filter_jq = "foo(1)"}, "filter_jq: foo/1 is not defined at <top-level>, line 1: foo(1)"},
        {{.filter_jq = ".a |\nfoo"}, "filter_jq: foo/0 is not defined at <top-level>, line 2: foo"},
        {{.filter_jq = "include \"a\"; ."}, "filter_jq: syntax error, unexpected include"},
        {{.filter_jq = "import \"passwd\" as $p {search: \"/etc\"}; ."}, "filter_jq: "},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct fb_mapping *mapping = NULL;
        struct fb_error error = {0};

        assert_int_equal(fb_mapping_new(&wrong[i].options, SEED, &mapping, &error), FB_INVALID);
        error.message[strlen(wrong[i].message)] = '\0';
        assert_string_equal(error.message, wrong[i].message);
    }
}

static void typed_items_take_no_program(void **state)
{
    const struct fb_mapping_options options = {.filter_jq = "true"};
    const struct fb_key_schema schema = id_schema();
    struct fb_record_reader_options reader = {
        .schema = &schema, .max_record_size = 4096, .form = {.format = FB_FORMAT_DYNAMODB_JSON}};
    struct fb_mapping *mapping = NULL;
    struct fb_record_reader *made = NULL;

    (void)state;
    assert_int_equal(fb_mapping_new(&options, SEED, &mapping, NULL), FB_OK);
    reader.mapping = mapping;
    assert_int_equal(fb_record_reader_new(&reader, &made, NULL), FB_INVALID);
    fb_mapping_free(mapping);
}

#else

static void a_program_is_refused_with_the_library_that_lacks(void **state)
{
    static const struct fb_mapping_options options[] = {{.filter_jq = "."}, {.transform_jq = "."}};
    static const char *const messages[] = {
        "filter_jq: this build cannot run jq, as it is without libjq",
        "transform_jq: this build cannot run jq, as it is without libjq"};

    (void)state;
    for (size_t i = 0; i < COUNT(options); i++) {
        struct fb_mapping *mapping = NULL;
        struct fb_error error = {0};

        assert_int_equal(fb_mapping_new(&options[i], SEED, &mapping, &error), FB_INVALID);
        assert_string_equal(error.message, messages[i]);
    }
}

#endif

/* ---- numbers ---- */

static void only_numbers_that_a_double_carries_are_exact(void **state)
{
    static const struct {
        const char *json, *inexact; /* NULL: there is none */
    } numbers[] = {
        {"{\"a\":[0,-0,0.0,1,-1,1.50,1e10,1E-10,123456789012345,0.1,0.30000]}", NULL},
        {"{\"a\":\"9007199254740993 \\\" 9007199254740993\\\\\"}", NULL},
        {"[9007199254740992,9007199254740993]", "9007199254740993"},
        {"[9007199254740994, 1234567890123456]", NULL},
        {"[18446744073709551616]", "18446744073709551616"},
        {"[100000000000000000000000]", NULL},
        {"[0.1234567890123456]", NULL},
        {"[0.12345678901234567890]", "0.12345678901234567890"},
        {"[3.141592653589793, 3.1415926535897932]", "3.1415926535897932"},
        {"[1e307,1e-307]", NULL},
        {"[1e308]", "1e308"},
        {"[-1e-400]", "-1e-400"},
        {"[1e99999999999]", "1e99999999999"},
        {"{\"9007199254740993\":{\"a\":-9007199254740993.0}}", "-9007199254740993.0"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        const size_t size = strlen(numbers[i].json);
        char *json = padded(numbers[i].json, size);
        const char *end = NULL;
        const char *found = fb_jq_find_inexact(json, json + size, &end);

        if (numbers[i].inexact == NULL)
            assert_null(found);
        else {
            assert_non_null(found);
            assert_int_equal(end - found, strlen(numbers[i].inexact));
            assert_memory_equal(found, numbers[i].inexact, (size_t)(end - found));
        }
        free(json);
    }
}

static void what_is_inexact_becomes_a_string_of_its_digits(void **state)
{
    static const char json[] = "{\"a\":[1,9007199254740993,-1.5],\"9007199254740993\":1e999}";
    char *text = padded(json, strlen(json));
    struct fb_buffer out;

    (void)state;
    fb_buffer_init(&out, 4096);
    assert_int_equal(fb_jq_quote_inexact(text, strlen(json), &out), FB_OK);
    assert_int_equal(fb_buffer_terminate(&out), FB_OK);
    assert_string_equal(out.bytes,
                        "{\"a\":[1,\"9007199254740993\",-1.5],\"9007199254740993\":\"1e999\"}");
    fb_buffer_done(&out);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#if FB_HAVE_jq
        cmocka_unit_test(records_become_what_the_programs_say),
        cmocka_unit_test(it_does_not_matter_how_bytes_come),
        cmocka_unit_test(a_program_moves_no_place),
        cmocka_unit_test(a_filter_moves_no_record),
        cmocka_unit_test(who_does_not_end_is_a_dead_letter_among_good_records),
        cmocka_unit_test(a_killed_worker_changes_nothing),
        cmocka_unit_test(a_stop_of_the_group_is_not_for_workers),
        cmocka_unit_test(without_the_nursery_nothing_is_taken_for_a_dead_letter),
        cmocka_unit_test(a_record_over_which_every_worker_is_killed_stops_the_reader),
        cmocka_unit_test(no_process_stays_behind),
        cmocka_unit_test(a_program_that_does_not_compile_is_refused_with_what_jq_says),
        cmocka_unit_test(typed_items_take_no_program),
#else
        cmocka_unit_test(a_program_is_refused_with_the_library_that_lacks),
#endif
        cmocka_unit_test(only_numbers_that_a_double_carries_are_exact),
        cmocka_unit_test(what_is_inexact_becomes_a_string_of_its_digits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
