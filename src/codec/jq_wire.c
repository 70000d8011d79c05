/* SPDX-License-Identifier: Apache-2.0 */
#include "jq_wire.h"

#include <errno.h>
#include <sys/socket.h>

#include "firebridge/base/heartbeat.h"

/* After a look: whether more of them are to come. */
static bool is_patient(unsigned *looks)
{
    fb_heartbeat();
    return errno == EAGAIN && ++*looks < FB_JQ_LOOKS;
}

bool fb_jq_receive(int end, void *bytes, size_t size)
{
    unsigned looks = 0;
    char *at = bytes;

    while (size > 0) {
        const ssize_t got = recv(end, at, size, 0);

        if (got == 0 || (got < 0 && errno != EINTR && !is_patient(&looks)))
            return false;
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        }
    }
    return true;
}

bool fb_jq_send(int end, struct iovec *parts, size_t count)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    unsigned looks = 0;

    for (;;) {
        ssize_t sent;

        while (message.msg_iovlen > 0 && message.msg_iov->iov_len == 0) {
            message.msg_iov++;
            message.msg_iovlen--;
        }
        if (message.msg_iovlen == 0)
            return true;
        sent = sendmsg(end, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR && !is_patient(&looks))
            return false;
        for (struct iovec *part = message.msg_iov; sent > 0; part++) {
            const size_t used = (size_t)sent < part->iov_len ? (size_t)sent : part->iov_len;

            part->iov_base = (char *)part->iov_base + used;
            part->iov_len -= used;
            sent -= (ssize_t)used;
        }
    }
}
