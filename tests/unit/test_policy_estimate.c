/* A leg with transport-wide feedback on simulated lines: a queue of fixed rate and length, random loss, jitter, others who
 * come and go. What level the leg ends on, how long its voice waits in the queue, how often the picture changes. */
#include "bridge/policy/bandwidth.h"
#include "bridge/policy/ladder.h"
#include "bridge/policy/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    MS = 1000,
    S = 1000000,
    STEP_US = 5000,
    HISTORY = 4096,
    VOICE_BYTES = 140,
    PACKET_BYTES = 1150,
    WAITING = 512,
    LATE_MS = 250,
    AGAIN_US = 2000000, /* on time for so long: it is on time again */
    NARROW_BPS = 250000,
    REPORT_BYTES = 120 /* ours and answers to the camera, ten a second at most */
};

typedef struct {
    guint from_s;
    double kbps, loss, jitter_ms;
} LinePart;

typedef struct {
    const char *name;
    gint64 one_way_us, queue_us; /* length of the line's queue at its rate */
    LinePart parts[5];           /* kbps 0 ends */
    guint seconds, judged_from_s;
    struct {
        guint second, best, worst; /* rungs */
    } rungs[5];                    /* second 0 ends */
    guint changes_max;             /* of rung, from judged_from_s on */
    guint wait_ms_max;             /* of the voice in the queue, 95 of 100, from judged_from_s on */
    guint
        late_s_max; /* from the first change of the line on, until no voice waits for more than LATE_MS; 0: not asked */
    guint stills_min; /* begun from judged_from_s on */
} EstimateCase;

static const LadderRung rungs[] = { { 1500000, TRUE }, { 500000, TRUE }, { 120000, TRUE }, { 20000, FALSE } };
enum { P720, P360, P180, STILL };

static const EstimateCase cases[] = {
    { "a good line",
      20 * MS,
      300 * MS,
      { { 0, 5000, 0, 0 } },
      60,
      5,
      { { 10, P720, P720 }, { 59, P720, P720 } },
      0,
      20,
      0,
      0 },
    { "a good line with 40 ms of jitter",
      20 * MS,
      300 * MS,
      { { 0, 5000, 0, 40 } },
      60,
      5,
      { { 10, P720, P720 }, { 59, P720, P720 } },
      0,
      20,
      0,
      0 },
    { "400 ms away, 100 ms of jitter, good",
      200 * MS,
      300 * MS,
      { { 0, 5000, 0, 100 } },
      60,
      5,
      { { 10, P720, P720 }, { 59, P720, P720 } },
      0,
      20,
      0,
      0 },
    { "150 kbit/s with 100 ms of jitter that recovers",
      100 * MS,
      500 * MS,
      { { 0, 150, 0, 100 }, { 30, 5000, 0, 100 } },
      110,
      90,
      { { 25, P180, STILL }, { 95, P720, P720 } },
      0,
      20,
      0,
      0 },
    { "1.5 Mbit/s: 720p thin",
      30 * MS,
      400 * MS,
      { { 0, 1500, 0, 0 } },
      90,
      10,
      { { 20, P720, P720 }, { 89, P720, P720 } },
      2,
      250,
      0,
      0 },
    { "700 kbit/s",
      30 * MS,
      400 * MS,
      { { 0, 700, 0, 0 } },
      90,
      10,
      { { 15, P360, P360 }, { 89, P360, P360 } },
      1,
      200,
      0,
      0 },
    { "300 kbit/s",
      30 * MS,
      500 * MS,
      { { 0, 300, 0, 0 } },
      90,
      15,
      { { 20, P360, P180 }, { 89, P360, P180 } },
      3,
      250,
      0,
      0 },
    { "steady 150 kbit/s",
      40 * MS,
      600 * MS,
      { { 0, 150, 0, 0 } },
      90,
      20,
      { { 20, P180, P180 }, { 89, P180, P180 } },
      2,
      200,
      0,
      0 },
    { "50 kbit/s: stills",
      40 * MS,
      600 * MS,
      { { 0, 50, 0, 0 } },
      60,
      20,
      { { 20, STILL, STILL }, { 59, STILL, STILL } },
      0,
      250,
      5,
      9 },
    { "50 kbit/s all of a sudden",
      40 * MS,
      600 * MS,
      { { 0, 5000, 0, 0 }, { 20, 50, 0, 0 } },
      60,
      30,
      { { 15, P720, P720 }, { 22, STILL, STILL }, { 59, STILL, STILL } },
      0,
      250,
      5,
      6 },
    { "150 kbit/s all of a sudden",
      40 * MS,
      460 * MS,
      { { 0, 5000, 0, 0 }, { 20, 150, 0, 0 } },
      60,
      30,
      { { 15, P720, P720 }, { 22, P180, STILL }, { 59, P180, P180 } },
      2,
      200,
      5,
      0 },
    { "50 kbit/s that lose a tenth anyway",
      40 * MS,
      600 * MS,
      { { 0, 50, 0.1, 0 } },
      60,
      20,
      { { 20, STILL, STILL }, { 59, STILL, STILL } },
      0,
      250,
      0,
      4 },
    { "30 % loss, room enough",
      30 * MS,
      300 * MS,
      { { 0, 5000, 0.3, 0 } },
      90,
      45,
      { { 45, P720, P720 }, { 89, P720, P720 } },
      0,
      20,
      0,
      0 },
    { "10 % loss on 800 kbit/s",
      30 * MS,
      300 * MS,
      { { 0, 800, 0.1, 0 } },
      90,
      20,
      { { 25, P360, P360 }, { 89, P360, P360 } },
      2,
      200,
      0,
      0 },
    { "150 kbit/s that recovers",
      40 * MS,
      500 * MS,
      { { 0, 150, 0, 0 }, { 30, 5000, 0, 0 } },
      90,
      66,
      { { 25, P180, P180 }, { 70, P720, P720 }, { 89, P720, P720 } },
      0,
      20,
      0,
      0 },
    { "somebody else takes three quarters for 40 s",
      20 * MS,
      400 * MS,
      { { 0, 2400, 0, 0 }, { 20, 600, 0, 0 }, { 60, 2400, 0, 0 } },
      120,
      90,
      { { 15, P720, P720 }, { 30, P360, P180 }, { 100, P720, P720 }, { 119, P720, P720 } },
      0,
      60,
      0,
      0 },
    { "400 ms away, 700 kbit/s",
      200 * MS,
      500 * MS,
      { { 0, 700, 0, 0 } },
      90,
      20,
      { { 20, P360, P360 }, { 89, P360, P360 } },
      2,
      350,
      0,
      0 },
};

