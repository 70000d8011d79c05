/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole object: its compression found and undone, its records read in the form that the first one
 * looks like. Byte 0 of the input chooses the pieces, byte 1 what the object is said to be.
 */
#include "firebridge/codec/object_reader.h"
#include "form.h"

static const struct fb_inflate_hints hints[] = {
    {NULL, NULL},   {"gzip", "a.gz"},          {NULL, "a.zip"},    {NULL, "a.snappy"},
    {NULL, "a.sz"}, {"deflate", "a.zlib"},     {"zstd", "a.zst"},  {NULL, "a.bz2"},
    {"", ""},       {"aws-chunked", "a.json"}, {NULL, "a.parquet"}};

static struct fb_object_reader *make_reader(void)
{
    const struct fb_object_reader_options options = {
        .schema = &fuzz_schemas[0],
        .hash_seed = 42,
        .max_record_size = 4096,
        .inflate = {.max_expansion = 1000, .max_inflated_size = 16384, .max_layers = 3},
    };
    struct fb_object_reader *reader = NULL;

    fuzz_check(fb_object_reader_new(&options, &reader, NULL) == FB_OK);
    return reader;
}

/* Of one reading. */
struct reading {
    struct fuzz_outcome records;
    struct fuzz_outcome end;
    bool is_cut_gzip; /* up to two bytes may be lacking at the end, by where the pieces ended */
};

static void take_end(struct fb_object_reader *reader, enum fb_status status,
                     const struct fb_error *error, struct reading *reading)
{
    const uint64_t end[] = {status, fb_object_reader_format(reader),
                            fb_object_reader_tally(reader).passed_over};
    struct fb_record record;
    char layers[100];

    /* The end stays the end. */
    fuzz_check(fb_object_reader_next(reader, &record, NULL) == status);
    fb_object_reader_describe(reader, layers, sizeof layers);
    reading->end.size = 0;
    fuzz_add(&reading->end, end, sizeof end);
    fuzz_add(&reading->end, layers, strlen(layers));
    reading->is_cut_gzip =
        status == FB_CORRUPT && strstr(error->message, "gzip: the object is cut off") != NULL;
}

static void read_object(struct fb_object_reader *reader, const struct fb_inflate_hints *hint,
                        const char *bytes, size_t size, size_t piece, struct reading *reading)
{
    enum fb_status status = FB_NEED_MORE;
    struct fb_error error = {0};
    uint64_t number = 0;
    uint64_t offset = 0;

    reading->records.size = 0;
    fb_object_reader_begin(reader, hint);
    while (status == FB_NEED_MORE) {
        const size_t given = size < piece ? size : piece;
        struct fb_record record;

        if (given > 0)
            fb_object_reader_feed(reader, bytes, given);
        else
            fb_object_reader_finish(reader);
        while ((status = fb_object_reader_next(reader, &record, &error)) == FB_OK) {
            fuzz_check(record.number == number++ && record.offset_bytes >= offset);
            offset = record.offset_bytes;
            if (record.reason == FB_DEAD_NONE)
                fuzz_check_item(&record, &fuzz_schemas[0]);
            fuzz_add_record(&reading->records, &record);
        }
        fuzz_check(status != FB_NEED_MORE || fb_object_reader_unused(reader) == 0);
        bytes += given;
        size -= given;
    }
    fuzz_check(status == FB_END || status == FB_CORRUPT);
    take_end(reader, status, &error, reading);
}

static void check_same(const struct reading *one, const struct reading *two)
{
    const size_t size =
        one->records.size < two->records.size ? one->records.size : two->records.size;

    if (!one->is_cut_gzip && !two->is_cut_gzip) {
        fuzz_check_same(&one->records, &two->records);
        fuzz_check_same(&one->end, &two->end);
    } else
        fuzz_check(size == 0 || memcmp(one->records.bytes, two->records.bytes, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct fb_object_reader *reader;
    static struct reading whole;
    static struct reading split;
    const char *const bytes = (const char *)input + 2;
    const struct fb_inflate_hints *hint;

    if (size < 2)
        return 0;
    if (reader == NULL)
        reader = make_reader();
    hint = &hints[input[1] % (sizeof hints / sizeof *hints)];
    read_object(reader, hint, bytes, size - 2, size, &whole);
    read_object(reader, hint, bytes, size - 2, (size_t)input[0] + 1, &split);
    check_same(&whole, &split);
    return 0;
}
