/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip by the engine that this build reads it with against zlib's, over the same object, on one
 * thread, each through a codec's interface and in pieces as the decoder has them.
 *
 *   bench_inflate OBJECT.gz [ROUNDS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../../src/codec/codec.h"
#include "../../src/codec/deflate.h"

#define PIECE_BYTES  ((size_t)64 << 10)
#define ROOM_BYTES   ((size_t)128 << 10)
#define ROUNDS       5
#define OBJECT_BYTES ((size_t)1 << 30)

struct object {
    char *bytes;
    size_t size;
};

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

/* How many bytes it inflates to; 0 when something is wrong with it. */
static size_t inflate_object(const struct fb_codec *codec, void **state,
                             const struct object *object)
{
    static char room[ROOM_BYTES];
    struct fb_error error = {0};
    size_t total = 0;
    size_t used = 0;
    enum fb_status status = codec->begin(state, &error);

    while (status == FB_OK) {
        const size_t left = object->size - used;
        const size_t given = left < PIECE_BYTES ? left : PIECE_BYTES;
        struct fb_codec_io io = {
            .in = object->bytes + used, .in_size = given, .out = room, .capacity = sizeof room};

        status = codec->step(*state, &io, used, &error);
        used += given - io.in_size;
        total += io.written;
        if (given == 0 && io.written == 0)
            break;
    }
    if (status == FB_OK)
        status = codec->finish(*state, used, &error);
    if (status != FB_OK)
        fprintf(stderr, "bench_inflate: %s\n", error.message);
    return status == FB_OK ? total : 0;
}

/* Keeps the better of MB/s, uncompressed. False when something is wrong. */
static bool measure(const struct fb_codec *codec, void **state, const struct object *object,
                    double *best)
{
    const double begin = seconds();
    const size_t size = inflate_object(codec, state, object);
    const double rate = (double)size / 1e6 / (seconds() - begin);

    if (rate > *best)
        *best = rate;
    return size > 0;
}

int main(int argc, char **argv)
{
    const int rounds = argc > 2 ? atoi(argv[2]) : ROUNDS;
    struct object object = {0};
    void *states[2] = {NULL, NULL};
    double rates[2] = {0, 0};
    bool good = argc > 1 && read_object(argv[1], &object);

    /* In turns, and the best of each: a busy moment of the machine hits neither alone. */
    for (int round = 0; round < rounds && good; round++)
        good = measure(&fb_codec_gzip, &states[0], &object, &rates[0]) &&
               measure(&fb_codec_gzip_by_zlib, &states[1], &object, &rates[1]);
    if (good) {
        printf("object            %.1f MB, inflates to %.1f MB\n", (double)object.size / 1e6,
               (double)inflate_object(&fb_codec_gzip, &states[0], &object) / 1e6);
        printf("%-17s %.0f MB/s\n", fb_deflate_for_gzip.name, rates[0]);
        printf("%-17s %.0f MB/s\n", fb_deflate_zlib.name, rates[1]);
        printf("ratio             %.2f\n", rates[0] / rates[1]);
    }
    fb_codec_gzip.free(states[0]);
    fb_codec_gzip_by_zlib.free(states[1]);
    free(object.bytes);
    return good ? 0 : 1;
}
