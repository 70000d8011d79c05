/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mapping adds to an object's reader, which inflates, cuts and transcodes as the decoder has
 * it: the same clickstream object with a mapping and without, on one thread, in turns. Then what
 * jq's programs take, with the processes that run them, over the object's first records.
 *
 *   bench_mapper OBJECT.gz [ROUNDS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "firebridge/codec/mapping.h"
#include "firebridge/codec/object_reader.h"

#define PIECE_BYTES  ((size_t)64 << 10)
#define ROUNDS       7
#define OBJECT_BYTES ((size_t)1 << 30)
#define HASH_SEED    1
#define JQ_RECORDS   50000

struct object {
    char *bytes;
    size_t size;
};

/* Two templates, a TTL, three drops and a condition that all records fulfil. */
static const struct fb_map_assignment items[] = {
    {"pk", "user#{user_id}"},
    {"sk", "{event_type}#{ts:time=ms,format=%Y-%m-%dT%H:%M:%SZ}"},
    {"expires", "{ts:time=ms,add=90d,as=epoch}"},
};
static const char *const drops[] = {"referrer", "ip", "product.tags"};
static const struct fb_mapping_options mapping_options = {
    .items = items,
    .item_count = sizeof items / sizeof *items,
    .drops = drops,
    .drop_count = sizeof drops / sizeof *drops,
    .where = "event_type in (view, add_to_cart, purchase) and product.price >= 0 and not "
             "exists(test)",
};

static const struct {
    const char *name;
    struct fb_mapping_options options;
} jq_cases[] = {
    {"filter_jq", {.filter_jq = ".event_type != \"test\" and .product.price >= 0"}},
    {"transform_jq",
     {.transform_jq =
          "{event_id, user_id, event_type, price: .product.price, expires: (.ts + 1)}"}},
    {"both",
     {.filter_jq = ".event_type != \"test\" and .product.price >= 0",
      .transform_jq =
          "{event_id, user_id, event_type, price: .product.price, expires: (.ts + 1)}"}},
};

static const struct fb_key_schema own_key = {
    .attributes = {{.name = "event_id", .name_size = 8, .type = FB_KEY_STRING}}, .count = 1};
static const struct fb_key_schema made_key = {
    .attributes = {{.name = "pk", .name_size = 2, .type = FB_KEY_STRING},
                   {.name = "sk", .name_size = 2, .type = FB_KEY_STRING}},
    .count = 2};

static bool read_object(const char *path, struct object *object)
{
    FILE *file = fopen(path, "rb");
    long size = 0;

    if (file == NULL)
        return false;
    if (fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    rewind(file);
    if (size > 0 && (size_t)size < OBJECT_BYTES)
        object->bytes = malloc((size_t)size);
    if (object->bytes != NULL)
        object->size = fread(object->bytes, 1, (size_t)size, file);
    (void)fclose(file);
    return object->size > 0;
}

/* Of this thread's work: what else the machine does is not measured. */
static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* How many items the object's first records give, at most `most`; 0 when a record gives none. */
static size_t read_items(struct fb_object_reader *reader, const struct object *object, size_t most)
{
    static const struct fb_map_object described = {.stream = "clicks", .key = "clicks.gz"};
    struct fb_error error = {0};
    struct fb_record record;
    enum fb_status status = FB_NEED_MORE;
    size_t items_read = 0;
    size_t fed = 0;

    fb_object_reader_begin(reader, NULL);
    fb_object_reader_describe_object(reader, &described);
    while (status == FB_NEED_MORE) {
        const size_t left = object->size - fed;
        const size_t size = left < PIECE_BYTES ? left : PIECE_BYTES;

        if (size > 0)
            fb_object_reader_feed(reader, object->bytes + fed, size);
        else
            fb_object_reader_finish(reader);
        fed += size;
        while ((status = fb_object_reader_next(reader, &record, &error)) == FB_OK) {
            if (record.reason != FB_DEAD_NONE || record.operation != FB_PUT)
                return 0;
            if (++items_read == most)
                return most;
        }
    }
    return status == FB_END ? items_read : 0;
}

static struct fb_object_reader *make_reader(const struct fb_key_schema *key,
                                            const struct fb_mapping *mapping)
{
    const struct fb_object_reader_options options = {
        .schema = key,
        .hash_seed = HASH_SEED,
        .max_record_size = (size_t)1 << 20,
        .inflate = {.max_expansion = 1000, .max_inflated_size = UINT64_MAX, .max_layers = 3},
        .mapping = mapping,
    };
    struct fb_object_reader *reader = NULL;
    struct fb_error error = {0};

    if (fb_object_reader_new(&options, &reader, &error) != FB_OK)
        fprintf(stderr, "bench_mapper: %s\n", error.message);
    return reader;
}

/* Keeps the least microseconds for a record. Returns how many there are. */
static size_t measure(struct fb_object_reader *reader, const struct object *object, double *best)
{
    const double begin = seconds();
    const size_t records = read_items(reader, object, SIZE_MAX);
    const double each = (seconds() - begin) * 1e6 / (double)records;

    if (records > 0 && (*best <= 0 || each < *best))
        *best = each;
    return records;
}

static double seconds_of_children(void)
{
    struct rusage usage;

    getrusage(RUSAGE_CHILDREN, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static double real_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Microseconds of CPU for a record, of all processes, once they have ended; and on the clock. */
static bool measure_jq(const struct fb_mapping_options *options, const struct object *object,
                       double *ret_cpu, double *ret_real)
{
    const double begin = seconds() + seconds_of_children();
    struct fb_object_reader *reader = NULL;
    struct fb_mapping *mapping = NULL;
    struct fb_error error = {0};
    double began = 0;
    size_t records = 0;

    if (fb_mapping_new(options, HASH_SEED, &mapping, &error) == FB_OK)
        reader = make_reader(&own_key, mapping);
    else
        fprintf(stderr, "bench_mapper: %s\n", error.message);
    if (reader != NULL) {
        began = real_seconds();
        records = read_items(reader, object, JQ_RECORDS);
        *ret_real = (real_seconds() - began) * 1e6 / (double)records;
    }
    fb_object_reader_free(reader);
    fb_mapping_free(mapping);
    *ret_cpu = (seconds() + seconds_of_children() - begin) * 1e6 / (double)records;
    return records > 0;
}

static bool measure_all_jq(const struct object *object, double without)
{
    for (size_t i = 0; i < sizeof jq_cases / sizeof *jq_cases; i++) {
        double cpu, real;

        if (!measure_jq(&jq_cases[i].options, object, &cpu, &real))
            return false;
        printf("%-17s %.1f us of CPU a record, %.1f us on the clock; ratio %.0f\n",
               jq_cases[i].name, cpu, real, cpu / without);
    }
    return true;
}

int main(int argc, char **argv)
{
    const int rounds = argc > 2 ? atoi(argv[2]) : ROUNDS;
    struct fb_object_reader *plain = make_reader(&own_key, NULL);
    struct fb_object_reader *mapped = NULL;
    struct fb_mapping *mapping = NULL;
    struct fb_error error = {0};
    struct object object = {0};
    double without = 0;
    double with = 0;
    size_t records = 1;

    if (fb_mapping_new(&mapping_options, HASH_SEED, &mapping, &error) == FB_OK)
        mapped = make_reader(&made_key, mapping);
    if (plain == NULL || mapped == NULL || argc < 2 || !read_object(argv[1], &object))
        records = 0;
    /* In turns, and the best of each: a busy moment of the machine hits neither alone. */
    for (int round = 0; round < rounds && records > 0; round++) {
        records = measure(plain, &object, &without);
        if (measure(mapped, &object, &with) != records)
            records = 0;
    }
    if (records > 0) {
        printf("records           %zu, inflated, cut, checked, transcoded, keyed\n", records);
        printf("without a mapping %.3f us a record\n", without);
        printf("with one          %.3f us: two templates, a TTL, three drops, a condition\n", with);
        printf("ratio             %.2f\n", with / without);
        if (!measure_all_jq(&object, without))
            records = 0;
    }
    fb_object_reader_free(mapped);
    fb_object_reader_free(plain);
    fb_mapping_free(mapping);
    free(object.bytes);
    return records > 0 ? 0 : 1;
}
