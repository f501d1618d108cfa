/* A command is its words; a rule's members are words of the form KEY=VALUE. */
#include "runtime/air_console.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/air_capture.h"

enum { WORDS_MOST = 24, CHANNEL_MOST = 39 };

#define SECOND_US 1e6
#define LONGEST_S 1e9

struct request {
    const struct air_console *control;
    size_t count;
    char *words[WORDS_MOST];
    char *out;
    size_t size, length;
};

__attribute__((format(printf, 2, 3))) static int say(struct request *request, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(request->out + request->length, request->size - request->length, format, arguments);
    va_end(arguments);
    size_t room = request->size - request->length - 1;
    request->length += length < 0 ? 0 : (size_t)length < room ? (size_t)length : room;
    return BLUET_EINVAL;
}

static bool read_number(const char *word, double least, double most, double *out)
{
    char *end;
    *out = strtod(word, &end);
    return end != word && !*end && *out >= least && *out <= most;
}

static bool read_integer(const char *word, unsigned long most, unsigned long *out)
{
    char *end;
    errno = 0;
    *out = strtoul(word, &end, 0);
    return *word != '-' && end != word && !*end && !errno && *out <= most;
}

static struct bluet_air_controller *read_radio(struct request *request, const char *word)
{
    unsigned long number;
    struct bluet_air_controller *found = NULL;
    if (read_integer(word, ULONG_MAX, &number))
        found = request->control->find(request->control->context, number);
    if (!found)
        say(request, "there is no radio %s: `radios` lists them", word);
    return found;
}

static int add(struct request *request, const struct bluet_air_fault *fault)
{
    uint32_t number;
    int error = bluet_air_add_fault(request->control->air, &number, fault);
    if (error == BLUET_EINVAL)
        return say(request, "these do not go together: advertising can only be lost, a CID needs packet=l2cap, an "
                            "opcode packet=l2cap or packet=control");
    if (!error)
        say(request, "fault %" PRIu32 "\n", number);
    return error;
}

/* ---- Rules ---- */

static bool one_of(const char *word, const char *const *words, size_t count, unsigned *out)
{
    for (*out = 0; *out < count; (*out)++)
        if (!strcmp(word, words[*out]))
            return true;
    return false;
}

static bool read_seconds(const char *word, uint64_t *out)
{
    double seconds;
    if (!read_number(word, 0, LONGEST_S, &seconds))
        return false;
    *out = (uint64_t)(seconds * SECOND_US);
    return true;
}

static bool read_integer_member(struct bluet_air_fault *fault, const char *key, const char *value)
{
    unsigned long number;
    if (!read_integer(value, UINT32_MAX, &number))
        return false;
    if (!strcmp(key, "cid") && number <= UINT16_MAX)
        fault->cid = (uint16_t)number;
    else if (!strcmp(key, "nth") && number)
        fault->nth = (uint32_t)number;
    else if (!strcmp(key, "offset") && number <= UINT16_MAX)
        fault->offset = (uint16_t)number;
    else if (!strcmp(key, "mask") && number && number <= UINT8_MAX)
        fault->mask = (uint8_t)number;
    else if (!strcmp(key, "channel") && number <= CHANNEL_MOST)
        fault->channels |= UINT64_C(1) << number;
    else if (!strcmp(key, "opcode") && number <= UINT8_MAX) {
        fault->has_opcode = true;
        fault->opcode = (uint8_t)number;
    } else
        return false;
    return true;
}

static bool read_word_member(struct request *request, struct bluet_air_fault *fault, const char *key, const char *value)
{
    static const char *const packets[] = {"any", "control", "l2cap", "advertising", "everything"};
    unsigned number;
    if (!strcmp(key, "packet")) {
        if (!one_of(value, packets, sizeof packets / sizeof *packets, &number))
            return false;
        fault->packet = (enum bluet_air_packet)number;
        return true;
    }
    if (!strcmp(key, "role")) {
        fault->from_central = !strcmp(value, "central");
        fault->from_peripheral = !strcmp(value, "peripheral");
        return fault->from_central || fault->from_peripheral;
    }
    if (!strcmp(key, "from"))
        return (fault->from = read_radio(request, value));
    return (fault->to = read_radio(request, value));
}

static bool read_member(struct request *request, struct bluet_air_fault *fault, char *word, uint64_t *lasts)
{
    char *value = strchr(word, '=');
    if (!value)
        return false;
    *value++ = '\0';
    if (!strcmp(word, "delay"))
        return read_seconds(value, &fault->delay);
    if (!strcmp(word, "for"))
        return read_seconds(value, lasts);
    if (!strcmp(word, "after"))
        return read_seconds(value, &fault->begin);
    if (!strcmp(word, "probability"))
        return read_number(value, 0, 1, &fault->probability);
    if (!strcmp(word, "packet") || !strcmp(word, "role") || !strcmp(word, "from") || !strcmp(word, "to"))
        return read_word_member(request, fault, word, value);
    return read_integer_member(fault, word, value);
}

