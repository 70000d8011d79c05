/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As whom, where and how this process speaks with AWS: the conf and the environment together.
 * With network.h the one place that reads the environment. What the conf says wins over the
 * environment.
 *
 * Read: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE,
 * AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE, CREDENTIALS_DIRECTORY, HOME, AWS_REGION,
 * AWS_DEFAULT_REGION, AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME,
 * AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, AWS_CONTAINER_CREDENTIALS_FULL_URI,
 * AWS_CONTAINER_AUTHORIZATION_TOKEN, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE,
 * AWS_EC2_METADATA_DISABLED, AWS_EC2_METADATA_SERVICE_ENDPOINT,
 * AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE, STATE_DIRECTORY, RUNTIME_DIRECTORY, and what network.h
 * names.
 * Threads: made and freed by one; the rest from any thread.
 */
#ifndef FIREBRIDGE_APP_ENVIRONMENT_H
#define FIREBRIDGE_APP_ENVIRONMENT_H

#include "firebridge/app/conf.h"
#include "firebridge/app/network.h"
#include "firebridge/app/principals.h"
#include "firebridge/aws/client.h"

struct fb_environment;

/*
 * Makes the credential chains and finds the region (which may ask the instance). Asks nobody for
 * credentials yet. `conf` outlives it.
 */
enum fb_status fb_environment_new(const struct fb_conf *conf, struct fb_clock *clock,
                                  struct fb_environment **ret_environment,
                                  struct fb_error *error) FB_MUST_CHECK;

/* After all of its clients. */
void fb_environment_free(struct fb_environment *environment);

const char *fb_environment_region(const struct fb_environment *environment);
struct fb_principals *fb_environment_principals(struct fb_environment *environment);

/* Ends what is under way for credentials, and what will be. From any thread. */
void fb_environment_stop(struct fb_environment *environment);

/*
 * A client with a transport of its own, for one thread, with the conf's endpoint and limits, for a
 * side of a stream of the conf: as whom, and what S3 is told of the bucket. `stream` NULL: as whom
 * [aws] says.
 */
enum fb_status fb_environment_client(struct fb_environment *environment, enum fb_stream_side side,
                                     const struct fb_conf_stream *stream, struct fb_stop *stop,
                                     enum fb_stop_level stop_at, struct fb_client *ret_client,
                                     struct fb_error *error) FB_MUST_CHECK;
void fb_environment_client_done(struct fb_client *client);

/* The conf's state_dir, else systemd's STATE_DIRECTORY, else FB_CONF_DEFAULT_STATE_DIR. Copied. */
enum fb_status fb_environment_state_dir(const struct fb_conf *conf, char **ret_path) FB_MUST_CHECK;

/*
 * Where the control socket is: the conf's runtime_dir, else systemd's RUNTIME_DIRECTORY, else the
 * folder of the state. From that last one a link leads to it in any case. Copied.
 */
enum fb_status fb_environment_runtime_dir(const struct fb_conf *conf,
                                          char **ret_path) FB_MUST_CHECK;

#endif
