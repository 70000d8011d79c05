/* SPDX-License-Identifier: Apache-2.0 */
#include "inflating.h"

#define ONE   "{\"id\":\"a\"}"
#define OTHER "{\"id\":\"b\"}"

#define STORED   0
#define DEFLATED 8

/* Where the sizes stand, and how long they are. */
enum sizes {
    IN_HEAD,
    IN_HEAD_64,         /* in a zip64 field */
    BEHIND,             /* in a descriptor */
    BEHIND_UNSIGNED,    /* in one without its signature */
    BEHIND_64,          /* of 64 bits, as a zip64 field tells */
    BEHIND_64_UNSIGNED, /* both */
    BEHIND_64_UNTOLD,   /* of 64 bits, and no field tells */
};

struct entry {
    const char *name;
    unsigned method;
    enum sizes sizes;
    unsigned more_flags;
    uint32_t crc_error;
    uint64_t size_error;
};

static bool is_behind(enum sizes sizes)
{
    return sizes >= BEHIND;
}

static bool has_zip64(enum sizes sizes)
{
    return sizes == IN_HEAD_64 || sizes == BEHIND_64 || sizes == BEHIND_64_UNSIGNED;
}

static void add_descriptor(struct text *zip, enum sizes sizes, uint64_t crc, uint64_t packed,
                           uint64_t plain)
{
    const size_t width = sizes >= BEHIND_64 ? 8 : 4;

    if (sizes != BEHIND_UNSIGNED && sizes != BEHIND_64_UNSIGNED)
        add(zip, "PK\x07\x08");
    add_le(zip, crc, 4);
    add_le(zip, packed, width);
    add_le(zip, plain, width);
}

static void add_local(struct text *zip, const struct entry *entry, uint64_t crc, uint64_t packed,
                      uint64_t plain)
{
    const bool is_wide = has_zip64(entry->sizes);
    const bool is_said = !is_behind(entry->sizes);
    const uint64_t nothing = is_wide ? UINT32_MAX : 0;

    add_bytes(zip, "PK\x03\x04", 4);
    add_le(zip, is_wide ? 45 : 20, 2);
    add_le(zip, entry->more_flags | (is_said ? 0 : 8), 2);
    add_le(zip, entry->method, 2);
    add_le(zip, 0x58213000, 4);
    add_le(zip, is_said ? crc : 0, 4);
    add_le(zip, is_said && !is_wide ? packed : nothing, 4);
    add_le(zip, is_said && !is_wide ? plain : nothing, 4);
    add_le(zip, strlen(entry->name), 2);
    /* A field of another kind stands before zip64's, and a byte of padding behind. */
    add_le(zip, 9 + (is_wide ? 20 : 0) + 1, 2);
    add(zip, entry->name);
    add_bytes(zip, "UT\x05\0\x03PK\x03\x04", 9);
    if (is_wide) {
        add_bytes(zip, "\x01\0\x10\0", 4);
        add_le(zip, is_said ? plain : 0, 8);
        add_le(zip, is_said ? packed : 0, 8);
    }
    add_bytes(zip, "\0", 1);
}

static void add_entry(struct text *zip, const struct entry *entry, const char *content, size_t size)
{
    const uint64_t crc = crc32(0, (const Bytef *)content, (uInt)size) ^ entry->crc_error;
    const uint64_t plain = size + entry->size_error;
    struct text packed = {0};

    if (entry->method == DEFLATED)
        add_packed(&packed, BARE, 6, Z_DEFAULT_STRATEGY, content, size);
    else
        add_bytes(&packed, content, size);
    add_local(zip, entry, crc, packed.size + (entry->method == STORED ? entry->size_error : 0),
              plain);
    add_bytes(zip, packed.bytes, packed.size);
    if (is_behind(entry->sizes))
        add_descriptor(zip, entry->sizes, crc, packed.size, plain);
    free(packed.bytes);
}

/* What nothing depends on: names, sizes and places in it are other ones. */
static void add_central_directory(struct text *zip, size_t entries)
{
    for (size_t i = 0; i < entries; i++) {
        add_bytes(zip, "PK\x01\x02", 4);
        add_times(zip, "\x7f", 24);
        add_le(zip, 5, 2);
        add_le(zip, 3, 2);
        add_le(zip, 4, 2);
        add_times(zip, "\x7f", 12);
        add(zip, "other---{\"i}");
    }
    add_bytes(zip, "PK\x06\x06", 4);
    add_le(zip, 44, 8);
    add_times(zip, "\x7f", 44);
    add(zip, "PK\x06\x07");
    add_times(zip, "\x7f", 16);
    add(zip, "PK\x05\x06");
    add_times(zip, "\x7f", 16);
    add_le(zip, 7, 2);
    add(zip, "comment");
}

