/* test_media_audio_tiers.c -- the sound of a room on a bad line, all the way: voices, mixer, downlink, a line that loses, the
 * receiver's playout and its reports back. What is heard in each tier, what it takes of the line, and that nobody hears a
 * change. Simulated time; the transport is a fake. */
#include "bridge/media/audio_mix.h"
#include "bridge/media/audio_voice.h"
#include "bridge/media/downlink_state.h"
#include "bridge/wire/opus.h"
#include "bridge/wire/red.h"
#include "bridge/wire/rtp.h"
#include "tests/unit/audio_speaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
    CONFERENCE = 3,
    SPEAKER = 1,
    LISTENER = 2,
    SSRC = 0xa0,
    OPUS_PT = 109, /* not the profile's: a WHEP client's own */
    RED_PT = 65,
    TRANSPORT_BYTES = 20 + 8 + 16, /* IPv4, UDP, the tag of AES-GCM */
    SECOND_TICKS = 50,
};

typedef struct {
    gint64 now_us;
    AudioMix *mix;
    Fanout *fanout;
    Downlink *leg;
    Speaker *speaker, *own; /* own: the listening room's microphone, or NULL */
    /* the line */
    double loss;
    GRand *dice;
    guint32 narrow_bps; /* the estimate is held at this; 0: wide */
    guint n_sent, n_lost, n_sent_told, n_lost_told, n_red;
    guint64 n_bytes;
    /* its end */
    AudioUplink *ring;
    AudioVoice *voice;
    GArray *heard;
    guint16 sequence;
    guint32 time_due;
    gboolean began;
    guint n_time_breaks, n_extended;
} Room;

static Room *room_now; /* of the fake transport */

/* ---- the line and the receiver ---- */

TransportState transport_state(const Transport *transport) {
    (void)transport;
    return TRANSPORT_LIVE;
}

static void receive_red(Room *room, const RtpPacket *packet) {
    RedPayload red;
    assert_true(red_parse(packet->payload, packet->n_payload_bytes, &red));
    guint newest = red.n_blocks - 1;
    for (guint i = 0; i <= newest; i++) assert_int_equal(red.blocks[i].payload_type, OPUS_PT);
    audio_uplink_push(room->ring, packet->sequence, packet->timestamp, AUDIO_LEVEL_UNKNOWN, TRUE,
                      red.blocks[newest].bytes, red.blocks[newest].n_bytes, room->now_us);
    for (guint i = newest; i-- > 0;)
        audio_uplink_repair(room->ring, (guint16)(packet->sequence - (newest - i)),
                            packet->timestamp - red.blocks[i].time_offset, AUDIO_LEVEL_UNKNOWN,
                            red.blocks[i].bytes, red.blocks[i].n_bytes, room->now_us);
}

static guint duration_of(const RtpPacket *packet) {
    RedPayload red;
    if (packet->payload_type == OPUS_PT)
        return opus_payload_samples(packet->payload, packet->n_payload_bytes);
    assert_true(red_parse(packet->payload, packet->n_payload_bytes, &red));
    const RedBlock *newest = &red.blocks[red.n_blocks - 1];
    return opus_payload_samples(newest->bytes, newest->n_bytes);
}

/* One stream without a seam: numbers in order, and each packet begins where the one before ended. */
static void check_seam(Room *room, const RtpPacket *packet) {
    if (room->began) {
        assert_int_equal(packet->sequence, (guint16)(room->sequence + 1));
        room->n_time_breaks += packet->timestamp != room->time_due;
    }
    room->began = TRUE;
    room->sequence = packet->sequence;
    room->time_due = packet->timestamp + duration_of(packet);
}

void transport_fetch(const Transport *transport, gboolean srtp) { (void)transport, (void)srtp; }

