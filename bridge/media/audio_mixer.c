/* audio_mixer.c -- see the header: the audio thread around audio_mix.c.
 * Ticks are counted on absolute time from the moment the first conference begins, so they never drift; a late wake-up runs
 * the ticks that are due one after another, and only what lies more than LATE_TICKS_MAX back is skipped. Letters are read
 * at each tick. While there is no conference the thread sleeps on its mailbox. */
#include "bridge/media/audio_mixer.h"

#include "bridge/media/audio_mix.h"
#include "config/fault.h"
#include "config/log.h"
#include "config/mailbox.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <time.h>

enum { LETTERS = 4096, LATE_TICKS_MAX = 5 };
static const gint64 LATE_US = 5000;

typedef enum { LETTER_SCENE = 1, LETTER_END, LETTER_ATTACH, LETTER_LISTEN, LETTER_STOP } LetterKind;

/* A letter owns what it carries until it is taken. */
typedef struct {
    guint32 conference, seat;
    AudioScene *scene;
    AudioUplink *uplink;
    AudioTier tier;
    gint change;
} Letter;

struct AudioMixer {
    AudioMix *mix; /* audio thread's */
    Mailbox *box;
    GThread *thread;
    gboolean stopping; /* audio thread's */
    LogLimiter late;
    /* written by the audio thread, read by anybody */
    _Atomic guint64 n_ticks, n_late_ticks, n_skipped_ticks, n_decoded, n_encoded, lateness_us_max, cpu_us;
    _Atomic guint n_conferences, n_voices;
    LatenessCounter lateness;
};

static void letter_clear(Letter *letter) {
    g_clear_pointer(&letter->scene, g_free);
    g_clear_pointer(&letter->uplink, audio_uplink_unref);
}

static void read_letters(AudioMixer *mixer) {
    guint kind;
    Letter letter;
    gsize n_bytes;
    while (mailbox_take(mixer->box, &kind, &letter, &n_bytes)) {
        switch ((LetterKind)kind) {
        case LETTER_SCENE: audio_mix_set_scene(mixer->mix, letter.scene); break;
        case LETTER_END: audio_mix_end_conference(mixer->mix, letter.conference); break;
        case LETTER_ATTACH:
            audio_mix_attach(mixer->mix, letter.conference, letter.seat, letter.uplink,
                             g_get_monotonic_time());
            break;
        case LETTER_LISTEN:
            audio_mix_listen(mixer->mix, letter.conference, letter.seat, letter.tier, letter.change);
            break;
        case LETTER_STOP: mixer->stopping = TRUE; break;
        }
        letter_clear(&letter);
    }
}

static void sleep_until(gint64 at_us) {
    struct timespec at = { .tv_sec = at_us / G_USEC_PER_SEC, .tv_nsec = at_us % G_USEC_PER_SEC * 1000 };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {}
}

static void sleep_until_letter(AudioMixer *mixer) {
    struct pollfd wait = { .fd = mailbox_fd(mixer->box), .events = POLLIN };
    poll(&wait, 1, -1);
}

static void publish(AudioMixer *mixer) {
    AudioMixerStats stats;
    struct timespec cpu;
    audio_mix_read_stats(mixer->mix, &stats);
    atomic_store_explicit(&mixer->n_ticks, stats.n_ticks, memory_order_relaxed);
    atomic_store_explicit(&mixer->n_decoded, stats.n_decoded, memory_order_relaxed);
    atomic_store_explicit(&mixer->n_encoded, stats.n_encoded, memory_order_relaxed);
    atomic_store_explicit(&mixer->n_conferences, stats.n_conferences, memory_order_relaxed);
    atomic_store_explicit(&mixer->n_voices, stats.n_voices, memory_order_relaxed);
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu) == 0)
        atomic_store_explicit(&mixer->cpu_us,
                              (guint64)cpu.tv_sec * G_USEC_PER_SEC + (guint64)cpu.tv_nsec / 1000,
                              memory_order_relaxed);
}

/* Notes how late the tick due at due_us is; returns the tick to run, later than due_us if some are lost. */
static gint64 note_lateness(AudioMixer *mixer, gint64 due_us) {
    gint64 now_us = g_get_monotonic_time(), late_us = now_us - due_us;
    lateness_add(&mixer->lateness, late_us);
    if (late_us <= LATE_US) return due_us;
    atomic_fetch_add_explicit(&mixer->n_late_ticks, 1, memory_order_relaxed);
    if ((guint64)late_us > atomic_load_explicit(&mixer->lateness_us_max, memory_order_relaxed))
        atomic_store_explicit(&mixer->lateness_us_max, (guint64)late_us, memory_order_relaxed);
    gint64 n_skipped = late_us / AUDIO_TICK_US - LATE_TICKS_MAX;
    if (n_skipped <= 0) return due_us;
    atomic_fetch_add_explicit(&mixer->n_skipped_ticks, (guint64)n_skipped, memory_order_relaxed);
    audio_mix_skip(mixer->mix, (guint)MIN(n_skipped, G_MAXINT32));
    if (log_limiter_pass(&mixer->late, now_us))
        log_warn("audio.late", "late_us=%" G_GINT64_FORMAT " skipped=%" G_GINT64_FORMAT, late_us, n_skipped);
    return due_us + n_skipped * AUDIO_TICK_US;
}

