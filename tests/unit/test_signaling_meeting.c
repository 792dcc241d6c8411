/* The meeting's state machine: conversations as tables, replay of the log, refusals that change nothing. */
#include "tests/unit/meeting_actors.h"

/* ---- conversations ---- */

typedef struct {
    const char *who;     /* chair, tech, system, room 7, observer */
    gint64 at_ms;        /* since the meeting opened */
    const char *command; /* JSON with single quotes */
    const char *expect;  /* "ok", "nothing" (no event), or the word of the refusal */
    const char *then;    /* "7 microphone=on; floor=7; hands=3,4" ; NULL = not asked */
} Step;

typedef struct {
    const char *name;
    Step steps[16];
} Talk;

#define THREE                                                                                                \
    { "system", 0, JOIN(1), "ok", NULL }, { "system", 0, JOIN(2), "ok", NULL }, {                            \
        "system", 0, JOIN(3), "ok", NULL                                                                     \
    }

static const Talk talks[] = {
    { "joining, losing, returning keeps one row",
      { { "system", 0, JOIN(2), "ok", "2 state=joining; 2 microphone=on; 2 camera=yes" },
        { "system", 1000, "{'t':'connected','seat':2}", "ok", "2 state=present" },
        { "system", 2000, "{'t':'connected','seat':2}", "nothing", NULL },
        { "system", 61000, "{'t':'lost','seat':2}", "ok", "2 state=lost; 2 present_ms=61000; 2 n_lost=1" },
        { "system", 61500, "{'t':'lost','seat':2}", "nothing", NULL },
        { "system", 71000, "{'t':'connected','seat':2}", "ok", "2 state=present; 2 present_ms=61000" },
        { "room 2", 81000, "{'t':'leave','seat':2}", "ok",
          "2 state=absent; 2 present_ms=71000; 2 first_ms=0; 2 last_ms=81000" },
        { "system", 90000, JOIN(2), "ok", "2 state=joining; 2 first_ms=0; 2 present_ms=71000" } } },
    { "giving the floor opens one microphone and closes the others",
      { THREE,
        { "chair", 100, "{'t':'floor.give','seat':2}", "ok",
          "floor=2; 2 microphone=on; 3 microphone=held-off; 1 microphone=on" },
        { "room 3", 200, "{'t':'state','seat':3,'microphone':true}", "refused", "3 microphone=held-off" },
        { "system", 300, JOIN(4), "ok", "4 microphone=held-off" },
        { "chair", 400, "{'t':'floor.take'}", "ok",
          "floor=0; 2 microphone=off; 3 microphone=off; 4 microphone=off" },
        { "room 3", 500, "{'t':'state','seat':3,'microphone':true}", "ok", "3 microphone=on" } } },
    { "the floor moves in one step",
      { THREE,
        { "chair", 100, "{'t':'floor.give','seat':2}", "ok", "floor=2" },
        { "chair", 200, "{'t':'floor.give','seat':3}", "ok",
          "floor=3; 3 microphone=on; 2 microphone=held-off" },
        { "chair", 300, "{'t':'floor.take','seat':2}", "conflict", "floor=3" },
        { "room 2", 400, "{'t':'floor.take'}", "refused", "floor=3" },
        { "room 3", 500, "{'t':'floor.take'}", "ok", "floor=0" },
        { "chair", 600, "{'t':'floor.take'}", "conflict", NULL } } },
    { "the floor needs somebody who is there",
      { THREE,
        { "chair", 1, "{'t':'floor.give','seat':9}", "conflict", NULL },
        { "system", 2, "{'t':'lost','seat':3}", "ok", NULL },
        { "chair", 3, "{'t':'floor.give','seat':3}", "conflict", "floor=0" } } },
    { "hands keep their order through a lost line",
      { THREE,
        { "room 3", 10, "{'t':'hand','seat':3,'up':true}", "ok", "hands=3; 3 floor=asked" },
        { "room 2", 20, "{'t':'hand','seat':2,'up':true}", "ok", "hands=3,2" },
        { "system", 30, "{'t':'lost','seat':3}", "ok", "hands=3,2" },
        { "system", 40, JOIN(3), "ok", "hands=3,2" },
        { "room 3", 50, "{'t':'hand','seat':3,'up':true}", "nothing", "hands=3,2" },
        { "chair", 60, "{'t':'floor.give','seat':3}", "ok", "hands=2; 3 floor=given" },
        { "room 3", 70, "{'t':'hand','seat':3,'up':true}", "conflict", NULL },
        { "chair", 80, "{'t':'hand.lower','seat':2}", "ok", "hands=" },
        { "chair", 90, "{'t':'hand.lower','seat':2}", "conflict", NULL } } },
    { "mute all holds all but the hall, late joiners too, until it is lifted",
      { THREE,
        { "chair", 100, "{'t':'mute.all'}", "ok", "2 microphone=held-off; 1 microphone=on; muted_all=yes" },
        { "system", 200, JOIN(4), "ok", "4 microphone=held-off" },
        { "chair", 300, "{'t':'unmute.allow','seat':2}", "ok", "2 microphone=off; 3 microphone=held-off" },
        { "room 2", 400, "{'t':'state','seat':2,'microphone':true}", "ok", "2 microphone=on" },
        { "chair", 9000, "{'t':'undo'}", "conflict", "muted_all=yes" },
        { "chair", 9100, "{'t':'unmute.all.allow'}", "ok",
          "muted_all=no; 3 microphone=off; 2 microphone=on" },
        { "chair", 9200, "{'t':'unmute.all.allow'}", "nothing", NULL } } },
    { "undo of mute all brings back what was",
      { THREE,
        { "room 3", 50, "{'t':'state','seat':3,'microphone':false}", "ok", "3 microphone=off" },
        { "chair", 100, "{'t':'mute.all'}", "ok", "undo=mute.all" },
        { "chair", 5000, "{'t':'undo'}", "ok", "muted_all=no; 2 microphone=on; 3 microphone=off; undo=none" },
        { "chair", 5001, "{'t':'undo'}", "conflict", NULL } } },
    { "undo of mute all pressed twice brings back what was before the first",
      { THREE,
        { "chair", 100, "{'t':'mute.all'}", "ok", "2 microphone=held-off; undo=mute.all" },
        { "chair", 3000, "{'t':'mute.all'}", "ok", "2 microphone=held-off; undo=mute.all" },
        { "chair", 7000, "{'t':'undo'}", "ok",
          "muted_all=no; 2 microphone=on; 3 microphone=on; undo=none" } } },
    { "undo ends when the floor is given",
      { THREE,
        { "chair", 100, "{'t':'mute.all'}", "ok", NULL },
        { "chair", 200, "{'t':'floor.give','seat':2}", "ok", "undo=none" },
        { "chair", 300, "{'t':'undo'}", "conflict", NULL },
        { "chair", 400, "{'t':'floor.take'}", "ok", "2 microphone=held-off; 3 microphone=held-off" } } },
    { "one muted room stays muted when it comes back, and the hall is never held",
      { THREE,
        { "chair", 100, "{'t':'mute','seat':2}", "ok", "2 microphone=held-off; 3 microphone=on" },
        { "room 2", 200, "{'t':'leave','seat':2}", "ok", NULL },
        { "system", 300, JOIN(2), "ok", "2 microphone=held-off" },
        { "chair", 400, "{'t':'mute','seat':1}", "ok", "1 microphone=off" },
        { "room 1", 500, "{'t':'state','seat':1,'microphone':true}", "ok", "1 microphone=on" },
        { "chair", 600, "{'t':'floor.give','seat':2}", "ok", "2 microphone=on" } } },
    { "a reload keeps the microphone as it was",
      { THREE,
        { "room 2", 10, "{'t':'state','seat':2,'microphone':false}", "ok", "2 microphone=off" },
        { "system", 20, JOIN(2), "ok", "2 microphone=off" },
        { "system", 30, "{'t':'join','seat':3,'microphone':false}", "ok",
          "3 microphone=off; 3 camera=no" } } },
    { "leaving gives back floor and hand",
      { THREE,
        { "room 3", 5, "{'t':'hand','seat':3,'up':true}", "ok", NULL },
        { "chair", 10, "{'t':'floor.give','seat':2}", "ok", NULL },
        { "room 2", 20, "{'t':'leave','seat':2}", "ok", "floor=0; 3 microphone=off" },
        { "chair", 30, "{'t':'seat.disconnect','seat':3}", "ok", "hands=; 3 state=absent" },
        { "chair", 40, "{'t':'seat.disconnect','seat':3}", "conflict", NULL } } },
    { "ending takes effect after five seconds, unless undone",
      { THREE,
        { "chair", 1000, "{'t':'end'}", "ok", "undo=end; phase=open" },
        { "chair", 1001, "{'t':'end'}", "conflict", NULL },
        { "chair", 5999, "{'t':'undo'}", "ok", "undo=none" },
        { "system", 6000, "{'t':'due'}", "conflict", "phase=open" },
        { "chair", 7000, "{'t':'end'}", "ok", NULL },
        { "system", 11999, "{'t':'due'}", "conflict", NULL },
        { "chair", 12000, "{'t':'undo'}", "conflict", NULL },
        { "system", 12000, "{'t':'due'}", "ok", "phase=ended; 1 state=absent; 2 present_ms=12000" },
        { "system", 13000, JOIN(2), "conflict", NULL },
        { "chair", 13000, "{'t':'open'}", "conflict", NULL } } },
    { "the chair's seat, the floor and who is let may present, one at a time",
      { THREE,
        { "room 2", 10, "{'t':'present','seat':2}", "refused", "presenting=0; 2 may_present=no" },
        { "chair", 20, "{'t':'floor.give','seat':2}", "ok", "2 may_present=yes; 3 may_present=no" },
        { "room 2", 30, "{'t':'present','seat':2}", "ok", "presenting=2" },
        { "room 2", 40, "{'t':'present','seat':2}", "nothing", "presenting=2" },
        { "chair", 50, "{'t':'floor.give','seat':3}", "ok", "presenting=2; 2 may_present=no" },
        { "room 3", 60, "{'t':'present','seat':3}", "ok", "presenting=3" },
        { "room 1", 70, "{'t':'present','seat':1}", "ok", "presenting=1" },
        { "room 3", 80, "{'t':'present','seat':3}", "conflict", "presenting=1" },
        { "room 3", 90, "{'t':'present.stop'}", "conflict", "presenting=1" },
        { "room 1", 95, "{'t':'present.stop','seat':1}", "ok", "presenting=0" } } },
    { "the chair lets a room present, stops it, and takes that back",
      { THREE,
        { "room 2", 10, "{'t':'present.allow','seat':2,'on':true}", "refused", NULL },
        { "chair", 20, "{'t':'present.allow','seat':2,'on':true}", "ok", "2 may_present=yes" },
        { "chair", 30, "{'t':'present.allow','seat':2,'on':true}", "nothing", NULL },
        { "room 2", 40, "{'t':'present','seat':2}", "ok", "presenting=2" },
        { "chair", 50, "{'t':'present.stop','seat':3}", "conflict", "presenting=2" },
        { "tech", 60, "{'t':'present.stop','seat':2}", "ok", "presenting=0; 2 may_present=yes" },
        { "chair", 70, "{'t':'present.stop'}", "conflict", NULL },
        { "chair", 80, "{'t':'present.allow','seat':2,'on':false}", "ok", "2 may_present=no" },
        { "chair", 90, "{'t':'present.allow','seat':9,'on':true}", "conflict", NULL } } },
    { "a presenter that is lost is waited for, then the presentation ends",
      { THREE,
        { "room 1", 10, "{'t':'present','seat':1}", "ok", "presenting=1; due=0" },
        { "system", 1000, "{'t':'lost','seat':1}", "ok", "presenting=1; due=16000" },
        { "system", 9000, JOIN(1), "ok", "presenting=1; due=0" },
        { "system", 20000, "{'t':'lost','seat':1}", "ok", "due=35000" },
        { "system", 34999, "{'t':'due'}", "conflict", "presenting=1" },
        { "system", 35000, "{'t':'due'}", "ok", "presenting=0; due=0; phase=open" },
        { "system", 36000, JOIN(1), "ok", "presenting=0" } } },
    { "leaving ends the presentation and the leave to present",
      { THREE,
        { "chair", 10, "{'t':'present.allow','seat':2,'on':true}", "ok", NULL },
        { "room 2", 20, "{'t':'present','seat':2}", "ok", "presenting=2" },
        { "room 2", 30, "{'t':'leave','seat':2}", "ok", "presenting=0; 2 may_present=no" },
        { "system", 40, JOIN(2), "ok", "2 may_present=no" },
        { "room 1", 50, "{'t':'present','seat':1}", "ok", NULL },
        { "chair", 60, "{'t':'end'}", "ok", "due=5060" },
        { "system", 100, "{'t':'lost','seat':1}", "ok", "due=5060" },
        { "system", 5060, "{'t':'due'}", "ok", "phase=ended; presenting=0; due=0" } } },
    { "who may not, is told so",
      { THREE,
        { "room 2", 1, "{'t':'floor.give','seat':2}", "refused", "floor=0" },
        { "room 2", 1, "{'t':'mute.all'}", "refused", NULL },
        { "room 2", 1, "{'t':'hand','seat':3,'up':true}", "refused", "hands=" },
        { "room 2", 1, "{'t':'state','seat':3,'microphone':false}", "refused", "3 microphone=on" },
        { "room 2", 1, "{'t':'connected','seat':2}", "refused", NULL },
        { "observer", 1, "{'t':'end'}", "refused", NULL },
        { "observer", 1, "{'t':'join','seat':2}", "refused", NULL },
        { "tech", 1, "{'t':'layout','layout':'grid'}", "ok", "layout=grid" },
        { "chair", 1, "{'t':'due'}", "refused", NULL } } },
    { "nonsense is refused in words",
      { { "chair", 1, "{'t':'layout','layout':'9+9'}", "bad-input", NULL },
        { "chair", 1, "{'t':'layout','layout':'1+7'}", "nothing", NULL },
        { "chair", 1, "{'t':'dance'}", "bad-input", NULL },
        { "chair", 1, "{'t':'floor.give'}", "bad-input", NULL },
        { "chair", 1, "{'t':'floor.give','seat':'2'}", "bad-input", NULL },
        { "chair", 1, "{'t':'floor.give','seat':-1}", "bad-input", NULL },
        { "chair", 1, "{'t':'pin','seats':[2,2]}", "bad-input", NULL },
        { "chair", 1, "{'t':'pin','seats':[2,'x']}", "bad-input", NULL },
        { "chair", 1, "{'t':'pin','seats':[3,2]}", "ok", "pinned=3,2" },
        { "chair", 1, "{'t':'pin','seats':[3,2]}", "nothing", NULL },
        { "chair", 1, "{'t':'notice','text':'Nghỉ 15 phút'}", "ok", "notice=Nghỉ 15 phút" },
        { "chair", 1, "{'t':'create','title':'again'}", "conflict", NULL },
        { "chair", 1, "{'t':'open'}", "conflict", NULL } } },
    { "pages turn by the clock, are held, stepped and go on",
      { { "chair", 16000, "{'t':'turn','view':'pages','step':0}", "ok", "pages=4:1" },
        { "chair", 20000, "{'t':'turn','view':'pages','hold':true}", "ok", "pages=4:1|" },
        { "chair", 90000, "{'t':'turn','view':'pages','hold':true}", "nothing", "pages=4:1|" },
        { "chair", 90000, "{'t':'turn','view':'pages','step':1}", "ok", "pages=4:2|" },
        { "chair", 90000, "{'t':'turn','view':'pages','step':-5}", "ok", "pages=4:0|" },
        { "tech", 90000, "{'t':'turn','view':'pages','hold':false,'step':1}", "ok", "pages=4:1" },
        { "tech", 104000, "{'t':'turn','view':'pages','side':5}", "ok", "pages=5:1" },
        { "tech", 106000, "{'t':'turn','view':'pages','every_s':60}", "ok", "pages=5:2" },
        { "tech", 106000, "{'t':'turn','view':'pages','side':9}", "bad-input", NULL },
        { "tech", 106000, "{'t':'turn','view':'pages','every_s':1}", "bad-input", NULL },
        /* a thousand times this is 15000 in 64 bits */
        { "tech", 106000, "{'t':'turn','view':'pages','every_s':2305843009213693967}", "bad-input", NULL },
        { "room 2", 106000, "{'t':'turn','view':'pages','step':1}", "refused", "pages=5:2" },
        { "chair", 165900, "{'t':'turn','view':'wall','step':1}", "bad-input", "pages=5:2" } } },
    { "the program shows all in turn until the chair ends that",
      { { "chair", 0, "{'t':'turn','view':'program','step':1}", "bad-input", "turn=off" },
        { "chair", 0, "{'t':'turn','view':'program','on':true,'every_s':5}", "ok", "turn=0:0" },
        { "chair", 5000, "{'t':'turn','view':'program','on':true}", "nothing", "turn=0:1" },
        { "chair", 5000, "{'t':'turn','view':'program','side':3}", "bad-input", "turn=0:1" },
        { "chair", 5000, "{'t':'turn','view':'program','hold':true}", "ok", "turn=0:1|" },
        { "chair", 9000, "{'t':'turn','view':'program','on':false}", "ok", "turn=off; pages=4:0" },
        { "chair", 9000, "{'t':'turn','view':'program','on':false}", "nothing", "turn=off" } } },
};

