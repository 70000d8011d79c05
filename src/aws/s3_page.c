/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/s3_page.h"

#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/uri.h"
#include "firebridge/base/time.h"

/* 1,000 keys of 1,024 bytes, each byte as %XX, and the rest of their elements. */
#define PAGE_MAX_BYTES (8 * 1024 * 1024)

/* The longest text looked at: a key as %XX. */
#define TEXT_MAX_BYTES 4096

#define ENTRY_MAX 2000

/* An entry's texts, by their offset in the page's buffer; 0: absent. */
struct page_entry {
    bool is_prefix;
    size_t key, etag, storage_class;
    uint64_t size_bytes;
    int64_t last_modified_ms;
    bool has_size, has_time;
};

struct fb_s3_page {
    XML_Parser parser;
    unsigned depth;
    const char *container; /* "Contents", "CommonPrefixes" or NULL, at depth 2 */
    const char *reason;
    enum fb_status status;
    struct fb_buffer text;    /* of the element at hand */
    struct fb_buffer texts;   /* of all entries, NUL-terminated */
    struct fb_buffer entries; /* of struct page_entry */
    struct page_entry entry;  /* being read */
    bool has_root, is_whole, is_url_encoded, is_truncated;
    char continuation_token[sizeof((struct fb_s3_list_result *)NULL)->continuation_token];
};

static void refuse(struct fb_s3_page *page, enum fb_status status, const char *reason)
{
    if (page->status == FB_OK) {
        page->status = status;
        page->reason = reason;
    }
    XML_StopParser(page->parser, XML_FALSE);
}

static void on_start(void *context, const char *name, const char **attributes)
{
    struct fb_s3_page *page = context;

    (void)attributes;
    page->depth++;
    fb_buffer_reset(&page->text);
    if (page->depth == 1) {
        page->has_root = strcmp(name, "ListBucketResult") == 0;
        if (!page->has_root)
            refuse(page, FB_CORRUPT, "it is no ListBucketResult");
    } else if (page->depth == 2) {
        page->container = strcmp(name, "Contents") == 0         ? "Contents"
                          : strcmp(name, "CommonPrefixes") == 0 ? "CommonPrefixes"
                                                                : NULL;
        page->entry = (struct page_entry){0};
    }
}

static void on_text(void *context, const char *text, int size)
{
    struct fb_s3_page *page = context;
    enum fb_status status = fb_buffer_append(&page->text, text, (size_t)size);

    if (status != FB_OK)
        refuse(page, status == FB_TOO_LARGE ? FB_CORRUPT : status, "an element is too long");
}

static void on_doctype(void *context, const char *name, const char *system, const char *public,
                       int has_internal_subset)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_internal_subset;
    refuse(context, FB_CORRUPT, "it declares a document type");
}

/* Keeps the element's text with the page's; 0 when there is no room, which refuses the page. */
static size_t keep_text(struct fb_s3_page *page)
{
    size_t at = page->texts.size;
    enum fb_status status = fb_buffer_append(&page->texts, page->text.bytes, page->text.size + 1);

    if (status == FB_OK)
        return at;
    refuse(page, status, "the page is over 8 MiB");
    return 0;
}

static void take_size(struct fb_s3_page *page)
{
    const char *text = page->text.bytes;

    page->entry.has_size = page->text.size > 0 && page->text.size <= 18 &&
                           strspn(text, "0123456789") == page->text.size;
    if (page->entry.has_size)
        page->entry.size_bytes = strtoull(text, NULL, 10);
}

static void take_entry_field(struct fb_s3_page *page, const char *name)
{
    struct page_entry *entry = &page->entry;

    if (strcmp(page->container, "CommonPrefixes") == 0) {
        if (strcmp(name, "Prefix") == 0)
            entry->key = keep_text(page);
        return;
    }
    if (strcmp(name, "Key") == 0)
        entry->key = keep_text(page);
    else if (strcmp(name, "ETag") == 0)
        entry->etag = keep_text(page);
    else if (strcmp(name, "StorageClass") == 0)
        entry->storage_class = keep_text(page);
    else if (strcmp(name, "Size") == 0)
        take_size(page);
    else if (strcmp(name, "LastModified") == 0)
        entry->has_time =
            fb_time_parse_rfc3339(page->text.bytes, &entry->last_modified_ms) == FB_OK;
}

static void take_page_field(struct fb_s3_page *page, const char *name)
{
    const char *text = page->text.bytes;

    if (strcmp(name, "IsTruncated") == 0)
        page->is_truncated = strcmp(text, "true") == 0;
    else if (strcmp(name, "EncodingType") == 0)
        page->is_url_encoded = strcmp(text, "url") == 0;
    else if (strcmp(name, "NextContinuationToken") == 0) {
        if (page->text.size >= sizeof page->continuation_token)
            refuse(page, FB_CORRUPT, "its continuation token is too long");
        else
            memcpy(page->continuation_token, text, page->text.size + 1);
    }
}

static void take_entry(struct fb_s3_page *page)
{
    struct page_entry *entry = &page->entry;
    enum fb_status status;

    entry->is_prefix = strcmp(page->container, "CommonPrefixes") == 0;
    if (entry->key == 0)
        refuse(page, FB_CORRUPT, "an entry has no key");
    else if (!entry->is_prefix && (!entry->has_size || !entry->has_time))
        refuse(page, FB_CORRUPT, "an entry has no size or no time");
    status = fb_buffer_append(&page->entries, entry, sizeof *entry);
    if (status != FB_OK)
        refuse(page, status == FB_TOO_LARGE ? FB_CORRUPT : status, "it has too many entries");
}

