/* cli_password.c -- reading a password. */
#include "signaling/cli_password.h"

#include "config/fault.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static char *read_line(const char *prompt, gboolean is_terminal) {
    struct termios before;
    char *line = NULL;
    size_t n_bytes = 0;
    gboolean quiet = is_terminal && tcgetattr(STDIN_FILENO, &before) == 0;
    if (is_terminal) fprintf(stderr, "%s", prompt);
    if (quiet) {
        struct termios silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    gssize n_read = getline(&line, &n_bytes, stdin);
    if (quiet) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    if (is_terminal) fprintf(stderr, "\n");
    char *text = n_read > 0 ? g_strdup(g_strchomp(line)) : NULL;
    if (line != NULL) sodium_memzero(line, n_bytes);
    free(line);
    return text;
}

void password_forget(char *password) {
    if (password != NULL) sodium_memzero(password, strlen(password));
}

char *password_ask(GError **error) {
    gboolean is_terminal = isatty(STDIN_FILENO) == 1;
    g_autofree char *first = read_line("Mật khẩu / password: ", is_terminal);
    g_autofree char *again = is_terminal ? read_line("Nhập lại / again: ", TRUE) : g_strdup(first);
    gboolean same = first != NULL && g_strcmp0(first, again) == 0;
    password_forget(again);
    if (same && *first != '\0') return g_steal_pointer(&first);
    password_forget(first);
    g_set_error(error, FAULT, FAULT_BAD_INPUT,
                same || first == NULL ? "no password was given" : "the two passwords differ");
    return NULL;
}
