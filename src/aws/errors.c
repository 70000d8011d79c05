/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that knows AWS's error codes: what each means to us and what to do after it.
 * (Amazon DynamoDB developer guide, "Error handling with DynamoDB"; Amazon S3 API reference,
 * "Error responses"; STS API reference, "AssumeRoleWithWebIdentity"; IAM, "Common errors".)
 */
#include "firebridge/aws/aws_error.h"
#include "firebridge/aws/client.h"

#include <string.h>

struct known_code {
    const char *code;
    enum fb_status status;
    enum fb_verdict verdict;
    const char *hint;
};

#define HINT_KEYS                                                                                  \
    "AWS does not know these keys: check the access key and the session token, and that the "      \
    "region is enabled for their account"
#define HINT_SECRET                                                                                \
    "check the secret access key; if it is right, a proxy on the way changes requests"
#define HINT_HEADERS  "a proxy on the way may have dropped the Authorization header"
#define HINT_CLOCK    "check this machine's clock"
#define HINT_EXPIRED  "new credentials are asked for; if none come, see where they are from"
#define HINT_CAPACITY "the table takes no more now; raise its write capacity, or make it on-demand"
#define HINT_RATE     "AWS takes no more calls now; it goes on more slowly by itself"
#define HINT_REGION   "set [aws] region to the bucket's"
#define HINT_ACCOUNT  "the account cannot use this service or region; AWS's support knows why"

