/* SPDX-License-Identifier: Apache-2.0 */
/* Snappy's three streams, around blocks that libsnappy made. */
#include "inflating.h"

#define ONE "{\"id\":\"a\"}"

#define JAVA_HEAD       "\x82SNAPPY\0\0\0\0\x01\0\0\0\x01"
#define JAVA_HEAD_SIZE  16
#define IDENTIFIER      "\xff\x06\0\0sNaPpY"
#define IDENTIFIER_SIZE 10

#if FB_HAVE_snappy

#include <snappy-c.h>

static void pack_block(struct text *block, const char *content, size_t size)
{
    size_t packed_size = snappy_max_compressed_length(size);
    char *packed = malloc(packed_size);

    assert_non_null(packed);
    assert_int_equal(snappy_compress(content, size, packed, &packed_size), SNAPPY_OK);
    add_bytes(block, packed, packed_size);
    free(packed);
}

/* A length of 4 bytes, then the block. */
static void add_block(struct text *stream, const char *content, size_t size)
{
    struct text block = {0};

    pack_block(&block, content, size);
    add_be(stream, block.size, 4);
    add_bytes(stream, block.bytes, block.size);
    free(block.bytes);
}

static void add_blocks(struct text *stream, const struct text *content, size_t block_size)
{
    for (size_t at = 0; at < content->size; at += block_size)
        add_block(stream, content->bytes + at,
                  content->size - at < block_size ? content->size - at : block_size);
}

/* As SnappyOutputStream does it. */
static void add_java(struct text *stream, const struct text *content, size_t block_size)
{
    add_bytes(stream, JAVA_HEAD, JAVA_HEAD_SIZE);
    add_blocks(stream, content, block_size);
}

/* As Hadoop's BlockCompressorStream does it: what is written at once is a block of many chunks. */
static void add_hadoop(struct text *stream, const struct text *content, size_t block_size,
                       size_t chunk_size)
{
    for (size_t at = 0; at < content->size; at += block_size) {
        const struct text block = {.bytes = content->bytes + at,
                                   .size = content->size - at < block_size ? content->size - at
                                                                           : block_size};

        add_be(stream, block.size, 4);
        add_blocks(stream, &block, chunk_size);
    }
}

static uint32_t crc32c(const char *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < 8 * size; i++) {
        const uint32_t bit = (unsigned char)bytes[i / 8] >> i % 8 & 1;

        crc = crc >> 1 ^ (((crc & 1) ^ bit) != 0 ? 0x82f63b78U : 0);
    }
    return ~crc;
}

static void add_chunk(struct text *stream, unsigned type, const char *bytes, size_t size)
{
    add_le(stream, type, 1);
    add_le(stream, size, 3);
    add_bytes(stream, bytes, size);
}

/* A chunk of data, compressed (type 0) or not (type 1). */
static void add_framed(struct text *stream, unsigned type, const char *content, size_t size)
{
    const uint32_t crc = crc32c(content, size);
    struct text chunk = {0};

    add_le(&chunk, (uint32_t)((crc >> 15 | crc << 17) + 0xa282ead8U), 4);
    if (type == 0)
        pack_block(&chunk, content, size);
    else
        add_bytes(&chunk, content, size);
    add_chunk(stream, type, chunk.bytes, chunk.size);
    free(chunk.bytes);
}

/* ---- snappy-java: what Firehose calls Snappy ---- */

static void a_snappy_java_stream_is_read_however_its_blocks_are_cut(void **state)
{
    static const size_t blocks[] = {1, 100, 32768};
    struct text content = {0};

    (void)state;
    add_lines(&content, 40);
    for (size_t i = 0; i < COUNT(blocks); i++) {
        struct text in = {0};

        add_java(&in, &content, blocks[i]);
        expect_same(&in, &content);
        assert_string_equal(form(), "snappy");
        free(in.bytes);
    }
    free(content.bytes);
}