static gpointer run(gpointer data) {
    AudioMixer *mixer = data;
    gint64 due_us = 0; /* 0: no conference, no clock */
    for (;;) {
        if (due_us == 0)
            sleep_until_letter(mixer);
        else
            sleep_until(due_us);
        read_letters(mixer);
        if (mixer->stopping) break;
        if (audio_mix_n_conferences(mixer->mix) == 0) {
            due_us = 0;
            publish(mixer);
            continue;
        }
        due_us = due_us == 0 ? g_get_monotonic_time() : note_lateness(mixer, due_us);
        audio_mix_tick(mixer->mix, due_us);
        publish(mixer);
        due_us += AUDIO_TICK_US;
    }
    return NULL;
}

AudioMixer *audio_mixer_start(const AudioMixerSettings *settings, const AudioMixerEvents *events,
                              gpointer user, GError **error) {
    AudioMixer *mixer = g_new0(AudioMixer, 1);
    mixer->box = mailbox_new(LETTERS, sizeof(Letter));
    mixer->mix = audio_mix_new(settings, events, user);
    mixer->thread = g_thread_try_new("audio", run, mixer, error);
    if (mixer->thread == NULL) {
        audio_mix_free(mixer->mix);
        mailbox_free(mixer->box);
        g_free(mixer);
        return NULL;
    }
    return mixer;
}

static void post(AudioMixer *mixer, LetterKind kind, Letter *letter) {
    if (mailbox_post(mixer->box, kind, letter, sizeof *letter)) return;
    letter_clear(letter);
    log_error("audio.mailbox_full", "kind=%d", (int)kind);
}

void audio_mixer_stop(AudioMixer *mixer) {
    if (mixer == NULL) return;
    Letter letter = { 0 };
    guint kind;
    gsize n_bytes;
    while (!mailbox_post(mixer->box, LETTER_STOP, &letter, sizeof letter))
        g_usleep(AUDIO_TICK_US); /* full: it reads */
    g_thread_join(mixer->thread);
    while (mailbox_take(mixer->box, &kind, &letter, &n_bytes)) letter_clear(&letter);
    audio_mix_free(mixer->mix);
    mailbox_free(mixer->box);
    g_free(mixer);
}

void audio_mixer_set_scene(AudioMixer *mixer, const AudioScene *scene) {
    guint n_seats = MIN(scene->n_seats, (guint)AUDIO_SEATS_MAX);
    gsize n_bytes = n_seats * sizeof scene->seats[0];
    AudioScene *copy = g_malloc0(sizeof *copy + n_bytes);
    copy->conference = scene->conference;
    copy->n_seats = n_seats;
    for (guint i = 0; i < n_seats; i++) copy->seats[i] = scene->seats[i];
    Letter letter = { .conference = scene->conference, .scene = copy };
    post(mixer, LETTER_SCENE, &letter);
}

void audio_mixer_end_conference(AudioMixer *mixer, guint32 conference) {
    Letter letter = { .conference = conference };
    post(mixer, LETTER_END, &letter);
}

void audio_mixer_attach(AudioMixer *mixer, guint32 conference, guint32 seat, AudioUplink *uplink) {
    Letter letter = { .conference = conference, .seat = seat };
    if (uplink != NULL) letter.uplink = audio_uplink_ref(uplink);
    post(mixer, LETTER_ATTACH, &letter);
}

void audio_mixer_listen(AudioMixer *mixer, guint32 conference, guint32 seat, AudioTier tier, gint change) {
    Letter letter = { .conference = conference, .seat = seat, .tier = tier, .change = change };
    post(mixer, LETTER_LISTEN, &letter);
}

void audio_mixer_read_stats(const AudioMixer *mixer, AudioMixerStats *ret_stats) {
    *ret_stats = (AudioMixerStats){
        .n_ticks = atomic_load_explicit(&mixer->n_ticks, memory_order_relaxed),
        .n_late_ticks = atomic_load_explicit(&mixer->n_late_ticks, memory_order_relaxed),
        .n_skipped_ticks = atomic_load_explicit(&mixer->n_skipped_ticks, memory_order_relaxed),
        .n_decoded = atomic_load_explicit(&mixer->n_decoded, memory_order_relaxed),
        .n_encoded = atomic_load_explicit(&mixer->n_encoded, memory_order_relaxed),
        .lateness_us_max = atomic_load_explicit(&mixer->lateness_us_max, memory_order_relaxed),
        .cpu_us = atomic_load_explicit(&mixer->cpu_us, memory_order_relaxed),
        .n_conferences = atomic_load_explicit(&mixer->n_conferences, memory_order_relaxed),
        .n_voices = atomic_load_explicit(&mixer->n_voices, memory_order_relaxed),
    };
    lateness_read(&mixer->lateness, &ret_stats->lateness);
}