static const struct known_code known_codes[] = {
    /* Throttled */
    {"ProvisionedThroughputExceededException", FB_THROTTLED, FB_RETRY_SLOWER, HINT_CAPACITY},
    {"ThrottlingException", FB_THROTTLED, FB_RETRY_SLOWER, HINT_RATE},
    {"Throttling", FB_THROTTLED, FB_RETRY_SLOWER, HINT_RATE},
    {"ThrottledException", FB_THROTTLED, FB_RETRY_SLOWER, HINT_RATE},
    {"RequestLimitExceeded", FB_THROTTLED, FB_RETRY_SLOWER,
     "the account's quota of this region is used up; a higher one can be asked for"},
    {"RequestThrottled", FB_THROTTLED, FB_RETRY_SLOWER, HINT_RATE},
    {"RequestThrottledException", FB_THROTTLED, FB_RETRY_SLOWER, HINT_RATE},
    {"LimitExceededException", FB_THROTTLED, FB_RETRY_SLOWER, HINT_RATE},
    {"TooManyRequestsException", FB_THROTTLED, FB_RETRY_SLOWER, HINT_RATE},
    {"BandwidthLimitExceeded", FB_THROTTLED, FB_RETRY_SLOWER, HINT_RATE},
    {"SlowDown", FB_THROTTLED, FB_RETRY_SLOWER, HINT_RATE},
    /* The same again may succeed */
    {"InternalServerError", FB_UNAVAILABLE, FB_RETRY, NULL},
    {"InternalServerErrorException", FB_UNAVAILABLE, FB_RETRY, NULL},
    {"InternalError", FB_UNAVAILABLE, FB_RETRY, NULL},
    {"InternalFailure", FB_UNAVAILABLE, FB_RETRY, NULL},
    {"ServiceUnavailable", FB_UNAVAILABLE, FB_RETRY, NULL},
    {"ServiceUnavailableException", FB_UNAVAILABLE, FB_RETRY, NULL},
    {"RequestTimeout", FB_UNAVAILABLE, FB_RETRY, NULL},
    {"RequestTimeoutException", FB_UNAVAILABLE, FB_RETRY, NULL},
    {"TransactionConflictException", FB_UNAVAILABLE, FB_RETRY, NULL},
    {"TransactionConflict", FB_UNAVAILABLE, FB_RETRY, NULL},
    {"TransactionInProgressException", FB_UNAVAILABLE, FB_RETRY, NULL},
    {"ReplicatedWriteConflictException", FB_UNAVAILABLE, FB_RETRY, NULL},
    {"OperationAborted", FB_UNAVAILABLE, FB_RETRY, NULL},
    {"IncompleteBody", FB_UNAVAILABLE, FB_RETRY, NULL},
    {"BadDigest", FB_UNAVAILABLE, FB_RETRY, NULL},
    {"XAmzContentSHA256Mismatch", FB_UNAVAILABLE, FB_RETRY, NULL},
    {"TemporaryRedirect", FB_UNAVAILABLE, FB_RETRY, NULL},
    {"IDPCommunicationError", FB_UNAVAILABLE, FB_RETRY, "STS did not reach the identity provider"},
    /* New credentials or a right clock may do */
    {"ExpiredToken", FB_EXPIRED, FB_RETRY_REFRESHED, HINT_EXPIRED},
    {"ExpiredTokenException", FB_EXPIRED, FB_RETRY_REFRESHED, HINT_EXPIRED},
    {"TokenRefreshRequired", FB_EXPIRED, FB_RETRY_REFRESHED, HINT_EXPIRED},
    {"RequestTimeTooSkewed", FB_EXPIRED, FB_RETRY_REFRESHED, HINT_CLOCK},
    {"RequestExpired", FB_EXPIRED, FB_RETRY_REFRESHED, HINT_CLOCK},
    {"RequestInTheFuture", FB_EXPIRED, FB_RETRY_REFRESHED, HINT_CLOCK},
    /* A person must act */
    {"AccessDenied", FB_DENIED, FB_UNHEALTHY, NULL},
    {"AccessDeniedException", FB_DENIED, FB_UNHEALTHY, NULL},
    {"AllAccessDisabled", FB_DENIED, FB_UNHEALTHY, HINT_ACCOUNT},
    {"AccountProblem", FB_DENIED, FB_UNHEALTHY, HINT_ACCOUNT},
    {"OptInRequired", FB_DENIED, FB_UNHEALTHY, HINT_ACCOUNT},
    {"NotSignedUp", FB_DENIED, FB_UNHEALTHY, HINT_ACCOUNT},
    {"UnrecognizedClientException", FB_DENIED, FB_UNHEALTHY, HINT_KEYS},
    {"InvalidClientTokenId", FB_DENIED, FB_UNHEALTHY, HINT_KEYS},
    {"InvalidAccessKeyId", FB_DENIED, FB_UNHEALTHY, HINT_KEYS},
    {"InvalidToken", FB_DENIED, FB_UNHEALTHY, HINT_KEYS},
    {"InvalidSecurity", FB_DENIED, FB_UNHEALTHY, HINT_KEYS},
    {"SignatureDoesNotMatch", FB_DENIED, FB_UNHEALTHY, HINT_SECRET},
    {"InvalidSignatureException", FB_DENIED, FB_UNHEALTHY, HINT_SECRET},
    {"IncompleteSignature", FB_DENIED, FB_UNHEALTHY, HINT_HEADERS},
    {"IncompleteSignatureException", FB_DENIED, FB_UNHEALTHY, HINT_HEADERS},
    {"MissingAuthenticationToken", FB_DENIED, FB_UNHEALTHY, HINT_HEADERS},
    {"MissingAuthenticationTokenException", FB_DENIED, FB_UNHEALTHY, HINT_HEADERS},
    {"KMS.DisabledException", FB_DENIED, FB_UNHEALTHY,
     "the KMS key that it is encrypted with is disabled; enable it"},
    {"KMS.NotFoundException", FB_DENIED, FB_UNHEALTHY,
     "the KMS key that it is encrypted with does not exist any more"},
    {"KMS.KMSInvalidStateException", FB_DENIED, FB_UNHEALTHY,
     "the KMS key that it is encrypted with cannot be used now; is it to be deleted?"},
    {"KMSAccessDeniedException", FB_DENIED, FB_UNHEALTHY,
     "the credentials in use lack kms:Decrypt on the KMS key that it is encrypted with"},
    {"InvalidRequest", FB_INVALID, FB_UNHEALTHY, NULL},
    {"ResourceNotFoundException", FB_NOT_FOUND, FB_UNHEALTHY,
     "check the table's name, the region and the account"},
    {"TableNotFoundException", FB_NOT_FOUND, FB_UNHEALTHY, "check the table's name"},
    {"NoSuchBucket", FB_NOT_FOUND, FB_UNHEALTHY, "check the bucket's name"},
    {"NoSuchKey", FB_NOT_FOUND, FB_UNHEALTHY, NULL},
    {"InvalidBucketName", FB_INVALID, FB_UNHEALTHY, "check the bucket's name"},
    {"InvalidObjectState", FB_UNSUPPORTED, FB_UNHEALTHY,
     "the object is archived and must be restored first (aws s3api restore-object)"},
    {"PermanentRedirect", FB_INVALID, FB_UNHEALTHY, HINT_REGION},
    {"AuthorizationHeaderMalformed", FB_INVALID, FB_UNHEALTHY, HINT_REGION},
    {"IllegalLocationConstraintException", FB_INVALID, FB_UNHEALTHY, HINT_REGION},
    {"ResourceInUseException", FB_UNAVAILABLE, FB_UNHEALTHY, "the table is being changed"},
    {"TableInUseException", FB_UNAVAILABLE, FB_UNHEALTHY, "the table is being changed"},
    {"InaccessibleEncryptionCredentialsException", FB_DENIED, FB_UNHEALTHY,
     "the KMS key that it is encrypted with cannot be used now; enable it"},
    /* The same of one statement of a batch (DynamoDB API reference, "BatchStatementError") */
    {"ProvisionedThroughputExceeded", FB_THROTTLED, FB_RETRY_SLOWER, HINT_CAPACITY},
    {"ThrottlingError", FB_THROTTLED, FB_RETRY_SLOWER, HINT_CAPACITY},
    {"ResourceNotFound", FB_NOT_FOUND, FB_UNHEALTHY,
     "check the table's name, the region and the account"},
    {"ValidationError", FB_INVALID, FB_REJECTED, NULL},
    {"ItemCollectionSizeLimitExceeded", FB_INVALID, FB_REJECTED,
     "all items of one partition key may have 10 GB where there is a local secondary index"},
    {"DuplicateItem", FB_CONFLICT, FB_DONE_BEFORE, NULL},
    {"ConditionalCheckFailed", FB_CONFLICT, FB_DONE_BEFORE, NULL},
    {"ConditionalCheckFailedException", FB_CONFLICT, FB_DONE_BEFORE, NULL},
    /* This request can never succeed */
    {"ValidationException", FB_INVALID, FB_REJECTED, NULL},
    {"ItemCollectionSizeLimitExceededException", FB_INVALID, FB_REJECTED,
     "all items of one partition key may have 10 GB where there is a local secondary index"},
    {"IdempotentParameterMismatchException", FB_INVALID, FB_REJECTED, NULL},
    {"SerializationException", FB_INVALID, FB_REJECTED, NULL},
    {"RequestEntityTooLarge", FB_TOO_LARGE, FB_REJECTED, NULL},
    {"RequestEntityTooLargeException", FB_TOO_LARGE, FB_REJECTED, NULL},
    {"EntityTooLarge", FB_TOO_LARGE, FB_REJECTED, NULL},
    {"KeyTooLongError", FB_TOO_LARGE, FB_REJECTED, NULL},
    {"InvalidRange", FB_INVALID, FB_REJECTED, NULL},
    {"PreconditionFailed", FB_CHANGED, FB_REJECTED, NULL},
};

