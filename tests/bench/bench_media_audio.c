/* What sound costs: 200 rooms in one conference, K of them talking, on simulated time. The packets of all rooms go through
 * their uplinks (as the workers push them), the mix runs as on the audio thread; both are measured as CPU time, apart.
 * Not in it: network, SRTP and the sending of the packets.  Arguments: seconds (20), rooms (200). */
#include "bridge/media/audio_mix.h"

#include "tests/unit/audio_speaker.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROOMS_MAX = 1000, LOOP = 50, FIRST_HZ = 250, STEP_HZ = 13, TURNS = 4 };
static const gint64 TURN_US = 6 * G_USEC_PER_SEC;
static guint n_in_turn; /* rooms that talk at once, one group after the other */

typedef struct {
    Speaker *rooms[ROOMS_MAX];
    guint n_rooms;
    guint64 n_packets_out, n_bytes_out;
} Hall;

static gint64 cpu_ns(void) {
    struct timespec at;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (gint64)at.tv_sec * 1000000000 + at.tv_nsec;
}

static void on_tick(gpointer user, AudioTick *tick) {
    Hall *hall = user;
    const Block *block = tick->listeners.block[AUDIO_TIER_FEC];
    if (block != NULL) hall->n_packets_out++, hall->n_bytes_out += block->n_bytes;
}

static void on_speaking(gpointer user, guint32 conference, const Speaking *seats, guint n_seats) {
    (void)user, (void)conference, (void)seats, (void)n_seats;
}

static gboolean silent(const Speaker *speaker, gint64 at_us) {
    (void)speaker, (void)at_us;
    return FALSE;
}

static gboolean in_turn(const Speaker *speaker, gint64 at_us) {
    guint room = (guint)((speaker->hz - FIRST_HZ) / STEP_HZ);
    return room / n_in_turn == (guint)(at_us / TURN_US) % TURNS;
}

typedef struct {
    double push_us, tick_us, tick_us_max, decoded, encoded;
} Result;

/* lossy: one room loses a packet now and then, so that what all hear carries copies. */
static Result measure(guint n_rooms, guint n_talking, gboolean turns, gboolean lossy, guint n_seconds,
                      guint complexity) {
    static const AudioMixerEvents events = { on_tick, on_speaking };
    AudioMixerSettings settings = {
        .voices_max = 8, .bitrate_bps = 32000, .complexity = complexity, .levelling = TRUE
    };
    Hall hall = { .n_rooms = n_rooms };
    AudioMix *mix = audio_mix_new(&settings, &events, &hall);
    AudioScene *scene = g_malloc0(sizeof *scene + n_rooms * sizeof scene->seats[0]);
    gint64 now_us = 100 * G_USEC_PER_SEC, pushing = 0, mixing = 0, slowest = 0;
    n_in_turn = n_talking;
    scene->conference = 1;
    scene->n_seats = n_rooms;
    for (guint i = 0; i < n_rooms; i++) {
        Speaker *room = hall.rooms[i] = speaker_new(FIRST_HZ + STEP_HZ * i, 6000, 960, 1, now_us + i * 97);
        room->n_loop = LOOP;
        room->swell = 0.9;
        if (turns && i < TURNS * n_talking) {
            room->n_loop = 0;
            room->talks = in_turn;
        } else if (i >= n_talking) {
            room->talks = silent;
        }
        scene->seats[i] =
            (AudioSeat){ .seat = i + 1,
                         .heard = i == 0 && n_talking > 0 && !turns ? HEARD_ALWAYS : HEARD_MAY };
        audio_mix_attach(mix, 1, i + 1, room->uplink, now_us);
    }
    audio_mix_set_scene(mix, scene);
    if (lossy) audio_mix_listen(mix, 1, n_rooms, AUDIO_TIER_FEC, 1);
    AudioMixerStats before = { 0 }, after;
    guint n_ticks = n_seconds * 50, n_warm = 150;
    for (guint tick = 0; tick < n_ticks + n_warm; tick++, now_us += AUDIO_TICK_US) {
        if (tick == n_warm) {
            pushing = mixing = slowest = 0;
            audio_mix_read_stats(mix, &before);
        }
        gint64 start = cpu_ns();
        for (guint i = 0; i < n_rooms; i++) speaker_run(hall.rooms[i], now_us);
        gint64 middle = cpu_ns();
        audio_mix_tick(mix, now_us);
        gint64 spent = cpu_ns() - middle;
        pushing += middle - start;
        mixing += spent;
        slowest = MAX(slowest, spent);
    }
    audio_mix_read_stats(mix, &after);
    audio_mix_free(mix);
    for (guint i = 0; i < n_rooms; i++) speaker_free(hall.rooms[i]);
    g_free(scene);
    return (Result){
        .push_us = (double)pushing / 1000 / n_ticks,
        .tick_us = (double)mixing / 1000 / n_ticks,
        .tick_us_max = (double)slowest / 1000,
        .decoded = (double)(after.n_decoded - before.n_decoded) / n_ticks,
        .encoded = (double)(after.n_encoded - before.n_encoded) / n_ticks,
    };
}

