/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "firebridge/aws/credentials.h"
#include "firebridge/aws/uri.h"
#include "firebridge/base/time.h"

#define HEADER_MAX     32
#define PATH_MAX_BYTES 16384
#define TEXT_MAX_BYTES (128 * 1024)

/* SHA-256's block (FIPS 180-4). */
#define HMAC_BLOCK_BYTES 64

/* The request's headers and those that signing adds, sorted by lower-case name. */
struct sorted_headers {
    const struct fb_http_header *items[HEADER_MAX];
    struct fb_http_header added[3];
    size_t count;
};

void fb_sigv4_signature_init(struct fb_sigv4_signature *signature)
{
    *signature = (struct fb_sigv4_signature){0};
    fb_buffer_init(&signature->canonical_request, TEXT_MAX_BYTES);
    fb_buffer_init(&signature->string_to_sign, 1024);
    fb_buffer_init(&signature->authorization, 4096);
}

static void wipe_buffer(struct fb_buffer *buffer)
{
    if (buffer->bytes != NULL)
        OPENSSL_cleanse(buffer->bytes, buffer->capacity);
    fb_buffer_done(buffer);
}

void fb_sigv4_signature_done(struct fb_sigv4_signature *signature)
{
    wipe_buffer(&signature->canonical_request);
    wipe_buffer(&signature->string_to_sign);
    wipe_buffer(&signature->authorization);
}

static char *put_digits(char *to, int value, int count)
{
    for (int i = count - 1; i >= 0; i--, value /= 10)
        to[i] = (char)('0' + value % 10);
    return to + count;
}

void fb_sigv4_format_date(int64_t time_ms, char date[FB_SIGV4_DATE_SIZE])
{
    struct fb_civil civil;
    char *to = date;

    fb_time_to_civil(time_ms, &civil);
    to = put_digits(to, civil.year, 4);
    to = put_digits(to, civil.month, 2);
    to = put_digits(to, civil.day, 2);
    *to++ = 'T';
    to = put_digits(to, civil.hour, 2);
    to = put_digits(to, civil.minute, 2);
    to = put_digits(to, civil.second, 2);
    memcpy(to, "Z", 2);
}

/* Looked up once: OpenSSL 3 would search its providers for every digest. Kept until the end. */
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;

