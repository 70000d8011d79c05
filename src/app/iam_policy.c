/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `firebridge iam-policy`: what each of the conf's principals must be allowed, and nothing more.
 * Asks nobody but, where nothing else says the region, the instance.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/app/cli.h"
#include "firebridge/app/command.h"
#include "firebridge/app/environment.h"
#include "firebridge/app/policy.h"
#include "firebridge/aws/partition.h"
#include "iam_grants.h"

/* What the trust policy of a role must be told by a person. */
#define INSTANCE_ROLE "arn:%s:iam::INSTANCE_ACCOUNT:role/INSTANCE_ROLE"

struct iam_policy_options {
    const char *conf_path;
    const char *stream;    /* NULL: all of them */
    const char *principal; /* NULL: of each */
    const char *account;   /* of tables whose ARN is not in the conf; NULL: not known */
    const char *kms_key;   /* the ARN of the source bucket's; NULL: none */
    const char *with;      /* commands beside `run`, by commas, or "all"; NULL: none */
    bool trust;            /* the trust policies instead */
};

struct maker {
    const struct iam_policy_options *options;
    struct fb_iam iam;
};

static bool is_chosen(const struct maker *maker, const struct fb_conf_stream *stream)
{
    return maker->options->stream == NULL || strcmp(maker->options->stream, stream->name) == 0;
}

static bool fill_policies(struct maker *maker)
{
    enum fb_status status = FB_OK;
    unsigned asked_for;
    const char *name;
    json_t *policy;

    if (!fb_iam_take_commands(maker->options->with, &asked_for))
        return false;
    for (size_t i = 0; i < maker->iam.conf->stream_count && status == FB_OK; i++)
        if (is_chosen(maker, &maker->iam.conf->streams[i]))
            status = fb_iam_allow_stream(&maker->iam, &maker->iam.conf->streams[i], asked_for);
    if (status == FB_OK)
        status = fb_iam_allow_backup(&maker->iam);
    json_object_foreach(maker->iam.policies, name, policy)
    {
        fb_policy_finish(policy);
    }
    if (status != FB_OK)
        fb_cli_report(NULL, "out of memory");
    return status == FB_OK;
}

/* ---- who may become whom ---- */

/* Who assumes a role is known by its keys alone, which are not asked for. */
static json_t *trust_of(const struct maker *maker, const struct fb_principal *principal)
{
    const struct fb_partition *partition = fb_partition_of(maker->iam.region);
    char text[128];

    if (principal->role.arn != NULL) {
        snprintf(text, sizeof text, INSTANCE_ROLE, maker->iam.partition);
        return fb_policy_trust(json_pack("{s:s}", "AWS", text), principal->role.external_id);
    }
    snprintf(text, sizeof text, "ec2.%s", partition->dns_suffix);
    return fb_policy_trust(json_pack("{s:s}", "Service", text), NULL);
}

/* A profile's keys belong to a user, who trusts nobody. */
static bool add_trust(struct maker *maker, const struct fb_principal *principal)
{
    char buffer[512];
    const char *name = fb_iam_name_of(principal, buffer, sizeof buffer);

    if (principal->role.arn == NULL && principal->profile != NULL)
        return true;
    return json_object_set_new(maker->iam.policies, name, trust_of(maker, principal)) == 0;
}

static bool fill_trusts(struct maker *maker)
{
    static const enum fb_stream_side sides[] = {FB_SIDE_SOURCE, FB_SIDE_TABLE, FB_SIDE_LETTERS};
    bool is_good = true;

    for (size_t i = 0; i < maker->iam.conf->stream_count; i++) {
        const struct fb_conf_stream *stream = &maker->iam.conf->streams[i];

        if (!is_chosen(maker, stream))
            continue;
        for (size_t side = 0; side < 2 + (size_t)(stream->letters_bucket != NULL); side++) {
            const struct fb_principal principal =
                fb_principal_of(maker->iam.conf, stream, sides[side]);
            const struct fb_principal source = {.profile = principal.profile};

            is_good = is_good && add_trust(maker, &source) && add_trust(maker, &principal);
        }
    }
    if (!is_good)
        fb_cli_report(NULL, "out of memory");
    return is_good;
}

/* ---- all of it ---- */

/* A single one goes as it is, to be given to `aws iam` at once. */
static json_t *choose(const struct maker *maker)
{
    const char *name = maker->options->principal;
    const char *only = json_object_iter_key(json_object_iter(maker->iam.policies));

    if (name == NULL && json_object_size(maker->iam.policies) == 1)
        name = only;
    return name == NULL ? maker->iam.policies : json_object_get(maker->iam.policies, name);
}

static void tell_principals(const struct maker *maker)
{
    const char *name;
    json_t *policy;
    char text[1024];

    snprintf(text, sizeof text, "--principal %.300s: the conf has none of that name; it has:",
             maker->options->principal);
    json_object_foreach(maker->iam.policies, name, policy)
    {
        const size_t used = strlen(text);

        snprintf(text + used, sizeof text - used, " %s", name);
    }
    fb_cli_report(NULL, text);
}