int main(int argc, char **argv) {
    static const struct {
        guint n_talking, complexity;
        gboolean turns; /* of 6 s, as the simulator's rooms */
        gboolean lossy;
    } cases[] = { { 0, 5, FALSE, FALSE }, { 1, 5, FALSE, FALSE }, { 4, 5, FALSE, FALSE },
                  { 4, 5, TRUE, FALSE },  { 4, 5, TRUE, TRUE },   { 4, 0, FALSE, FALSE },
                  { 8, 5, FALSE, FALSE } };
    guint n_seconds = argc > 1 ? (guint)atoi(argv[1]) : 20, n_rooms = argc > 2 ? (guint)atoi(argv[2]) : 200;
    n_rooms = CLAMP(n_rooms, 8, ROOMS_MAX);
    const char *folder = g_getenv("OUT");
    g_autofree char *path =
        g_build_filename(folder != NULL ? folder : "build/bench", "audio_mixer.jsonl", NULL);
    FILE *lines = fopen(path, "w");
    printf(
        "rooms talking complexity | mix us/tick   most  core %% | push us/tick | decodes encodes per tick\n");
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Result result = measure(n_rooms, cases[i].n_talking, cases[i].turns, cases[i].lossy,
                                MAX(n_seconds, 1), cases[i].complexity);
        printf("%5u %7u%s%s %10u | %11.1f %6.0f %7.2f | %12.1f | %7.1f %7.1f\n", n_rooms, cases[i].n_talking,
               cases[i].turns ? " in turns" : "", cases[i].lossy ? ", one loses" : "", cases[i].complexity,
               result.tick_us, result.tick_us_max, result.tick_us / AUDIO_TICK_US * 100, result.push_us,
               result.decoded, result.encoded);
        if (lines == NULL) continue;
        fprintf(lines,
                "{\"bench\":\"audio_mixer\",\"rooms\":%u,\"talking\":%u,\"turns\":%s,\"lossy\":%s,"
                "\"complexity\":%u,\"mix_"
                "us_per_"
                "tick\":%.1f,"
                "\"mix_us_max\":%.0f,\"mix_core_percent\":%.2f,\"push_us_per_tick\":%.1f,\"decodes_per_"
                "tick\":%.2f,"
                "\"encodes_per_tick\":%.2f}\n",
                n_rooms, cases[i].n_talking, cases[i].turns ? "true" : "false",
                cases[i].lossy ? "true" : "false", cases[i].complexity, result.tick_us, result.tick_us_max,
                result.tick_us / AUDIO_TICK_US * 100, result.push_us, result.decoded, result.encoded);
    }
    if (lines != NULL) fclose(lines);
    return 0;
}
