/* SPDX-License-Identifier: Apache-2.0 */
#include "digest.h"

#include <openssl/evp.h>
#include <pthread.h>

/* Looked up once: OpenSSL 3 would search its providers for every digest. Kept until the end. */
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha1;
static EVP_MD *sha256;

static void fetch(void)
{
    sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static enum fb_status digest_pieces(const EVP_MD *kind, const struct iovec *pieces, size_t count,
                                    unsigned char *ret_digest)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int done = context != NULL && kind != NULL && EVP_DigestInit_ex(context, kind, NULL);

    for (size_t i = 0; i < count && done; i++)
        done = EVP_DigestUpdate(context, pieces[i].iov_base, pieces[i].iov_len);
    done = done && EVP_DigestFinal_ex(context, ret_digest, NULL);
    EVP_MD_CTX_free(context);
    return done ? FB_OK : FB_NO_MEMORY;
}

enum fb_status fb_digest_sha1(const struct iovec *pieces, size_t count,
                              unsigned char ret_digest[FB_SHA1_BYTES])
{
    pthread_once(&fetch_once, fetch);
    return digest_pieces(sha1, pieces, count, ret_digest);
}

enum fb_status fb_digest_sha256(const struct iovec *pieces, size_t count,
                                unsigned char ret_digest[FB_SHA256_BYTES])
{
    pthread_once(&fetch_once, fetch);
    return digest_pieces(sha256, pieces, count, ret_digest);
}

void fb_digest_to_hex(const unsigned char *digest, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        *out++ = digits[digest[i] >> 4];
        *out++ = digits[digest[i] & 15];
    }
}
