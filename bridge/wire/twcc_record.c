/* twcc_record.c -- see twcc_record.h. A ring by sequence number; a feedback begins where the last one ended. */
#include "bridge/wire/twcc_record.h"

enum { REFERENCE_US = 64000 };

void twcc_record_packet(TwccRecord *record, guint16 sequence, guint32 media_ssrc, gint64 arrival_us) {
    guint64 at = sequence_unwrap(&record->unwrap, sequence);
    guint slot = (guint)(at % TWCC_RECORD_PACKETS);

    record->media_ssrc = media_ssrc;
    if (record->next == 0) record->next = at;
    if (at < record->next) return; /* already reported as lost */
    record->times_of[slot] = at;
    record->times_us[slot] = arrival_us;
}

guint twcc_record_n_pending(const TwccRecord *record) {
    if (record->next == 0 || record->unwrap.highest < record->next) return 0;
    return (guint)MIN(record->unwrap.highest - record->next + 1, G_MAXUINT);
}

static const gint64 *time_of(const TwccRecord *record, guint64 at) {
    guint slot = (guint)(at % TWCC_RECORD_PACKETS);

    return record->times_of[slot] == at ? &record->times_us[slot] : NULL;
}

gboolean twcc_record_write(TwccRecord *record, Writer *writer, guint32 sender, RtcpTwcc *scratch) {
    guint64 highest = record->unwrap.highest, at;
    guint n_said;

    if (twcc_record_n_pending(record) == 0) return FALSE;
    if (highest - record->next >= TWCC_RECORD_PACKETS) record->next = highest - TWCC_RECORD_PACKETS + 1;
    /* The reference is the first arrival; what is missing before it is told as lost. */
    for (at = record->next; time_of(record, at) == NULL; at++)
        if (at == highest) return FALSE;
    scratch->base_sequence = (guint16)record->next;
    scratch->feedback_count = record->feedback_count++;
    scratch->reference_us = *time_of(record, at) / REFERENCE_US * REFERENCE_US;
    scratch->n_packets = (guint)(highest - record->next + 1);
    for (guint i = 0; i < scratch->n_packets; i++) {
        const gint64 *time_us = time_of(record, record->next + i);

        scratch->arrival_us[i] = time_us != NULL ? (gint32)CLAMP(*time_us - scratch->reference_us,
                                                                 -16 * G_USEC_PER_SEC, 16 * G_USEC_PER_SEC)
                                                 : RTCP_TWCC_LOST;
    }
    n_said = rtcp_write_twcc(writer, sender, record->media_ssrc, scratch);
    record->next += MAX(n_said, 1u);
    return !writer->bad;
}
