/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the job costs at the least: inflate, SHA-256 over the bodies and the same HTTP calls with
 * ready-made bodies; no JSON, no keys, no order, no checkpoint.
 *
 *   bench_floor URL OBJECT.gz THREADS CALLS BODY_BYTES
 */
#include <curl/curl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const char *url;
static size_t body_bytes;
static atomic_long calls_left;
static atomic_long failures;

static size_t drop(char *bytes, size_t one, size_t size, void *context)
{
    (void)bytes;
    (void)one;
    (void)context;
    return size;
}

static void *call(void *argument)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char *body = malloc(body_bytes);
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = NULL;

    (void)argument;
    memset(body, 'x', body_bytes);
    headers = curl_slist_append(headers, "Content-Type: application/x-amz-json-1.0");
    headers = curl_slist_append(headers, "X-Amz-Target: DynamoDB_20120810.BatchWriteItem");
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)body_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    while (atomic_fetch_sub(&calls_left, 1) > 0) {
        EVP_Digest(body, body_bytes, digest, NULL, EVP_sha256(), NULL);
        if (curl_easy_perform(easy) != CURLE_OK)
            atomic_fetch_add(&failures, 1);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    free(body);
    return NULL;
}

static void inflate_all(const char *path)
{
    static char out[1 << 17];
    gzFile file = gzopen(path, "rb");

    while (gzread(file, out, sizeof out) > 0)
        ;
    gzclose(file);
}

int main(int argc, char **argv)
{
    pthread_t threads[64];
    int count;

    if (argc != 6)
        return 2;
    url = argv[1];
    count = atoi(argv[3]);
    atomic_store(&calls_left, atol(argv[4]));
    body_bytes = strtoul(argv[5], NULL, 10);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (int i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, call, NULL);
    inflate_all(argv[2]);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return atomic_load(&failures) == 0 ? 0 : 1;
}
