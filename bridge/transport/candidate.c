/* candidate.c -- see candidate.h. */
#include "bridge/transport/candidate.h"

#include <arpa/inet.h>
#include <string.h>

/* The next word, separated by single spaces (RFC 8839 grammar); FALSE at the end or when it does not fit. */
static gboolean next_word(const char **at, char *ret_word, gsize n_bytes) {
    gsize n = strcspn(*at, " ");
    if (n == 0 || n >= n_bytes) return FALSE;
    memcpy(ret_word, *at, n);
    ret_word[n] = '\0';
    *at += n;
    if (**at == ' ') (*at)++;
    return TRUE;
}

static gboolean next_number(const char **at, guint64 max, guint64 *ret_number) {
    char word[12];
    if (!next_word(at, word, sizeof word)) return FALSE;
    return g_ascii_string_to_unsigned(word, 10, 1, max, ret_number, NULL);
}

gboolean candidate_parse(const char *line, Candidate *ret_candidate) {
    Candidate found = { 0 };
    char protocol[8], typ[4];
    guint64 component, priority, port;
    const char *at = line;
    if (!next_word(&at, found.foundation, sizeof found.foundation) || !next_number(&at, 256, &component) ||
        !next_word(&at, protocol, sizeof protocol) || !next_number(&at, G_MAXUINT32, &priority) ||
        !next_word(&at, found.address, sizeof found.address) || !next_number(&at, 65535, &port) ||
        !next_word(&at, typ, sizeof typ))
        return FALSE;
    struct in6_addr any;
    if (inet_pton(AF_INET, found.address, &any) != 1 && inet_pton(AF_INET6, found.address, &any) != 1)
        return FALSE;
    if (g_ascii_strcasecmp(protocol, "udp") != 0 || component != 1 || strcmp(typ, "typ") != 0) return FALSE;
    found.component = (guint)component;
    found.priority = (guint32)priority;
    found.port = (guint)port;
    *ret_candidate = found;
    return TRUE;
}