guint transport_send_rtp(Transport *transport, const RtpOut *packets, guint n_packets, SendClass send_class) {
    (void)transport, (void)send_class;
    Room *room = room_now;
    guint8 bytes[3000];
    RtpPacket packet;
    assert_int_equal(n_packets, 1);
    memcpy(bytes, packets[0].header, packets[0].n_header_bytes);
    memcpy(bytes + packets[0].n_header_bytes, packets[0].payload, packets[0].n_payload_bytes);
    gsize n_bytes = packets[0].n_header_bytes + packets[0].n_payload_bytes;
    assert_true(rtp_parse(bytes, n_bytes, &packet));
    assert_int_equal(packet.ssrc, SSRC);
    check_seam(room, &packet);
    room->n_sent++;
    room->n_bytes += n_bytes + TRANSPORT_BYTES;
    room->n_red += packet.payload_type == RED_PT;
    room->n_extended += packet.n_ext_bytes > 0;
    if (g_rand_double(room->dice) < room->loss)
        room->n_lost++;
    else if (packet.payload_type == RED_PT)
        receive_red(room, &packet);
    else
        audio_uplink_push(room->ring, packet.sequence, packet.timestamp, AUDIO_LEVEL_UNKNOWN, TRUE,
                          packet.payload, packet.n_payload_bytes, room->now_us);
    return 1;
}

static void report(Room *room) {
    g_autofree RtcpItem *item = g_new0(RtcpItem, 1);
    guint n_sent = room->n_sent - room->n_sent_told, n_lost = room->n_lost - room->n_lost_told;
    item->kind = RTCP_RR;
    item->report.n_blocks = 1;
    item->report.blocks[0] =
        (RtcpReportBlock){ .ssrc = SSRC, .fraction_lost = (guint8)(n_sent > 0 ? n_lost * 255 / n_sent : 0) };
    downlink_on_rtcp(room->leg, item, room->now_us);
    room->n_sent_told = room->n_sent;
    room->n_lost_told = room->n_lost;
}

/* ---- the room ---- */

static void on_tick(gpointer user, AudioTick *tick) {
    Room *room = user;
    fanout_audio(room->fanout, tick, room->now_us);
}

static void on_speaking(gpointer user, guint32 conference, const Speaking *seats, guint n_seats) {
    (void)user, (void)conference, (void)seats, (void)n_seats;
}

static void on_keyframe(gpointer user, StreamId stream) { (void)user, (void)stream; }

static void on_listen(gpointer user, guint32 conference, guint32 seat, AudioTier tier, gint change) {
    assert_int_equal(seat, LISTENER);
    audio_mix_listen(((Room *)user)->mix, conference, seat, tier, change);
}

static void seat(Room *room, guint32 number, AudioUplink *uplink) {
    audio_mix_attach(room->mix, CONFERENCE, number, uplink, room->now_us);
}

static Room *room_new(gboolean red, gboolean speaks) {
    static const AudioMixerEvents mixer_events = { on_tick, on_speaking };
    static const FanoutEvents fanout_events = { on_keyframe, on_listen };
    static const DownlinkEvents events = { 0 };
    static const AudioMixerSettings settings = { .voices_max = 8, .bitrate_bps = 32000, .complexity = 5 };
    Room *room = room_now = g_new0(Room, 1);
    room->now_us = 100 * G_USEC_PER_SEC;
    room->dice = g_rand_new_with_seed(7);
    room->mix = audio_mix_new(&settings, &mixer_events, room);
    room->fanout = fanout_new(&fanout_events, room);
    DownlinkConfig config = { .conference = CONFERENCE, .seat = LISTENER, .cname = "c" };
    config.audio.ssrc = SSRC;
    config.audio.payload_type = OPUS_PT;
    config.audio.red_payload_type = red ? RED_PT : 0;
    config.audio.ext_audio_level = 1;
    room->leg = downlink_new(room->fanout, NULL, &config, &events, room);
    room->ring = audio_uplink_new();
    room->voice = audio_voice_new();
    room->heard = g_array_new(FALSE, FALSE, sizeof(gint16));
    room->speaker = speaker_new(310, 6000, 960, 1, room->now_us);
    room->speaker->swell = 0.5;
    seat(room, SPEAKER, room->speaker->uplink);
    if (speaks) {
        room->own = speaker_new(900, 8000, 960, 1, room->now_us);
        room->own->swell = 0.5;
        seat(room, LISTENER, room->own->uplink);
    }
    g_autofree AudioScene *scene = g_malloc0(sizeof *scene + 2 * sizeof scene->seats[0]);
    scene->conference = CONFERENCE;
    scene->n_seats = 2;
    scene->seats[0] = (AudioSeat){ .seat = SPEAKER, .heard = HEARD_ALWAYS };
    scene->seats[1] = (AudioSeat){ .seat = LISTENER, .heard = HEARD_MAY };
    audio_mix_set_scene(room->mix, scene);
    audio_voice_begin(room->voice, room->ring, room->now_us);
    return room;
}