static void fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static enum fb_status hash(const struct iovec *pieces, size_t count,
                           unsigned char digest[FB_SIGV4_KEY_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int done;

    pthread_once(&sha256_once, fetch_sha256);
    done = context != NULL && sha256 != NULL && EVP_DigestInit_ex(context, sha256, NULL);
    for (size_t i = 0; i < count && done; i++)
        done = EVP_DigestUpdate(context, pieces[i].iov_base, pieces[i].iov_len);
    done = done && EVP_DigestFinal_ex(context, digest, NULL);
    EVP_MD_CTX_free(context);
    return done ? FB_OK : FB_NO_MEMORY;
}

/* HMAC-SHA-256 (RFC 2104): its one-shot form in OpenSSL 3 costs several times the hashing. */
static enum fb_status hmac(const void *key, size_t key_size, const char *text, size_t size,
                           unsigned char digest[FB_SIGV4_KEY_BYTES])
{
    unsigned char block[HMAC_BLOCK_BYTES] = {0};
    struct iovec pieces[] = {{block, sizeof block}, {(char *)text, size}};
    enum fb_status status = FB_OK;

    if (key_size > sizeof block)
        status = hash(&(struct iovec){(void *)key, key_size}, 1, block);
    else
        memcpy(block, key, key_size);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36;
    if (status == FB_OK)
        status = hash(pieces, 2, digest);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36 ^ 0x5c;
    pieces[1] = (struct iovec){digest, FB_SIGV4_KEY_BYTES};
    if (status == FB_OK)
        status = hash(pieces, 2, digest);
    OPENSSL_cleanse(block, sizeof block);
    return status;
}

enum fb_status fb_sigv4_derive_key(const char *secret_access_key, const char *date,
                                   const char *region, const char *service,
                                   unsigned char ret_key[FB_SIGV4_KEY_BYTES])
{
    char start[4 + sizeof((struct fb_credentials *)NULL)->secret_access_key];
    unsigned char key[FB_SIGV4_KEY_BYTES], next[FB_SIGV4_KEY_BYTES];
    const char *const steps[] = {region, service, "aws4_request"};
    enum fb_status status;

    snprintf(start, sizeof start, "AWS4%s", secret_access_key);
    status = hmac(start, strlen(start), date, 8, key);
    for (size_t i = 0; i < sizeof steps / sizeof *steps && status == FB_OK; i++) {
        status = hmac(key, sizeof key, steps[i], strlen(steps[i]), next);
        memcpy(key, next, sizeof key);
    }
    if (status == FB_OK)
        memcpy(ret_key, key, sizeof key);
    OPENSSL_cleanse(start, sizeof start);
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(next, sizeof next);
    return status;
}

static void to_hex(const unsigned char digest[FB_SIGV4_KEY_BYTES], char hex[FB_SHA256_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < FB_SIGV4_KEY_BYTES; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[FB_SHA256_HEX_SIZE - 1] = '\0';
}

enum fb_status fb_sigv4_hash_payload(const struct iovec *pieces, size_t count,
                                     char ret_hex[FB_SHA256_HEX_SIZE])
{
    unsigned char digest[FB_SIGV4_KEY_BYTES];
    enum fb_status status = hash(pieces, count, digest);

    if (status == FB_OK)
        to_hex(digest, ret_hex);
    return status;
}

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static int compare_names(const char *a, const char *b)
{
    for (; *a != '\0' && lower((unsigned char)*a) == lower((unsigned char)*b); a++)
        b++;
    return lower((unsigned char)*a) - lower((unsigned char)*b);
}

/* Stable: values of one name keep their order. */
static void insert(struct sorted_headers *sorted, const struct fb_http_header *header)
{
    size_t to = sorted->count++;

    for (; to > 0 && compare_names(header->name, sorted->items[to - 1]->name) < 0; to--)
        sorted->items[to] = sorted->items[to - 1];
    sorted->items[to] = header;
}

static enum fb_status sort_headers(const struct fb_sigv4_request *request, const char *date,
                                   struct sorted_headers *sorted)
{
    size_t added = 0;

    if (request->header_count > HEADER_MAX - sizeof sorted->added / sizeof *sorted->added)
        return FB_TOO_LARGE;
    for (size_t i = 0; i < request->header_count; i++)
        insert(sorted, &request->headers[i]);
    sorted->added[added++] = (struct fb_http_header){"x-amz-date", date};
    if (request->session_token[0] != '\0')
        sorted->added[added++] =
            (struct fb_http_header){"x-amz-security-token", request->session_token};
    if (request->add_content_sha256)
        sorted->added[added++] =
            (struct fb_http_header){"x-amz-content-sha256", request->payload_sha256};
    for (size_t i = 0; i < added; i++)
        insert(sorted, &sorted->added[i]);
    return FB_OK;
}

/* All of them, one behind the other; the list ends with NULL. */
static enum fb_status append_texts(struct fb_buffer *to, const char *const *texts)
{
    enum fb_status status = FB_OK;

    for (; *texts != NULL && status == FB_OK; texts++)
        status = fb_buffer_append_text(to, *texts);
    return status;
}

#define APPEND(to, ...) append_texts(to, (const char *const[]){__VA_ARGS__, NULL})

static enum fb_status append_lower(struct fb_buffer *to, const char *name)
{
    size_t size = strlen(name);
    enum fb_status status = fb_buffer_reserve(to, size);

    for (size_t i = 0; i < size && status == FB_OK; i++)
        to->bytes[to->size++] = (char)lower((unsigned char)name[i]);
    return status;
}

/* Without spaces around it, and with one space where there are several. */
static enum fb_status append_trimmed(struct fb_buffer *to, const char *value)
{
    enum fb_status status = FB_OK;

    value += strspn(value, " \t");
    while (*value != '\0' && status == FB_OK) {
        size_t word = strcspn(value, " \t");
        size_t gap = strspn(value + word, " \t");

        status = fb_buffer_append(to, value, word);
        value += word + gap;
        if (status == FB_OK && *value != '\0')
            status = fb_buffer_append(to, " ", 1);
    }
    return status;
}

static bool repeats_name(const struct sorted_headers *sorted, size_t i)
{
    const char *before = i == 0 ? "" : sorted->items[i - 1]->name;

    return compare_names(sorted->items[i]->name, before) == 0;
}

static enum fb_status append_headers(struct fb_buffer *to, const struct sorted_headers *sorted)
{
    enum fb_status status = FB_OK;

    for (size_t i = 0; i < sorted->count && status == FB_OK; i++) {
        if (repeats_name(sorted, i)) {
            status = fb_buffer_append(to, ",", 1);
        } else {
            if (i > 0)
                status = fb_buffer_append(to, "\n", 1);
            if (status == FB_OK)
                status = append_lower(to, sorted->items[i]->name);
            if (status == FB_OK)
                status = fb_buffer_append(to, ":", 1);
        }
        if (status == FB_OK)
            status = append_trimmed(to, sorted->items[i]->value);
    }
    return status == FB_OK ? fb_buffer_append(to, "\n", 1) : status;
}

static enum fb_status append_signed_names(struct fb_buffer *to, const struct sorted_headers *sorted)
{
    enum fb_status status = FB_OK;

    for (size_t i = 0; i < sorted->count && status == FB_OK; i++) {
        if (repeats_name(sorted, i))
            continue;
        if (i > 0)
            status = fb_buffer_append(to, ";", 1);
        if (status == FB_OK)
            status = append_lower(to, sorted->items[i]->name);
    }
    return status;
}

/* Drops the last segment of "/a/b", and its slash. */
static void pop_segment(struct fb_buffer *path)
{
    while (path->size > 0 && path->bytes[--path->size] != '/')
        ;
}

/* Without ".", ".." and doubled slashes (RFC 3986, 5.2.4). */
static enum fb_status append_normalized(struct fb_buffer *to, const char *path)
{
    bool ends_in_slash = true;
    enum fb_status status = FB_OK;

    while (*path != '\0' && status == FB_OK) {
        size_t size;

        path += strspn(path, "/");
        size = strcspn(path, "/");
        ends_in_slash = size == 0 || path[size] == '/';
        if (size == 2 && memcmp(path, "..", 2) == 0) {
            pop_segment(to);
        } else if (size > 0 && !(size == 1 && path[0] == '.')) {
            status = fb_buffer_append(to, "/", 1);
            if (status == FB_OK)
                status = fb_buffer_append(to, path, size);
        }
        path += size;
    }
    if (status == FB_OK && (ends_in_slash || to->size == 0))
        status = fb_buffer_append(to, "/", 1);
    return status;
}

static enum fb_status append_path(struct fb_buffer *to, const struct fb_sigv4_request *request)
{
    struct fb_buffer path;
    enum fb_status status;

    fb_buffer_init(&path, PATH_MAX_BYTES);
    if (request->normalize_path)
        status = append_normalized(&path, request->path);
    else
        status = fb_buffer_append_text(&path, request->path);
    if (status == FB_OK && request->double_encode)
        status = fb_uri_append_encoded(to, path.bytes, path.size, true);
    else if (status == FB_OK)
        status = fb_buffer_append(to, path.bytes, path.size);
    fb_buffer_done(&path);
    return status;
}

static enum fb_status make_canonical_request(const struct fb_sigv4_request *request,
                                             const struct sorted_headers *sorted,
                                             struct fb_buffer *to)
{
    enum fb_status status;

    fb_buffer_reset(to);
    /* At once, so that growing leaves no copy of the token behind. */
    status = fb_buffer_reserve(to, 2048 + 3 * strlen(request->path) + strlen(request->query) +
                                       strlen(request->session_token));
    if (status == FB_OK)
        status = APPEND(to, request->method, "\n");
    if (status == FB_OK)
        status = append_path(to, request);
    if (status == FB_OK)
        status = APPEND(to, "\n", request->query, "\n");
    if (status == FB_OK)
        status = append_headers(to, sorted);
    if (status == FB_OK)
        status = fb_buffer_append(to, "\n", 1);
    if (status == FB_OK)
        status = append_signed_names(to, sorted);
    if (status == FB_OK)
        status = APPEND(to, "\n", request->payload_sha256);
    return status == FB_OK ? fb_buffer_terminate(to) : status;
}

/* "20150830/us-east-1/iam/aws4_request" */
static enum fb_status append_scope(struct fb_buffer *to, const struct fb_sigv4_request *request,
                                   const char *date)
{
    enum fb_status status = fb_buffer_append(to, date, 8);

    if (status != FB_OK)
        return status;
    return APPEND(to, "/", request->region, "/", request->service, "/aws4_request");
}

static enum fb_status make_string_to_sign(const struct fb_sigv4_request *request,
                                          struct fb_sigv4_signature *signature)
{
    struct iovec canonical = {signature->canonical_request.bytes,
                              signature->canonical_request.size};
    struct fb_buffer *to = &signature->string_to_sign;
    char hex[FB_SHA256_HEX_SIZE];
    enum fb_status status = fb_sigv4_hash_payload(&canonical, 1, hex);

    fb_buffer_reset(to);
    if (status == FB_OK)
        status = APPEND(to, "AWS4-HMAC-SHA256\n", signature->date, "\n");
    if (status == FB_OK)
        status = append_scope(to, request, signature->date);
    if (status == FB_OK)
        status = APPEND(to, "\n", hex);
    return status == FB_OK ? fb_buffer_terminate(to) : status;
}

static enum fb_status make_authorization(const struct fb_sigv4_request *request,
                                         const struct sorted_headers *sorted,
                                         const unsigned char *key,
                                         struct fb_sigv4_signature *signature)
{
    struct fb_buffer *to = &signature->authorization;
    unsigned char digest[FB_SIGV4_KEY_BYTES];
    char hex[FB_SHA256_HEX_SIZE];
    enum fb_status status = hmac(key, FB_SIGV4_KEY_BYTES, signature->string_to_sign.bytes,
                                 signature->string_to_sign.size, digest);

    if (status != FB_OK)
        return status;
    to_hex(digest, hex);
    fb_buffer_reset(to);
    status = APPEND(to, "AWS4-HMAC-SHA256 Credential=", request->access_key_id, "/");
    if (status == FB_OK)
        status = append_scope(to, request, signature->date);
    if (status == FB_OK)
        status = APPEND(to, ", SignedHeaders=");
    if (status == FB_OK)
        status = append_signed_names(to, sorted);
    if (status == FB_OK)
        status = APPEND(to, ", Signature=", hex);
    return status == FB_OK ? fb_buffer_terminate(to) : status;
}

enum fb_status fb_sigv4_sign(const struct fb_sigv4_request *request,
                             const unsigned char key[FB_SIGV4_KEY_BYTES],
                             struct fb_sigv4_signature *signature)
{
    struct sorted_headers sorted = {.count = 0};
    enum fb_status status;

    fb_sigv4_format_date(request->time_ms, signature->date);
    status = sort_headers(request, signature->date, &sorted);
    if (status == FB_OK)
        status = make_canonical_request(request, &sorted, &signature->canonical_request);
    if (status == FB_OK)
        status = make_string_to_sign(request, signature);
    if (status == FB_OK)
        status = make_authorization(request, &sorted, key, signature);
    return status;
}
