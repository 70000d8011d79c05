/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile of the shared files, and what it says of where keys come from.
 *
 * Asked in this order: a role with a source; a role for a web identity's token; keys; a
 * credential_process. A profile that is only another's source gives its own keys first, if it has
 * any, so that it may name itself. (AWS SDKs and Tools reference guide, "Assume role credential
 * provider".)
 */
#include "firebridge/aws/providers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "credentials_role.h"
#include "firebridge/aws/credential_process.h"
#include "firebridge/aws/credentials_json.h"
#include "firebridge/aws/profile.h"

#define ROLES_MAX 16

/* The files are read at every renewal: whoever changes keys in them need not restart anything. */
struct files_provider {
    struct fb_provider provider; /* first */
    struct fb_chain_options options;
};

/* From the profile that is asked for to the one that has keys: each is the source of the one
 * before.
 */
struct chain {
    const struct fb_chain_options *options;
    const struct fb_profiles *profiles;
    const char *roles[ROLES_MAX]; /* profiles whose role is to be assumed */
    size_t role_count;
    const char *last;              /* the profile whose own means give the first keys, */
    const char *credential_source; /* or what it names instead of a profile */
    bool is_source;                /* `last` is someone's source */
};

/* What a credential_source may be. */
struct source {
    const char *name;
    struct fb_provider *(*make)(const struct fb_chain_options *);
};

static const struct source sources[] = {
    {"Environment", fb_environment_provider_new},
    {"Ec2InstanceMetadata", fb_imds_provider_new},
    {"EcsContainer", fb_container_provider_new},
};

static const char *name_of(const struct fb_chain_options *options)
{
    return options->profile == NULL ? "default" : options->profile;
}

static const char *get(const struct chain *chain, const char *profile, const char *name)
{
    return fb_profiles_get(chain->profiles, profile, name);
}

/* The daemon's own user may be shut out of a home where nobody sent it: *skipped says so then. */
static enum fb_status add_file(struct fb_profiles *profiles, enum fb_profile_file kind,
                               const char *path, bool is_explicit, struct fb_error *skipped,
                               struct fb_error *error)
{
    struct fb_error reason = {0};
    enum fb_status status =
        path == NULL ? FB_NOT_FOUND : fb_profiles_read(profiles, kind, path, &reason);

    if (status == FB_IO && !is_explicit)
        *skipped = reason;
    else if (status != FB_OK && status != FB_NOT_FOUND && error != NULL)
        *error = reason;
    return status == FB_NOT_FOUND || (status == FB_IO && !is_explicit) ? FB_OK : status;
}

static enum fb_status tell_missing(const struct fb_chain_options *options,
                                   const struct fb_error *skipped, struct fb_error *error)
{
    const char *config = options->config_file, *credentials = options->credentials_file;
    const char *name = name_of(options);

    return fb_fail(error, options->profile != NULL ? FB_INVALID : FB_NOT_FOUND,
                   "there is no profile '%.64s', neither [%s%.64s] in %.200s nor [%.64s] in "
                   "%.200s%s%.200s",
                   name, strcmp(name, "default") == 0 ? "" : "profile ", name,
                   config == NULL ? "a config" : config, name,
                   credentials == NULL ? "a credentials file" : credentials,
                   skipped->message[0] == '\0' ? "" : ", and ", skipped->message);
}

/* FB_NOT_FOUND: no profile was named, and there is no default. */
static enum fb_status read_profiles(const struct fb_chain_options *options,
                                    struct fb_profiles **ret_profiles, struct fb_error *error)
{
    bool is_explicit = options->profile != NULL;
    struct fb_profiles *profiles = fb_profiles_new();
    struct fb_error skipped = {0};
    enum fb_status status;

    if (profiles == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for profiles");
    status =
        add_file(profiles, FB_PROFILE_CONFIG, options->config_file, is_explicit, &skipped, error);
    if (status == FB_OK)
        status = add_file(profiles, FB_PROFILE_CREDENTIALS, options->credentials_file, is_explicit,
                          &skipped, error);
    if (status == FB_OK && !fb_profiles_has(profiles, name_of(options)))
        status = tell_missing(options, &skipped, error);
    if (status == FB_OK)
        *ret_profiles = profiles;
    else
        fb_profiles_free(profiles);
    return status;
}

/* A setting's text, however long; FB_INVALID where it does not fit, with its place. */
static enum fb_status take_text(const struct fb_profile_setting *setting, const char *name,
                                char *to, size_t size, struct fb_error *error)
{
    if (setting == NULL || fb_provider_copy(to, size, setting->value) == FB_OK)
        return FB_OK;
    return fb_fail(error, FB_INVALID, "%.300s:%u: %s is too long", setting->path, setting->line,
                   name);
}

static bool has_static_keys(const struct chain *chain, const char *profile)
{
    return get(chain, profile, "aws_access_key_id") != NULL ||
           get(chain, profile, "aws_secret_access_key") != NULL;
}

/* A token goes with a secret of the same file: one that was left in the other is someone else's. */
static enum fb_status take_static_keys(const struct chain *chain, const char *profile,
                                       struct fb_credentials *keys, struct fb_error *error)
{
    const struct fb_profiles *profiles = chain->profiles;
    const struct fb_profile_setting *id = fb_profiles_find(profiles, profile, "aws_access_key_id");
    const struct fb_profile_setting *secret =
        fb_profiles_find(profiles, profile, "aws_secret_access_key");
    const struct fb_profile_setting *token =
        fb_profiles_find(profiles, profile, "aws_session_token");
    bool has_id = get(chain, profile, "aws_access_key_id") != NULL;
    enum fb_status status;

    if (!has_id || get(chain, profile, "aws_secret_access_key") == NULL)
        return fb_fail(error, FB_INVALID, "the profile '%.64s' has %s, but no %s", profile,
                       has_id ? "aws_access_key_id" : "aws_secret_access_key",
                       has_id ? "aws_secret_access_key" : "aws_access_key_id");
    if (token == NULL || token->kind != secret->kind)
        token = NULL;
    keys->session_token[0] = '\0';
    status =
        take_text(id, "aws_access_key_id", keys->access_key_id, sizeof keys->access_key_id, error);
    if (status == FB_OK)
        status = take_text(secret, "aws_secret_access_key", keys->secret_access_key,
                           sizeof keys->secret_access_key, error);
    if (status == FB_OK)
        status = take_text(token, "aws_session_token", keys->session_token,
                           sizeof keys->session_token, error);
    keys->expires_ms = INT64_MAX;
    if (status == FB_OK && fb_credentials_check(keys, error) != FB_OK) {
        fb_error_prefix(error, "the profile '%.64s'", profile);
        status = FB_INVALID;
    }
    return status;
}

static enum fb_status take_duration(const struct chain *chain, const char *profile,
                                    unsigned *ret_seconds, struct fb_error *error)
{
    const char *text = get(chain, profile, "duration_seconds");
    unsigned long seconds;
    char *end;

    *ret_seconds = 0;
    if (text == NULL)
        return FB_OK;
    errno = 0;
    seconds = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || seconds < 900 ||
        seconds > 43200)
        return fb_fail(error, FB_INVALID,
                       "the profile '%.64s': duration_seconds takes 900 to 43200, not '%.32s'",
                       profile, text);
    *ret_seconds = (unsigned)seconds;
    return FB_OK;
}

static enum fb_status take_role(const struct chain *chain, const char *profile,
                                struct fb_role *role, struct fb_error *error)
{
    *role = (struct fb_role){.arn = get(chain, profile, "role_arn"),
                             .session_name = get(chain, profile, "role_session_name"),
                             .external_id = get(chain, profile, "external_id")};
    return take_duration(chain, profile, &role->duration_seconds, error);
}

static enum fb_status refuse_loop(const struct chain *chain, const char *again,
                                  struct fb_error *error)
{
    char names[400] = "";

    for (size_t i = 0; i < chain->role_count; i++) {
        size_t used = strlen(names);

        snprintf(names + used, sizeof names - used, "'%.64s' > ", chain->roles[i]);
    }
    return fb_fail(error, FB_INVALID, "the profiles' source_profile runs in a circle: %s'%.64s'",
                   names, again);
}

static bool is_visited(const struct chain *chain, const char *profile)
{
    for (size_t i = 0; i < chain->role_count; i++)
        if (strcmp(chain->roles[i], profile) == 0)
            return true;
    return false;
}

/* Where a profile with a role goes on to; *ret_source NULL: it named a credential_source. */
static enum fb_status take_source(struct chain *chain, const char *profile, const char **ret_source,
                                  struct fb_error *error)
{
    const char *source = get(chain, profile, "source_profile");
    const char *named = get(chain, profile, "credential_source");

    if (source != NULL && named != NULL)
        return fb_fail(error, FB_INVALID,
                       "the profile '%.64s' has source_profile and credential_source: one of them "
                       "gives the keys that may assume its role",
                       profile);
    if (source == NULL && named == NULL)
        return fb_fail(error, FB_INVALID,
                       "the profile '%.64s' has role_arn, but neither source_profile nor "
                       "credential_source nor web_identity_token_file: who assumes the role?",
                       profile);
    if (get(chain, profile, "mfa_serial") != NULL)
        return fb_fail(error, FB_UNSUPPORTED,
                       "the profile '%.64s' has mfa_serial, and a daemon has nobody to ask for a "
                       "code: let the role be assumed without one, by an instance's role, say",
                       profile);
    if (source != NULL && !fb_profiles_has(chain->profiles, source))
        return fb_fail(error, FB_INVALID,
                       "the profile '%.64s' names the source_profile '%.64s', "
                       "which is nowhere",
                       profile, source);
    if (chain->role_count == ROLES_MAX)
        return fb_fail(error, FB_INVALID, "more than %d profiles are each other's source",
                       ROLES_MAX);
    chain->credential_source = named;
    *ret_source = source;
    return FB_OK;
}

/* From source to source, until a profile does not need one. */
static enum fb_status follow(struct chain *chain, struct fb_error *error)
{
    for (;;) {
        const char *profile = chain->last, *source = NULL;
        enum fb_status status;

        if ((chain->is_source && has_static_keys(chain, profile)) ||
            get(chain, profile, "role_arn") == NULL ||
            get(chain, profile, "web_identity_token_file") != NULL)
            return FB_OK;
        status = take_source(chain, profile, &source, error);
        if (status != FB_OK)
            return status;
        chain->roles[chain->role_count++] = profile;
        if (source == NULL)
            return FB_OK;
        if (is_visited(chain, source) &&
            (strcmp(source, profile) != 0 || !has_static_keys(chain, profile)))
            return refuse_loop(chain, source, error);
        chain->last = source;
        chain->is_source = true;
    }
}

static enum fb_status ask_source(const struct chain *chain, struct fb_credentials *keys,
                                 struct fb_error *error)
{
    struct fb_provider *provider = NULL;
    size_t i = 0;
    enum fb_status status;

    while (i < sizeof sources / sizeof *sources &&
           strcasecmp(sources[i].name, chain->credential_source) != 0)
        i++;
    if (i == sizeof sources / sizeof *sources)
        return fb_fail(error, FB_INVALID,
                       "the profile '%.64s': credential_source is Environment, "
                       "Ec2InstanceMetadata or EcsContainer, not '%.64s'",
                       chain->last, chain->credential_source);
    provider = sources[i].make(chain->options);
    if (provider == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for credential providers");
    status = provider->get(provider, keys, error);
    if (status != FB_OK)
        fb_error_prefix(error, "the profile '%.64s': credential_source %s", chain->last,
                        sources[i].name);
    else if (provider->extends_expired) /* they serve past their end: STS is asked, not the clock */
        keys->expires_ms = INT64_MAX;
    provider->free(provider);
    return status;
}

/* The environment's variables stand for the profile that it named, not for one of the conf's. */
static void fill_in(const struct chain *chain, struct fb_role *role)
{
    const struct fb_chain_options *options = chain->options;

    if (options->profile_is_chosen || chain->is_source)
        return;
    if (role->arn == NULL)
        role->arn = options->role_arn;
    if (role->session_name == NULL)
        role->session_name = options->role_session_name;
}

static enum fb_status assume_by_token(const struct chain *chain, const char *token_file,
                                      struct fb_credentials *keys, struct fb_error *error)
{
    struct fb_role role;
    enum fb_status status = take_role(chain, chain->last, &role, error);

    fill_in(chain, &role);
    if (status == FB_OK && role.arn == NULL)
        return fb_fail(error, FB_INVALID,
                       "the profile '%.64s' has web_identity_token_file, but no role_arn",
                       chain->last);
    role.external_id = NULL; /* STS takes none here */
    return status == FB_OK ? fb_role_assume_by_file(chain->options, &role, token_file, keys, error)
                           : status;
}

/* A person signs in there, in a browser. */
static enum fb_status refuse_sign_in(const char *profile, struct fb_error *error)
{
    return fb_fail(error, FB_UNSUPPORTED,
                   "the profile '%.64s' signs in through IAM Identity Center (sso_...) or aws "
                   "login, which takes a person and a browser: use a role of the instance, "
                   "role_arn with source_profile, or credential_process = aws configure "
                   "export-credentials --profile %.64s",
                   profile, profile);
}

static bool signs_in(const struct chain *chain, const char *profile)
{
    static const char *const names[] = {"sso_session", "sso_start_url", "sso_account_id",
                                        "sso_role_name", "login_session"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (get(chain, profile, names[i]) != NULL)
            return true;
    return false;
}

static enum fb_status take_own_keys(const struct chain *chain, struct fb_credentials *keys,
                                    struct fb_error *error)
{
    const char *profile = chain->last;
    const char *token_file = get(chain, profile, "web_identity_token_file");
    const char *command = get(chain, profile, "credential_process");
    enum fb_status status;

    if (token_file != NULL && !(chain->is_source && has_static_keys(chain, profile)))
        return assume_by_token(chain, token_file, keys, error);
    if (has_static_keys(chain, profile))
        return take_static_keys(chain, profile, keys, error);
    if (command != NULL) {
        status = fb_process_get(chain->options, command, keys, error);
        if (status != FB_OK)
            fb_error_prefix(error, "the profile '%.64s'", profile);
        return status;
    }
    if (signs_in(chain, profile))
        return refuse_sign_in(profile, error);
    return fb_fail(error, chain->is_source ? FB_INVALID : FB_NOT_FOUND,
                   "the profile '%.64s' has no keys%s", profile,
                   chain->is_source ? ", and is another's source_profile" : "");
}

static enum fb_status assume_roles(const struct chain *chain, struct fb_credentials *keys,
                                   struct fb_error *error)
{
    enum fb_status status = FB_OK;

    for (size_t i = chain->role_count; i > 0 && status == FB_OK; i--) {
        struct fb_role role;

        status = take_role(chain, chain->roles[i - 1], &role, error);
        if (status == FB_OK)
            status = fb_role_assume(chain->options, &role, keys, error);
        if (status != FB_OK)
            fb_error_prefix(error, "the profile '%.64s'", chain->roles[i - 1]);
    }
    return status;
}

static void describe(const struct chain *chain, struct fb_provider *provider)
{
    const char *role = get(chain, name_of(chain->options), "role_arn");

    if (chain->role_count == 0)
        snprintf(provider->detail, sizeof provider->detail, "profile %.64s", chain->last);
    else
        snprintf(provider->detail, sizeof provider->detail, "profile %.64s, %.100s by %.64s",
                 name_of(chain->options), role,
                 chain->credential_source != NULL ? chain->credential_source : chain->last);
}

static enum fb_status resolve(struct chain *chain, struct fb_credentials *ret_credentials,
                              struct fb_error *error)
{
    enum fb_status status = follow(chain, error);

    if (status != FB_OK)
        return status;
    status = chain->credential_source != NULL ? ask_source(chain, ret_credentials, error)
                                              : take_own_keys(chain, ret_credentials, error);
    if (status == FB_OK)
        status = assume_roles(chain, ret_credentials, error);
    /* Only a profile that says nothing of keys leaves the others their turn. */
    if (status == FB_NOT_FOUND && (chain->role_count > 0 || error->http_status != 0))
        error->status = status = FB_DENIED;
    return status;
}

static enum fb_status files_get(struct fb_provider *provider,
                                struct fb_credentials *ret_credentials, struct fb_error *error)
{
    const struct fb_chain_options *options = &((struct files_provider *)provider)->options;
    struct fb_profiles *profiles = NULL;
    struct chain chain = {.options = options, .last = name_of(options)};
    enum fb_status status = read_profiles(options, &profiles, error);

    if (status != FB_OK)
        return status;
    chain.profiles = profiles;
    status = resolve(&chain, ret_credentials, error);
    if (status == FB_OK)
        describe(&chain, provider);
    fb_profiles_free(profiles);
    return status;
}

static void files_free(struct fb_provider *provider)
{
    free(provider);
}

struct fb_provider *fb_shared_files_provider_new(const struct fb_chain_options *options)
{
    struct files_provider *self = calloc(1, sizeof *self);

    if (self == NULL)
        return NULL;
    self->provider =
        (struct fb_provider){.name = "shared files", .get = files_get, .free = files_free};
    self->options = *options;
    return &self->provider;
}

enum fb_status fb_shared_files_setting(const struct fb_chain_options *options, const char *name,
                                       char *ret_text, size_t size, struct fb_error *error)
{
    struct fb_profiles *profiles = NULL;
    const struct fb_profile_setting *setting;
    enum fb_status status = read_profiles(options, &profiles, error);

    if (status != FB_OK)
        return status;
    setting = fb_profiles_find(profiles, name_of(options), name);
    if (setting == NULL || setting->value[0] == '\0')
        status =
            fb_fail(error, FB_NOT_FOUND, "the profile '%.64s' names no %s", name_of(options), name);
    else
        status = take_text(setting, name, ret_text, size, error);
    fb_profiles_free(profiles);
    return status;
}
