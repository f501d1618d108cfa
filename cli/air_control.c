/* `bluet air control`: a command for an air that runs, by its control socket; without one, those that come in lines. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli.h"

enum { COMMAND_SIZE = 512, ANSWER_SIZE = 4200, WORDS_MOST = 25 };

static const struct poptOption table[] = {
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, cli_help_options, 0, NULL, NULL},
    POPT_TABLEEND,
};

static const struct cli_usage usage = {
    .synopsis = "air control SOCKET [COMMAND...]",
    .summary = "Tells an air that was started with --control what is to go wrong on it.\n"
               "Without a command it reads them from its input, one a line.",
    .details = "Commands:\n"
               "  radios                        who is on the air, with their numbers\n"
               "  loss P [RADIO]                part of all packets that is lost\n"
               "  burst SECONDS [RADIO]         for which nothing gets through\n"
               "  jam CHANNEL                   for good, until `remove`\n"
               "  dead RADIO                    it neither sends nor hears\n"
               "  fault ACTION [KEY=VALUE...]   lose, drop, withhold, corrupt, cut, cut-after:\n"
               "                                from= to= role= packet= opcode= cid= channel=\n"
               "                                nth= probability= after= for= delay=\n"
               "                                offset= mask=\n"
               "  count FAULT, remove FAULT\n"
               "  reset RADIO, hardware-error RADIO\n"
               "  hci-delay RADIO SECONDS, completions RADIO SECONDS|never\n"
               "  path RADIO RADIO DB, position RADIO X Y Z\n"
               "  last                          what happened last on each link (with --capture)",
    .options = table,
    .argument_least = 1,
    .argument_most = WORDS_MOST,
};

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor >= 0 && connect(descriptor, (const struct sockaddr *)&address, sizeof address) == 0)
        return descriptor;
    if (descriptor >= 0)
        close(descriptor);
    return -1;
}

/* Sends a line, and prints what comes until the line that ends an answer. */
static int ask(FILE *air, const char *command)
{
    char line[ANSWER_SIZE];
    fprintf(air, "%s\n", command);
    fflush(air);
    while (fgets(line, sizeof line, air)) {
        line[strcspn(line, "\n")] = '\0';
        if (!strcmp(line, "ok"))
            return CLI_OK;
        if (!strncmp(line, "error: ", strlen("error: "))) {
            cli_error("%s", line + strlen("error: "));
            return CLI_FAILED;
        }
        puts(line);
    }
    cli_error("the air has gone");
    return CLI_FAILED;
}

static int ask_lines(FILE *air)
{
    char line[COMMAND_SIZE];
    int code = CLI_OK;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        int next = *line ? ask(air, line) : CLI_OK;
        code = next ? next : code;
    }
    return code;
}

int cli_air_control(int argc, const char **argv)
{
    const char *words[WORDS_MOST] = {0};
    int code = cli_parse(&usage, words, argc, argv);
    if (code != CLI_GO_ON)
        return code;
    char command[COMMAND_SIZE] = "";
    size_t length = 0;
    for (size_t i = 1; i < WORDS_MOST && words[i] && length < sizeof command; i++)
        length += (size_t)snprintf(command + length, sizeof command - length, "%s%s", i > 1 ? " " : "", words[i]);
    int descriptor = length < sizeof command ? connect_to(words[0]) : -1;
    FILE *air = descriptor >= 0 ? fdopen(descriptor, "r+") : NULL;
    if (!air) {
        cli_error("no air takes commands at %s: %s (`bluet air --control PATH` would)", words[0], strerror(errno));
        return CLI_FAILED;
    }
    code = *command ? ask(air, command) : ask_lines(air);
    fclose(air);
    cli_parse_end();
    return code;
}
