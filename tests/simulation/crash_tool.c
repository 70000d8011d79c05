/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kills a whole run at each write, sync, truncation and deletion of SQLite, one after the other,
 * and lets another go on: then the table must be what the last record of each key says.
 *
 * A run is a process. It carries what is in a bucket to a table, starts again on the same state
 * file, and carries what came to the bucket meanwhile. Bucket and table are in memory; the table
 * outlives a kill, as DynamoDB does.
 */
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../unit/support/crash_vfs.h"
#include "../unit/support/fast_clock.h"

#include "firebridge/base/log.h"
#include "firebridge/pipeline/stream.h"

#define OBJECTS_MAX  64
#define KEYS         23
#define ITEM_SIZE    48
#define BODY_SIZE    4096
#define RECORDS      60
#define COUNT(array) (sizeof(array) / sizeof *(array))

struct object {
    char key[96];
    char body[BODY_SIZE];
    size_t size;
};

static struct object objects[OBJECTS_MAX];
static size_t object_count, shown_count;
static char expected[KEYS][ITEM_SIZE];
static time_t started_s;

/* What a kill leaves. */
struct shared {
    pthread_mutex_t lock;
    char items[KEYS][ITEM_SIZE];
    struct crash_counts counts;
};

static struct shared *shared;

/* How objects are read. */
static const struct setting {
    const char *name;
    bool in_any_order;
    unsigned decoders;
} settings[] = {
    {"in order", false, 1},
    {"in any order", true, 3},
};

static const char *const mode_names[CRASH_MODES] = {"killed", "torn", "without power"};

/* ---- bucket and table ---- */

/* Within the look-back, so that what comes later is found: four in each of the last hours. */
static void name_object(struct object *object, size_t number)
{
    const time_t at =
        started_s - started_s % 3600 - 3600 * (time_t)((object_count - number) / 4 + 1);
    struct tm hour;
    char folder[16], name[16];

    gmtime_r(&at, &hour);
    strftime(folder, sizeof folder, "%Y/%m/%d/%H", &hour);
    strftime(name, sizeof name, "%Y-%m-%d-%H", &hour);
    snprintf(object->key, sizeof object->key, "p/%s/d-1-%s-00-%02zu-x", folder, name, number);
}

/* In any order a key has one record only, or which is the last would be chance. */
static void make_objects(const struct setting *setting)
{
    unsigned number = 0;

    memset(expected, 0, sizeof expected);
    for (size_t i = 0; i < object_count; i++) {
        struct object *object = &objects[i];

        name_object(object, i);
        object->size = 0;
        for (unsigned k = 0; k < RECORDS; k++, number++) {
            const unsigned key = setting->in_any_order ? (unsigned)i % KEYS : number * 7 % KEYS;
            const unsigned value = setting->in_any_order ? key : number;

            object->size += (size_t)snprintf(object->body + object->size, BODY_SIZE - object->size,
                                             "{\"id\":\"k%u\",\"n\":%u}\n", key, value);
            snprintf(expected[key], ITEM_SIZE, "{\"id\":{\"S\":\"k%u\"},\"n\":{\"N\":\"%u\"}}", key,
                     value);
        }
    }
}

static enum fb_status describe(struct fb_client *client, const char *table,
                               struct fb_table *ret_table, struct fb_error *error)
{
    (void)client;
    (void)error;
    *ret_table = (struct fb_table){
        .status = "ACTIVE",
        .created_ms = 5,
        .schema = {.attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_STRING}},
                   .count = 1},
    };
    snprintf(ret_table->arn, sizeof ret_table->arn, "arn:aws:dynamodb:::table/%s", table);
    return FB_OK;
}

static enum fb_status list(struct fb_client *client, const struct fb_s3_list_request *request,
                           struct fb_s3_list_result *ret_result, struct fb_error *error)
{
    (void)client;
    (void)error;
    *ret_result = (struct fb_s3_list_result){0};
    for (size_t i = 0; i < shown_count; i++) {
        const struct fb_s3_listed listed = {.key = objects[i].key,
                                            .etag = "e",
                                            .storage_class = "STANDARD",
                                            .size_bytes = objects[i].size,
                                            .last_modified_ms = INT64_C(1795341600000)};

        if (strncmp(objects[i].key, request->prefix, strlen(request->prefix)) != 0 ||
            (request->start_after != NULL && strcmp(objects[i].key, request->start_after) <= 0))
            continue;
        ret_result->key_count++;
        if (request->on_object(request->context, &listed) != FB_OK)
            return FB_CANCELED;
    }
    return FB_OK;
}

