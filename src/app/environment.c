/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "firebridge/aws/call.h"
#include "firebridge/aws/providers.h"
#include "firebridge/base/backoff.h"

/* What systemd's LoadCredential= calls the files that stand for ~/.aws/config and credentials. */
#define CREDENTIAL_CONFIG      "aws-config"
#define CREDENTIAL_CREDENTIALS "aws-credentials"

struct fb_environment {
    const struct fb_conf *conf;
    struct fb_clock *clock;
    struct fb_stop stop; /* of the credentials */
    struct fb_principals *principals;
    struct fb_network_profile profile; /* the network's texts may be its */
    struct fb_network network;
    char region[64];
    char imds_endpoint[256];              /* of the shared files; empty: not there */
    char *config_file, *credentials_file; /* NULL: none */
    char **process_environment;
};

static const char *first_of(const char *a, const char *b)
{
    return a != NULL ? a : b;
}

static bool join_path(const char *folder, const char *name, char **ret_path)
{
    if (asprintf(ret_path, "%s/%s", folder, name) >= 0)
        return true;
    *ret_path = NULL;
    return false;
}

/*
 * The file that the variable names, else systemd's of that name, else the one in the home; NULL
 * without a home.
 */
static bool find_shared_file(const char *name, const char *credential, const char *in_home,
                             char **ret_path)
{
    const char *file = fb_network_variable(name);
    const char *credentials = fb_network_variable("CREDENTIALS_DIRECTORY");
    const char *home = fb_network_variable("HOME");

    *ret_path = NULL;
    if (file != NULL && strncmp(file, "~/", 2) == 0 && home != NULL)
        return join_path(home, file + 2, ret_path);
    if (file != NULL)
        return (*ret_path = strdup(file)) != NULL;
    if (credentials != NULL) {
        if (!join_path(credentials, credential, ret_path))
            return false;
        if (access(*ret_path, F_OK) == 0)
            return true;
        free(*ret_path);
        *ret_path = NULL;
    }
    return home == NULL || join_path(home, in_home, ret_path);
}

/* Ours, but for what speaks to our service manager. Ends with a NULL; the texts are environ's. */
static char **make_process_environment(void)
{
    static const char *const private[] = {"NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_",
                                          "JOURNAL_STREAM="};
    size_t count = 0, kept = 0;
    char **copy;

    while (environ[count] != NULL)
        count++;
    copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        bool is_private = false;

        for (size_t j = 0; j < sizeof private / sizeof *private; j++)
            is_private |= strncmp(environ[i], private[j], strlen(private[j])) == 0;
        if (!is_private)
            copy[kept++] = environ[i];
    }
    return copy;
}

static const char *profile_of(const struct fb_conf_aws *aws)
{
    return first_of(aws->principal.profile, fb_network_variable("AWS_PROFILE"));
}