/* fault ACTION [KEY=VALUE...] */
static int run_fault(struct request *request)
{
    static const char *const actions[] = {"lose", "drop", "withhold", "corrupt", "cut", "cut-after"};
    struct bluet_air_fault fault = {0};
    uint64_t lasts = 0;
    unsigned action;
    if (!one_of(request->words[1], actions, sizeof actions / sizeof *actions, &action))
        return say(request, "%s: lose, drop, withhold, corrupt, cut or cut-after", request->words[1]);
    fault.action = (enum bluet_air_action)(action + 1);
    for (size_t i = 2; i < request->count; i++) {
        if (read_member(request, &fault, request->words[i], &lasts))
            continue;
        return request->length
                   ? BLUET_EINVAL
                   : say(request,
                         "%s: from=RADIO, to=RADIO, role=central or peripheral, packet=any, control, l2cap, "
                         "advertising or everything, opcode=N, cid=N, channel=N, nth=N, probability=P, "
                         "after=SECONDS, for=SECONDS, delay=SECONDS, offset=N, mask=N",
                         request->words[i]);
    }
    if (fault.begin)
        fault.begin += bluet_air_now(request->control->air);
    if (lasts)
        fault.end = (fault.begin ? fault.begin : bluet_air_now(request->control->air)) + lasts;
    return add(request, &fault);
}

static int run_remove(struct request *request)
{
    unsigned long number;
    if (!read_integer(request->words[1], UINT32_MAX, &number) ||
        bluet_air_remove_fault(request->control->air, (uint32_t)number))
        return say(request, "there is no fault %s", request->words[1]);
    return 0;
}

static int run_count(struct request *request)
{
    unsigned long number;
    uint64_t matched;
    uint64_t acted;
    if (!read_integer(request->words[1], UINT32_MAX, &number) ||
        bluet_air_count_fault(request->control->air, (uint32_t)number, &matched, &acted))
        return say(request, "there is no fault %s", request->words[1]);
    say(request, "matched %" PRIu64 ", acted %" PRIu64 "\n", matched, acted);
    return 0;
}

/* To and from a radio. */
static int add_both(struct request *request, struct bluet_air_fault fault, const char *radio)
{
    struct bluet_air_controller *controller = read_radio(request, radio);
    if (!controller)
        return BLUET_EINVAL;
    fault.from = controller;
    int error = add(request, &fault);
    fault.from = NULL;
    fault.to = controller;
    return error ? error : add(request, &fault);
}

/* loss P [RADIO] */
static int run_loss(struct request *request)
{
    double probability;
    if (!read_number(request->words[1], 0, 1, &probability))
        return say(request, "%s: a loss is a probability, from 0 to 1", request->words[1]);
    if (request->count < 3)
        return bluet_air_set_loss(request->control->air, probability);
    if (probability <= 0)
        return say(request, "a radio's loss is a fault: `remove` it");
    const struct bluet_air_fault fault = {
        .packet = BLUET_AIR_EVERYTHING, .probability = probability, .action = BLUET_AIR_LOSE};
    return add_both(request, fault, request->words[2]);
}

/* burst SECONDS [RADIO] */
static int run_burst(struct request *request)
{
    struct bluet_air_fault fault = {.packet = BLUET_AIR_EVERYTHING, .action = BLUET_AIR_LOSE};
    uint64_t lasts;
    if (!read_seconds(request->words[1], &lasts) || !lasts)
        return say(request, "%s: how many seconds?", request->words[1]);
    fault.begin = bluet_air_now(request->control->air);
    fault.end = fault.begin + lasts;
    return request->count < 3 ? add(request, &fault) : add_both(request, fault, request->words[2]);
}

static int run_jam(struct request *request)
{
    unsigned long channel;
    if (!read_integer(request->words[1], CHANNEL_MOST, &channel))
        return say(request, "%s: a channel, 0 to 39", request->words[1]);
    const struct bluet_air_fault fault = {
        .packet = BLUET_AIR_EVERYTHING, .channels = UINT64_C(1) << channel, .action = BLUET_AIR_LOSE};
    return add(request, &fault);
}

static int run_dead(struct request *request)
{
    const struct bluet_air_fault fault = {.packet = BLUET_AIR_EVERYTHING, .action = BLUET_AIR_LOSE};
    return add_both(request, fault, request->words[1]);
}

/* ---- Controllers ---- */

static int fail(struct request *request, enum bluet_air_failure failure)
{
    struct bluet_air_controller *controller = read_radio(request, request->words[1]);
    if (!controller)
        return BLUET_EINVAL;
    bluet_air_fail(controller, failure);
    return 0;
}

static int run_reset(struct request *request)
{
    return fail(request, BLUET_AIR_SILENT_RESET);
}

static int run_hardware_error(struct request *request)
{
    return fail(request, BLUET_AIR_HARDWARE_ERROR);
}