static enum fb_status get(struct fb_client *client, const struct fb_s3_get_request *request,
                          struct fb_error *error)
{
    const struct fb_http_response response = {.http_status = 200};

    (void)client;
    for (size_t i = 0; i < object_count; i++)
        if (strcmp(objects[i].key, request->key) == 0)
            return request->sink(request->context, &response,
                                 objects[i].body + request->offset_bytes,
                                 objects[i].size - request->offset_bytes);
    return fb_fail(error, FB_NOT_FOUND, "%s is not there", request->key);
}

static enum fb_status write_items(struct fb_client *client, const struct fb_write_target *target,
                                  enum fb_write_kind kind, struct fb_batch_entry *entries,
                                  size_t count, double *ret_units, struct fb_error *error)
{
    (void)client;
    (void)target;
    (void)kind;
    (void)error;
    *ret_units = -1;
    for (size_t i = 0; i < count; i++) {
        char item[ITEM_SIZE];
        unsigned key = KEYS;

        snprintf(item, sizeof item, "%.*s", (int)entries[i].item_size, entries[i].item);
        if (sscanf(item, "{\"id\":{\"S\":\"k%u", &key) != 1 || key >= KEYS)
            abort();
        entries[i].unprocessed = false;
        pthread_mutex_lock(&shared->lock);
        memcpy(shared->items[key], item, sizeof item);
        pthread_mutex_unlock(&shared->lock);
    }
    return FB_OK;
}

static enum fb_status connect_nobody(void *context, enum fb_stream_side side, struct fb_stop *stop,
                                     enum fb_stop_level stop_at, struct fb_client *ret_client,
                                     struct fb_error *error)
{
    (void)context;
    (void)side;
    (void)error;
    *ret_client = (struct fb_client){.stop = stop, .stop_at = stop_at};
    return FB_OK;
}

static void disconnect_nobody(struct fb_client *client)
{
    (void)client;
}

/* ---- a run ---- */

static void must(enum fb_status status, const struct fb_error *error)
{
    if (status == FB_OK)
        return;
    fprintf(stderr, "crash_tool: %s\n", error->message);
    exit(2);
}

static void carry(const struct setting *setting, const char *directory)
{
    struct fb_layout_options of_prefix = {.prefix = "p/", .form = FB_LAYOUT_FIREHOSE};
    struct fast_clock clock;
    char letters[96];
    struct fb_stream_options options = {
        .name = "s",
        .source = "s3://b/p/",
        .bucket = "b",
        .table = "t",
        .fingerprint = "f",
        .poll_interval_ms = 10,
        .sweep_interval_ms = 50,
        .lookback_ms = INT64_C(90000000),
        .in_any_order = setting->in_any_order,
        .decoders = setting->decoders,
        .writers = 2,
        .reader = {.max_record_size = 1 << 16,
                   .inflate = {.max_expansion = 1000,
                               .max_inflated_size = UINT64_MAX,
                               .max_layers = 3}},
        .max_in_flight = 1 << 16,
        .letters = {.directory = letters, .max_letters = 50, .in_records = 500},
        .once = true,
        .once_patience_ms = 200000,
        .stall_timeout_ms = 1000,
        .calls = {.describe_table = describe,
                  .list_page = list,
                  .get = get,
                  .write = write_items,
                  .connect = connect_nobody,
                  .disconnect = disconnect_nobody},
        .clock = &clock.clock,
        .seed = 1,
    };
    struct fb_stream_report report;
    struct fb_layout *layout = NULL;
    struct fb_state *state = NULL;
    struct fb_stream *stream = NULL;
    struct fb_error error = {0};

    fast_clock_init(&clock, 100);
    snprintf(letters, sizeof letters, "%s/dead-letters", directory);
    must(fb_layout_new(&of_prefix, &layout, &error), &error);
    must(fb_state_open(directory, &state, &error), &error);
    options.layout = layout;
    options.state = state;
    must(fb_stream_start(&options, &stream, &error), &error);
    do {
        usleep(200);
        fb_stream_report(stream, &report);
    } while (!report.finished);
    fb_stream_free(stream);
    fb_state_close(state);
    fb_layout_free(layout);
    if (report.left_undone) {
        fprintf(stderr, "crash_tool: not everything is written: %s\n", report.problem);
        exit(2);
    }
}

