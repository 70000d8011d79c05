/* SPDX-License-Identifier: Apache-2.0 */
#include "control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "firebridge/app/control.h"

/* Who finds no room waits there. */
#define BACKLOG 64

/* ... and where that is full, too, before the daemon, which may hang, counts as one that does. */
#define CONNECT_TIMEOUT_S 3

struct place {
    int directory;
    struct sockaddr_un address;
};

static enum fb_status find_place(const char *directory, struct place *ret_place,
                                 struct fb_error *error)
{
    struct place place = {.address.sun_family = AF_UNIX};

    place.directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (place.directory < 0)
        return fb_fail(error,
                       errno == ENOENT   ? FB_NOT_FOUND
                       : errno == EACCES ? FB_DENIED
                                         : FB_IO,
                       errno == ENOENT ? "no daemon runs: %s: %s" : "cannot look into %s: %s",
                       directory, strerror(errno));
    snprintf(place.address.sun_path, sizeof place.address.sun_path,
             "/proc/self/fd/%d/" FB_CONTROL_SOCKET, place.directory);
    *ret_place = place;
    return FB_OK;
}

static int new_socket(int flags)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
}

/* EAGAIN: somebody listens, and so many wait for him that there is no room. */
static int connect_to(const struct place *place)
{
    const struct timeval patience = {.tv_sec = CONNECT_TIMEOUT_S};
    int fd = new_socket(0);

    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (fd >= 0 &&
        connect(fd, (const struct sockaddr *)&place->address, sizeof place->address) != 0) {
        const int why = errno;

        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static int bind_to(int fd, const struct place *place)
{
    return bind(fd, (const struct sockaddr *)&place->address, sizeof place->address);
}

/* All zero where there is none. */
static struct stat look_at(const struct place *place)
{
    struct stat found;

    if (fstatat(place->directory, FB_CONTROL_SOCKET, &found, AT_SYMLINK_NOFOLLOW) != 0)
        return (struct stat){0};
    return found;
}

static struct fb_control_file file_of(const struct stat *found)
{
    return (struct fb_control_file){.device = found->st_dev, .inode = found->st_ino};
}

/* The socket of a daemon that died stays behind, or the link to it; nobody answers there. */
static enum fb_status remove_stale(const struct place *place, const char *directory,
                                   struct fb_error *error)
{
    const mode_t type = look_at(place).st_mode & S_IFMT;
    int fd = type == S_IFSOCK ? connect_to(place) : -1;

    if (fd >= 0)
        close(fd);
    if (fd >= 0 || (type == S_IFSOCK && errno == EAGAIN))
        return fb_fail(error, FB_CONFLICT,
                       "another daemon listens at %s/" FB_CONTROL_SOCKET
                       "; give this one another runtime_dir",
                       directory);
    if ((type != S_IFSOCK || errno != ECONNREFUSED) && type != S_IFLNK)
        return fb_fail(error, FB_IO, "%s/" FB_CONTROL_SOCKET " is in the way; remove it",
                       directory);
    if (unlinkat(place->directory, FB_CONTROL_SOCKET, 0) != 0)
        return fb_fail(error, FB_IO, "cannot remove %s/" FB_CONTROL_SOCKET ": %s", directory,
                       strerror(errno));
    return FB_OK;
}

/* The mode comes from the descriptor when the name is made: there is no moment without it. */
static enum fb_status bind_and_listen(int fd, const struct place *place, const char *directory,
                                      struct fb_control_file *ret_file, struct fb_error *error)
{
    struct stat made;

    if (fchmod(fd, 0600) == 0 && bind_to(fd, place) != 0 && errno == EADDRINUSE) {
        enum fb_status status = remove_stale(place, directory, error);

        if (status != FB_OK)
            return status;
        errno = bind_to(fd, place) == 0 ? 0 : errno;
    }
    made = look_at(place);
    if (!S_ISSOCK(made.st_mode) || (made.st_mode & 077) != 0 || listen(fd, BACKLOG) != 0)
        return fb_fail(error, FB_IO, "cannot listen at %s/" FB_CONTROL_SOCKET ": %s", directory,
                       strerror(errno));
    *ret_file = file_of(&made);
    return FB_OK;
}

enum fb_status fb_control_socket_listen(const char *directory, int *ret_socket,
                                        struct fb_control_file *ret_file, struct fb_error *error)
{
    struct place place = {.directory = -1};
    enum fb_status status = find_place(directory, &place, error);
    int fd;

    if (status != FB_OK)
        return status;
    fd = new_socket(SOCK_NONBLOCK);
    if (fd < 0)
        status = fb_fail(error, FB_IO, "no control socket: %s", strerror(errno));
    else
        status = bind_and_listen(fd, &place, directory, ret_file, error);
    close(place.directory);
    if (status == FB_OK)
        *ret_socket = fd;
    else if (fd >= 0)
        close(fd);
    return status;
}

enum fb_status fb_control_socket_connect(const char *directory, int *ret_socket,
                                         struct fb_error *error)
{
    struct place place = {.directory = -1};
    enum fb_status status = find_place(directory, &place, error);
    int fd;

    if (status != FB_OK)
        return status;
    fd = connect_to(&place);
    if (fd >= 0)
        *ret_socket = fd;
    else if (errno == ENOENT || errno == ECONNREFUSED)
        status = fb_fail(error, FB_NOT_FOUND, "no daemon runs: nobody listens at %s/%s", directory,
                         FB_CONTROL_SOCKET);
    else if (errno == EAGAIN)
        status = fb_fail(
            error, FB_UNAVAILABLE,
            "the daemon does not answer: too many others wait at %s/" FB_CONTROL_SOCKET, directory);
    else
        status = fb_fail(error, errno == EACCES ? FB_DENIED : FB_IO,
                         "cannot reach the daemon at %s/" FB_CONTROL_SOCKET ": %s", directory,
                         strerror(errno));
    close(place.directory);
    return status;
}

enum fb_status fb_control_socket_link(const char *directory, const char *to,
                                      struct fb_control_file *ret_file, struct fb_error *error)
{
    struct place place = {.directory = -1};
    struct stat made;
    char path[PATH_MAX];
    enum fb_status status = find_place(directory, &place, error);

    if (status != FB_OK)
        return status;
    snprintf(path, sizeof path, "%s/" FB_CONTROL_SOCKET, to);
    if (symlinkat(path, place.directory, FB_CONTROL_SOCKET) != 0 && errno == EEXIST) {
        status = remove_stale(&place, directory, error);
        errno = 0;
        if (status == FB_OK)
            (void)!symlinkat(path, place.directory, FB_CONTROL_SOCKET);
    }
    made = look_at(&place);
    if (status == FB_OK && !S_ISLNK(made.st_mode))
        status = fb_fail(error, FB_IO, "cannot link %s/" FB_CONTROL_SOCKET " to %s: %s", directory,
                         to, strerror(errno));
    if (status == FB_OK)
        *ret_file = file_of(&made);
    close(place.directory);
    return status;
}

void fb_control_socket_remove(const char *directory, const struct fb_control_file *file)
{
    struct place place = {.directory = -1};
    struct stat found;

    if (find_place(directory, &place, NULL) != FB_OK)
        return;
    found = look_at(&place);
    if (found.st_dev == file->device && found.st_ino == file->inode)
        (void)unlinkat(place.directory, FB_CONTROL_SOCKET, 0);
    close(place.directory);
}
