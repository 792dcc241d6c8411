/* fuzz_wire_rtcp.c -- door: bytes as a compound; transport-wide feedback is written again and must read the same. */
#include "bridge/wire/rtcp.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static RtcpItem scratch, scratch_again;

static void compare(gpointer user, const RtcpItem *item) {
    const RtcpTwcc *before = user;
    g_assert(item->kind == RTCP_TWCC && item->twcc.n_packets <= before->n_packets);
    for (guint i = 0; i < item->twcc.n_packets; i++)
        g_assert(item->twcc.arrival_us[i] == before->arrival_us[i]);
}

static void visit(gpointer user, const RtcpItem *item) {
    static guint8 out[16384];
    Writer writer = writer_over(out, sizeof out);
    (void)user;
    if (item->kind == RTCP_NACK) rtcp_write_nack(&writer, 1, 2, item->nack.sequences, item->nack.n_sequences);
    if (item->kind != RTCP_TWCC) return;
    rtcp_write_twcc(&writer, 1, 2, &item->twcc);
    if (!writer.bad)
        g_assert(rtcp_parse(out, writer.n_bytes, &scratch_again, compare, (gpointer)&item->twcc));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    rtcp_parse(data, n_bytes, &scratch, visit, NULL);
    return 0;
}