typedef struct {
    const EstimateCase *c;
    gint64 now_us, start_us;
    Bandwidth bandwidth;
    Ladder ladder;
    Probe probe;
    gint64 probe_until_us, probe_begun_us;
    guint32 probe_bps;
    guint64 probe_from_bytes, total_bytes;
    /* sender */
    guint frame;
    guint waiting[WAITING], n_waiting; /* sizes of packets of pictures that wait for their turn */
    double tokens;
    double sent_bps;
    guint64 second_bytes;
    gint64 second_us, still_us, voice_us, report_us;
    gboolean narrow;
    /* line */
    gint64 free_us, last_arrival_us; /* when the queue is empty */
    gint64 ahead_us;                 /* the receiver's clock of ours */
    GRand *dice;
    FeedbackPacket history[HISTORY];
    guint n_sent, n_told;
    /* feedback under way */
    gint64 feedback_us, feedback_at_us;
    guint feedback_to;
    /* what came of it */
    gint64 late_us; /* the last voice that waited for long */
    guint n_stills, n_changes, n_voices, voice_ms[10000];
} Leg;

static const LinePart *part_at(const Leg *leg) {
    const LinePart *part = &leg->c->parts[0];
    for (guint i = 0; i < G_N_ELEMENTS(leg->c->parts) && leg->c->parts[i].kbps > 0; i++)
        if ((gint64)leg->c->parts[i].from_s * S <= leg->now_us - leg->start_us) part = &leg->c->parts[i];
    return part;
}

/* The line, first. */
static gint64 changed_us(const Leg *leg) {
    return leg->start_us + (leg->c->parts[1].kbps > 0 ? (gint64)leg->c->parts[1].from_s * S : 0);
}

