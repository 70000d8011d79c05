/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/net/http.h"

void fb_transport_free(struct fb_transport *transport)
{
    if (transport != NULL)
        transport->free(transport);
}

enum fb_status fb_http_collect(void *context, const struct fb_http_response *response,
                               const char *bytes, size_t size)
{
    (void)response;
    return fb_buffer_append(context, bytes, size);
}