static void streams_one_behind_the_other_are_one_object(void **state)
{
    struct text content = {.bytes = (char[]){ONE}, .size = 10};
    struct text in = {0};

    (void)state;
    add_java(&in, &content, 100);
    add_java(&in, &content, 3);
    add_bytes(&in, JAVA_HEAD, JAVA_HEAD_SIZE);
    expect_good(&in, ONE ONE);
    free(in.bytes);
}

static void a_stream_without_a_block_is_empty(void **state)
{
    struct text in = {0};

    (void)state;
    add_bytes(&in, JAVA_HEAD, JAVA_HEAD_SIZE);
    expect_good(&in, "");
    assert_string_equal(form(), "snappy");
    free(in.bytes);
}

/* The head: magic, the writer's version, the oldest version whose readers can follow. */
static void a_version_that_this_reader_can_follow_is_read_and_no_other(void **state)
{
    static const struct {
        unsigned version, oldest;
        const char *message; /* NULL: read */
    } cases[] = {
        {1, 1, NULL},
        {2, 1, NULL},
        {1, 0, NULL},
        {3, 2, "snappy: version 3 of the stream, for readers of version 2 or later"},
        {0x7fffffff, 0xffffffff, "snappy: version 2147483647 of the stream, for readers of"},
    };
    const struct text content = {.bytes = (char[]){ONE}, .size = 10};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text in = {0};

        add_bytes(&in, JAVA_HEAD, 8);
        add_be(&in, cases[i].version, 4);
        add_be(&in, cases[i].oldest, 4);
        add_blocks(&in, &content, 100);
        if (cases[i].message == NULL)
            expect_good(&in, ONE);
        else
            expect_damage(&in, "", cases[i].message);
        free(in.bytes);
    }
}

/* A cut between two blocks cannot be told: the form has no mark at its end. */
static void a_cut_inside_a_block_is_found(void **state)
{
    struct text content = {0};
    struct text in = {0};
    size_t seams[2];

    (void)state;
    add_lines(&content, 4);
    add_bytes(&in, JAVA_HEAD, JAVA_HEAD_SIZE);
    seams[0] = in.size;
    add_block(&in, content.bytes, 90);
    seams[1] = in.size;
    add_block(&in, content.bytes + 90, content.size - 90);
    expect_cuts_are_found(&in, &content, seams, 2);
    free(content.bytes);
    free(in.bytes);
}

static void a_damaged_block_of_snappy_java_is_named(void **state)
{
    struct text in = {0};

    (void)state;
    add_bytes(&in, JAVA_HEAD, JAVA_HEAD_SIZE);
    add_block(&in, ONE, 10);
    add_be(&in, 5, 4);
    add_bytes(&in, "\xff\xff\xff\xff\xff", 5);
    expect_damage(&in, ONE, "snappy: a damaged block before compressed byte");
    in.size = JAVA_HEAD_SIZE;
    add_be(&in, 0, 4);
    add(&in, "x");
    expect_damage(&in, "", "snappy: a damaged block");
    in.size = JAVA_HEAD_SIZE;
    add_bytes(&in, "\x82SNAPPX\0\0\0\0\x01\0\0\0\x01", JAVA_HEAD_SIZE);
    expect_damage(&in, "", "snappy: no head of a snappy-java stream");
    free(in.bytes);
}

/* ---- Hadoop ---- */

static void a_block_of_hadoop_may_have_several_chunks(void **state)
{
    static const size_t sizes[][2] = {{4096, 4096}, {4096, 1000}, {100, 1}, {1, 1}, {1 << 20, 300}};
    struct text content = {0};

    (void)state;
    add_lines(&content, 40);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct text in = {0};

        add_hadoop(&in, &content, sizes[i][0], sizes[i][1]);
        expect_same(&in, &content);
        assert_string_equal(form(), "hadoop-snappy");
        free(in.bytes);
    }
    free(content.bytes);
}

