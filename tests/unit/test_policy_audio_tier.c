/* test_policy_audio_tier.c -- lines that lose, narrow ones, both, and what comes after: which form the sound takes, and when. */
#include "bridge/policy/audio_tier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { S = G_USEC_PER_SEC, STEP_US = 200000, PARTS_MAX = 5, WIDE = 2000000 };

/* For so many seconds the line is like this; then the sound is to be in that tier, and to have got there no sooner. */
typedef struct {
    guint seconds;
    double loss; /* below 0: no report comes */
    guint32 estimate_bps;
    AudioTier tier;
    guint after_s; /* the tier is reached so many seconds into this part at the latest, and not 2 s sooner */
    gboolean queued; /* a queue stands meanwhile */
    double own_loss; /* which the line is known to have */
} Part;

static const struct {
    const char *name;
    gboolean red;
    double elsewhere;
    guint report_s;
    Part parts[PARTS_MAX];
} CASES[] = {
    { "a clean line", TRUE, 0, 1, { { 60, 0, WIDE, AUDIO_TIER_PLAIN, 0, FALSE, 0 } } },
    { "a packet now and then", TRUE, 0, 1, { { 60, 0.02, WIDE, AUDIO_TIER_FEC, 1, FALSE, 0 } } },
    { "one packet, and the thin copies that follow it",
      TRUE,
      0,
      1,
      { { 20, 0, WIDE, AUDIO_TIER_PLAIN, 0, FALSE, 0 },
        { 2, 0.004, WIDE, AUDIO_TIER_FEC, 1, FALSE, 0 },
        { 8, 0, WIDE, AUDIO_TIER_FEC, 0, FALSE, 0 },
        { 20, 0, WIDE, AUDIO_TIER_PLAIN, 2, FALSE, 0 } } },
    { "loss is answered at once, with the first report",
      TRUE,
      0,
      1,
      { { 10, 0, WIDE, AUDIO_TIER_PLAIN, 0, FALSE, 0 }, { 20, 0.1, WIDE, AUDIO_TIER_RED, 1, FALSE, 0 } } },
    { "a browser's reports, five seconds apart",
      TRUE,
      0,
      5,
      { { 10, 0, WIDE, AUDIO_TIER_PLAIN, 0, FALSE, 0 }, { 20, 0.1, WIDE, AUDIO_TIER_RED, 5, FALSE, 0 } } },
    { "it must be good for a while before copies end",
      TRUE,
      0,
      1,
      { { 20, 0.1, WIDE, AUDIO_TIER_RED, 1, FALSE, 0 },
        { 15, 0, WIDE, AUDIO_TIER_RED, 0, FALSE, 0 },
        { 10, 0, WIDE, AUDIO_TIER_PLAIN, 6, FALSE, 0 } } },
    { "loss that comes and goes does not make it flap",
      TRUE,
      0,
      1,
      { { 10, 0.08, WIDE, AUDIO_TIER_RED, 1, FALSE, 0 },
        { 8, 0.015, WIDE, AUDIO_TIER_RED, 0, FALSE, 0 },
        { 8, 0.05, WIDE, AUDIO_TIER_RED, 0, FALSE, 0 },
        { 60, 0.015, WIDE, AUDIO_TIER_RED, 0, FALSE, 0 } } },
    { "nobody agreed on copies",
      FALSE,
      0,
      1,
      { { 30, 0.2, WIDE, AUDIO_TIER_FEC, 1, FALSE, 0 }, { 30, 0, WIDE, AUDIO_TIER_PLAIN, 10, FALSE, 0 } } },
    { "copies of 20 ms have no room, those of 60 ms have",
      TRUE,
      0,
      1,
      { { 10, 0.1, 70000, AUDIO_TIER_NARROW_RED, 1, FALSE, 0 },
        { 20, 0.1, 170000, AUDIO_TIER_RED, 3, FALSE, 0 } } },
    { "loss without a queue where copies just fit: they are tried at once",
      TRUE,
      0,
      1,
      { { 30, 0.2, 90000, AUDIO_TIER_RED, 1, FALSE, 0 } } },
    { "tried at once, and they make it worse",
      TRUE,
      0,
      1,
      { { 2, 0.1, 90000, AUDIO_TIER_RED, 1, FALSE, 0 },
        { 11, 0.3, 90000, AUDIO_TIER_RED, 0, FALSE, 0 },
        { 40, 0.1, 90000, AUDIO_TIER_NARROW_RED, 1, FALSE, 0 } } },
    { "it loses as much in the narrow tier: loss is to blame, not width",
      TRUE,
      0,
      1,
      { { 12, 0.2, 60000, AUDIO_TIER_NARROW_RED, 1, FALSE, 0 },
        { 60, 0.2, 60000, AUDIO_TIER_RED, 2, FALSE, 0 },
        { 30, 0, 60000, AUDIO_TIER_NARROW, 22, FALSE, 0 } } },
    { "the same with a browser's reports",
      TRUE,
      0,
      5,
      { { 16, 0.2, 60000, AUDIO_TIER_NARROW_RED, 5, FALSE, 0 },
        { 30, 0.2, 60000, AUDIO_TIER_RED, 2, FALSE, 0 } } },
    { "wide copies make it worse: it was width after all",
      TRUE,
      0,
      1,
      { { 12, 0.1, 60000, AUDIO_TIER_NARROW_RED, 1, FALSE, 0 },
        { 2, 0.1, 60000, AUDIO_TIER_RED, 2, FALSE, 0 },
        { 11, 0.3, 60000, AUDIO_TIER_RED, 0, FALSE, 0 },
        { 55, 0.1, 60000, AUDIO_TIER_NARROW_RED, 1, FALSE, 0 },
        { 20, 0.1, 60000, AUDIO_TIER_RED, 6, FALSE, 0 } } },
    { "the narrow tier ends the loss",
      TRUE,
      0,
      1,
      { { 5, 0.2, 60000, AUDIO_TIER_NARROW_RED, 1, FALSE, 0 },
        { 10, 0.02, 60000, AUDIO_TIER_NARROW_RED, 1, FALSE, 0 },
        { 60, 0.02, 60000, AUDIO_TIER_NARROW_RED, 1, FALSE, 0 } } },
    { "room that shrinks a little keeps the copies",
      TRUE,
      0,
      1,
      { { 20, 0.1, 170000, AUDIO_TIER_RED, 1, FALSE, 0 },
        { 20, 0.1, 140000, AUDIO_TIER_RED, 0, FALSE, 0 } } },
    { "a narrow line",
      TRUE,
      0,
      1,
      { { 10, 0, WIDE, AUDIO_TIER_PLAIN, 0, FALSE, 0 },
        { 10, 0, 60000, AUDIO_TIER_NARROW, 1, FALSE, 0 },
        { 30, 0, 150000, AUDIO_TIER_NARROW, 0, FALSE, 0 },
        { 20, 0, 180000, AUDIO_TIER_PLAIN, 10, FALSE, 0 } } },
    { "narrow and bad",
      TRUE,
      0,
      1,
      { { 10, 0.15, 60000, AUDIO_TIER_NARROW_RED, 1, FALSE, 0 },
        { 30, 0, 60000, AUDIO_TIER_NARROW, 20, FALSE, 0 } } },
    { "narrow and bad without copies", FALSE, 0, 1, { { 10, 0.15, 60000, AUDIO_TIER_NARROW, 1, FALSE, 0 } } },
    { "bad, then narrow as well, then wide again but still bad",
      TRUE,
      0,
      1,
      { { 10, 0.1, WIDE, AUDIO_TIER_RED, 1, FALSE, 0 },
        { 10, 0.1, 50000, AUDIO_TIER_NARROW_RED, 1, FALSE, 0 },
        { 20, 0.1, WIDE, AUDIO_TIER_RED, 3, FALSE, 0 } } },
    { "a full queue's loss is no reason for copies",
      TRUE,
      0,
      1,
      { { 10, 0, WIDE, AUDIO_TIER_PLAIN, 0, FALSE, 0 },
        { 30, 0.4, 60000, AUDIO_TIER_NARROW, 1, TRUE, 0 },
        { 30, 0, 60000, AUDIO_TIER_NARROW, 0, FALSE, 0 } } },
    { "the queue is known only after the first reports",
      TRUE,
      0,
      1,
      { { 3, 0.4, WIDE, AUDIO_TIER_RED, 1, FALSE, 0 },
        { 4, 0.4, 60000, AUDIO_TIER_NARROW, 1, TRUE, 0 },
        { 30, 0, 60000, AUDIO_TIER_NARROW, 0, FALSE, 0 } } },
    { "a queue on a line that loses anyway",
      TRUE,
      0,
      1,
      { { 10, 0.1, WIDE, AUDIO_TIER_RED, 1, FALSE, 0 },
        { 10, 0.3, 60000, AUDIO_TIER_NARROW_RED, 1, TRUE, 0.1 } } },
    { "a queue appears with the wide copies: they end at once",
      TRUE,
      0,
      1,
      { { 12, 0.1, 60000, AUDIO_TIER_NARROW_RED, 1, FALSE, 0 },
        { 3, 0.1, 60000, AUDIO_TIER_RED, 2, FALSE, 0 },
        { 3, 0.1, 60000, AUDIO_TIER_NARROW_RED, 1, TRUE, 0.1 },
        { 55, 0.1, 60000, AUDIO_TIER_NARROW_RED, 1, FALSE, 0 } } },
    { "no report of the sound: the picture's loss counts",
      TRUE,
      0.1,
      1,
      { { 10, -1, WIDE, AUDIO_TIER_RED, 1, FALSE, 0 } } },
    { "a report of the sound: only that counts",
      TRUE,
      0.1,
      1,
      { { 5, -1, WIDE, AUDIO_TIER_RED, 1, FALSE, 0 }, { 20, 0, WIDE, AUDIO_TIER_PLAIN, 11, FALSE, 0 } } },
    { "reports end: it stays as it was",
      TRUE,
      0,
      1,
      { { 10, 0.1, WIDE, AUDIO_TIER_RED, 1, FALSE, 0 }, { 30, -1, WIDE, AUDIO_TIER_RED, 0, FALSE, 0 } } },
};