static void send_packet(Leg *leg, guint n_bytes, gboolean voice) {
    const LinePart *part = part_at(leg);
    FeedbackPacket *packet = &leg->history[leg->n_sent++ % HISTORY];
    gint64 wait_us = MAX(leg->free_us - leg->now_us, 0);
    *packet = (FeedbackPacket){ .sent_us = leg->now_us,
                                .n_bytes = (guint16)n_bytes,
                                .probe = leg->now_us < leg->probe_until_us };
    bandwidth_on_sent(&leg->bandwidth, 1, n_bytes, leg->now_us);
    leg->total_bytes += n_bytes;
    if (!voice) leg->second_bytes += n_bytes;
    if (voice && wait_us > LATE_MS * MS && leg->now_us - MAX(leg->late_us, changed_us(leg)) < AGAIN_US)
        leg->late_us = leg->now_us;
    if (voice && leg->now_us - leg->start_us > (gint64)leg->c->judged_from_s * S &&
        leg->n_voices < G_N_ELEMENTS(leg->voice_ms))
        leg->voice_ms[leg->n_voices++] = (guint)(wait_us / MS);
    packet->lost = wait_us > leg->c->queue_us || g_rand_double(leg->dice) < part->loss;
    if (wait_us > leg->c->queue_us) return;
    leg->free_us = leg->now_us + wait_us + (gint64)(n_bytes * 8e3 / part->kbps);
    gint64 arrival_us =
        leg->free_us + leg->c->one_way_us + (gint64)(g_rand_double(leg->dice) * part->jitter_ms * MS);
    packet->arrival_us = leg->last_arrival_us =
        MAX(arrival_us, leg->last_arrival_us); /* a line keeps the order */
}

static void add_frame(Leg *leg, gsize n_bytes, guint piece) {
    for (; n_bytes > 0 && leg->n_waiting < WAITING; n_bytes -= MIN(n_bytes, piece))
        leg->waiting[leg->n_waiting++] = (guint)MIN(n_bytes, piece);
}

static void make_frames(Leg *leg) {
    guint fps = ladder_rung(&leg->ladder) == P180 ? 12 : 25;
    double bps = rungs[ladder_rung(&leg->ladder)].bitrate_bps * 0.95;
    if (ladder_rung(&leg->ladder) == STILL) {
        if (leg->now_us - leg->still_us < 4 * S || leg->n_waiting > 0) return;
        leg->still_us = leg->now_us;
        leg->n_stills += leg->now_us - leg->start_us > (gint64)leg->c->judged_from_s * S ? 1 : 0;
        add_frame(leg, 10000, 450);
        return;
    }
    guint frame = (guint)((leg->now_us - leg->start_us) * fps / S);
    if (frame == leg->frame) return;
    leg->frame = frame;
    gboolean upper = frame % 2 == 1;
    if (upper && (ladder_is_thin(&leg->ladder) || bandwidth_queue_grows(&leg->bandwidth, leg->now_us)))
        return;
    if (leg->n_waiting > WAITING / 2) return;
    add_frame(leg, (gsize)(bps / 8 / fps * 2 * (upper ? 0.35 : 0.65)), PACKET_BYTES);
}

static void pace(Leg *leg) {
    double estimate_bps = bandwidth_estimate_bps(&leg->bandwidth);
    double room_bps = MAX(estimate_bps - (leg->narrow ? 23000 : 56000), 0);
    gboolean still = ladder_rung(&leg->ladder) == STILL;
    double bps = still                                                  ? MAX(0.9 * room_bps, 10000)
                 : leg->bandwidth.measured && estimate_bps < NARROW_BPS ? MAX(0.95 * room_bps, 10000)
                                                                        : MAX(1.4 * estimate_bps, 100000);
    leg->tokens = MIN(leg->tokens + bps / 8 * STEP_US / S, still ? 1 : MAX(bps / 8 * 0.05, 1200));
    guint n = 0;
    for (; n < leg->n_waiting && leg->tokens > 0; n++) {
        send_packet(leg, leg->waiting[n], FALSE);
        leg->tokens -= leg->waiting[n];
    }
    memmove(leg->waiting, leg->waiting + n, (leg->n_waiting - n) * sizeof leg->waiting[0]);
    leg->n_waiting -= n;
    /* Filler, until all that leaves is as much as the probe wants. */
    while (leg->now_us < leg->probe_until_us &&
           (double)(leg->total_bytes - leg->probe_from_bytes) <
               (double)leg->probe_bps / 8e6 * (double)(leg->now_us - leg->probe_begun_us))
        send_packet(leg, leg->probe_bps < 400000 ? 450 : PACKET_BYTES, FALSE);
}