/* All that was gathered for an object may have been written at once. */
static void a_block_of_hadoop_may_be_as_long_as_the_object(void **state)
{
    struct text content = {0};
    struct text in = {0};
    struct text out = {0};

    (void)state;
    add_times(&content, "{\"id\":\"0123456789012345678901234567890123456789\"}\n", 400000);
    assert_true(content.size > 1 << 24);
    add_hadoop(&in, &content, content.size, 1 << 18);
    assert_int_equal(inflate_with(NULL, &in, 65536, 65536, &out, NULL), FB_OK);
    assert_string_equal(form(), "hadoop-snappy");
    assert_int_equal(out.size, content.size);
    assert_memory_equal(out.bytes, content.bytes, content.size);
    free(content.bytes);
    free(in.bytes);
    free(out.bytes);
}

static void the_shortest_object_of_hadoop_is_known_too(void **state)
{
    const struct text content = {.bytes = (char[]){"{}"}, .size = 2};
    const struct fb_inflate_hints hints = {.key = "p/records.snappy"};
    const struct text nothing = {.bytes = (char[]){"\0\0\0"}, .size = 4};
    struct text in = {0};
    struct text out = {0};

    (void)state;
    add_hadoop(&in, &content, 100, 100);
    assert_true(in.size < 13);
    expect_same(&in, &content);
    assert_string_equal(form(), "hadoop-snappy");
    /* Hadoop writes so much where there is nothing to write. */
    assert_int_equal(inflate_with(&hints, &nothing, 1, 1, &out, NULL), FB_OK);
    assert_string_equal(form(), "hadoop-snappy");
    assert_string_equal(out.bytes, "");
    free(in.bytes);
    free(out.bytes);
}

static void an_extension_makes_no_text_hadoops(void **state)
{
    const struct fb_inflate_hints hints = {.key = "p/records.snappy"};
    const struct text in = {.bytes = (char[]){ONE ONE ONE}, .size = 30};
    struct text out = {0};

    (void)state;
    assert_int_equal(inflate_with(&hints, &in, 1, 100, &out, NULL), FB_OK);
    assert_string_equal(form(), "none");
    assert_string_equal(out.bytes, ONE ONE ONE);
    free(out.bytes);
}

static void a_cut_inside_a_block_of_hadoop_is_found(void **state)
{
    struct text content = {0};
    struct text in = {0};
    struct text first;
    struct text second;
    size_t seam;

    (void)state;
    add_lines(&content, 4);
    first = (struct text){.bytes = content.bytes, .size = 90};
    second = (struct text){.bytes = content.bytes + 90, .size = content.size - 90};
    add_hadoop(&in, &first, 90, 50);
    seam = in.size;
    add_hadoop(&in, &second, second.size, 50);
    expect_cuts_are_found(&in, &content, &seam, 1);
    free(content.bytes);
    free(in.bytes);
}

static void a_block_of_hadoop_that_is_longer_than_it_said_is_damage(void **state)
{
    struct text in = {0};

    (void)state;
    add_be(&in, 15, 4);
    add_block(&in, ONE, 10);
    add_block(&in, ONE, 10);
    expect_damage(&in, ONE, "hadoop-snappy: a block is longer than it said");
    free(in.bytes);
}

/* ---- the framing format ---- */

static void the_sum_of_this_test_is_crc32c(void **state)
{
    (void)state;
    assert_int_equal(crc32c("123456789", 9), 0xe3069283U);
    assert_int_equal(crc32c((const char[32]){0}, 32), 0x8a9136aaU); /* RFC 3720, B.4 */
}

static void framed_chunks_are_read_whether_compressed_or_not(void **state)
{
    struct text content = {0};
    struct text in = {0};

    (void)state;
    add_lines(&content, 60);
    add_bytes(&in, IDENTIFIER, IDENTIFIER_SIZE);
    add_framed(&in, 0, content.bytes, 1000);
    add_framed(&in, 1, content.bytes + 1000, 1);
    add_framed(&in, 1, content.bytes + 1001, 500);
    add(&in, "\r\n"); /* between entries of a ZIP */
    add_framed(&in, 0, "", 0);
    add_framed(&in, 1, "", 0);
    add_framed(&in, 0, content.bytes + 1501, content.size - 1501);
    expect_same(&in, &content);
    assert_string_equal(form(), "snappy-framed");
    free(content.bytes);
    free(in.bytes);
}

