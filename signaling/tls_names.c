/* tls_names.c -- by which names and addresses this machine can be reached; see tls.h. */
#include "signaling/tls.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

/* What may stand in a certificate's list of names: no commas or colons that the list itself uses, but for addresses. */
static gboolean is_name(const char *text) {
    if (g_hostname_is_ip_address(text)) return TRUE;
    if (text[0] == '\0' || strlen(text) > 253) return FALSE;
    for (const char *at = text; *at != '\0'; at++)
        if (!g_ascii_isalnum(*at) && *at != '-' && *at != '.') return FALSE;
    return TRUE;
}

static void add_name(GPtrArray *names, const char *name) {
    if (is_name(name) && !g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
        g_ptr_array_add(names, g_strdup(name));
}

static void add_addresses(GPtrArray *names, gboolean loopback) {
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) != 0) return;
    for (struct ifaddrs *at = list; at != NULL; at = at->ifa_next) {
        if (at->ifa_addr == NULL || !(at->ifa_flags & IFF_UP)) continue;
        if (!!(at->ifa_flags & IFF_LOOPBACK) != loopback) continue;
        char text[INET6_ADDRSTRLEN] = "";
        if (at->ifa_addr->sa_family == AF_INET) {
            struct sockaddr_in v4;
            memcpy(&v4, at->ifa_addr, sizeof v4);
            inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
        } else if (at->ifa_addr->sa_family == AF_INET6) {
            struct sockaddr_in6 v6;
            memcpy(&v6, at->ifa_addr, sizeof v6);
            if (IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr)) continue;
            inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
        }
        if (text[0] != '\0') add_name(names, text);
    }
    freeifaddrs(list);
}

char **tls_machine_names(const char *extra) {
    GPtrArray *names = g_ptr_array_new();
    g_auto(GStrv) words = g_strsplit(extra != NULL ? extra : "", " ", -1);
    for (char **word = words; *word != NULL; word++)
        if (**word != '\0') add_name(names, *word);
    add_addresses(names, FALSE);
    add_name(names, g_get_host_name());
    add_name(names, "localhost");
    add_addresses(names, TRUE);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}