static char *seat_fact(const Meeting *meeting, gint32 id, const char *name) {
    static const char *const presences[] = { "absent", "joining", "present", "lost" };
    static const char *const microphones[] = { "off", "on", "held-off" };
    static const char *const floors[] = { "none", "asked", "given" };
    SeatState seat = meeting_seat(meeting, id);
    if (strcmp(name, "state") == 0) return g_strdup(presences[seat.presence]);
    if (strcmp(name, "microphone") == 0) return g_strdup(microphones[seat.microphone]);
    if (strcmp(name, "floor") == 0) return g_strdup(floors[seat.floor]);
    if (strcmp(name, "camera") == 0) return g_strdup(seat.camera ? "yes" : "no");
    if (strcmp(name, "may_present") == 0) return g_strdup(seat.may_present ? "yes" : "no");
    if (strcmp(name, "n_lost") == 0) return g_strdup_printf("%u", seat.n_lost);
    if (strcmp(name, "present_ms") == 0) return g_strdup_printf("%d", (int)seat.present_ms);
    if (strcmp(name, "first_ms") == 0) return g_strdup_printf("%d", (int)(seat.first_ms - START_MS));
    if (strcmp(name, "last_ms") == 0) return g_strdup_printf("%d", (int)(seat.last_ms - START_MS));
    fail_msg("no fact %s", name);
    return NULL;
}