static void add_archive(struct text *zip, unsigned method, enum sizes sizes, const char *content)
{
    add_entry(zip, &(struct entry){.name = "records.json", .method = method, .sizes = sizes},
              content, strlen(content));
    add_central_directory(zip, 1);
}

/* ---- what is read ---- */

static void each_method_is_read_wherever_its_sizes_stand(void **state)
{
    struct text content = {0};

    (void)state;
    add_lines(&content, 60);
    for (unsigned method = STORED; method <= DEFLATED; method += DEFLATED)
        for (enum sizes sizes = IN_HEAD; sizes <= BEHIND_64_UNTOLD; sizes++) {
            struct text in = {0};

            add_archive(&in, method, sizes, content.bytes);
            expect_same(&in, &content);
            assert_string_equal(form(), "zip");
            in.size = 0;
            add_archive(&in, method, sizes, "P");
            expect_good(&in, "P");
            in.size = 0;
            add_archive(&in, method, sizes, "");
            if (sizes != BEHIND_64_UNTOLD) /* where zeros do not tell how many they are */
                expect_good(&in, "");
            free(in.bytes);
        }
    free(content.bytes);
}

static void several_entries_are_one_object(void **state)
{
    for (unsigned method = STORED; method <= DEFLATED; method += DEFLATED)
        for (enum sizes sizes = IN_HEAD; sizes <= BEHIND_64_UNTOLD; sizes++) {
            const struct entry folder = {
                .name = "p/", .method = STORED, .sizes = sizes < BEHIND_64_UNTOLD ? sizes : BEHIND};
            const struct entry first = {.name = "p/1", .method = method, .sizes = sizes};
            const struct entry second = {.name = "p/2", .method = DEFLATED, .sizes = BEHIND};
            struct text in = {0};

            (void)state;
            add_entry(&in, &folder, "", 0);
            add_entry(&in, &first, ONE "\n", 11);
            add_entry(&in, &second, OTHER "\n", 11);
            add_entry(&in, &folder, "", 0);
            add_entry(&in, &first, ONE "\n", 11);
            add_central_directory(&in, 5);
            expect_good(&in, ONE "\n" OTHER "\n" ONE "\n");
            free(in.bytes);
        }
}

/* Or the last line of one would run into the first of the next. */
static void a_newline_comes_between_entries_that_lack_one(void **state)
{
    const struct entry entry = {.name = "lines", .method = DEFLATED, .sizes = BEHIND};
    struct text in = {0};

    (void)state;
    add_entry(&in, &entry, "last of one", 11);
    add_entry(&in, &entry, "first of the next", 17);
    add_central_directory(&in, 2);
    expect_good(&in, "last of one\nfirst of the next");
    free(in.bytes);
}

static void an_archive_of_nothing_is_empty(void **state)
{
    struct text in = {0};

    (void)state;
    add_bytes(&in, "PK\x05\x06", 4);
    add_bytes(&in, (const char[18]){0}, 18);
    expect_good(&in, "");
    assert_string_equal(form(), "zip");
    free(in.bytes);
}

static void an_archive_may_hold_other_forms(void **state)
{
    const struct entry entry = {.name = "a.gz", .method = STORED, .sizes = BEHIND};
    struct text gzip = {0};
    struct text in = {0};

    (void)state;
    add_gzip(&gzip, ONE, 10);
    add_entry(&in, &entry, gzip.bytes, gzip.size);
    add_entry(&in, &entry, gzip.bytes, gzip.size);
    add_central_directory(&in, 2);
    expect_good(&in, ONE ONE);
    assert_string_equal(form(), "zip, gzip");
    free(gzip.bytes);
    free(in.bytes);
}

/* ---- a stored content whose end must be found ---- */

static void content_that_looks_like_an_archive_is_content(void **state)
{
    static const enum sizes unknown[] = {BEHIND, BEHIND_UNSIGNED, BEHIND_64, BEHIND_64_UNSIGNED};

    (void)state;
    for (size_t i = 0; i < COUNT(unknown); i++) {
        const struct entry entry = {.name = "x", .method = STORED, .sizes = unknown[i]};
        struct text content = {0};
        struct text in = {0};

        add(&content, "PPKPK\x07PK\x07\x08\x01\x02\x03\x04PK\x01\x02PK\x03\x04 P");
        add_archive(&content, STORED, BEHIND, "PK\x07\x08");
        add_archive(&content, STORED, BEHIND_UNSIGNED, "PK\x03\x04");
        add_descriptor(&content, BEHIND, 0, 0, 0);
        add(&content, "PKPK\x07");
        add_entry(&in, &entry, content.bytes, content.size);
        add_central_directory(&in, 1);
        expect_same(&in, &content);
        free(content.bytes);
        free(in.bytes);
    }
}