static void lines(void **state) {
    (void)state;
    for (guint c = 0; c < G_N_ELEMENTS(CASES); c++) {
        AudioTierChoice choice;
        gint64 now_us = 1000 * (gint64)S;
        audio_tier_init(&choice);
        for (guint p = 0; p < PARTS_MAX && CASES[c].parts[p].seconds > 0; p++) {
            const Part *part = &CASES[c].parts[p];
            gint64 begin_us = now_us, reached_us = -1;
            for (; now_us < begin_us + part->seconds * (gint64)S; now_us += STEP_US) {
                if (part->loss >= 0 && now_us % (CASES[c].report_s * (gint64)S) == 0 && now_us > begin_us)
                    audio_tier_on_report(&choice, part->loss, now_us);
                if (part->queued) audio_tier_on_queue(&choice, part->own_loss, now_us);
                AudioTier before = choice.tier;
                gboolean moved =
                    audio_tier_update(&choice, CASES[c].elsewhere, part->estimate_bps, CASES[c].red, now_us);
                assert_int_equal(moved, choice.tier != before);
                if (choice.tier == part->tier && reached_us < 0) reached_us = now_us - begin_us;
                if (choice.tier != part->tier && reached_us >= 0)
                    fail_msg("%s, part %u: left %s for %s", CASES[c].name, p, audio_tier_word(part->tier),
                             audio_tier_word(choice.tier));
            }
            if (reached_us < 0)
                fail_msg("%s, part %u: is %s", CASES[c].name, p, audio_tier_word(choice.tier));
            if (reached_us > part->after_s * (gint64)S || reached_us < ((gint64)part->after_s - 2) * S)
                fail_msg("%s, part %u: after %d ms", CASES[c].name, p, (int)(reached_us / 1000));
        }
    }
}

static void words(void **state) {
    (void)state;
    for (guint a = 0; a < N_AUDIO_TIERS; a++)
        for (guint b = 0; b < a; b++)
            assert_string_not_equal(audio_tier_word((AudioTier)a), audio_tier_word((AudioTier)b));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(lines), cmocka_unit_test(words) };
    return cmocka_run_group_tests_name("audio tiers", tests, NULL, NULL);
}