static void room_free(Room *room) {
    downlink_free(room->leg);
    fanout_free(room->fanout);
    audio_mix_free(room->mix);
    speaker_free(room->speaker);
    if (room->own != NULL) speaker_free(room->own);
    audio_voice_free(room->voice);
    audio_uplink_unref(room->ring);
    g_array_unref(room->heard);
    g_rand_free(room->dice);
    g_free(room);
}

static void run(Room *room, guint n_ticks) {
    gint16 samples[VOICE_FRAME_SAMPLES];
    for (guint i = 0; i < n_ticks; i++, room->now_us += AUDIO_TICK_US) {
        bandwidth_init(&room->leg->bandwidth, room->narrow_bps > 0 ? room->narrow_bps : 2000000,
                       room->now_us);
        speaker_run(room->speaker, room->now_us);
        if (room->own != NULL) speaker_run(room->own, room->now_us);
        audio_mix_tick(room->mix, room->now_us);
        audio_voice_pull(room->voice, room->now_us, samples);
        g_array_append_vals(room->heard, samples, VOICE_FRAME_SAMPLES);
        if ((room->now_us / AUDIO_TICK_US) % SECOND_TICKS == 0) report(room);
    }
}

static const gint16 *last_seconds(const Room *room, guint seconds) {
    assert_true(room->heard->len >= seconds * 48000);
    return (const gint16 *)(gpointer)room->heard->data + room->heard->len - seconds * 48000;
}

static AudioTier tier_of(const Room *room) { return room->leg->sound.choice.tier; }

/* ---- what is heard on a bad line ---- */

static double share_heard(const Room *room, guint seconds) {
    const gint16 *heard = last_seconds(room, seconds);
    guint n_good = 0;
    for (guint i = 0; i < seconds * 10; i++) n_good += ear_tone(heard + i * 4800, 4800, 310) > 2000;
    return n_good / (seconds * 10.0);
}

static void test_bad_lines(void **state) {
    (void)state;
    static const struct {
        double loss;
        gboolean red;
        guint32 narrow_bps;
        AudioTier tier;
        double most;  /* share of the packets that may be invented */
        double heard; /* share of the pieces of 100 ms in which the voice is as loud as it should be */
        double kbps_most;
    } CASES[] = {
        { 0, TRUE, 0, AUDIO_TIER_PLAIN, 0, 1, 66 },
        { 0, TRUE, 60000, AUDIO_TIER_NARROW, 0, 1, 24 },
        { 0.1, FALSE, 0, AUDIO_TIER_FEC, 0.08, 0.88, 66 },
        { 0.1, TRUE, 0, AUDIO_TIER_RED, 0.004, 0.985, 135 },
        { 0.1, FALSE, 60000, AUDIO_TIER_NARROW, 0.14, 0.8, 24 },
        { 0.1, TRUE, 60000, AUDIO_TIER_NARROW_RED, 0.025, 0.98, 40 },
        { 0.2, FALSE, 0, AUDIO_TIER_FEC, 0.17, 0.7, 66 },
        { 0.2, TRUE, 0, AUDIO_TIER_RED, 0.015, 0.985, 135 },
        { 0.2, TRUE, 60000, AUDIO_TIER_NARROW_RED, 0.07, 0.9, 40 },
        { 0.3, FALSE, 0, AUDIO_TIER_FEC, 0.27, 0.6, 66 },
        { 0.3, TRUE, 0, AUDIO_TIER_RED, 0.04, 0.97, 135 },
        { 0.3, TRUE, 60000, AUDIO_TIER_NARROW_RED, 0.13, 0.84, 40 },
    };
    print_message("# loss  tier        invented  heard well  kbit/s with headers  packets/s  delay held\n");
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        Room *room = room_new(CASES[i].red, FALSE);
        room->loss = CASES[i].loss;
        room->narrow_bps = CASES[i].narrow_bps;
        room->leg->sound.choice.no_trial_until_us = G_MAXINT64; /* here a narrow line is narrow */
        run(room, 6 * SECOND_TICKS);
        AudioUplinkStats before, after;
        guint64 n_bytes = room->n_bytes;
        guint n_sent = room->n_sent, n_extended = room->n_extended;
        audio_uplink_read_stats(room->ring, &before);
        run(room, 40 * SECOND_TICKS);
        audio_uplink_read_stats(room->ring, &after);
        double invented = (double)(after.n_concealed - before.n_concealed) / (room->n_sent - n_sent);
        double heard = share_heard(room, 30), kbps = (double)(room->n_bytes - n_bytes) * 8 / 40 / 1000;
        print_message("# %3.0f %%  %-10s  %6.2f %%  %6.2f %% %10.1f %18.1f %10u ms\n", CASES[i].loss * 100,
                      audio_tier_word(tier_of(room)), invented * 100, heard * 100, kbps,
                      (room->n_sent - n_sent) / 40.0, after.held_ms);
        assert_int_equal(tier_of(room), CASES[i].tier);
        assert_true(invented <= CASES[i].most);
        assert_true(kbps <= CASES[i].kbps_most);
        assert_true(heard >= CASES[i].heard);
        gboolean narrow = CASES[i].narrow_bps > 0;
        assert_in_range(room->n_sent - n_sent, (narrow ? 660 : 1980), (narrow ? 670 : 2000));
        assert_int_equal(room->n_extended - n_extended, narrow ? 0 : room->n_sent - n_sent);
        assert_int_equal(room->n_time_breaks, 0);
        room_free(room);
    }
}