static void on_end(void *context, const char *name)
{
    struct fb_s3_page *page = context;
    enum fb_status status = fb_buffer_terminate(&page->text);

    if (status != FB_OK)
        refuse(page, status == FB_TOO_LARGE ? FB_CORRUPT : status, "an element is too long");
    else if (page->depth == 3 && page->container != NULL)
        take_entry_field(page, name);
    else if (page->depth == 2 && page->container != NULL)
        take_entry(page);
    else if (page->depth == 2)
        take_page_field(page, name);
    else if (page->depth == 1)
        page->is_whole = page->has_root;
    page->depth--;
    fb_buffer_reset(&page->text);
}

enum fb_status fb_s3_page_new(struct fb_s3_page **ret_page)
{
    struct fb_s3_page *page = calloc(1, sizeof *page);

    if (page == NULL)
        return FB_NO_MEMORY;
    page->reason = "";
    fb_buffer_init(&page->text, TEXT_MAX_BYTES);
    fb_buffer_init(&page->texts, PAGE_MAX_BYTES);
    fb_buffer_init(&page->entries, ENTRY_MAX * sizeof(struct page_entry));
    page->parser = XML_ParserCreate(NULL);
    /* Offset 0 means absent, so something else lies there. */
    if (page->parser == NULL || fb_buffer_append(&page->texts, "", 1) != FB_OK) {
        fb_s3_page_free(page);
        return FB_NO_MEMORY;
    }
    XML_SetUserData(page->parser, page);
    XML_SetElementHandler(page->parser, on_start, on_end);
    XML_SetCharacterDataHandler(page->parser, on_text);
    XML_SetStartDoctypeDeclHandler(page->parser, on_doctype);
    *ret_page = page;
    return FB_OK;
}

void fb_s3_page_free(struct fb_s3_page *page)
{
    if (page == NULL)
        return;
    if (page->parser != NULL)
        XML_ParserFree(page->parser);
    fb_buffer_done(&page->text);
    fb_buffer_done(&page->texts);
    fb_buffer_done(&page->entries);
    free(page);
}

const char *fb_s3_page_reason(const struct fb_s3_page *page)
{
    return page->reason;
}

static enum fb_status parse(struct fb_s3_page *page, const char *bytes, size_t size, bool is_last)
{
    if (page->status == FB_OK &&
        XML_Parse(page->parser, bytes, (int)size, is_last) == XML_STATUS_ERROR)
        refuse(page, FB_CORRUPT, XML_ErrorString(XML_GetErrorCode(page->parser)));
    return page->status;
}

enum fb_status fb_s3_page_take(struct fb_s3_page *page, const char *bytes, size_t size)
{
    return parse(page, bytes, size, false);
}

static struct page_entry *entry_at(const struct fb_s3_page *page, size_t i)
{
    return (struct page_entry *)(void *)page->entries.bytes + i;
}

/* Takes the quotes off, in place. */
static size_t unquoted(struct fb_s3_page *page, size_t at)
{
    char *text = page->texts.bytes + at;
    size_t size = strlen(text);

    if (size < 2 || text[0] != '"' || text[size - 1] != '"')
        return at;
    text[size - 1] = '\0';
    return at + 1;
}

static enum fb_status decode(struct fb_s3_page *page, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct page_entry *entry = entry_at(page, i);
        char *key = page->texts.bytes + entry->key;

        if (page->is_url_encoded && fb_uri_decode(key) != FB_OK)
            refuse(page, FB_CORRUPT, "a key is wrongly encoded");
        else if (key[0] == '\0' || strlen(key) > FB_S3_KEY_MAX_BYTES)
            refuse(page, FB_CORRUPT, "a key is empty or over 1,024 bytes");
        entry->etag = unquoted(page, entry->etag);
    }
    if (page->is_truncated && page->continuation_token[0] == '\0')
        refuse(page, FB_CORRUPT, "it is truncated, but has no continuation token");
    return page->status;
}

static enum fb_status hand_out(const struct fb_s3_page *page, const struct page_entry *entry,
                               const struct fb_s3_list_request *request)
{
    const char *texts = page->texts.bytes;
    struct fb_s3_listed listed = {
        .key = texts + entry->key,
        .etag = texts + entry->etag,
        .storage_class = entry->storage_class == 0 ? "STANDARD" : texts + entry->storage_class,
        .size_bytes = entry->size_bytes,
        .last_modified_ms = entry->last_modified_ms,
    };

    if (entry->is_prefix)
        return request->on_prefix == NULL ? FB_OK
                                          : request->on_prefix(request->context, listed.key);
    return request->on_object == NULL ? FB_OK : request->on_object(request->context, &listed);
}

enum fb_status fb_s3_page_finish(struct fb_s3_page *page, const struct fb_s3_list_request *request,
                                 struct fb_s3_list_result *ret_result)
{
    size_t count = page->entries.size / sizeof(struct page_entry);
    enum fb_status status = parse(page, "", 0, true);

    if (status == FB_OK)
        status = decode(page, count);
    for (size_t i = 0; i < count && status == FB_OK; i++)
        status = hand_out(page, entry_at(page, i), request);
    if (status != FB_OK)
        return status;
    *ret_result = (struct fb_s3_list_result){.is_truncated = page->is_truncated,
                                             .key_count = (unsigned)count};
    snprintf(ret_result->continuation_token, sizeof ret_result->continuation_token, "%s",
             page->is_truncated ? page->continuation_token : "");
    return FB_OK;
}
