/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/log_events.h"

#define STREAM (1U << FB_FIELD_STREAM)
#define OBJECT (1U << FB_FIELD_OBJECT)
#define RECORD (1U << FB_FIELD_RECORD)
#define CODE   (1U << FB_FIELD_ERROR_CODE)
#define ERROR  (1U << FB_FIELD_ERROR_CODE | 1U << FB_FIELD_REQUEST_ID)

const struct fb_log_field_name fb_log_field_names[FB_FIELD_COUNT] = {
    [FB_FIELD_STREAM] = {"stream", "FIREBRIDGE_STREAM", false},
    [FB_FIELD_OBJECT] = {"object", "FIREBRIDGE_OBJECT", false},
    [FB_FIELD_RECORD] = {"record", "FIREBRIDGE_RECORD", true},
    [FB_FIELD_ERROR_CODE] = {"error_code", "FIREBRIDGE_ERROR_CODE", false},
    [FB_FIELD_REQUEST_ID] = {"request_id", "FIREBRIDGE_REQUEST_ID", false},
    [FB_FIELD_REPEATS] = {"repeats", "FIREBRIDGE_REPEATS", true},
    [FB_FIELD_CODE_FILE] = {"code_file", "CODE_FILE", false},
    [FB_FIELD_CODE_LINE] = {"code_line", "CODE_LINE", true},
    [FB_FIELD_CODE_FUNC] = {"code_func", "CODE_FUNC", false},
};