/* Ten times a second, and so much later here: everything that has arrived or will never. */
static void feedback(Leg *leg) {
    static FeedbackPacket packets[HISTORY];
    if (leg->feedback_at_us == 0 && leg->now_us >= leg->feedback_us) {
        leg->feedback_us = leg->now_us + 100 * MS;
        leg->feedback_at_us = leg->now_us + leg->c->one_way_us;
        guint to = leg->n_told;
        for (guint i = leg->n_told; i < leg->n_sent; i++) {
            const FeedbackPacket *packet = &leg->history[i % HISTORY];
            if (!packet->lost && packet->arrival_us <= leg->now_us) to = i + 1;
        }
        leg->feedback_to = to;
    }
    if (leg->feedback_at_us == 0 || leg->now_us < leg->feedback_at_us) return;
    leg->feedback_at_us = 0;
    guint n = 0;
    for (; leg->n_told < leg->feedback_to; leg->n_told++) {
        packets[n] = leg->history[leg->n_told % HISTORY];
        packets[n++].arrival_us += leg->ahead_us;
    }
    if (n > 0) bandwidth_on_feedback(&leg->bandwidth, packets, n, leg->now_us);
}

static void choose(Leg *leg) {
    gint64 now_us = leg->now_us;
    guint32 voice_bps = leg->narrow ? 23000 : 56000;
    guint32 estimate_bps = bandwidth_estimate_bps(&leg->bandwidth);
    guint32 room_bps = estimate_bps > voice_bps ? estimate_bps - voice_bps : 1;
    bandwidth_tick(&leg->bandwidth, now_us);
    gboolean clean = bandwidth_is_clean(&leg->bandwidth, now_us);
    guint before = ladder_rung(&leg->ladder);
    leg->ladder.settle_us = leg->bandwidth.measured ? S : 2200 * MS;
    ladder_update(&leg->ladder, room_bps, (guint32)leg->sent_bps, clean, leg->bandwidth.measured, now_us);
    if (getenv("TRACE") != NULL)
        print_message("%6d ms: estimate %u loss-based %u measured %u arrived %u level %u sign %d thr %.1f "
                      "slope %.4f loss %.2f excess %.2f floor %.2f clean %d wait %d\n",
                      (int)((now_us - leg->start_us) / MS), estimate_bps, (guint)leg->bandwidth.estimate_bps,
                      (guint)leg->bandwidth.congestion.bps,
                      (guint)congestion_arrived_bps(&leg->bandwidth.congestion), leg->ladder.level,
                      (int)leg->bandwidth.congestion.trend.sign, leg->bandwidth.congestion.trend.threshold,
                      leg->bandwidth.congestion.trend.slope, leg->bandwidth.loss, leg->bandwidth.excess,
                      leg->bandwidth.judge.floor, clean, (int)((leg->free_us - now_us) / MS));
    if (ladder_rung(&leg->ladder) != before && now_us - leg->start_us > (gint64)leg->c->judged_from_s * S)
        leg->n_changes++;
    if (leg->probe_bps != 0) {
        ProbeState state = bandwidth_probe_take(&leg->bandwidth, now_us);
        if (state == PROBE_RUNS) return;
        if (getenv("TRACE") != NULL) print_message("probe %s\n", state == PROBE_HELD ? "held" : "failed");
        probe_ended(&leg->probe, state == PROBE_HELD, (guint32)leg->probe_bps, now_us);
        leg->probe_bps = 0;
        leg->probe_until_us = 0;
        return;
    }
    guint32 next_bps = ladder_next_bps(&leg->ladder, (guint32)leg->sent_bps);
    guint32 wanted_bps =
        next_bps != 0 && leg->bandwidth.measured ? (guint32)(next_bps * 1.06) + voice_bps : 0;
    guint32 target_bps =
        probe_due(&leg->probe, wanted_bps, estimate_bps,
                  (guint32)congestion_carried_bps(&leg->bandwidth.congestion), clean, now_us);
    if (target_bps == 0) return;
    leg->probe_bps = target_bps;
    leg->probe_begun_us = now_us;
    leg->probe_until_us = now_us + PROBE_US;
    leg->probe_from_bytes = leg->total_bytes;
    bandwidth_probe_begin(&leg->bandwidth, target_bps, now_us, leg->probe_until_us);
}

