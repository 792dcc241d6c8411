/* cli_password.h -- a password from standard input: asked twice without echo at a terminal, else its first line. */
#pragma once

#include <glib.h>

char *password_ask(GError **error);   /* (transfer full); FAULT_BAD_INPUT: empty, or the two differ */
void password_forget(char *password); /* overwrites it; does not free */