struct known_http_status {
    long first, last;
    enum fb_status status;
    enum fb_verdict verdict;
};

/*
 * Where no code is known. A bare 4xx may be a proxy's: it must neither send good items to the dead
 * letters nor say that an object was replaced, so a person is to look.
 */
static const struct known_http_status known_http_statuses[] = {
    {300, 399, FB_INVALID, FB_UNHEALTHY},      {401, 401, FB_DENIED, FB_UNHEALTHY},
    {403, 403, FB_DENIED, FB_UNHEALTHY},       {404, 404, FB_NOT_FOUND, FB_UNHEALTHY},
    {408, 408, FB_UNAVAILABLE, FB_RETRY},      {413, 413, FB_TOO_LARGE, FB_UNHEALTHY},
    {429, 429, FB_THROTTLED, FB_RETRY_SLOWER}, {400, 499, FB_INVALID, FB_UNHEALTHY},
    {500, 599, FB_UNAVAILABLE, FB_RETRY},
};

/* Where there was no answer, or one that was no error of the service's. */
static const enum fb_verdict verdict_of_status[] = {
    [FB_OK] = FB_RETRY,
    [FB_CANCELED] = FB_RETRY,
    [FB_NO_MEMORY] = FB_RETRY,
    [FB_TOO_LARGE] = FB_REJECTED,
    [FB_INVALID] = FB_UNHEALTHY,
    [FB_UNSUPPORTED] = FB_UNHEALTHY,
    [FB_NOT_FOUND] = FB_UNHEALTHY,
    [FB_DENIED] = FB_UNHEALTHY,
    [FB_EXPIRED] = FB_RETRY_REFRESHED,
    [FB_THROTTLED] = FB_RETRY_SLOWER,
    [FB_UNAVAILABLE] = FB_RETRY,
    [FB_CHANGED] = FB_REJECTED,
    [FB_CONFLICT] = FB_UNHEALTHY,
    [FB_CORRUPT] = FB_RETRY,
    [FB_IO] = FB_UNHEALTHY,
    [FB_NEED_MORE] = FB_RETRY,
    [FB_END] = FB_RETRY,
};

