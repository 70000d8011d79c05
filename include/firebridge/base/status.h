/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How every function that can fail says how it went, and what a person needs to know of it.
 *
 * Outputs (`ret_*`) are untouched unless FB_OK is returned. A `struct fb_error *` is always the
 * last parameter, may be NULL, and is written only on failure.
 */
#ifndef FIREBRIDGE_BASE_STATUS_H
#define FIREBRIDGE_BASE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FB_MUST_CHECK     __attribute__((warn_unused_result))
#define FB_PRINTF(fmt, n) __attribute__((format(printf, fmt, n)))

enum fb_status {
    FB_OK = 0,
    FB_CANCELED,    /* a stop was asked for; nothing is wrong */
    FB_NO_MEMORY,   /* the machine has no more */
    FB_TOO_LARGE,   /* over a limit of ours */
    FB_INVALID,     /* malformed or refused input; the same again gives the same */
    FB_UNSUPPORTED, /* well-formed, but nothing here can do it */
    FB_NOT_FOUND,   /* object, table, file, credentials */
    FB_DENIED,      /* credentials or permissions */
    FB_EXPIRED,     /* credentials are past their time; new ones may do */
    FB_THROTTLED,   /* later, and more slowly */
    FB_UNAVAILABLE, /* network, time-out, 5xx: may succeed when tried again */
    FB_CHANGED,     /* the object is no longer what it was (412) */
    FB_CONFLICT,    /* someone else holds it, or it belongs to something else */
    FB_CORRUPT,     /* damaged bytes: an object, an answer, the state file */
    FB_IO,          /* a local file: full disk, no permission */
    FB_NEED_MORE,   /* the input ends too early; give more */
    FB_END,         /* there is nothing more */
};

/* The status as one word for logs; never NULL. */
const char *fb_status_name(enum fb_status status);

#define FB_ERROR_MESSAGE_SIZE 768

struct fb_error {
    enum fb_status status;
    long http_status;       /* 0 when there was no answer */
    char code[64];          /* AWS's code, e.g. "AccessDenied"; empty when there is none */
    char request_id[128];   /* x-amzn-RequestId or x-amz-request-id; empty when there is none */
    char extended_id[128];  /* S3's x-amz-id-2; likewise */
    char bucket_region[33]; /* where the bucket is, when it is not where it was looked for */
    char message[FB_ERROR_MESSAGE_SIZE]; /* one sentence, printable, no secret in it */
};

/* Clears `error`, formats the message, and returns `status`, so that a failure is one line. */
enum fb_status fb_fail(struct fb_error *error, enum fb_status status, const char *format, ...)
    FB_PRINTF(3, 4);

/* Puts "<format>: " before the message that is there. */
void fb_error_prefix(struct fb_error *error, const char *format, ...) FB_PRINTF(2, 3);

/* Bytes of the UTF-8 character at `text` (RFC 3629), which ends with a NUL; 0 when it is none. */
size_t fb_utf8_length(const char *text);

/*
 * The code of the character of `length` bytes at `text` where it is a control: of a terminal, or
 * one that ends a line or turns its direction. Else 0.
 */
uint16_t fb_utf8_control(const char *text, size_t length);

/* Whether what begins at `text`, not at its end, prints: no control, and UTF-8. *ret_size: its
 * bytes; 1 where it is no UTF-8. */
bool fb_is_printable(const char *text, size_t *ret_size);

/* Replaces each byte of what does not print by '?', in place; cuts nothing. */
void fb_make_printable(char *text);

#endif