/* framing_format.txt: padding is 0xfe, 0x80 to 0xfd may be passed over, 0x02 to 0x7f may not. */
static void chunks_without_content_are_passed_over_where_they_may_be(void **state)
{
    struct text in = {0};

    (void)state;
    add_bytes(&in, IDENTIFIER, IDENTIFIER_SIZE);
    add_chunk(&in, 0xfe, "", 0);
    add_framed(&in, 0, ONE, 10);
    add_chunk(&in, 0xfe, "\0\0\0\0\0", 5);
    add_chunk(&in, 0x80, "any", 3);
    add_chunk(&in, 0xfd, "thing", 5);
    add_bytes(&in, IDENTIFIER, IDENTIFIER_SIZE);
    add_framed(&in, 1, ONE, 10);
    add_chunk(&in, 0xfe, "", 0);
    expect_good(&in, ONE ONE);
    free(in.bytes);
    for (unsigned type = 2; type < 0x80; type += 0x7d) {
        in = (struct text){0};
        add_bytes(&in, IDENTIFIER, IDENTIFIER_SIZE);
        add_framed(&in, 0, ONE, 10);
        add_chunk(&in, type, "any", 3);
        expect_damage(&in, ONE, "snappy-framed: a chunk of a type that may not be passed over");
        free(in.bytes);
    }
}

static void a_wrong_crc32c_is_damage_and_its_chunk_is_not_given(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 2; type++) {
        struct text in = {0};

        add_bytes(&in, IDENTIFIER, IDENTIFIER_SIZE);
        add_framed(&in, type, ONE, 10);
        add_framed(&in, type, ONE, 10);
        in.bytes[in.size - 1] ^= 1;
        expect_damage(&in, ONE, "snappy-framed: a chunk's checksum is wrong");
        free(in.bytes);
    }
}

static void chunks_that_cannot_be_are_damage(void **state)
{
    static const struct {
        unsigned type;
        size_t size;
        const char *message;
    } cases[] = {
        {0, 3, "a chunk of a size that none may have"},
        {1, 0, "a chunk of a size that none may have"},
        {1, 65536 + 5, "a chunk of over 65536 bytes"},
        {0xff, 5, "a damaged identifier"},
        {0xff, 6, "a damaged identifier"},
    };
    static const char zeros[1 << 17];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text in = {0};

        add_bytes(&in, IDENTIFIER, IDENTIFIER_SIZE);
        add_framed(&in, 0, ONE, 10);
        add_chunk(&in, cases[i].type, zeros, cases[i].size);
        expect_damage(&in, ONE, cases[i].message);
        free(in.bytes);
    }
}

static void framed_content_is_cut_and_turned_without_giving_another(void **state)
{
    struct text content = {0};
    struct text in = {0};
    size_t seams[3];

    (void)state;
    add_lines(&content, 4);
    add_bytes(&in, IDENTIFIER, IDENTIFIER_SIZE);
    seams[0] = in.size;
    add_framed(&in, 0, content.bytes, 90);
    seams[1] = in.size;
    add_framed(&in, 0, content.bytes + 90, content.size - 90);
    seams[2] = in.size;
    expect_cuts_are_found(&in, &content, seams, 3);
    /* But in the chunks' types, of which a bit makes one that is passed over. */
    for (size_t i = 0; i < 2; i++) {
        const size_t begin = seams[i] + 4;
        const size_t end = seams[i + 1];

        for (size_t bit = 8 * begin; bit < 8 * end; bit++) {
            struct text out = {0};

            in.bytes[bit / 8] = (char)(in.bytes[bit / 8] ^ 1 << bit % 8);
            assert_int_equal(inflate_whole(&in, &out, NULL), FB_CORRUPT);
            assert_int_equal(out.size, i == 0 ? 0 : 90);
            in.bytes[bit / 8] = (char)(in.bytes[bit / 8] ^ 1 << bit % 8);
            free(out.bytes);
        }
    }
    free(content.bytes);
    free(in.bytes);
}

