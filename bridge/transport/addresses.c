/* addresses.c -- see addresses.h. */
#include "bridge/transport/addresses.h"

#include "config/fault.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const container_prefixes[] = { "docker", "veth", "br-",    "virbr",
                                                  "cni",    "lxc",  "podman", "ifb" };

gboolean addresses_wanted(const char *interface, const char *address) {
    for (guint i = 0; i < G_N_ELEMENTS(container_prefixes); i++)
        if (g_str_has_prefix(interface, container_prefixes[i])) return FALSE;
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, address, &four) == 1) {
        guint32 host = g_ntohl(four.s_addr);
        return host >> 24 != 127 && host >> 16 != 0xa9fe && host != 0; /* 169.254/16: link-local */
    }
    if (inet_pton(AF_INET6, address, &six) == 1)
        return !IN6_IS_ADDR_LOOPBACK(&six) && !IN6_IS_ADDR_LINKLOCAL(&six) && !IN6_IS_ADDR_UNSPECIFIED(&six);
    return FALSE;
}

/* Whether a socket can be opened there: an address that is not (or not yet) this machine's would else show as a lack of ports. */
static gboolean is_ours(const char *text) {
    struct sockaddr_in four = { .sin_family = AF_INET };
    struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
    gboolean is_four = inet_pton(AF_INET, text, &four.sin_addr) == 1;
    if (!is_four && inet_pton(AF_INET6, text, &six.sin6_addr) != 1) return FALSE;
    int fd = socket(is_four ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return FALSE;
    gboolean ok = bind(fd, is_four ? (struct sockaddr *)&four : (struct sockaddr *)&six,
                       is_four ? sizeof four : sizeof six) == 0;
    close(fd);
    return ok;
}

static char **take_given(char *const *given, GError **error) {
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; given[i] != NULL; i++) {
        struct in6_addr any;
        if (inet_pton(AF_INET, given[i], &any) != 1 && inet_pton(AF_INET6, given[i], &any) != 1) {
            g_set_error(error, FAULT, FAULT_BAD_INPUT, "media.addresses: \"%s\" is no IP address", given[i]);
            return NULL;
        }
        if (!is_ours(given[i])) {
            g_set_error(
                error, FAULT, FAULT_SETUP,
                "media.addresses: %s is no address of this machine (or its interface is not up); a public "
                "address in front of it belongs into media.announce",
                given[i]);
            return NULL;
        }
        if (list->len < ADDRESSES_MAX) g_ptr_array_add(list, g_strdup(given[i]));
    }
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&list), FALSE);
}

static void find(GPtrArray *list, const struct ifaddrs *interfaces, gboolean loopback) {
    for (const struct ifaddrs *i = interfaces; i != NULL && list->len < ADDRESSES_MAX; i = i->ifa_next) {
        if (i->ifa_addr == NULL || (i->ifa_flags & IFF_UP) == 0) continue;
        int family = i->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) continue;
        if (((i->ifa_flags & IFF_LOOPBACK) != 0) != loopback) continue;
        char text[NI_MAXHOST];
        socklen_t n_bytes = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
        if (getnameinfo(i->ifa_addr, n_bytes, text, sizeof text, NULL, 0, NI_NUMERICHOST) != 0) continue;
        /* ::1 as well would only cost every agent a second socket. */
        if (loopback ? family == AF_INET : addresses_wanted(i->ifa_name, text))
            g_ptr_array_add(list, g_strdup(text));
    }
}

char **addresses_choose(char *const *given, GError **error) {
    if (given != NULL && given[0] != NULL) return take_given(given, error);
    struct ifaddrs *interfaces = NULL;
    if (getifaddrs(&interfaces) != 0) {
        g_set_error(error, FAULT, FAULT_SETUP, "cannot list network addresses: %s", g_strerror(errno));
        return NULL;
    }
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
    find(list, interfaces, FALSE);
    if (list->len == 0) find(list, interfaces, TRUE);
    freeifaddrs(interfaces);
    if (list->len == 0) {
        g_set_error(error, FAULT, FAULT_SETUP, "no network address is up: set media.addresses");
        return NULL;
    }
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&list), FALSE);
}
