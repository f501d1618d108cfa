/* `bluet pair`: pairs with a peer, and has the person before the terminal do what pairing asks for (Vol 3 Part H, 2.3).
 */
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "cli.h"
#include "meeting.h"
#include "output.h"

static struct {
    char *store, *io;
    double timeout;
    int type, no_mitm, no_bond, secure;
} options = {.timeout = 10, .type = MEETING_ASK_THE_AIR};

static const struct poptOption table[] = {
    {"io", 'i', POPT_ARG_STRING, &options.io, 0,
     "what this side has: display, yesno, keyboard, keyboard-display (default on a terminal), none", "WHAT"},
    {"no-mitm", 'm', POPT_ARG_NONE, &options.no_mitm, 0, "do without protection against a man in the middle", NULL},
    {"no-bond", 'b', POPT_ARG_NONE, &options.no_bond, 0, "keep no keys", NULL},
    {"secure", 's', POPT_ARG_NONE, &options.secure, 0, "LE Secure Connections or nothing", NULL},
    MEETING_OPTIONS(options),
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, cli_help_options, 0, NULL, NULL},
    POPT_TABLEEND,
};

static const struct cli_usage usage = {
    .synopsis = "pair [OPTION...] ADDRESS",
    .summary = "Connects to a peer and pairs with it; says what to type or to compare, and what\n"
               "came of it. Its keys are kept, for other commands too (bluet bonds lists them).",
    .details = "Without --store the keys are kept in the file that the environment's BLUET_STORE\n"
               "names, or in bluet/bonds in XDG_STATE_HOME (~/.local/state).\n\n"
               "Exits with 0 if the link was encrypted, and the keys are kept if they were to be;\n"
               "with 1 if not.\n\n"
               "Examples:\n"
               "  bluet pair C0:FF:EE:00:00:01\n"
               "  bluet pair --io none C0:FF:EE:00:00:01",
    .options = table,
    .argument_least = 1,
    .argument_most = 1,
};

struct pairing {
    struct meeting meeting;
    const char *store;
    int question; /* enum bluet_passkey_action that waits for an answer; 0: none */
    bool asked;   /* somebody has been asked for something */
    bool through, refused, not_kept, was_bonded;
    bool encrypted, authenticated;
    uint8_t key_size;
    uint16_t reason;
    char line[64];
    size_t length;
};

/* ---- The person ---- */

static int parse_io(const char *name, uint8_t *out_io)
{
    static const char *const names[] = {"display", "yesno", "keyboard", "none", "keyboard-display"};
    if (!name)
        name = isatty(STDIN_FILENO) ? "keyboard-display" : "none";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out_io = (uint8_t)i;
            return CLI_OK;
        }
    }
    cli_error("--io %s: display, yesno, keyboard, keyboard-display or none", name);
    return CLI_USAGE;
}

static void answer(struct pairing *pairing, int action, uint32_t number)
{
    struct meeting *meeting = &pairing->meeting;
    bluet_runtime_lock(meeting->session.runtime);
    int error =
        bluet_gap_passkey(meeting->session.host, meeting->conn_handle, (enum bluet_passkey_action)action, number);
    bluet_runtime_unlock(meeting->session.runtime);
    if (error == BLUET_EINVAL && action == BLUET_PASSKEY_ACTION_INPUT) {
        printf("That number has just failed: the peer has to show another one.\n");
        answer(pairing, BLUET_PASSKEY_ACTION_NONE, 0);
    }
}

/* Six decimal digits, all equally likely (Vol 3 Part H, 2.3.5.2). */
static uint32_t draw_passkey(void)
{
    enum { PASSKEYS = 1000000 };
    const uint32_t unbiased = UINT32_MAX - UINT32_MAX % PASSKEYS;
    uint32_t number;
    do {
        if (getrandom(&number, sizeof number, 0) != sizeof number)
            abort(); /* a number that could be guessed would be worse than none */
    } while (number >= unbiased);
    return number % PASSKEYS;
}

static void ask(struct pairing *pairing, const struct bluet_event *event)
{
    unsigned number = event->passkey_action.passkey;
    pairing->asked = true;
    switch (event->passkey_action.action) {
    case BLUET_PASSKEY_ACTION_DISPLAY:
        number = draw_passkey();
        printf("Type this number on the other device: %03u %03u\n", number / 1000, number % 1000);
        answer(pairing, BLUET_PASSKEY_ACTION_DISPLAY, number);
        break;
    case BLUET_PASSKEY_ACTION_INPUT:
        printf("The other device shows a number. Type it here: ");
        pairing->question = BLUET_PASSKEY_ACTION_INPUT;
        break;
    case BLUET_PASSKEY_ACTION_NUMERIC_COMPARISON:
        printf("This side shows %03u %03u. Does the other device show the same? [yes/no] ", number / 1000,
               number % 1000);
        pairing->question = BLUET_PASSKEY_ACTION_NUMERIC_COMPARISON;
        break;
    default:
        answer(pairing, BLUET_PASSKEY_ACTION_NONE, 0);
        break;
    }
    fflush(stdout);
    bluet_runtime_break(pairing->meeting.session.runtime);
}