/* What the policy leaves open, and what only a person can know. */
static void tell_what_is_open(const struct maker *maker)
{
    const char *name;
    json_t *policy;

    if (strcmp(maker->iam.region, FB_IAM_ANY) == 0)
        fb_cli_report(NULL, "note: no region is known, so tables of every region are allowed; set "
                            "[aws] region");
    if (maker->options->trust) {
        if (json_object_size(maker->iam.policies) > 1)
            fb_cli_report(NULL, "note: put the account and the role of the instance where it says "
                                "INSTANCE_ACCOUNT and INSTANCE_ROLE");
        return;
    }
    if (maker->iam.lacks_account)
        fb_cli_report(NULL, "note: the table's account is not known, so the name is allowed in any "
                            "that the principal reaches; say --account ID");
    if (maker->options->kms_key == NULL)
        fb_cli_report(NULL,
                      "note: where the bucket uses SSE-KMS, say its key's ARN with --kms-key");
    json_object_foreach(maker->iam.policies, name, policy)
    {
        char text[512];

        if (fb_policy_characters(policy) <= FB_POLICY_MAX_CHARACTERS)
            continue;
        snprintf(text, sizeof text,
                 "note: the policy of %.300s has over %d characters; make one for each --stream",
                 name, FB_POLICY_MAX_CHARACTERS);
        fb_cli_report(NULL, text);
    }
}

static int show(const struct maker *maker)
{
    json_t *chosen = choose(maker);

    if (chosen == NULL) {
        tell_principals(maker);
        return FB_EXIT_USAGE;
    }
    tell_what_is_open(maker);
    (void)json_dumpf(chosen, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    return FB_EXIT_OK;
}

/* The conf, the environment and the profile say it; else the instance is asked. */
static void find_region(struct maker *maker)
{
    struct fb_environment *environment = NULL;
    const char *region = maker->iam.conf->aws.region;

    if (region == NULL &&
        fb_environment_new(maker->iam.conf, fb_clock_system(), &environment, NULL) == FB_OK)
        region = fb_environment_region(environment);
    snprintf(maker->iam.region, sizeof maker->iam.region, "%s",
             region == NULL ? FB_IAM_ANY : region);
    fb_environment_free(environment);
    maker->iam.partition = fb_partition_of(maker->iam.region)->name;
}

static bool are_options_good(const struct iam_policy_options *options)
{
    unsigned ignored;

    if (!fb_iam_take_commands(options->with, &ignored)) {
        fb_cli_report(NULL, "--with: expected run, check, verify, redrive, create-table, replay, "
                            "backfill or all, by commas");
        return false;
    }
    if (options->account != NULL &&
        (strlen(options->account) != 12 || strspn(options->account, "0123456789") != 12)) {
        fb_cli_report(NULL, "--account: expected 12 digits");
        return false;
    }
    if (options->kms_key != NULL &&
        (strncmp(options->kms_key, "arn:", 4) != 0 || strstr(options->kms_key, ":kms:") == NULL)) {
        fb_cli_report(NULL, "--kms-key: expected a key's ARN, like "
                            "arn:aws:kms:eu-west-1:111111111111:key/...");
        return false;
    }
    return true;
}

static int run_iam_policy(const void *row, char *const *operands, int operand_count)
{
    const struct iam_policy_options *options = row;
    struct maker maker = {.options = options,
                          .iam = {.account = options->account, .kms_key = options->kms_key}};
    struct fb_conf *conf;
    int status = FB_EXIT_WRONG;

    (void)operands;
    (void)operand_count;
    if (!are_options_good(options))
        return FB_EXIT_USAGE;
    conf = fb_cli_read_conf(options->conf_path);
    maker.iam.conf = conf;
    maker.iam.policies = json_object();
    if (conf != NULL &&
        (options->stream == NULL || fb_cli_find_stream(conf, options->stream) != NULL)) {
        find_region(&maker);
        if (options->trust ? fill_trusts(&maker) : fill_policies(&maker))
            status = show(&maker);
    }
    json_decref(maker.iam.policies);
    fb_conf_free(conf);
    return status;
}

static const struct fb_option options[] = {
    FB_OPTION_CONFIG(struct iam_policy_options),
    {.name = "stream",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct iam_policy_options, stream),
     .value = "NAME",
     .help = "for one stream alone"},
    {.name = "principal",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct iam_policy_options, principal),
     .value = "NAME",
     .help = "of one principal alone: a role's ARN, profile:NAME\nor default"},
    {.name = "account",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct iam_policy_options, account),
     .value = "ID",
     .help = "of tables whose ARN the conf does not say"},
    {.name = "kms-key",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct iam_policy_options, kms_key),
     .value = "ARN",
     .help = "the key of buckets that use SSE-KMS"},
    {.name = "with",
     .kind = FB_OPTION_TEXT,
     .offset = offsetof(struct iam_policy_options, with),
     .value = "LIST",
     .help = "what these commands need as well: check, verify,\nredrive, create-table, replay, "
             "backfill; all"},
    {.name = "trust",
     .kind = FB_OPTION_FLAG,
     .offset = offsetof(struct iam_policy_options, trust),
     .help = "print trust policies: who may have these roles"},
};

extern const struct fb_command fb_command_iam_policy;
const struct fb_command fb_command_iam_policy = {
    .name = "iam-policy",
    .summary = "print what AWS must allow, and nothing more",
    .help = "Prints the least IAM policy with which `run` works for this conf, as JSON. Where\n"
            "the conf speaks as several principals, an object that has one for each.\n",
    FB_OPTIONS(options),
    .defaults = &(const struct iam_policy_options){.conf_path = FB_CONF_DEFAULT_PATH},
    .options_size = sizeof(struct iam_policy_options),
    .run = run_iam_policy,
};