/* Returns whether it came to its end; one that fails ends this program. */
static bool run(const struct setting *setting, const char *directory, enum crash_mode mode,
                uint64_t at)
{
    pid_t child;
    int result;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        crash_vfs_install(mode, at, at, &shared->counts);
        shown_count = object_count / 2;
        carry(setting, directory);
        shown_count = object_count;
        carry(setting, directory);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &result, 0) != child)
        abort();
    if (WIFEXITED(result) && WEXITSTATUS(result) == 0)
        return true;
    if (at != 0 && WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL)
        return false;
    printf("%s, %s: the run at %" PRIu64 " ended with status %d\n", setting->name, mode_names[mode],
           at, result);
    exit(1);
}

static void remove_all(const char *directory)
{
    static const char *const names[] = {
        "firebridge.db",     "firebridge.db-wal",     "firebridge.db-shm",    "firebridge.lock",
        "firebridge.db.new", "firebridge.db.new-wal", "firebridge.db.new-shm"};
    char path[160];

    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        unlink(path);
    }
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/dead-letters%s", directory, i == 0 ? "/s" : "");
        rmdir(path);
    }
}

static unsigned differences(void)
{
    unsigned found = 0;

    for (unsigned key = 0; key < KEYS; key++)
        found += strcmp(shared->items[key], expected[key]) != 0;
    return found;
}

struct total {
    uint64_t kills, wrong;
};

static void kill_at_each(const struct setting *setting, enum crash_mode mode, const char *directory,
                         uint64_t step, struct total *total)
{
    struct crash_counts counts;
    uint64_t kills = 0;
    bool ended = false;

    for (uint64_t at = 1; !ended; at += step) {
        remove_all(directory);
        memset(shared->items, 0, sizeof shared->items);
        ended = run(setting, directory, mode, at);
        counts = shared->counts;
        kills += !ended;
        if (!ended && !run(setting, directory, mode, 0))
            abort();
        if (differences() == 0)
            continue;
        printf("%s, %s at %" PRIu64 ": %u keys of %d are not as they should be\n", setting->name,
               mode_names[mode], at, differences(), KEYS);
        total->wrong++;
    }
    printf("%s, %s: %" PRIu64 " kills; a run has %" PRIu64 " writes, %" PRIu64 " syncs, %" PRIu64
           " truncations, %" PRIu64 " deletions\n",
           setting->name, mode_names[mode], kills, counts.writes, counts.syncs, counts.truncates,
           counts.deletes);
    total->kills += kills;
}

static void share(void)
{
    pthread_mutexattr_t attributes;

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&shared->lock, &attributes);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"objects", required_argument, NULL, 'n'},
                                            {"step", required_argument, NULL, 's'},
                                            {"directory", required_argument, NULL, 'd'},
                                            {NULL, 0, NULL, 0}};
    char directory[96] = "/tmp/firebridge-crash-XXXXXX";
    struct total total = {0};
    uint64_t step = 1;
    int option;

    object_count = 8;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        if (option == 'n')
            object_count = strtoul(optarg, NULL, 10);
        else if (option == 's')
            step = strtoull(optarg, NULL, 10);
        else if (option == 'd')
            snprintf(directory, sizeof directory, "%s/crash-XXXXXX", optarg);
        else
            object_count = 0;
    if (object_count < 2 || object_count > OBJECTS_MAX || step == 0 || mkdtemp(directory) == NULL) {
        fputs("usage: crash_tool [--objects 2..64] [--step N] [--directory DIR]\n", stderr);
        return 2;
    }
    fb_log_set_level(FB_LOG_ERROR);
    share();
    started_s = time(NULL);
    for (size_t i = 0; i < COUNT(settings); i++) {
        make_objects(&settings[i]);
        for (enum crash_mode mode = 0; mode < CRASH_MODES; mode++)
            kill_at_each(&settings[i], mode, directory, step, &total);
    }
    remove_all(directory);
    rmdir(directory);
    printf("%" PRIu64 " kills, %" PRIu64 " tables wrong\n", total.kills, total.wrong);
    return total.wrong > 0;
}
