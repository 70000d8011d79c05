/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transcoder alone against jansson's parse alone, over the same clickstream-like records in
 * one run, on one thread. `bench_transcode [MEGABYTES]`: how many are read by each (192).
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "firebridge/codec/record_reader.h"

#define CORPUS_BYTES      ((size_t)16 << 20)
#define RECORD_MAX        1024
#define DEFAULT_MEGABYTES 192
#define ROUNDS            3

struct corpus {
    char *bytes;
    size_t size;
    size_t *offsets; /* of each record, and the end */
    size_t count;
};

/* xorshift64*: the same records in every run. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dU;
}

static const char *pick(uint64_t *random, const char *const *words, size_t count)
{
    return words[next_random(random) % count];
}

#define PICK(random, words) pick((random), (words), sizeof(words) / sizeof *(words))

static size_t write_record(char *out, uint64_t *random, uint64_t number)
{
    static const char *const pages[] = {"/", "/products/4711", "/cart", "/checkout/address",
                                        "/search?q=wool+socks&page=2"};
    static const char *const agents[] = {
        "Mozilla/5.0 (X11; Linux x86_64) Firefox/121.0", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2)",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120.0.0.0"};
    static const char *const events[] = {"page_view", "click", "add_to_cart", "purchase"};
    static const char *const cities[] = {"Berlin", "S\xc3\xa3o Paulo", "Leeds", "Osaka", "Austin"};
    static const char *const referrers[] = {"\"https://www.example.com/\"", "null",
                                            "\"https://news.example.org/a/b\""};
    const uint64_t user = next_random(random) % 1000000;

    return (size_t)snprintf(
        out, RECORD_MAX,
        "{\"event_id\":\"%016" PRIx64 "%08" PRIx64 "\",\"user_id\":\"u-%06" PRIu64
        "\",\"session\":\"s%08" PRIx64 "\",\"ts\":%" PRIu64
        ",\"event\":\"%s\",\"page\":\"%s\",\"referrer\":%s,\"user_agent\":\"%s\",\"ip\":\"10.%u.%u."
        "%u\",\"geo\":{\"country\":\"DE\",\"city\":\"%s\",\"lat\":%u.%04u,\"lon\":%u.%04u},"
        "\"duration_ms\":%u,\"scroll\":0.%02u,\"logged_in\":%s,\"tags\":[\"a%u\",\"web\"]}\n",
        next_random(random), number, user, next_random(random) & 0xffffffff,
        1700000000000 + number * 37, PICK(random, events), PICK(random, pages),
        PICK(random, referrers), PICK(random, agents), (unsigned)(user % 251),
        (unsigned)(user % 241), (unsigned)(user % 239), PICK(random, cities), (unsigned)(user % 90),
        (unsigned)(next_random(random) % 10000), (unsigned)(user % 180),
        (unsigned)(next_random(random) % 10000), (unsigned)(next_random(random) % 60000),
        (unsigned)(next_random(random) % 100), user % 2 == 0 ? "true" : "false",
        (unsigned)(user % 10));
}

static bool make_corpus(struct corpus *corpus)
{
    uint64_t random = 20240229;

    corpus->bytes = malloc(CORPUS_BYTES + RECORD_MAX);
    corpus->offsets = calloc(CORPUS_BYTES / 64, sizeof *corpus->offsets);
    if (corpus->bytes == NULL || corpus->offsets == NULL)
        return false;
    while (corpus->size < CORPUS_BYTES - RECORD_MAX) {
        corpus->size += write_record(corpus->bytes + corpus->size, &random, corpus->count);
        corpus->offsets[++corpus->count] = corpus->size;
    }
    return true;
}

/* Of this thread's work: what else the machine does is not measured. */
static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Feeds the corpus as the decoder does; returns how many records became items. */
static size_t transcode(struct fb_record_reader *reader, const struct corpus *corpus)
{
    size_t fed = 0;
    size_t items = 0;
    struct fb_record record;

    fb_record_reader_begin(reader);
    while (fed < corpus->size) {
        size_t size = 0;
        char *space = NULL;

        if (fb_record_reader_space(reader, &space, &size, NULL) != FB_OK)
            return 0;
        if (size > corpus->size - fed)
            size = corpus->size - fed;
        memcpy(space, corpus->bytes + fed, size);
        fed += size;
        fb_record_reader_wrote(reader, size);
        if (fed == corpus->size)
            fb_record_reader_finish(reader);
        while (fb_record_reader_next(reader, &record) == FB_OK)
            items += record.reason == FB_DEAD_NONE;
    }
    return items;
}

static size_t parse_with_jansson(const struct corpus *corpus)
{
    size_t parsed = 0;

    for (size_t i = 0; i < corpus->count; i++) {
        json_t *document = json_loadb(corpus->bytes + corpus->offsets[i],
                                      corpus->offsets[i + 1] - corpus->offsets[i], 0, NULL);

        parsed += document != NULL;
        json_decref(document);
    }
    return parsed;
}

/* MB/s over `loops` times the corpus; 0 when something was not read. */
static double measure(struct fb_record_reader *reader, const struct corpus *corpus, size_t loops)
{
    const double begin = seconds();

    for (size_t i = 0; i < loops; i++) {
        const size_t done = reader == NULL ? parse_with_jansson(corpus) : transcode(reader, corpus);

        if (done != corpus->count)
            return 0;
    }
    return (double)(corpus->size * loops) / 1e6 / (seconds() - begin);
}

static void keep_larger(double *best, double rate)
{
    *best = rate > *best ? rate : *best;
}

int main(int argc, char **argv)
{
    const size_t megabytes = argc > 1 ? strtoul(argv[1], NULL, 10) : DEFAULT_MEGABYTES;
    const size_t loops = megabytes * 1000000 / CORPUS_BYTES + 1;
    const struct fb_key_schema schema = {
        .attributes = {{.name = "user_id", .name_size = 7, .type = FB_KEY_STRING},
                       {.name = "ts", .name_size = 2, .type = FB_KEY_NUMBER}},
        .count = 2};
    struct fb_record_reader *reader = NULL;
    struct corpus corpus = {0};
    double ours = 0;
    double theirs = 0;

    if (make_corpus(&corpus) &&
        fb_record_reader_new(&(struct fb_record_reader_options){.schema = &schema,
                                                                .hash_seed = 1,
                                                                .max_record_size = (size_t)1 << 20},
                             &reader, NULL) == FB_OK) {
        printf("records           %zu of %zu bytes, %zu MB a round\n", corpus.count,
               corpus.size / corpus.count, corpus.size * loops / 1000000);
        /* In turns, and the best of each: a busy moment of the machine hits neither alone. */
        for (int round = 0; round < ROUNDS; round++) {
            keep_larger(&ours, measure(reader, &corpus, loops));
            keep_larger(&theirs, measure(NULL, &corpus, loops / 8 + 1));
        }
        printf("firebridge        %.0f MB/s: records cut, checked, transcoded, keyed\n", ours);
        printf("jansson %-9s %.0f MB/s: json_loadb alone\n", JANSSON_VERSION, theirs);
        printf("ratio             %.1f\n", theirs > 0 ? ours / theirs : 0);
    }
    fb_record_reader_free(reader);
    free(corpus.bytes);
    free(corpus.offsets);
    return ours > 0 && theirs > 0 ? 0 : 1;
}