static const struct known_code *find_code(const char *code)
{
    for (size_t i = 0; i < sizeof known_codes / sizeof *known_codes; i++)
        if (strcmp(known_codes[i].code, code) == 0)
            return &known_codes[i];
    return NULL;
}

static const struct known_http_status *find_http_status(long http_status)
{
    for (size_t i = 0; i < sizeof known_http_statuses / sizeof *known_http_statuses; i++)
        if (http_status >= known_http_statuses[i].first &&
            http_status <= known_http_statuses[i].last)
            return &known_http_statuses[i];
    return NULL;
}

enum fb_status fb_aws_error_status(const char *code, long http_status)
{
    const struct known_code *known = find_code(code);
    const struct known_http_status *by_http = find_http_status(http_status);

    if (known != NULL)
        return known->status;
    return by_http != NULL ? by_http->status : FB_CORRUPT;
}

/* Of codes that mean many things, what AWS's sentence has in it says which. */
struct known_sentence {
    const char *code, *has, *hint;
};

static const struct known_sentence known_sentences[] = {
    {"InvalidRequest", "Server Side Encryption",
     "the object is encrypted with a key that only its writer has (SSE-C), so it cannot be read; "
     "let it be written with SSE-S3 or SSE-KMS"},
    {"InvalidArgument", "KMS", "an object of SSE-KMS is read over https alone"},
    {"AccessDenied", "kms:Decrypt",
     "the bucket uses SSE-KMS: the role needs kms:Decrypt on its key, and the key's policy has to "
     "let the role use it"},
    {"AccessDenied", "sts:AssumeRole",
     "see the role's trust policy: whom it names, and which external id it wants"},
    {"AccessDeniedException", "KMS",
     "the table's KMS key has to let the role use it, too: see the key's policy and its grants"},
};

const char *fb_aws_error_hint(const char *code, const char *said)
{
    const struct known_code *known = find_code(code);

    for (size_t i = 0; i < sizeof known_sentences / sizeof *known_sentences; i++)
        if (strcmp(known_sentences[i].code, code) == 0 &&
            strstr(said, known_sentences[i].has) != NULL)
            return known_sentences[i].hint;
    return known == NULL ? NULL : known->hint;
}

/* An operation and what it needs are not always called the same. The one list of both: errors and
 * `iam-policy` follow it. */
