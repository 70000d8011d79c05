/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The profiles of ~/.aws/config and ~/.aws/credentials, as the SDKs read these files
 * (AWS SDKs and Tools reference guide, "Shared config and credentials files").
 *
 * Both files make one set. Where both, or one twice, say something of a profile, the credentials
 * file wins over the config, and the later line over the earlier. Names of profiles tell case
 * apart, names of settings do not. What has a name that no profile or setting can have is passed
 * over, and so are sections of other kinds (sso-session, services).
 *
 * Threads: one owner. The texts lie in memory for secrets and are freed with the set.
 */
#ifndef FIREBRIDGE_AWS_PROFILE_H
#define FIREBRIDGE_AWS_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "firebridge/base/status.h"

#define FB_PROFILE_FILE_MAX_BYTES ((size_t)1024 * 1024)

enum fb_profile_file {
    FB_PROFILE_CONFIG,      /* [profile name], [default]; added first */
    FB_PROFILE_CREDENTIALS, /* [name] */
};

struct fb_profiles;

/* NULL without memory. */
struct fb_profiles *fb_profiles_new(void);
void fb_profiles_free(struct fb_profiles *profiles);

/*
 * Adds what a file says; each kind once, the config first. `path` outlives the set. FB_NOT_FOUND:
 * there is no such file. FB_INVALID: a line is none, and the message has file and line.
 */
enum fb_status fb_profiles_read(struct fb_profiles *profiles, enum fb_profile_file kind,
                                const char *path, struct fb_error *error) FB_MUST_CHECK;

/* The same for a text; `path` is for messages. */
enum fb_status fb_profiles_parse(struct fb_profiles *profiles, enum fb_profile_file kind,
                                 const char *path, const char *text, size_t size,
                                 struct fb_error *error) FB_MUST_CHECK;

bool fb_profiles_has(const struct fb_profiles *profiles, const char *profile);

/* Lines that continue it stand behind a '\n' each, without the blanks around them. */
struct fb_profile_setting {
    const char *value; /* may be empty */
    enum fb_profile_file kind;
    const char *path;
    unsigned line;
};

/* The setting that counts; NULL: the profile does not have it. */
const struct fb_profile_setting *fb_profiles_find(const struct fb_profiles *profiles,
                                                  const char *profile, const char *name);

/* Its value; NULL also where it is empty, which is how one takes a setting back. */
const char *fb_profiles_get(const struct fb_profiles *profiles, const char *profile,
                            const char *name);

#endif
