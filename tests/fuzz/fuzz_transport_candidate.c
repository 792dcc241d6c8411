/* Door: one ICE candidate line. What is taken prints and parses again to the same. */
#include "bridge/transport/candidate.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    g_autofree char *line = g_strndup((const char *)data, n_bytes);
    Candidate first = { 0 }, second = { 0 };
    if (!candidate_parse(line, &first)) return 0;
    g_autofree char *again = g_strdup_printf("%s %u udp %u %s %u typ host", first.foundation, first.component,
                                             first.priority, first.address, first.port);
    g_assert(candidate_parse(again, &second));
    g_assert(strcmp(first.address, second.address) == 0 && first.port == second.port &&
             first.priority == second.priority);
    return 0;
}