/* ---- claims ---- */

/* Neither by the length of what is compressed, nor by that of what it was. */
static void a_block_that_claims_4_gb_is_refused_by_its_length(void **state)
{
    static const char huge[] = "\xff\xff\xff\xff\x0f"; /* 2^32 - 1 as a varint */
    struct text ins[5] = {0};

    (void)state;
    add_bytes(&ins[0], JAVA_HEAD, JAVA_HEAD_SIZE);
    add_be(&ins[0], UINT32_MAX, 4);
    add(&ins[0], "some");
    add_bytes(&ins[1], JAVA_HEAD, JAVA_HEAD_SIZE);
    add_be(&ins[1], 9, 4);
    add(&ins[1], huge);
    add(&ins[1], "some");
    add_be(&ins[2], 1000, 4);
    add_block(&ins[2], ONE, 10);
    add_be(&ins[2], UINT32_MAX, 4);
    add_be(&ins[3], 1000, 4);
    add_block(&ins[3], ONE, 10);
    add_be(&ins[3], 9, 4);
    add(&ins[3], huge);
    add(&ins[3], "some");
    add_bytes(&ins[4], IDENTIFIER, IDENTIFIER_SIZE);
    add_chunk(&ins[4], 0, "\0\0\0\0\xff\xff\xff\xff\x0fsome", 13);
    for (size_t i = 0; i < COUNT(ins); i++) {
        expect_damage(&ins[i], i == 2 || i == 3 ? ONE : "", "a block that claims 4294967295 bytes");
        free(ins[i].bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snappy_java_stream_is_read_however_its_blocks_are_cut),
        cmocka_unit_test(streams_one_behind_the_other_are_one_object),
        cmocka_unit_test(a_stream_without_a_block_is_empty),
        cmocka_unit_test(a_version_that_this_reader_can_follow_is_read_and_no_other),
        cmocka_unit_test(a_cut_inside_a_block_is_found),
        cmocka_unit_test(a_damaged_block_of_snappy_java_is_named),
        cmocka_unit_test(a_block_of_hadoop_may_have_several_chunks),
        cmocka_unit_test(a_block_of_hadoop_may_be_as_long_as_the_object),
        cmocka_unit_test(the_shortest_object_of_hadoop_is_known_too),
        cmocka_unit_test(an_extension_makes_no_text_hadoops),
        cmocka_unit_test(a_cut_inside_a_block_of_hadoop_is_found),
        cmocka_unit_test(a_block_of_hadoop_that_is_longer_than_it_said_is_damage),
        cmocka_unit_test(the_sum_of_this_test_is_crc32c),
        cmocka_unit_test(framed_chunks_are_read_whether_compressed_or_not),
        cmocka_unit_test(chunks_without_content_are_passed_over_where_they_may_be),
        cmocka_unit_test(a_wrong_crc32c_is_damage_and_its_chunk_is_not_given),
        cmocka_unit_test(chunks_that_cannot_be_are_damage),
        cmocka_unit_test(framed_content_is_cut_and_turned_without_giving_another),
        cmocka_unit_test(a_block_that_claims_4_gb_is_refused_by_its_length),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

#else

static void without_its_library_each_form_is_refused_by_name(void **state)
{
    struct text ins[3] = {0};

    (void)state;
    add_bytes(&ins[0], JAVA_HEAD "rest", JAVA_HEAD_SIZE + 4);
    add_bytes(&ins[1], IDENTIFIER "rest", IDENTIFIER_SIZE + 4);
    add_bytes(&ins[2], "\0\0\0\x0a\0\0\0\x0c\x0a\x24" ONE, 20);
    for (size_t i = 0; i < COUNT(ins); i++) {
        expect_damage(&ins[i], "", "this firebridge was built without libsnappy");
        free(ins[i].bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_its_library_each_form_is_refused_by_name),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

#endif