static char *list_hands(const Meeting *meeting) {
    GString *text = g_string_new(NULL);
    for (guint place = 1; place <= meeting_n_seats(meeting); place++)
        for (guint i = 0; i < meeting_n_seats(meeting); i++)
            if (meeting_seat(meeting, meeting_seat_id_at(meeting, i)).hand_place == place)
                g_string_append_printf(text, "%s%d", text->len > 0 ? "," : "",
                                       meeting_seat_id_at(meeting, i));
    return g_string_free(text, FALSE);
}

static char *meeting_fact(const Meeting *meeting, const char *name, gint64 now_ms) {
    if (strcmp(name, "floor") == 0) return g_strdup_printf("%d", meeting_floor(meeting));
    /* which turn is shown now, and "|" when it stands still */
    if (strcmp(name, "pages") == 0 || strcmp(name, "turn") == 0) {
        MeetingTurn turn = name[0] == 'p' ? meeting_pages(meeting) : meeting_program_turn(meeting);
        if (turn.turn.every_ms == 0) return g_strdup("off");
        return g_strdup_printf("%u:%d%s", turn.side, (int)turn_number(&turn.turn, now_ms),
                               turn_next_ms(&turn.turn, now_ms) == G_MAXINT64 ? "|" : "");
    }
    if (strcmp(name, "presenting") == 0) return g_strdup_printf("%d", meeting_presenting(meeting));
    if (strcmp(name, "due") == 0) {
        gint64 due_ms = meeting_due_ms(meeting);
        return g_strdup_printf("%d", (int)(due_ms != 0 ? due_ms - START_MS : 0));
    }
    if (strcmp(name, "hands") == 0) return list_hands(meeting);
    if (strcmp(name, "muted_all") == 0) return g_strdup(meeting_muted_all(meeting) ? "yes" : "no");
    if (strcmp(name, "layout") == 0) return g_strdup(meeting_layout(meeting));
    if (strcmp(name, "notice") == 0) return g_strdup(meeting_notice(meeting));
    if (strcmp(name, "phase") == 0) return g_strdup(meeting_phase_word(meeting_phase(meeting)));
    if (strcmp(name, "undo") == 0) {
        const char *undo = meeting_undo(meeting, now_ms, NULL);
        return g_strdup(undo != NULL ? undo : "none");
    }
    if (strcmp(name, "pinned") == 0) {
        GString *text = g_string_new(NULL);
        for (guint i = 0; i < meeting_n_pinned(meeting); i++)
            g_string_append_printf(text, "%s%d", i > 0 ? "," : "", meeting_pinned(meeting, i));
        return g_string_free(text, FALSE);
    }
    fail_msg("no fact %s", name);
    return NULL;
}

