/* cli.h -- the command line beside `serve`. Standard output carries only what scripts need; words and errors go to standard
 * error. Exit codes: 0 done, 1 refused or failed, 2 wrong use, 3 the data folder or server is not usable. */
#pragma once

#include <glib.h>

/* roster user meeting token check backup restore */
gboolean cli_knows(const char *word);
/* argv[0] is the word. */
int cli_main(int argc, char **argv);
void cli_print_usage(void); /* lines for `diemcau --help`, to standard output */
