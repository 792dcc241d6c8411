/* trial_print.c -- links and first passwords on the terminal; see trial_print.h. */
#include "signaling/trial_print.h"

#include <string.h>

/* The part of a link behind scheme and authority. */
static const char *path_of(const char *url) {
    const char *at = strstr(url, "://");
    at = at != NULL ? strchr(at + 3, '/') : NULL;
    return at != NULL ? at : "/";
}

static void print_links(const Trial *trial, const char *begin, FILE *out) {
    fprintf(out, "    Chủ tọa (chair)            %s%s\n", begin, path_of(trial->chair_url));
    fprintf(out, "    Kỹ thuật viên (technician) %s%s\n", begin, path_of(trial->technician_url));
    fprintf(out, "    Điểm cầu (room)            %s%s   %s\n", begin, path_of(trial->room_url),
            trial->room_label);
}

void trial_print(const Service *service, const Trial *trial, FILE *out) {
    const Settings *settings = service->settings;
    fprintf(out, "\nĐiểm Cầu đã sẵn sàng / is ready: \"%s\", %u điểm cầu\n", settings->trial_title,
            trial->n_seats);
    if (settings->http_port != 0) {
        g_autofree char *begin = g_strdup_printf("http://localhost:%d", (int)settings->http_port);
        fprintf(out, "\n  Trên máy này / on this machine:\n");
        print_links(trial, begin, out);
    }
    if (service->tls != NULL) {
        const char *url = trial->chair_url;
        g_autofree char *begin = g_strndup(url, (gsize)(path_of(url) - url));
        fprintf(out, "\n  Từ máy khác / from other machines:\n");
        print_links(trial, begin, out);
        if (service->tls->ca_path != NULL)
            fprintf(out, "    Cài chứng thư một lần / install the CA once: %s/help/ca\n", begin);
    }
    fprintf(out, "\n  Link đăng nhập dùng một lần, trong %d phút / login links work once, for %d minutes.\n",
            (int)settings->auth_login_link_s / 60, (int)settings->auth_login_link_s / 60);
    if (trial->chair_password != NULL)
        fprintf(out, "  Mật khẩu / password: chutoa  %s\n", trial->chair_password);
    if (trial->technician_password != NULL)
        fprintf(out, "  Mật khẩu / password: kythuat %s\n", trial->technician_password);
    if (trial->chair_password != NULL || trial->technician_password != NULL)
        fprintf(out, "  (chỉ in một lần / printed only this once)\n");
    fprintf(out, "  Ctrl-C để dừng / stops.\n\n");
    fflush(out);
}