static const struct {
    const char *operation, *action;
} known_actions[] = {
    {"ListObjectsV2", "s3:ListBucket"},
    {"GetObject", "s3:GetObject"},
    {"PutObject", "s3:PutObject"},
    {"DeleteObject", "s3:DeleteObject"},
    {"DescribeTable", "dynamodb:DescribeTable"},
    {"BatchWriteItem", "dynamodb:BatchWriteItem"},
    {"AssumeRole", "sts:AssumeRole"},
    {"AssumeRoleWithWebIdentity", "sts:AssumeRoleWithWebIdentity"},
    {"BatchExecuteStatement", "dynamodb:PartiQLInsert"},
    {"PutItem", "dynamodb:PutItem"},
    {"UpdateItem", "dynamodb:UpdateItem"},
    {"DeleteItem", "dynamodb:DeleteItem"}, /* in a transaction */
    {"GetItem", "dynamodb:GetItem"},
    {"BatchGetItem", "dynamodb:BatchGetItem"},
    {"CreateTable", "dynamodb:CreateTable"},
    {"DescribeTimeToLive", "dynamodb:DescribeTimeToLive"},
    {"UpdateTimeToLive", "dynamodb:UpdateTimeToLive"},
};

const char *fb_aws_error_action(const char *operation)
{
    for (size_t i = 0; i < sizeof known_actions / sizeof *known_actions; i++)
        if (strcmp(known_actions[i].operation, operation) == 0)
            return known_actions[i].action;
    return NULL;
}

enum fb_verdict fb_verdict_of(const struct fb_error *error)
{
    const struct known_code *known = find_code(error->code);
    const struct known_http_status *by_http = find_http_status(error->http_status);

    if (fb_aws_error_is_expired(error) || fb_aws_error_is_skew(error))
        return FB_RETRY_REFRESHED;
    if (known != NULL)
        return known->verdict;
    if (by_http != NULL)
        return by_http->verdict;
    if ((size_t)error->status >= sizeof verdict_of_status / sizeof *verdict_of_status)
        return FB_RETRY;
    return verdict_of_status[error->status];
}

static bool code_is_one_of(const struct fb_error *error, const char *const *codes)
{
    for (; *codes != NULL; codes++)
        if (strcmp(error->code, *codes) == 0)
            return true;
    return false;
}

static bool refuses_signature(const struct fb_error *error)
{
    static const char *const codes[] = {"SignatureDoesNotMatch", "InvalidSignatureException", NULL};

    return code_is_one_of(error, codes);
}

bool fb_aws_error_is_skew(const struct fb_error *error)
{
    static const char *const codes[] = {"RequestTimeTooSkewed", "RequestExpired",
                                        "RequestInTheFuture", NULL};

    return code_is_one_of(error, codes) ||
           (refuses_signature(error) && (strstr(error->message, "Signature expired") != NULL ||
                                         strstr(error->message, "not yet current") != NULL));
}

bool fb_aws_error_is_signature(const struct fb_error *error)
{
    return refuses_signature(error) || fb_aws_error_is_skew(error);
}

bool fb_aws_error_is_denial(const struct fb_error *error)
{
    static const char *const codes[] = {"AccessDenied", "AccessDeniedException", NULL};

    return code_is_one_of(error, codes);
}

bool fb_aws_error_is_elsewhere(const struct fb_error *error)
{
    static const char *const codes[] = {"PermanentRedirect", "TemporaryRedirect",
                                        "AuthorizationHeaderMalformed",
                                        "IllegalLocationConstraintException", NULL};

    return code_is_one_of(error, codes) ||
           (error->code[0] == '\0' && error->http_status / 100 == 3);
}

bool fb_aws_error_is_expired(const struct fb_error *error)
{
    static const char *const codes[] = {"ExpiredToken", "ExpiredTokenException",
                                        "TokenRefreshRequired", NULL};

    return code_is_one_of(error, codes) ||
           (strcmp(error->code, "UnrecognizedClientException") == 0 &&
            strstr(error->message, " is expired") != NULL);
}