/* An active speaker on a bad line: hears the others, and never itself. */
static void test_own_voice_stays_away(void **state) {
    (void)state;
    static const struct {
        double loss;
        guint32 narrow_bps;
        AudioTier tier;
    } CASES[] = { { 0, 0, AUDIO_TIER_PLAIN },
                  { 0.1, 0, AUDIO_TIER_FEC }, /* a client without RED */
                  { 0.1, 0, AUDIO_TIER_RED },
                  { 0, 60000, AUDIO_TIER_NARROW },
                  { 0.1, 60000, AUDIO_TIER_NARROW_RED } };
    for (guint i = 0; i < G_N_ELEMENTS(CASES); i++) {
        Room *room = room_new(CASES[i].tier != AUDIO_TIER_FEC, TRUE);
        room->loss = CASES[i].loss;
        room->narrow_bps = CASES[i].narrow_bps;
        run(room, 12 * SECOND_TICKS);
        double other = ear_tone(last_seconds(room, 8), 8 * 48000, 310);
        double own = ear_tone(last_seconds(room, 8), 8 * 48000, 900);
        print_message("# %-10s  the other %.0f, itself %.0f\n", audio_tier_word(tier_of(room)), other, own);
        assert_int_equal(tier_of(room), CASES[i].tier);
        assert_true(other > 1500 && own < other / 50);
        room_free(room);
    }
}

/* ---- changes ---- */

static gboolean talks_now_and_then(const Speaker *speaker, gint64 at_us) {
    return (at_us - speaker->begin_us) / (7 * G_USEC_PER_SEC / 2) % 2 == 1;
}

/* The line changes every 700 ms and three ticks more than before, so that changes of tier, and of the mix (the room speaks
 * now and then), meet each phase of a narrow packet. Nothing is lost on it: what is heard is to be one steady voice. */