static void check_facts(const Talk *talk, const Step *step, const Meeting *meeting) {
    g_auto(GStrv) facts = g_strsplit(step->then != NULL ? step->then : "", "; ", -1);
    for (guint i = 0; facts[i] != NULL; i++) {
        char *equals = strchr(facts[i], '=');
        g_autofree char *left = g_strndup(facts[i], (gsize)(equals - facts[i]));
        g_autofree char *got =
            g_ascii_isdigit(left[0])
                ? seat_fact(meeting, (gint32)g_ascii_strtoll(left, NULL, 10), strchr(left, ' ') + 1)
                : meeting_fact(meeting, left, START_MS + step->at_ms);
        if (strcmp(got, equals + 1) != 0)
            fail_msg("%s: after %s by %s: %s, but it is %s", talk->name, step->command, step->who, facts[i],
                     got);
    }
}

static void test_talks(void **state) {
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(talks); i++) {
        g_autoptr(Meeting) meeting = open_meeting_at(START_MS);
        for (guint k = 0; k < G_N_ELEMENTS(talks[i].steps) && talks[i].steps[k].who != NULL; k++) {
            const Step *step = &talks[i].steps[k];
            Actor actor = actor_of(step->who);
            json_t *command = parse(step->command);
            const char *got = give(meeting, &actor, command, START_MS + step->at_ms, NULL);
            json_decref(command);
            if (strcmp(got, step->expect) != 0)
                fail_msg("%s: %s by %s at %d: %s expected, %s got", talks[i].name, step->command, step->who,
                         (int)step->at_ms, step->expect, got);
            check_facts(&talks[i], step, meeting);
        }
    }
}