/* The checksum or a size of its descriptor is another: then there is no end. */
static void nothing_behind_a_stored_content_passes_for_its_end_but_its_descriptor(void **state)
{
    static const enum sizes unknown[] = {BEHIND, BEHIND_UNSIGNED, BEHIND_64, BEHIND_64_UNSIGNED};

    (void)state;
    for (size_t i = 0; i < 2 * COUNT(unknown); i++) {
        const struct entry entry = {.name = "x",
                                    .method = STORED,
                                    .sizes = unknown[i / 2],
                                    .crc_error = i % 2 == 0,
                                    .size_error = i % 2 == 1};
        struct fb_error error = {0};
        struct text in = {0};
        struct text out = {0};

        add_entry(&in, &entry, ONE, 10);
        add_central_directory(&in, 1);
        assert_int_equal(inflate_whole(&in, &out, &error), FB_CORRUPT);
        assert_non_null(strstr(error.message, "the archive is cut off"));
        assert_memory_equal(out.bytes, ONE, 10);
        free(in.bytes);
        free(out.bytes);
    }
}

/* ---- what is refused ---- */

static void what_is_not_read_is_named(void **state)
{
    static const struct {
        unsigned flags, method;
        const char *message;
    } cases[] = {
        {0x0001, DEFLATED, "entry 2 (secret.json) is encrypted"},
        {0x0001, STORED, "entry 2 (secret.json) is encrypted"},
        {0x0041, DEFLATED, "entry 2 (secret.json) is encrypted"},
        {0x2001, DEFLATED, "entry 2 (secret.json) is encrypted"},
        {0x0001, 99, "entry 2 (secret.json) is encrypted"},
        {0, 99, "entry 2 (secret.json) is encrypted"},
        {0, 9, "entry 2 (secret.json) is compressed by Deflate64 (method 9)"},
        {0, 12, "bzip2 (method 12)"},
        {0, 14, "LZMA (method 14)"},
        {0, 93, "Zstandard (method 93)"},
        {0, 95, "XZ (method 95)"},
        {0, 98, "PPMd (method 98)"},
        {0, 1, "an unknown method (method 1)"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (enum sizes sizes = IN_HEAD; sizes <= BEHIND; sizes += BEHIND) {
            const struct entry good = {.name = "good", .method = DEFLATED, .sizes = BEHIND};
            const struct entry entry = {.name = "secret.json",
                                        .method = cases[i].method,
                                        .sizes = sizes,
                                        .more_flags = cases[i].flags};
            struct text in = {0};

            add_entry(&in, &good, ONE "\n", 11);
            add_entry(&in, &entry, "secret secret", 13);
            add_central_directory(&in, 2);
            expect_damage(&in, ONE "\n", cases[i].message);
            free(in.bytes);
        }
}

static void a_name_is_told_without_what_would_break_a_line(void **state)
{
    const struct entry entry = {.name = "a\nb\x1b[0m", .method = 99};
    struct text in = {0};

    (void)state;
    add_entry(&in, &entry, "x", 1);
    expect_damage(&in, "", "entry 1 (a?b?[0m)");
    free(in.bytes);
}

/* ---- damage ---- */

static void a_wrong_checksum_or_size_is_damage(void **state)
{
    for (unsigned method = STORED; method <= DEFLATED; method += DEFLATED)
        for (enum sizes sizes = IN_HEAD; sizes <= BEHIND_64_UNSIGNED; sizes++) {
            struct entry entry = {.name = "x", .method = method, .sizes = sizes, .crc_error = 1};
            struct text in = {0};

            (void)state;
            if (method == STORED && is_behind(sizes))
                continue; /* its end is not found */
            add_entry(&in, &entry, ONE, 10);
            add_central_directory(&in, 1);
            expect_damage(&in, ONE, "zip: the content's checksum is wrong, in entry 1 (x)");
            free(in.bytes);
        }
}

static void another_size_than_was_said_is_damage(void **state)
{
    for (enum sizes sizes = IN_HEAD; sizes <= BEHIND_64_UNSIGNED; sizes++) {
        struct entry entry = {
            .name = "x", .method = DEFLATED, .sizes = sizes, .size_error = UINT64_C(1) << 60};
        struct text in = {0};

        (void)state;
        if (sizes == IN_HEAD || sizes == BEHIND || sizes == BEHIND_UNSIGNED)
            entry.size_error = 1;
        add_entry(&in, &entry, ONE, 10);
        add_central_directory(&in, 1);
        expect_damage(&in, ONE, "zip: ");
        free(in.bytes);
    }
}

/* The deflated content ends before the size that is said, or goes on behind it. */
static void a_packed_size_that_does_not_fit_is_damage(void **state)
{
    for (int more = -1; more <= 1; more += 2) {
        struct fb_error error = {0};
        struct text in = {0};
        struct text out = {0};

        (void)state;
        add_archive(&in, DEFLATED, IN_HEAD, ONE);
        in.bytes[18] = (char)(in.bytes[18] + more);
        assert_int_equal(inflate_whole(&in, &out, &error), FB_CORRUPT);
        assert_non_null(strstr(error.message, more < 0
                                                  ? "the content goes on behind its size"
                                                  : "the content has another size than was said"));
        free(in.bytes);
        free(out.bytes);
    }
}

/* 2^60 bytes: memory and time are those of what really comes. */
static void an_entry_that_claims_exabytes_ends_where_the_object_does(void **state)
{
    const struct entry entry = {
        .name = "x", .method = STORED, .sizes = IN_HEAD_64, .size_error = (UINT64_C(1) << 60) - 10};
    struct text in = {0};

    (void)state;
    add_entry(&in, &entry, ONE, 10);
    expect_damage(&in, ONE, "the archive is cut off");
    free(in.bytes);
}

static void a_cut_is_found_at_every_byte(void **state)
{
    struct text content = {0};

    (void)state;
    add_lines(&content, 3);
    for (unsigned method = STORED; method <= DEFLATED; method += DEFLATED)
        for (enum sizes sizes = IN_HEAD; sizes <= BEHIND_64_UNTOLD; sizes++) {
            struct text in = {0};

            add_archive(&in, method, sizes, content.bytes);
            expect_cuts_are_found(&in, &content, NULL, 0);
            free(in.bytes);
        }
    free(content.bytes);
}

/* But in the name and the time, and in the central directory, where it does not matter. */
static void a_turned_bit_never_gives_another_content_for_good(void **state)
{
    struct text content = {0};

    (void)state;
    add_lines(&content, 3);
    for (unsigned method = STORED; method <= DEFLATED; method += DEFLATED)
        for (enum sizes sizes = IN_HEAD; sizes <= BEHIND_64_UNTOLD; sizes++) {
            struct text in = {0};

            add_archive(&in, method, sizes, content.bytes);
            expect_turned_bits_are_found(&in, &content);
            free(in.bytes);
        }
    free(content.bytes);
}

static void garbage_between_and_behind_records_of_the_archive_is_damage(void **state)
{
    struct text in = {0};

    (void)state;
    add_entry(&in, &(struct entry){.name = "x", .method = DEFLATED}, ONE, 10);
    add(&in, "garbage");
    expect_damage(&in, ONE, "zip: no record begins");
    in.size = 0;
    add_archive(&in, DEFLATED, BEHIND, ONE);
    add(&in, "\n");
    expect_damage(&in, ONE, "zip: garbage behind the archive's end");
    free(in.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_method_is_read_wherever_its_sizes_stand),
        cmocka_unit_test(several_entries_are_one_object),
        cmocka_unit_test(a_newline_comes_between_entries_that_lack_one),
        cmocka_unit_test(an_archive_of_nothing_is_empty),
        cmocka_unit_test(an_archive_may_hold_other_forms),
        cmocka_unit_test(content_that_looks_like_an_archive_is_content),
        cmocka_unit_test(nothing_behind_a_stored_content_passes_for_its_end_but_its_descriptor),
        cmocka_unit_test(what_is_not_read_is_named),
        cmocka_unit_test(a_name_is_told_without_what_would_break_a_line),
        cmocka_unit_test(a_wrong_checksum_or_size_is_damage),
        cmocka_unit_test(another_size_than_was_said_is_damage),
        cmocka_unit_test(a_packed_size_that_does_not_fit_is_damage),
        cmocka_unit_test(an_entry_that_claims_exabytes_ends_where_the_object_does),
        cmocka_unit_test(a_cut_is_found_at_every_byte),
        cmocka_unit_test(a_turned_bit_never_gives_another_content_for_good),
        cmocka_unit_test(garbage_between_and_behind_records_of_the_archive_is_damage),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