/* hci-delay RADIO SECONDS, completions RADIO SECONDS|never */
static int set_delay(struct request *request, void (*set)(struct bluet_air_controller *controller, uint64_t delay),
                     bool may_be_never)
{
    struct bluet_air_controller *controller = read_radio(request, request->words[1]);
    uint64_t delay = BLUET_NEVER;
    if (!controller)
        return BLUET_EINVAL;
    if (!(may_be_never && !strcmp(request->words[2], "never")) && !read_seconds(request->words[2], &delay))
        return say(request, "%s: how many seconds?", request->words[2]);
    set(controller, delay);
    return 0;
}

static int run_hci_delay(struct request *request)
{
    return set_delay(request, bluet_air_set_answer_delay, false);
}

static int run_completions(struct request *request)
{
    return set_delay(request, bluet_air_set_completion_delay, true);
}

static int run_path(struct request *request)
{
    struct bluet_air_controller *one = read_radio(request, request->words[1]);
    struct bluet_air_controller *other = one ? read_radio(request, request->words[2]) : NULL;
    double loss;
    if (!other)
        return BLUET_EINVAL;
    if (!read_number(request->words[3], 0, 200, &loss) || one == other)
        return say(request, "a path is between two radios, and loses 0 to 200 dB");
    return bluet_air_set_path_loss(one, other, (int)loss);
}

static int run_position(struct request *request)
{
    struct bluet_air_controller *controller = read_radio(request, request->words[1]);
    double place[3];
    if (!controller)
        return BLUET_EINVAL;
    for (size_t i = 0; i < 3; i++)
        if (!read_number(request->words[2 + i], -1e6, 1e6, &place[i]))
            return say(request, "%s: metres?", request->words[2 + i]);
    bluet_air_set_position(controller, place[0], place[1], place[2]);
    return 0;
}

static int run_radios(struct request *request)
{
    const struct air_console *control = request->control;
    char name[128];
    for (unsigned long number = 1; control->name(control->context, number, name, sizeof name); number++) {
        struct bluet_air_controller *controller = control->find(control->context, number);
        if (!controller)
            continue;
        struct bluet_air_status status;
        bluet_air_status(controller, &status);
        const uint8_t *octets = status.address.octets;
        say(request, "%lu %02X:%02X:%02X:%02X:%02X:%02X links=%u %s\n", number, octets[0], octets[1], octets[2],
            octets[3], octets[4], octets[5], status.connection_count, name);
    }
    return 0;
}

static int run_last(struct request *request)
{
    if (!request->control->capture)
        return say(request, "what happened last is known where a capture is made");
    air_capture_tell(request->control->capture, request->out, request->size);
    return 0;
}

static const struct {
    const char *name, *form;
    size_t least, most; /* words */
    int (*run)(struct request *request);
} commands[] = {
    {"radios", "radios", 1, 1, run_radios},
    {"last", "last", 1, 1, run_last},
    {"loss", "loss P [RADIO]", 2, 3, run_loss},
    {"burst", "burst SECONDS [RADIO]", 2, 3, run_burst},
    {"jam", "jam CHANNEL", 2, 2, run_jam},
    {"dead", "dead RADIO", 2, 2, run_dead},
    {"fault", "fault ACTION [KEY=VALUE...]", 2, WORDS_MOST, run_fault},
    {"remove", "remove FAULT", 2, 2, run_remove},
    {"count", "count FAULT", 2, 2, run_count},
    {"reset", "reset RADIO", 2, 2, run_reset},
    {"hardware-error", "hardware-error RADIO", 2, 2, run_hardware_error},
    {"hci-delay", "hci-delay RADIO SECONDS", 3, 3, run_hci_delay},
    {"completions", "completions RADIO SECONDS|never", 3, 3, run_completions},
    {"path", "path RADIO RADIO DB", 4, 4, run_path},
    {"position", "position RADIO X Y Z", 5, 5, run_position},
};

static int run_words(struct request *request)
{
    size_t count = sizeof commands / sizeof *commands;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(request->words[0], commands[i].name) != 0)
            continue;
        if (request->count < commands[i].least || request->count > commands[i].most)
            return say(request, "it is: %s", commands[i].form);
        return commands[i].run(request);
    }
    say(request, "%s: one of", request->words[0]);
    for (size_t i = 0; i < count; i++)
        say(request, " %s%s", commands[i].name, i + 1 < count ? "," : "");
    return BLUET_EINVAL;
}

BLUET_INTERNAL int air_console_run(const struct air_console *control, const char *line, char *out, size_t size)
{
    char copy[AIR_CONSOLE_LINE_SIZE];
    struct request request = {.control = control, .out = out, .size = size};
    out[0] = '\0';
    if (strlen(line) >= sizeof copy)
        return say(&request, "the line is too long");
    snprintf(copy, sizeof copy, "%s", line);
    char *rest = NULL;
    for (char *word = strtok_r(copy, " \t\r\n", &rest); word && request.count < WORDS_MOST;
         word = strtok_r(NULL, " \t\r\n", &rest))
        request.words[request.count++] = word;
    if (control->refresh)
        control->refresh(control->context);
    return request.count ? run_words(&request) : 0;
}
