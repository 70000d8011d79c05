/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page of ListObjectsV2, read as it comes and handed out once it is whole.
 *
 * Invariant: nothing is handed out of a page that is cut off, broken or none.
 * Threads:   one owner.
 */
#ifndef FIREBRIDGE_AWS_S3_PAGE_H
#define FIREBRIDGE_AWS_S3_PAGE_H

#include "firebridge/aws/s3.h"

struct fb_s3_page;

enum fb_status fb_s3_page_new(struct fb_s3_page **ret_page) FB_MUST_CHECK;
void fb_s3_page_free(struct fb_s3_page *page);

/* Takes a piece of the XML. FB_CORRUPT, FB_TOO_LARGE, FB_NO_MEMORY. */
enum fb_status fb_s3_page_take(struct fb_s3_page *page, const char *bytes,
                               size_t size) FB_MUST_CHECK;

/* The XML has ended: decodes and checks everything, then calls back in the page's order. */
enum fb_status fb_s3_page_finish(struct fb_s3_page *page, const struct fb_s3_list_request *request,
                                 struct fb_s3_list_result *ret_result) FB_MUST_CHECK;

/* Why the page is refused; never NULL. */
const char *fb_s3_page_reason(const struct fb_s3_page *page);

#endif