static void change_tiers(gboolean speaks, guint *ret_n_changes) {
    Room *room = room_new(TRUE, speaks);
    AudioTier before = AUDIO_TIER_PLAIN;
    guint seen = 0;
    if (speaks) room->own->talks = talks_now_and_then;
    run(room, 2 * SECOND_TICKS);
    *ret_n_changes = 0;
    for (guint i = 0; i < 120; i++) {
        AudioTierChoice *choice = &room->leg->sound.choice;
        choice->reported = TRUE;
        choice->lossy = i / 2 % 2 == 1;
        choice->loss = 0.02; /* neither clean nor lossy: stays as set */
        choice->narrow = i % 2 == 1;
        choice->lost_us = i / 4 % 2 == 1 ? room->now_us : 0;
        room->narrow_bps = choice->narrow ? 70000 : 200000;
        run(room, 35 + i % 4);
        *ret_n_changes += tier_of(room) != before;
        before = tier_of(room);
        seen |= 1u << before;
    }
    assert_int_equal(seen, (1u << N_AUDIO_TIERS) - 1);
    assert_int_equal(room->n_time_breaks, 0); /* nothing twice, nothing left out */
    const gint16 *heard = (const gint16 *)(gpointer)room->heard->data;
    guint from = 96000, n = room->heard->len - from;
    double slope = 2 * G_PI * 310 / 48000 * 6000, step = ear_step_largest(heard + from, n);
    AudioUplinkStats stats;
    audio_uplink_read_stats(room->ring, &stats);
    print_message("# %s: %u changes, largest step %.0f, of the voice %.0f, invented %u\n",
                  speaks ? "speaks too" : "listens", *ret_n_changes, step, slope, (guint)stats.n_concealed);
    assert_true(step < slope * 2);
    for (guint at = from; at + 4800 <= room->heard->len; at += 4800) { /* nor a hole, nor its own voice */
        double voice = ear_tone(heard + at, 4800, 310), own = ear_tone(heard + at, 4800, 900);
        if (voice < 700 || own > 400) fail_msg("at %u ms: voice %.0f, own %.0f", at / 48, voice, own);
    }
    room_free(room);
}

static void test_changes_are_not_heard(void **state) {
    (void)state;
    guint n_changes;
    change_tiers(FALSE, &n_changes);
    assert_true(n_changes > 80);
    change_tiers(TRUE, &n_changes);
    assert_true(n_changes > 80);
}

/* ---- cost ---- */

static double encodes_per_tick(Room *room, guint seconds) {
    AudioMixerStats before, after;
    audio_mix_read_stats(room->mix, &before);
    run(room, seconds * SECOND_TICKS);
    audio_mix_read_stats(room->mix, &after);
    return (double)(after.n_encoded - before.n_encoded) / (seconds * SECOND_TICKS);
}

static void test_a_tier_costs_only_while_heard(void **state) {
    (void)state;
    Room *room = room_new(TRUE, FALSE);
    run(room, 4 * SECOND_TICKS);
    double calm = encodes_per_tick(room, 6); /* the listeners' mix, and the speaker's own */
    room->loss = 0.2;
    run(room, 2 * SECOND_TICKS);
    double copies = encodes_per_tick(room, 6);
    room->narrow_bps = 60000;
    run(room, 2 * SECOND_TICKS);
    double narrow = encodes_per_tick(room, 6);
    room->narrow_bps = 0;
    room->loss = 0;
    run(room, 40 * SECOND_TICKS);
    double again = encodes_per_tick(room, 6);
    print_message("# encodes per tick: calm %.2f, copies %.2f, narrow %.2f, calm again %.2f\n", calm, copies,
                  narrow, again);
    assert_true(calm < 1.1); /* what the speaker hears is silence */
    assert_true(copies < calm + 0.05);
    assert_true(narrow > calm + 0.25 && narrow < calm + 0.4); /* one of 60 ms for all who hear it so */
    assert_true(again < calm + 0.05);

    downlink_free(room->leg); /* who leaves takes his wish along */
    static const DownlinkEvents events = { 0 };
    DownlinkConfig config = { .conference = CONFERENCE, .seat = LISTENER, .cname = "c" };
    config.audio.ssrc = SSRC;
    config.audio.payload_type = OPUS_PT;
    room->began = FALSE;
    room->leg = downlink_new(room->fanout, NULL, &config, &events, room);
    room->narrow_bps = 60000;
    run(room, 2 * SECOND_TICKS);
    assert_true(encodes_per_tick(room, 2) > calm + 0.25);
    downlink_set_hearing(room->leg, FALSE);
    run(room, SECOND_TICKS);
    assert_true(encodes_per_tick(room, 2) < calm + 0.05);
    room_free(room);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_own_voice_stays_away),
        cmocka_unit_test(test_changes_are_not_heard),
        cmocka_unit_test(test_a_tier_costs_only_while_heard),
    };
    return cmocka_run_group_tests_name("audio tiers", tests, NULL, NULL);
}
