/*
 * What the subcommands of `bluet` share: how options are read, how errors are said, and what exit codes mean. The
 * program is built on the public headers only.
 */
#ifndef BLUET_CLI_H
#define BLUET_CLI_H

#include <popt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bluet/runtime.h"

enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,        /* what was asked for could not be done, or was not found; a message says why */
    CLI_USAGE = 2,         /* the command line makes no sense */
    CLI_INTERRUPTED = 130, /* Ctrl-C before there was a result, as shells count it */
    CLI_GO_ON = -1         /* of cli_parse(): no exit code, go on */
};

/* ---- Command lines ---- */

/*
 * One subcommand's command line. `options` is a popt table that ends in an inclusion of cli_help_options and
 * POPT_TABLEEND:
 *
 *     {NULL, 0, POPT_ARG_INCLUDE_TABLE, cli_help_options, 0, NULL, NULL},
 *     POPT_TABLEEND
 */
struct cli_usage {
    const char *synopsis; /* "gatt [OPTION...] ADDRESS" */
    const char *summary;  /* what it does, one sentence */
    const char *details;  /* what --help says beneath the options: examples */
    const struct poptOption *options;
    size_t argument_least, argument_most;
};

extern struct poptOption cli_help_options[];

/*
 * Reads the command line: options into the variables of the table, arguments into `out_arguments`, which has room for
 * `argument_most` (those that are missing are NULL). Strings live until cli_parse_end(). Returns CLI_GO_ON, or the exit
 * code to end with: help has been shown, or an error printed.
 */
int cli_parse(const struct cli_usage *usage, const char **out_arguments, int argc, const char **argv);

/* Gives back what cli_parse() has handed out. */
void cli_parse_end(void);

/* ---- The subcommands: argv[0] is the name, as in main() ---- */

int cli_air(int argc, const char **argv);
int cli_air_control(int argc, const char **argv); /* of which argv[0] is "control" */
int cli_scan(int argc, const char **argv);
int cli_gatt(int argc, const char **argv);
int cli_explain(int argc, const char **argv);
int cli_pair(int argc, const char **argv);
int cli_bonds(int argc, const char **argv);
int cli_controllers(int argc, const char **argv);
int cli_snoop(int argc, const char **argv);

/* ---- Errors ---- */

/* "bluet: ..." on stderr, on a line of its own. */
void cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * "bluet: WHAT: ..." with the runtime's message, or where it left none, the words of bluet_explain() for `error`.
 * Returns CLI_FAILED.
 */
int cli_fail(const char *what, int error);

/* Writes what `bluet_explain()` knows of a code in one line: "Name: words"; "code 0x.." for one that is not known. */
void cli_describe(char *out, size_t size, enum bluet_code_space space, int code);

/* ---- A runtime with one radio, run in the calling thread, ended by Ctrl-C ---- */

struct cli_session {
    struct bluet_runtime *runtime;
    struct bluet_radio *radio;
    struct bluet *host;
};

/* The options that say which radio, and under which address: a popt table, to be included. */
extern struct poptOption cli_radio_options[];

struct cli_radio {
    const char *store;  /* NULL: no secrets are kept */
    bool store_if_free; /* go on without it if another program has it */
    void (*store_failed)(void *context, const char *why);
    bluet_event_handler handler;
    void *context;
};

/* Makes runtime and radio, as cli_radio_options say, and activates it. Prints what went wrong. CLI_OK, or the exit
 * code. */
int cli_session_open(struct cli_session *session, const struct cli_radio *radio);

/* The verdict on what a call of the host returned: a ticket, or an error. Called with the lock held since that call. */
int cli_session_wait(struct cli_session *session, int ticket);

/* "the radio was lost: ", and why. Valid until the next call. */
const char *cli_session_loss(const struct cli_session *session);

/* Deactivates, and gives everything back; also after a failed open. */
void cli_session_close(struct cli_session *session);

/* From here on, SIGINT and SIGTERM break the loop of `runtime` instead of killing; NULL: as before. */
void cli_catch_signals(struct bluet_runtime *runtime);
bool cli_interrupted(void);

/* ---- Bonds ---- */

enum { CLI_MOST_BONDS = 255 };

/*
 * The file with the keys of bonded peers: that of the option, if there was one, or the environment's BLUET_STORE, or
 * the program's own. `make`: the folder that it is in. Valid until the next call.
 */
const char *cli_store(const char *option, bool make);

/* ---- Output ---- */

/* Whether stdout is a terminal, and whether colour is wanted there (NO_COLOR unset or empty, TERM not "dumb"). */
bool cli_is_terminal(void);
bool cli_wants_color(void);

/* The terminal's size in characters; 80 by 24 where it does not say. */
void cli_terminal_size(size_t *out_columns, size_t *out_rows);

/* Whether the reader of stdout, a pipe, has gone. */
bool cli_reader_gone(void);

/* Ends the process as SIGPIPE would: quietly. */
void cli_die_of_pipe(void) __attribute__((noreturn));

#endif
