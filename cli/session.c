/*
 * What a subcommand that needs a radio does at its beginning and end: runtime, radio, activation, signals; and how it
 * says that something went wrong.
 */
#include "cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    char *transport, *own_address;
} options;

struct poptOption cli_radio_options[] = {
    {"transport", 't', POPT_ARG_STRING, &options.transport, 0, "the radio; bluet controllers lists what there is",
     "TRANSPORT"},
    {"own-address", 'o', POPT_ARG_STRING, &options.own_address, 0,
     "what peers see of this side: public (default), static; rpa, private, but known to bonded peers; nrpa, to nobody",
     "KIND"},
    POPT_TABLEEND,
};

static struct bluet_runtime *volatile broken_by_signal;
static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
    if (broken_by_signal)
        bluet_runtime_break(broken_by_signal);
}

void cli_catch_signals(struct bluet_runtime *runtime)
{
    struct sigaction action = {.sa_handler = runtime ? on_signal : SIG_DFL};
    sigemptyset(&action.sa_mask);
    broken_by_signal = runtime;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool cli_interrupted(void)
{
    return interrupted;
}

static bool give_up(void *context)
{
    (void)context;
    return interrupted;
}

void cli_describe(char *out, size_t size, enum bluet_code_space space, int code)
{
    const struct bluet_explanation *explanation = bluet_explain(space, code);
    if (explanation)
        snprintf(out, size, "%s: %s", explanation->name, explanation->words);
    else
        snprintf(out, size, "%s code 0x%02x, which the specification does not name", bluet_code_space_name(space),
                 (unsigned)code);
}

int cli_fail(const char *what, int error)
{
    const char *message = bluet_runtime_message();
    char words[256];
    if (!message[0]) {
        cli_describe(words, sizeof words, BLUET_CODE_ERROR, error);
        message = words;
    }
    cli_error("%s: %s", what, message);
    return CLI_FAILED;
}

static int choose_address(struct bluet *host)
{
    static const char *const kinds[] = {"public", "static", "rpa", "nrpa"}; /* enum bluet_address_mode */
    if (!options.own_address)
        return CLI_OK;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(options.own_address, kinds[i]) == 0) {
            int error = bluet_set_address_mode(host, (enum bluet_address_mode)i);
            return error ? cli_fail("cannot use such an address", error) : CLI_OK;
        }
    }
    cli_error("--own-address %s: public, static, rpa or nrpa", options.own_address);
    return CLI_USAGE;
}

static int make_radio(struct cli_session *session, const struct cli_radio *radio)
{
    int error = bluet_runtime_create(&session->runtime, &(struct bluet_runtime_config){0});
    if (error)
        return cli_fail("cannot start", error);

    struct bluet_radio_config config = {
        .transport = options.transport,
        .store = radio->store ? radio->store : "",
        .store_failed = radio->store_failed,
        .host = {.handler = radio->handler, .handler_context = radio->context, .bond_count = CLI_MOST_BONDS}};
    error = bluet_radio_create(&session->radio, session->runtime, &config);
    if (error) {
        cli_fail("cannot use the transport", error);
        return error == BLUET_EINVAL ? CLI_USAGE : CLI_FAILED;
    }
    session->host = bluet_radio_host(session->radio);
    return choose_address(session->host);
}

static int activate(struct cli_session *session, const struct cli_radio *radio)
{
    int ticket = bluet_radio_activate(session->radio);
    if (ticket == BLUET_EBUSY && radio->store && radio->store_if_free) {
        cli_error("%s; going on without it", bluet_runtime_message());
        bluet_radio_set_store(session->radio, "");
        ticket = bluet_radio_activate(session->radio);
    }
    return ticket > 0 ? bluet_radio_wait(session->radio, ticket, give_up, NULL) : ticket;
}

int cli_session_open(struct cli_session *session, const struct cli_radio *radio)
{
    *session = (struct cli_session){0};
    int code = make_radio(session, radio);
    if (code != CLI_OK)
        return code;

    cli_catch_signals(session->runtime);
    bluet_runtime_lock(session->runtime);
    int error = activate(session, radio);
    bluet_runtime_unlock(session->runtime);
    if (interrupted) {
        cli_error("interrupted");
        return CLI_INTERRUPTED;
    }
    return error ? cli_fail("cannot start the radio", error) : CLI_OK;
}

int cli_session_wait(struct cli_session *session, int ticket)
{
    return ticket > 0 ? bluet_radio_wait(session->radio, ticket, NULL, NULL) : ticket;
}

const char *cli_session_loss(const struct cli_session *session)
{
    static char text[384];
    bluet_runtime_lock(session->runtime);
    const char *trouble = bluet_radio_trouble(session->radio);
    snprintf(text, sizeof text, "the radio was lost: %s",
             trouble[0] ? trouble : "the controller has failed, was reset, or answers no more");
    bluet_runtime_unlock(session->runtime);
    return text;
}

void cli_session_close(struct cli_session *session)
{
    if (session->host) {
        bluet_runtime_lock(session->runtime);
        cli_session_wait(session, bluet_is_active(session->host) ? bluet_deactivate(session->host) : 0);
        bluet_runtime_unlock(session->runtime);
    }
    cli_catch_signals(NULL);
    if (session->radio)
        bluet_radio_destroy(session->radio);
    if (session->runtime)
        bluet_runtime_destroy(session->runtime);
    *session = (struct cli_session){0};
}
