/* SPDX-License-Identifier: Apache-2.0 */
#include "again.h"

#include <stdio.h>
#include <string.h>

#include "firebridge/app/cli.h"

static int refuse(const struct fb_conf_stream *stream, const char *message)
{
    fprintf(stderr, "firebridge: stream %s: %s\n", stream->name, message);
    return FB_EXIT_USAGE;
}

static bool writes(const struct fb_conf_stream *stream, const char *operation)
{
    return strcmp(stream->write, operation) == 0;
}

/* What is first or newer in the table stays there. */
static bool is_safe(const struct fb_conf_stream *stream)
{
    return writes(stream, "insert") || writes(stream, "newer");
}

static int check_adding(const struct fb_conf_stream *stream, const struct fb_again *again,
                        bool dry_run)
{
    if (again->if_absent)
        return refuse(stream, "its records add (write = add), so nothing is left alone: "
                              "--if-absent has no meaning");
    if (dry_run || again->add_again)
        return FB_EXIT_OK;
    return refuse(stream, "its records add (write = add). What was added is added once: markers "
                          "say so as long as marker_ttl, and behind that nothing does. If the "
                          "same records are to be added again, on top, say --add-again");
}

static int need_word(const struct fb_conf_stream *stream, const char *what)
{
    char text[400];

    snprintf(text, sizeof text,
             "%s is older than what was written of its key since, and would take its place. See "
             "with --dry-run what would be done; then say --overwrite if that is right, or "
             "--if-absent to leave alone what is in the table",
             what);
    return refuse(stream, text);
}

int fb_again_check(const struct fb_conf_stream *stream, const struct fb_again *again,
                   const char *what, bool dry_run)
{
    if (again->overwrite && again->if_absent)
        return refuse(stream, "--overwrite and --if-absent contradict each other");
    if (fb_conf_may_add(stream))
        return check_adding(stream, again, dry_run);
    if (again->add_again)
        return refuse(stream, "its records add nothing, so --add-again has no meaning");
    if (again->if_absent && (writes(stream, "update") || writes(stream, "delete")))
        return refuse(stream, "--if-absent leaves out updates and deletes, since they change what "
                              "is in the table, and this stream has nothing else");
    if (dry_run || again->overwrite || again->if_absent || is_safe(stream))
        return FB_EXIT_OK;
    return need_word(stream, what);
}