static void step(Leg *leg) {
    leg->now_us += STEP_US;
    if (leg->now_us - leg->second_us >= S) {
        leg->sent_bps = (double)leg->second_bytes * 8e6 / (double)(leg->now_us - leg->second_us);
        leg->second_bytes = 0;
        leg->second_us = leg->now_us;
    }
    guint32 estimate_bps = bandwidth_estimate_bps(&leg->bandwidth);
    leg->narrow = estimate_bps < (leg->narrow ? 170000 : 125000); /* packets of three ticks */
    if (leg->now_us - leg->voice_us >= (leg->narrow ? 60 : 20) * MS) {
        leg->voice_us = leg->now_us;
        send_packet(leg, leg->narrow ? 170 : 140, TRUE);
    }
    if (leg->now_us - leg->report_us >= 200 * MS) { /* what is not told of */
        leg->report_us = leg->now_us;
        if (leg->free_us - leg->now_us <= leg->c->queue_us)
            leg->free_us = MAX(leg->free_us, leg->now_us) + (gint64)(REPORT_BYTES * 8e3 / part_at(leg)->kbps);
    }
    make_frames(leg);
    pace(leg);
    feedback(leg);
    if ((leg->now_us - leg->start_us) % (200 * MS) == 0) choose(leg);
}

static int by_size(const void *a, const void *b) { return (int)*(const guint *)a - (int)*(const guint *)b; }

static gboolean run_case(const EstimateCase *c, gint64 ahead_us) {
    gboolean good = TRUE;
    Leg *leg = g_new0(Leg, 1);
    leg->c = c;
    leg->ahead_us = ahead_us;
    leg->now_us = leg->start_us = leg->second_us = 1000 * (gint64)S;
    leg->dice = g_rand_new_with_seed(7);
    bandwidth_init(&leg->bandwidth, 1800000, leg->now_us);
    leg->bandwidth.rtt_us = 2 * c->one_way_us;
    ladder_init(&leg->ladder, rungs, G_N_ELEMENTS(rungs), 0, leg->now_us);
    print_message("case: %s\n", c->name);
    for (guint second = 0; second < c->seconds; second++) {
        for (guint i = 0; i < S / STEP_US; i++) step(leg);
        for (guint k = 0; k < G_N_ELEMENTS(c->rungs) && c->rungs[k].second != 0; k++) {
            guint rung = ladder_rung(&leg->ladder);
            if (c->rungs[k].second != second || (rung >= c->rungs[k].best && rung <= c->rungs[k].worst))
                continue;
            print_message("  after %u s: rung %u%s, estimate %u\n", second, rung,
                          ladder_is_thin(&leg->ladder) ? " thin" : "",
                          bandwidth_estimate_bps(&leg->bandwidth));
            good = FALSE;
        }
    }
    qsort(leg->voice_ms, leg->n_voices, sizeof leg->voice_ms[0], by_size);
    gint late_ms = (gint)(MAX(leg->late_us - changed_us(leg), 0) / MS);
    guint wait_ms = leg->voice_ms[leg->n_voices * 95 / 100];
    print_message("  rung %u%s, estimate %u, %u changes, %u stills, the voice waits %u ms (half of it %u)\n",
                  ladder_rung(&leg->ladder), ladder_is_thin(&leg->ladder) ? " thin" : "",
                  bandwidth_estimate_bps(&leg->bandwidth), leg->n_changes, leg->n_stills, wait_ms,
                  leg->voice_ms[leg->n_voices / 2]);
    if (c->late_s_max != 0) print_message("  the voice was on time again after %d ms\n", late_ms);
    if (c->late_s_max != 0 && late_ms > (gint)c->late_s_max * S / MS) good = FALSE;
    if (leg->n_changes > c->changes_max || wait_ms > c->wait_ms_max || leg->n_stills < c->stills_min)
        good = FALSE;
    g_rand_free(leg->dice);
    g_free(leg);
    return good;
}

static void run_all(gint64 ahead_us) {
    guint n_bad = 0;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        if (getenv("CASE") != NULL && strstr(cases[i].name, getenv("CASE")) == NULL) continue;
        if (!run_case(&cases[i], ahead_us)) {
            print_message("  BAD\n");
            n_bad++;
        }
    }
    assert_int_equal(n_bad, 0);
}

static void test_lines(void **state) {
    (void)state;
    run_all(0);
}

/* Transport-cc tells of 24 signed bits of the receiver's clock, in 64 ms: it is negative every other 6.2 days. */
static void test_a_negative_clock(void **state) {
    (void)state;
    run_all(-6 * 24 * 3600 * (gint64)S);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines),
                                        cmocka_unit_test(test_a_negative_clock) };
    return cmocka_run_group_tests_name("measured estimate", tests, NULL, NULL);
}