/* clang-format off */
const struct fb_event_kind fb_event_kinds[FB_EVENT_COUNT] = {
    [FB_EVENT_STARTING] = {
        "starting", "a0f9a39c8925473fa59df294ef5b86da", FB_LOG_INFO, 0},
    [FB_EVENT_CONF_REFUSED] = {
        "conf-refused", "9225fa3ec45d406ba412d8770fe05953", FB_LOG_ERROR, 0},
    [FB_EVENT_CONF_RELOADING] = {
        "conf-reloading", "e3548ad13add4c29a271dc6faa9b34b8", FB_LOG_INFO, 0},
    [FB_EVENT_START_FAILED] = {
        "start-failed", "81c5e51ce33345bbbcc14053a151a775", FB_LOG_ERROR, ERROR},
    [FB_EVENT_CONTROL_FAILED] = {
        "control-failed", "a13d3b65698a47b18ed487b86ceb9887", FB_LOG_ERROR, ERROR},
    [FB_EVENT_STATE_SOUND] = {
        "state-sound", "bcdd8b4f57b546579cddc192d310a89a", FB_LOG_INFO, 0},
    [FB_EVENT_STATE_DAMAGED] = {
        "state-damaged", "bf1478c918ec4ef988f787943c93e4c3", FB_LOG_ERROR, ERROR},
    [FB_EVENT_STATE_AWAITED] = {
        "state-awaited", "b2f679c5f26242a399b003fc782f5892", FB_LOG_ERROR, ERROR},
    [FB_EVENT_STATE_KEPT] = {
        "state-kept", "b9896dc5254c42efbb5631610ca503d7", FB_LOG_INFO, 0},
    [FB_EVENT_STATE_NOT_KEPT] = {
        "state-not-kept", "2a60a9590b1c43a687df5eaf5bdff137", FB_LOG_WARNING, ERROR},
    [FB_EVENT_READY] = {
        "ready", "94aeb13d91964a5bb1d5ca38e10669c4", FB_LOG_INFO, 0},
    [FB_EVENT_LOG_LEVEL_CHANGED] = {
        "log-level-changed", "4adb5925bb46416eaba4ac7d17e6e097", FB_LOG_NOTICE, 0},
    [FB_EVENT_THREADS_LIVE] = {
        "threads-live", "7befffd0a74c4a80bc43a959e4f5ddcc", FB_LOG_NOTICE, 0},
    [FB_EVENT_STOPPING] = {
        "stopping", "6b561f54d20d4219ae4d729cac54d579", FB_LOG_NOTICE, 0},
    [FB_EVENT_STOPPING_NOW] = {
        "stopping-now", "d13de132c6774074b6fa2f29b3dc91ac", FB_LOG_NOTICE, 0},
    [FB_EVENT_ENDED] = {
        "ended", "16705b9fd70d4665a420b6b4218e65c6", FB_LOG_INFO, 0},
    [FB_EVENT_CONF_RELOADED] = {
        "conf-reloaded", "02ef55e45eba414283f7ae82be240879", FB_LOG_NOTICE, 0},
    [FB_EVENT_THREAD_SILENT] = {
        "thread-silent", "8c42799f18d54a1baa7f127abc71304c", FB_LOG_ERROR, 0},
    [FB_EVENT_METRICS_REFUSED] = {
        "metrics-refused", "55cd7a666c6d444b974a743db29a65b3", FB_LOG_WARNING, ERROR},
    [FB_EVENT_METRICS_TAKEN] = {
        "metrics-taken", "b6ce886ecc734018b0ed5e93bf771e27", FB_LOG_NOTICE, 0},
    [FB_EVENT_CREDENTIALS_FOUND] = {
        "credentials-found", "edb92969734a4403b968c3ec5714838b", FB_LOG_INFO, 0},
    [FB_EVENT_CREDENTIALS_BACK] = {
        "credentials-back", "c22d0f0b49064a93b6e69a349b9edc7d", FB_LOG_NOTICE, 0},
    [FB_EVENT_CREDENTIALS_EXTENDED] = {
        "credentials-extended", "987fce5fab7b44a18d91cab853dd4b09", FB_LOG_WARNING, 0},
    [FB_EVENT_CREDENTIALS_NOT_RENEWED] = {
        "credentials-not-renewed", "845ae630ee7d44e6a30aa477bd839de5", FB_LOG_WARNING, ERROR},
    [FB_EVENT_CREDENTIALS_NONE] = {
        "credentials-none", "0a0a30e5b26f47f9a6b3a06bf66fddb6", FB_LOG_ERROR, ERROR},
    [FB_EVENT_STREAM_TROUBLE] = {
        "stream-trouble", "633448d8b6b14ef5bbe2250b81a40a39", FB_LOG_ERROR, STREAM | ERROR, .folds = true},
    [FB_EVENT_STREAM_RECOVERED] = {
        "stream-recovered", "860b899a464f444699d8530981a4dbec", FB_LOG_NOTICE, STREAM, .ends = FB_EVENT_STREAM_TROUBLE},
    [FB_EVENT_STREAM_STOPPED] = {
        "stream-stopped", "c464ec3ecc904ef4acf5c1dbbcec150a", FB_LOG_ERROR, STREAM | ERROR},
    [FB_EVENT_STREAM_RESTARTS_OBJECTS] = {
        "stream-restarts-objects", "0d84edcfa4bf4a2284c5b9f07030e216", FB_LOG_NOTICE, STREAM},
    [FB_EVENT_STREAM_SUMMARY] = {
        "stream-summary", "a0d60a2b75c04ab98ffaeb8a59c15b97", FB_LOG_INFO, STREAM},
    [FB_EVENT_STREAM_UNDONE] = {
        "stream-undone", "838c7e539e634f7fbda23cb3297d935d", FB_LOG_ERROR, STREAM},
    [FB_EVENT_STREAM_HELD] = {
        "stream-held", "041fad3a1b064b5687084e5ee2f04c1f", FB_LOG_NOTICE, STREAM},
    [FB_EVENT_STREAM_ENDED] = {
        "stream-ended", "b8b49e767b2e4886b3c1485a90e5a612", FB_LOG_NOTICE, STREAM},
    [FB_EVENT_CHECKPOINT_LOST] = {
        "checkpoint-lost", "2a367339434142aa82ce2eb47a14de70", FB_LOG_WARNING, STREAM | ERROR},
    [FB_EVENT_LISTING_GOES_ON] = {
        "listing-goes-on", "e3884d5bbf70435e8817faf617853281", FB_LOG_INFO, STREAM},
    [FB_EVENT_BACKLOG_LISTED] = {
        "backlog-listed", "0fab696c48ed449298c5727dedf10df6", FB_LOG_INFO, STREAM},
    [FB_EVENT_KEYS_LEFT_OUT] = {
        "keys-left-out", "8fd0e5aa2d694f018470cbc03f40eb2b", FB_LOG_INFO, STREAM},
    [FB_EVENT_LISTINGS_STRETCHED] = {
        "listings-stretched", "04202032a9b14360a649cb38e1ea27ef", FB_LOG_WARNING, STREAM},
    [FB_EVENT_LISTINGS_ON_TIME] = {
        "listings-on-time", "ec218b7473b346d9ac902c1f78cee2ac", FB_LOG_NOTICE, STREAM},
    [FB_EVENT_BACKFILL_RUNNING] = {
        "backfill-running", "3adeba9708db4f4b8c5f432e7e517d8d", FB_LOG_NOTICE, STREAM},
    [FB_EVENT_BACKFILL_ENDED] = {
        "backfill-ended", "8f4d23054b414e5fae7b1e62e6416155", FB_LOG_NOTICE, STREAM},
    [FB_EVENT_BACKFILL_STANDS] = {
        "backfill-stands", "04c27e067a844351ac554c9b3985acdd", FB_LOG_ERROR, STREAM | ERROR},
    [FB_EVENT_OBJECT_BEGUN] = {
        "object-begun", "65a998f499284903a2db33f55c62623a", FB_LOG_INFO, STREAM | OBJECT},
    [FB_EVENT_OBJECT_FORM] = {
        "object-form", "78d6e7affb79410f96a2aa8459a3e3c0", FB_LOG_INFO, STREAM | OBJECT},
    [FB_EVENT_OBJECT_ENDED] = {
        "object-ended", "10d12553801b44c9834f5471edba028a", FB_LOG_INFO, STREAM | OBJECT},
    [FB_EVENT_OBJECT_TAKEN_OFF] = {
        "object-taken-off", "eaa129197e954fa3bc16f51f20c70611", FB_LOG_NOTICE, STREAM | OBJECT},
    [FB_EVENT_OBJECT_CHANGED] = {
        "object-changed", "7743c1422efc4b17b1f6f9f5ac282523", FB_LOG_WARNING, STREAM | OBJECT | ERROR},
    [FB_EVENT_OBJECT_VANISHED] = {
        "object-vanished", "529127d24dbd4e3f97b69a35534001aa", FB_LOG_WARNING, STREAM | OBJECT | ERROR},
    [FB_EVENT_OBJECT_DAMAGED] = {
        "object-damaged", "2203f48d97504b8d8bc4fe511cfc2679", FB_LOG_ERROR, STREAM | OBJECT | RECORD | ERROR},
    [FB_EVENT_DEAD_LETTER] = {
        "dead-letter", "0be39ee49eaf46409772e724398d236c", FB_LOG_WARNING, STREAM | OBJECT | RECORD | CODE, .folds = true},
    [FB_EVENT_KEY_THROTTLED] = {
        "key-throttled", "50a1db009e614bc7bdf2e2ed4dd00d3b", FB_LOG_WARNING, STREAM, .folds = true},
};
/* clang-format on */
