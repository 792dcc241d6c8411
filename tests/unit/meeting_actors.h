/* meeting_actors.h -- a meeting as its tests drive it: who says what, when, in JSON with single quotes. */
#pragma once

#include "signaling/meeting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define JOIN(n) "{'t':'join','seat':" #n ",'microphone':true,'camera':true}"

static inline Actor actor_of(const char *who) {
    Actor actor = { .role = ROLE_SYSTEM, .name = who, .language = LANGUAGE_VI };
    if (g_str_has_prefix(who, "room ")) {
        actor.role = ROLE_ROOM;
        actor.seat = (gint32)g_ascii_strtoll(who + 5, NULL, 10);
    }
    if (strcmp(who, "chair") == 0) actor.role = ROLE_CHAIR;
    if (strcmp(who, "tech") == 0) actor.role = ROLE_TECHNICIAN;
    if (strcmp(who, "observer") == 0) actor.role = ROLE_OBSERVER;
    return actor;
}

static inline json_t *parse(const char *single_quoted) {
    g_autofree char *text = g_strdelimit(g_strdup(single_quoted), "'", '"');
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

/* Decides and applies; returns "ok", "nothing" or the refusal's word. log gets the events (borrowed array) when not NULL. */
static inline const char *give(Meeting *meeting, const Actor *actor, json_t *command, gint64 now_ms,
                               json_t *log) {
    g_autoptr(GError) why = NULL;
    json_t *events = NULL;
    if (!meeting_decide(meeting, command, actor, now_ms, &events, &why)) {
        assert_non_null(why);
        assert_true(why->message[0] != '\0');
        return fault_word(why);
    }
    const char *result = json_array_size(events) > 0 ? "ok" : "nothing";
    gsize index;
    json_t *event;
    json_array_foreach(events, index, event) {
        g_autoptr(GError) broken = NULL;
        if (!meeting_apply(meeting, event, now_ms, &broken)) fail_msg("%s", broken->message);
        if (log != NULL)
            json_array_append_new(log, json_pack("{s:I, s:O}", "at", (json_int_t)now_ms, "event", event));
    }
    json_decref(events);
    return result;
}

static inline void give_ok(Meeting *meeting, const char *who, gint64 now_ms, const char *command,
                           json_t *log) {
    Actor actor = actor_of(who);
    json_t *json = parse(command);
    assert_string_equal(give(meeting, &actor, json, now_ms, log), "ok");
    json_decref(json);
}

static inline Meeting *open_meeting_at(gint64 now_ms) {
    Meeting *meeting = meeting_new();
    give_ok(meeting, "chair", now_ms, "{'t':'create','title':'Giao ban','chair':1}", NULL);
    give_ok(meeting, "chair", now_ms, "{'t':'open'}", NULL);
    return meeting;
}

enum { START_MS = 1000000 };