static void read_variables(struct fb_environment *environment, struct fb_chain_options *options)
{
    const struct fb_conf_aws *aws = &environment->conf->aws;

    *options = (struct fb_chain_options){
        .access_key_id = fb_network_variable("AWS_ACCESS_KEY_ID"),
        .secret_access_key = fb_network_variable("AWS_SECRET_ACCESS_KEY"),
        .session_token = fb_network_variable("AWS_SESSION_TOKEN"),
        .profile = profile_of(aws),
        .config_file = environment->config_file,
        .credentials_file = environment->credentials_file,
        .web_identity_token_file = fb_network_variable("AWS_WEB_IDENTITY_TOKEN_FILE"),
        .role_arn = fb_network_variable("AWS_ROLE_ARN"),
        .role_session_name = fb_network_variable("AWS_ROLE_SESSION_NAME"),
        .container_relative_uri = fb_network_variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        .container_full_uri = fb_network_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        .container_token = fb_network_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        .container_token_file = fb_network_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
        .imds_endpoint =
            first_of(aws->endpoint_imds, fb_network_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT")),
        .imds_ipv6 = fb_network_says("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6"),
        .imds_disabled = fb_network_says("AWS_EC2_METADATA_DISABLED", "true"),
        .imds_v1_fallback = aws->imds_v1_fallback,
        .region = environment->region,
        .sts_endpoint = environment->network.endpoints[FB_SERVICE_STS],
        .use_fips = environment->network.use_fips,
        .use_dualstack = environment->network.use_dualstack,
        .environment = environment->process_environment,
        .timeout_ms = aws->request_timeout_ms,
        .clock = environment->clock,
        .stop = &environment->stop,
        .seed = fb_random_entropy(),
    };
}

/* Where neither the conf nor a variable says it; the file is none of our business here. */
static void read_imds_settings(struct fb_environment *environment, struct fb_chain_options *options)
{
    char mode[16] = "";

    if (options->imds_endpoint != NULL)
        return;
    if (fb_shared_files_setting(options, "ec2_metadata_service_endpoint",
                                environment->imds_endpoint, sizeof environment->imds_endpoint,
                                NULL) == FB_OK)
        options->imds_endpoint = environment->imds_endpoint;
    if (fb_network_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE") == NULL &&
        fb_shared_files_setting(options, "ec2_metadata_service_endpoint_mode", mode, sizeof mode,
                                NULL) == FB_OK)
        options->imds_ipv6 = strcasecmp(mode, "IPv6") == 0;
}

static enum fb_status find_region(struct fb_environment *environment,
                                  const struct fb_chain_options *options, struct fb_error *error)
{
    const char *region = environment->conf->aws.region;

    region = first_of(region, fb_network_variable("AWS_REGION"));
    region = first_of(region, fb_network_variable("AWS_DEFAULT_REGION"));
    if (region == NULL)
        return fb_chain_region(options, environment->region, sizeof environment->region, error);
    if (strlen(region) >= sizeof environment->region)
        return fb_fail(error, FB_INVALID, "the region \"%.80s\" is too long to be one", region);
    snprintf(environment->region, sizeof environment->region, "%s", region);
    return FB_OK;
}

static enum fb_status new_transport(void *context, struct fb_transport **ret_transport,
                                    struct fb_error *error)
{
    const struct fb_environment *environment = context;

    return fb_curl_new(&environment->network.curl, ret_transport, error);
}

static enum fb_status read_network(struct fb_environment *environment, struct fb_error *error)
{
    const struct fb_conf_aws *aws = &environment->conf->aws;
    const struct fb_chain_options files = {.profile = profile_of(aws),
                                           .config_file = environment->config_file,
                                           .credentials_file = environment->credentials_file};
    enum fb_status status = fb_network_read_profile(&files, &environment->profile, error);

    return status == FB_OK
               ? fb_network_read(aws, &environment->profile, &environment->network, error)
               : status;
}

static enum fb_status set_up(struct fb_environment *environment, struct fb_error *error)
{
    struct fb_chain_options options;
    enum fb_status status;

    environment->process_environment = make_process_environment();
    if (environment->process_environment == NULL ||
        !find_shared_file("AWS_CONFIG_FILE", CREDENTIAL_CONFIG, ".aws/config",
                          &environment->config_file) ||
        !find_shared_file("AWS_SHARED_CREDENTIALS_FILE", CREDENTIAL_CREDENTIALS, ".aws/credentials",
                          &environment->credentials_file))
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    status = read_network(environment, error);
    if (status != FB_OK)
        return status;
    read_variables(environment, &options);
    read_imds_settings(environment, &options);
    status = new_transport(environment, &options.transport, error);
    if (status != FB_OK)
        return status;
    status = find_region(environment, &options, error);
    fb_transport_free(options.transport);
    options.transport = NULL;
    return status == FB_OK ? fb_principals_new(environment->conf, &options, new_transport,
                                               environment, &environment->principals, error)
                           : status;
}

enum fb_status fb_environment_new(const struct fb_conf *conf, struct fb_clock *clock,
                                  struct fb_environment **ret_environment, struct fb_error *error)
{
    struct fb_environment *environment = calloc(1, sizeof *environment);
    enum fb_status status;

    if (environment == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    environment->conf = conf;
    environment->clock = clock;
    fb_stop_init(&environment->stop, NULL);
    status = set_up(environment, error);
    if (status == FB_OK)
        *ret_environment = environment;
    else
        fb_environment_free(environment);
    return status;
}

void fb_environment_free(struct fb_environment *environment)
{
    if (environment == NULL)
        return;
    fb_principals_free(environment->principals);
    free(environment->config_file);
    free(environment->credentials_file);
    free(environment->process_environment);
    free(environment);
}

void fb_environment_stop(struct fb_environment *environment)
{
    fb_stop_request(&environment->stop, FB_STOP_NOW);
}

const char *fb_environment_region(const struct fb_environment *environment)
{
    return environment->region;
}

struct fb_principals *fb_environment_principals(struct fb_environment *environment)
{
    return environment->principals;
}

enum fb_status fb_environment_client(struct fb_environment *environment, enum fb_stream_side side,
                                     const struct fb_conf_stream *stream, struct fb_stop *stop,
                                     enum fb_stop_level stop_at, struct fb_client *ret_client,
                                     struct fb_error *error)
{
    const struct fb_conf_aws *aws = &environment->conf->aws;
    const enum fb_service service = side == FB_SIDE_TABLE ? FB_SERVICE_DYNAMODB : FB_SERVICE_S3;
    const bool is_source = stream != NULL && side == FB_SIDE_SOURCE;
    struct fb_transport *transport = NULL;
    enum fb_status status = new_transport(environment, &transport, error);

    if (status != FB_OK)
        return status;
    *ret_client = (struct fb_client){
        .transport = transport,
        .credentials = fb_principals_find(environment->principals, stream, side),
        .clock = environment->clock,
        .stop = stop,
        .stop_at = stop_at,
        .region = environment->region,
        .endpoint = environment->network.endpoints[service],
        .use_fips = environment->network.use_fips,
        .use_dualstack = environment->network.use_dualstack,
        .requester_pays = is_source && stream->requester_pays,
        .bucket_owner = is_source ? stream->expected_bucket_owner : NULL,
        .connect_timeout_ms = aws->connect_timeout_ms,
        .request_timeout_ms = aws->request_timeout_ms,
        .scratch = fb_call_scratch_new(),
    };
    return FB_OK;
}

void fb_environment_client_done(struct fb_client *client)
{
    fb_transport_free(client->transport);
    fb_call_scratch_free(client->scratch);
    client->transport = NULL;
    client->scratch = NULL;
}

/* Of several, by colons, as systemd.exec(5) says, ours is the first. */
static enum fb_status copy_first(const char *paths, char **ret_path)
{
    char *copy = strndup(paths, strcspn(paths, ":"));

    if (copy == NULL)
        return FB_NO_MEMORY;
    *ret_path = copy;
    return FB_OK;
}

static enum fb_status copy_path(const char *path, char **ret_path)
{
    char *copy = strdup(path);

    if (copy == NULL)
        return FB_NO_MEMORY;
    *ret_path = copy;
    return FB_OK;
}

enum fb_status fb_environment_state_dir(const struct fb_conf *conf, char **ret_path)
{
    const char *from_systemd = fb_network_variable("STATE_DIRECTORY");

    if (conf->daemon.state_dir != NULL)
        return copy_path(conf->daemon.state_dir, ret_path);
    return from_systemd != NULL ? copy_first(from_systemd, ret_path)
                                : copy_path(FB_CONF_DEFAULT_STATE_DIR, ret_path);
}

enum fb_status fb_environment_runtime_dir(const struct fb_conf *conf, char **ret_path)
{
    const char *from_systemd = fb_network_variable("RUNTIME_DIRECTORY");

    if (conf->daemon.runtime_dir != NULL)
        return copy_path(conf->daemon.runtime_dir, ret_path);
    return from_systemd != NULL ? copy_first(from_systemd, ret_path)
                                : fb_environment_state_dir(conf, ret_path);
}
