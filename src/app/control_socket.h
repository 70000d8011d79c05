/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of the control socket by its directory. A socket's address holds 107 bytes (unix(7)),
 * and a path may be longer, so it is named through a descriptor of its directory. */
#ifndef FIREBRIDGE_SRC_APP_CONTROL_SOCKET_H
#define FIREBRIDGE_SRC_APP_CONTROL_SOCKET_H

#include <sys/stat.h>

#include "firebridge/base/status.h"

/* Which file a name stood for when it was made; others may put one of theirs in its place. */
struct fb_control_file {
    dev_t device;
    ino_t inode;
};

/* Listens, with mode 0600. FB_CONFLICT: somebody does already; FB_IO. */
enum fb_status fb_control_socket_listen(const char *directory, int *ret_socket,
                                        struct fb_control_file *ret_file,
                                        struct fb_error *error) FB_MUST_CHECK;

/* FB_NOT_FOUND: nobody listens; FB_DENIED; FB_IO. */
enum fb_status fb_control_socket_connect(const char *directory, int *ret_socket,
                                         struct fb_error *error) FB_MUST_CHECK;

/* Makes it be found in `directory`, too. */
enum fb_status fb_control_socket_link(const char *directory, const char *to,
                                      struct fb_control_file *ret_file,
                                      struct fb_error *error) FB_MUST_CHECK;

/* Removes the name where it still stands for `file`. */
void fb_control_socket_remove(const char *directory, const struct fb_control_file *file);

#endif
