/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "firebridge/aws/call.h"

struct fb_environment {
    const struct fb_conf *conf;
    struct fb_clock *clock;
    struct fb_credentials_cache *credentials;
    struct fb_network network;
    char region[64];
};

static const char *first_of(const char *a, const char *b)
{
    return a != NULL ? a : b;
}

/* The file that the variable names, else the one in the home; NULL without a home. */
static bool find_shared_file(const char *name, const char *in_home, char **ret_path)
{
    const char *file = fb_network_variable(name);
    const char *home = fb_network_variable("HOME");

    *ret_path = NULL;
    if (file != NULL)
        return (*ret_path = strdup(file)) != NULL;
    if (home == NULL || asprintf(ret_path, "%s/%s", home, in_home) >= 0)
        return true;
    *ret_path = NULL;
    return false;
}

static bool is_imds_disabled(void)
{
    const char *value = fb_network_variable("AWS_EC2_METADATA_DISABLED");

    return value != NULL && strcasecmp(value, "true") == 0;
}

static void read_variables(const struct fb_environment *environment,
                           struct fb_chain_options *options)
{
    *options = (struct fb_chain_options){
        .access_key_id = fb_network_variable("AWS_ACCESS_KEY_ID"),
        .secret_access_key = fb_network_variable("AWS_SECRET_ACCESS_KEY"),
        .session_token = fb_network_variable("AWS_SESSION_TOKEN"),
        .profile = first_of(environment->conf->aws.profile, fb_network_variable("AWS_PROFILE")),
        .imds_endpoint = environment->conf->aws.endpoint_imds,
        .imds_disabled = is_imds_disabled(),
        .clock = environment->clock,
    };
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

static enum fb_status new_transport(const struct fb_environment *environment,
                                    struct fb_transport **ret_transport, struct fb_error *error)
{
    return fb_curl_new(&environment->network.curl, ret_transport, error);
}

static enum fb_status set_up(struct fb_environment *environment, struct fb_chain_options *options,
                             struct fb_error *error)
{
    enum fb_status status = fb_network_read(&environment->conf->aws, &environment->network, error);

    if (status == FB_OK)
        status = new_transport(environment, &options->transport, error);
    if (status != FB_OK)
        return status;
    status = find_region(environment, options, error);
    if (status != FB_OK) {
        fb_transport_free(options->transport);
        return status;
    }
    /* Takes the transport over, also when it fails. */
    return fb_chain_new(options, &environment->credentials, error);
}

enum fb_status fb_environment_new(const struct fb_conf *conf, struct fb_clock *clock,
                                  struct fb_environment **ret_environment, struct fb_error *error)
{
    struct fb_environment *environment = calloc(1, sizeof *environment);
    struct fb_chain_options options;
    char *config_file = NULL;
    char *credentials_file = NULL;
    enum fb_status status = FB_NO_MEMORY;

    if (environment == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    environment->conf = conf;
    environment->clock = clock;
    read_variables(environment, &options);
    if (find_shared_file("AWS_CONFIG_FILE", ".aws/config", &config_file) &&
        find_shared_file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", &credentials_file)) {
        options.config_file = config_file;
        options.credentials_file = credentials_file;
        status = set_up(environment, &options, error);
    } else {
        fb_fail(error, status, "out of memory");
    }
    free(config_file);
    free(credentials_file);
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
    fb_credentials_cache_free(environment->credentials);
    free(environment);
}

const char *fb_environment_region(const struct fb_environment *environment)
{
    return environment->region;
}

struct fb_credentials_cache *fb_environment_credentials(struct fb_environment *environment)
{
    return environment->credentials;
}

enum fb_status fb_environment_client(struct fb_environment *environment, enum fb_service service,
                                     const struct fb_conf_stream *stream, struct fb_stop *stop,
                                     enum fb_stop_level stop_at, struct fb_client *ret_client,
                                     struct fb_error *error)
{
    const struct fb_conf_aws *aws = &environment->conf->aws;
    struct fb_transport *transport = NULL;
    enum fb_status status = new_transport(environment, &transport, error);

    if (status != FB_OK)
        return status;
    *ret_client = (struct fb_client){
        .transport = transport,
        .credentials = environment->credentials,
        .clock = environment->clock,
        .stop = stop,
        .stop_at = stop_at,
        .region = environment->region,
        .endpoint = environment->network.endpoints[service],
        .use_fips = environment->network.use_fips,
        .use_dualstack = environment->network.use_dualstack,
        .requester_pays = stream != NULL && stream->requester_pays,
        .bucket_owner = stream == NULL ? NULL : stream->expected_bucket_owner,
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

/* StateDirectory= may name several, by colons (systemd.exec(5)); ours is the first. */
enum fb_status fb_environment_state_dir(const struct fb_conf *conf, char **ret_path)
{
    const char *path = first_of(conf->daemon.state_dir, fb_network_variable("STATE_DIRECTORY"));
    size_t size;
    char *copy;

    path = first_of(path, FB_CONF_DEFAULT_STATE_DIR);
    size = path == conf->daemon.state_dir ? strlen(path) : strcspn(path, ":");
    copy = strndup(path, size);
    if (copy == NULL)
        return FB_NO_MEMORY;
    *ret_path = copy;
    return FB_OK;
}