static void refuse(struct pairing *pairing)
{
    pairing->refused = true;
    pairing->question = 0;
    answer(pairing, BLUET_PASSKEY_ACTION_NONE, 0);
}

/* Six digits, with or without a space between; -1: something else. */
static int32_t parse_passkey(const char *text)
{
    int32_t number = 0;
    int digits = 0;
    for (; *text; text++) {
        if (isspace((unsigned char)*text) || *text == '-')
            continue;
        if (!isdigit((unsigned char)*text) || ++digits > 6)
            return -1;
        number = number * 10 + (*text - '0');
    }
    return digits == 6 ? number : -1;
}

static void take_passkey(struct pairing *pairing)
{
    int32_t number = parse_passkey(pairing->line);
    if (number < 0) {
        printf("Six digits, please: ");
        return;
    }
    pairing->question = 0;
    answer(pairing, BLUET_PASSKEY_ACTION_INPUT, (uint32_t)number);
}

static void take_comparison(struct pairing *pairing)
{
    const char *word = pairing->line + strspn(pairing->line, " \t");
    if (tolower((unsigned char)word[0]) == 'y') {
        pairing->question = 0;
        answer(pairing, BLUET_PASSKEY_ACTION_NUMERIC_COMPARISON, 1);
    } else if (tolower((unsigned char)word[0]) == 'n') {
        refuse(pairing);
    } else {
        printf("yes or no: ");
    }
}

static void take_line(struct pairing *pairing)
{
    pairing->line[pairing->length] = '\0';
    pairing->length = 0;
    if (pairing->question == BLUET_PASSKEY_ACTION_INPUT)
        take_passkey(pairing);
    else
        take_comparison(pairing);
    fflush(stdout);
}

/* What has been typed, if anything has; at the end of the input nobody is there to answer. */
static void look_at_keyboard(struct pairing *pairing)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (pairing->question && poll(&input, 1, 0) > 0) {
        char octet;
        if (read(STDIN_FILENO, &octet, 1) != 1)
            refuse(pairing);
        else if (octet == '\n')
            take_line(pairing);
        else if (pairing->length < sizeof pairing->line - 1)
            pairing->line[pairing->length++] = octet;
    }
}

/* ---- Events ---- */

static int on_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    struct pairing *pairing = context;
    (void)host;
    meeting_take(&pairing->meeting, event);
    if (event->code == BLUET_EVENT_PASSKEY_ACTION) {
        ask(pairing, event);
    } else if (event->code == BLUET_EVENT_ENCRYPTION_UPDATE && !pairing->through) {
        pairing->through = true;
        pairing->encrypted = event->encryption_update.encrypted;
        pairing->authenticated = event->encryption_update.authenticated;
        pairing->key_size = event->encryption_update.key_size;
        pairing->reason = event->encryption_update.reason;
        meeting_end(&pairing->meeting);
    }
    return 0;
}

static void store_failed(void *context, const char *why)
{
    struct pairing *pairing = context;
    pairing->not_kept = true;
    cli_error("the keys are not kept: %s", why);
}

/* ---- The course of it ---- */

static void run_with_keyboard(struct pairing *pairing)
{
    enum { SLICE_US = 50000 };
    struct meeting *meeting = &pairing->meeting;
    while (!meeting->ended && !cli_interrupted()) {
        meeting_run(meeting, bluet_runtime_now(meeting->session.runtime) + SLICE_US);
        look_at_keyboard(pairing);
    }
    if (pairing->question)
        putchar('\n');
    if (cli_interrupted() && meeting->connected)
        refuse(pairing);
}

/* Said before the link is given up: the last keys are still on their way to the peer. */
static void part(struct pairing *pairing)
{
    enum { LINGER_US = 300000, PARTING_US = 2000000 };
    struct meeting *meeting = &pairing->meeting;
    if (!meeting->connected)
        return;
    meeting->ended = false;
    bluet_runtime_run(meeting->session.runtime, LINGER_US);
    bluet_runtime_lock(meeting->session.runtime);
    bluet_gap_disconnect(meeting->session.host, meeting->conn_handle);
    bluet_runtime_unlock(meeting->session.runtime);
    if (!meeting->ended)
        meeting_run(meeting, bluet_runtime_now(meeting->session.runtime) + PARTING_US);
}