static void test_draft(void **state) {
    (void)state;
    g_autoptr(Meeting) meeting = meeting_new();
    Actor chair = actor_of("chair"), system = actor_of("system");
    static const struct {
        const char *command, *expect;
    } steps[] = {
        { "{'t':'open'}", "not-found" },
        { "{'t':'create','title':''}", "bad-input" },
        { "{'t':'create','title':'a\\nb'}", "bad-input" },
        { "{'t':'create','title':'Họp thử','chair':1}", "ok" },
        { "{'t':'floor.give','seat':1}", "conflict" },
        { "{'t':'mute.all'}", "ok" },
        { "{'t':'open'}", "ok" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        json_t *command = parse(steps[i].command);
        assert_string_equal(give(meeting, &chair, command, 5, NULL), steps[i].expect);
        json_decref(command);
    }
    json_t *join = parse(JOIN(2));
    assert_string_equal(give(meeting, &system, join, 9, NULL), "ok");
    json_decref(join);
    assert_int_equal(meeting_seat(meeting, 2).microphone,
                     MICROPHONE_HELD_OFF); /* muted before anybody came */
    assert_string_equal(meeting_title(meeting), "Họp thử");
}

/* ---- random commands: refusals change nothing, and the log gives the same state again ---- */

static json_t *random_command(GRand *random) {
    static const char *const names[] = {
        "create",          "open",       "undo",         "due",           "layout",   "pin",
        "notice",          "join",       "join",         "connected",     "lost",     "leave",
        "seat.disconnect", "state",      "state",        "hand",          "hand",     "hand.lower",
        "floor.give",      "floor.take", "mute",         "unmute.allow",  "mute.all", "unmute.all.allow",
        "present",         "present",    "present.stop", "present.allow", "nope"
    };
    static const char *const layout_words[] = { "full", "1+1", "1+5", "grid", "lecture", "1+13" };
    json_t *command = json_pack("{s:s}", "t", names[g_rand_int_range(random, 0, G_N_ELEMENTS(names))]);
    if (g_rand_int_range(random, 0, 2000) == 0) json_object_set_new(command, "t", json_string("end"));
    if (g_rand_int_range(random, 0, 20) != 0)
        json_object_set_new(command, "seat", json_integer(g_rand_int_range(random, 0, 12)));
    json_object_set_new(command, "title", json_string("x"));
    json_object_set_new(command, "text", json_string(g_rand_boolean(random) ? "" : "Chờ"));
    json_object_set_new(command, "layout",
                        json_string(layout_words[g_rand_int_range(random, 0, G_N_ELEMENTS(layout_words))]));
    json_object_set_new(command, "seats",
                        json_pack("[i, i]", g_rand_int_range(random, 0, 6), g_rand_int_range(random, 0, 6)));
    static const char *const flags[] = { "up", "microphone", "camera", "deaf", "on" };
    for (guint i = 0; i < G_N_ELEMENTS(flags); i++)
        if (g_rand_int_range(random, 0, 4) != 0)
            json_object_set_new(command, flags[i], json_boolean(g_rand_boolean(random)));
    return command;
}

static Actor random_actor(GRand *random, json_t *command) {
    static const char *const whos[] = { "chair", "system", "tech", "observer", "room 3" };
    Actor actor = actor_of(whos[g_rand_int_range(random, 0, G_N_ELEMENTS(whos))]);
    if (actor.role == ROLE_ROOM) actor.seat = (gint32)json_integer_value(json_object_get(command, "seat"));
    return actor;
}

static Meeting *replay(json_t *log) {
    Meeting *meeting = meeting_new();
    gsize index;
    json_t *row;
    json_array_foreach(log, index, row) {
        /* Through text, as the store keeps it. */
        char *text = json_dumps(json_object_get(row, "event"), JSON_COMPACT);
        json_t *event = json_loads(text, 0, NULL);
        assert_true(meeting_apply(meeting, event, json_integer_value(json_object_get(row, "at")), NULL));
        json_decref(event);
        free(text);
    }
    return meeting;
}

/* What must hold in every state. */
static void check_sense(const Meeting *meeting) {
    gint32 floor = meeting_floor(meeting);
    gint32 presenting = meeting_presenting(meeting);
    if (floor != 0) assert_int_not_equal(meeting_seat(meeting, floor).presence, SEAT_ABSENT);
    if (presenting != 0) assert_int_not_equal(meeting_seat(meeting, presenting).presence, SEAT_ABSENT);
    for (guint i = 0; i < meeting_n_seats(meeting); i++) {
        SeatState seat = meeting_seat(meeting, meeting_seat_id_at(meeting, i));
        assert_true((seat.hand_ms != 0) == (seat.hand_place != 0));
        if (seat.presence == SEAT_ABSENT)
            assert_true(seat.hand_ms == 0 && seat.microphone != MICROPHONE_ON && !seat.camera);
    }
}

static void test_random_commands_replay(void **state) {
    (void)state;
    for (guint32 seed = 1; seed <= 5; seed++) {
        GRand *random = g_rand_new_with_seed(seed);
        json_t *log = json_array();
        g_autoptr(Meeting) meeting = meeting_new();
        gint64 now_ms = START_MS;
        guint n_refused = 0, n_done = 0;
        give_ok(meeting, "chair", now_ms, "{'t':'create','title':'Giao ban','chair':1}", log);
        give_ok(meeting, "chair", now_ms, "{'t':'open'}", log);
        for (guint step = 0; step < 10000; step++) {
            now_ms += g_rand_int_range(random, 0, 1500);
            json_t *command = random_command(random);
            Actor actor = random_actor(random, command);
            g_autoptr(Meeting) before = replay(step % 250 == 0 ? log : NULL);
            const char *result = give(meeting, &actor, command, now_ms, log);
            json_decref(command);
            gboolean refused = strcmp(result, "ok") != 0;
            if (refused && step % 250 == 0 && !meeting_equal(before, meeting))
                fail_msg("a refusal changed the state");
            *(refused ? &n_refused : &n_done) += 1;
            check_sense(meeting);
        }
        g_autoptr(Meeting) again = replay(log);
        assert_true(meeting_equal(meeting, again));
        assert_true(n_refused > 100 && n_done > 100);
        json_decref(log);
        g_rand_free(random);
    }
}

static void test_broken_events(void **state) {
    (void)state;
    static const char *const events[] = {
        "{}",
        "{'k':'dance'}",
        "{'k':'joined'}",
        "{'k':'joined','seat':'x','microphone':true,'camera':true}",
        "{'k':'hand-up','seat':77}",
        "{'k':'layout'}",
        "{'k':'floor-given','seat':77}",
        "{'k':5}",
    };
    g_autoptr(Meeting) meeting = open_meeting_at(START_MS), same = open_meeting_at(START_MS);
    for (guint i = 0; i < G_N_ELEMENTS(events); i++) {
        g_autoptr(GError) why = NULL;
        json_t *event = parse(events[i]);
        assert_false(meeting_apply(meeting, event, 5, &why));
        assert_int_equal(why->code, FAULT_BAD_INPUT);
        json_decref(event);
        assert_true(meeting_equal(meeting, same));
    }
}

static void test_tables(void **state) {
    (void)state;
    g_autoptr(GError) why = NULL;
    if (!meeting_table_check(&why)) fail_msg("%s", why->message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),        cmocka_unit_test(test_talks),
        cmocka_unit_test(test_draft),         cmocka_unit_test(test_random_commands_replay),
        cmocka_unit_test(test_broken_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
