/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IAM policies in the making. What is allowed goes in bit by bit; what fits into a statement that
 * is there joins it. (IAM user guide, "Grammar of the IAM JSON policy language"; "Policy
 * variables":
 * ${*}, ${?} and ${$} stand for those characters themselves.)
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_APP_POLICY_H
#define FIREBRIDGE_APP_POLICY_H

#include <jansson.h>

#include "firebridge/base/status.h"

/* A managed policy has at most so many characters, without blanks (IAM user guide, "Quotas"). */
#define FB_POLICY_MAX_CHARACTERS 6144

#define FB_POLICY_ACTIONS_MAX 8
#define FB_POLICY_VALUES_MAX  2

/* All texts are copied. */
struct fb_policy_grant {
    const char *sid; /* letters and digits; a number is put behind it where it comes twice */
    const char *actions[FB_POLICY_ACTIONS_MAX];
    size_t action_count;
    const char *resource; /* an ARN, whose * and ? mean what IAM means by them */
    const char *key;      /* of a StringLike condition; NULL: none */
    const char *values[FB_POLICY_VALUES_MAX];
    size_t value_count;
};

/* NULL without memory; json_decref frees it. */
json_t *fb_policy_new(void);

/* FB_NO_MEMORY. */
enum fb_status fb_policy_allow(json_t *policy, const struct fb_policy_grant *grant) FB_MUST_CHECK;

/* Gives each statement a Sid of its own. Nothing is allowed afterwards. */
void fb_policy_finish(json_t *policy);

/* As a role's trust policy has it: `principal` is a {"Service":...} or {"AWS":...}, taken over;
 * `external_id` NULL: none. NULL without memory. */
json_t *fb_policy_trust(json_t *principal, const char *external_id);

/* A copy in which every character means itself; the caller's to free. NULL without memory. */
char *fb_policy_escape(const char *text);

/* As IAM counts it. */
size_t fb_policy_characters(const json_t *policy);

#endif