static int pair_once(struct pairing *pairing)
{
    struct meeting *meeting = &pairing->meeting;
    int code = meeting_connect(meeting);
    if (code != CLI_OK)
        return code;
    pairing->was_bonded = meeting_is_bonded(meeting);
    bluet_runtime_lock(meeting->session.runtime);
    int error = meeting->connected ? bluet_gap_pair(meeting->session.host, meeting->conn_handle) : 0;
    bluet_runtime_unlock(meeting->session.runtime);
    /* The peer may have asked first. */
    if (error && error != BLUET_EALREADY)
        return cli_fail("cannot pair", error);
    run_with_keyboard(pairing);
    return CLI_OK;
}

static int pair(struct pairing *pairing)
{
    enum { ATTEMPTS = 3 };
    int code = CLI_OK;
    for (int attempt = 0; attempt < ATTEMPTS && code == CLI_OK; attempt++) {
        code = pair_once(pairing);
        if (pairing->through || !meeting_came_to_nothing(&pairing->meeting))
            break;
    }
    part(pairing);
    return code;
}

/* ---- The outcome ---- */

static const struct bluet_explanation *explain(uint16_t reason)
{
    if (reason >= BLUET_REASON_HCI)
        return bluet_explain(BLUET_CODE_HCI, reason - BLUET_REASON_HCI);
    return bluet_explain(reason < BLUET_STATUS_DISCONNECTED ? BLUET_CODE_SMP : BLUET_CODE_ATT, reason);
}

static int say_why_not(const struct pairing *pairing)
{
    enum { KEY_MISSING = BLUET_REASON_HCI + 0x06 };
    const struct meeting *meeting = &pairing->meeting;
    char words[384];
    const struct bluet_explanation *explanation = explain(pairing->reason);
    if (pairing->refused) {
        cli_error("%s: not paired: it was refused on this side", meeting->text);
    } else if (meeting->lost) {
        cli_error("%s", cli_session_loss(&meeting->session));
    } else if (!pairing->through || pairing->reason == BLUET_STATUS_DISCONNECTED) {
        cli_describe(words, sizeof words, BLUET_CODE_HCI, meeting->reason);
        cli_error("%s: not paired: the connection ended: %s", meeting->text, words);
    } else if (pairing->was_bonded && pairing->reason == KEY_MISSING) {
        cli_error("%s: not encrypted: there are keys for it here, but it has none any more (bluet bonds --remove %s, "
                  "and pair again, if it is still the same device)",
                  meeting->text, meeting->text);
    } else if (explanation) {
        cli_error("%s: not paired: %s: %s %s", meeting->text, explanation->name, explanation->words,
                  explanation->remedy);
    } else {
        cli_error("%s: not paired: reason 0x%03x", meeting->text, pairing->reason);
    }
    return CLI_FAILED;
}

static int say_what_came_of_it(const struct pairing *pairing)
{
    const struct meeting *meeting = &pairing->meeting;
    if (!pairing->encrypted)
        return say_why_not(pairing);
    printf("%s %s: the link was encrypted with a key of %u bits,\n%s.\n",
           pairing->was_bonded ? "Already paired with" : "Paired with", meeting->text, pairing->key_size * 8u,
           pairing->authenticated ? "protected against a man in the middle"
                                  : "not protected against a man in the middle (nothing was typed or compared)");
    if (options.no_bond || pairing->not_kept)
        printf("Its keys are not kept: it has to be paired with again next time.\n");
    else
        printf("Its keys are kept in %s.\n", pairing->store);
    return pairing->not_kept ? CLI_FAILED : CLI_OK;
}

static int run(struct pairing *pairing, const struct bluet_security *security)
{
    struct meeting *meeting = &pairing->meeting;
    const struct cli_radio radio = {
        .store = pairing->store, .store_failed = store_failed, .handler = on_event, .context = pairing};
    int code = cli_session_open(&meeting->session, &radio);
    if (code != CLI_OK)
        return code;
    bluet_set_security(meeting->session.host, security);
    if (options.type == MEETING_ASK_THE_AIR)
        code = meeting_find(meeting);
    if (code == CLI_OK)
        code = pair(pairing);
    if (code == CLI_OK && cli_interrupted()) {
        cli_error("interrupted");
        return CLI_INTERRUPTED;
    }
    return code == CLI_OK ? say_what_came_of_it(pairing) : code;
}

int cli_pair(int argc, const char **argv)
{
    const char *text;
    int code = cli_parse(&usage, &text, argc, argv);
    if (code != CLI_GO_ON)
        return code;
    static struct pairing pairing;
    struct bluet_security security = {.bond = !options.no_bond, .le_secure = options.secure};
    code = meeting_begin(&pairing.meeting, text, options.type, options.timeout);
    if (code == CLI_OK)
        code = parse_io(options.io, &security.io);
    if (code != CLI_OK)
        return code;
    security.mitm = !options.no_mitm && security.io != BLUET_IO_NO_INPUT_OUTPUT;
    pairing.store = cli_store(options.store, true);
    code = run(&pairing, &security);
    cli_session_close(&pairing.meeting.session);
    return code;
}
