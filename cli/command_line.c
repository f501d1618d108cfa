/* Reads command lines, shows help, and says errors, for all subcommands alike. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

struct poptOption cli_help_options[] = {
    {"help", 'h', POPT_ARG_NONE, NULL, 'h', "show this help and exit", NULL},
    POPT_TABLEEND,
};

/* Kept until the end: the arguments that cli_parse() hands out belong to it. */
static poptContext context;

void cli_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fputs("bluet: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

static int usage_error(const struct cli_usage *usage, const char *what, const char *which)
{
    cli_error("%s%s%s (try: bluet %.*s --help)", which ? which : "", which ? ": " : "", what,
              (int)strcspn(usage->synopsis, " "), usage->synopsis);
    return CLI_USAGE;
}

/* Of `--seed x` popt names only the x. */
static int option_error(const struct cli_usage *usage, int error, int argc, const char **argv)
{
    const char *bad = poptBadOption(context, POPT_BADOPTION_NOALIAS);
    char both[128];
    for (int i = 2; bad && bad[0] != '-' && i < argc; i++) {
        if (strcmp(argv[i], bad) == 0 && argv[i - 1][0] == '-') {
            snprintf(both, sizeof both, "%s %s", argv[i - 1], bad);
            return usage_error(usage, poptStrerror(error), both);
        }
    }
    return usage_error(usage, poptStrerror(error), bad);
}

static int show_help(const struct cli_usage *usage)
{
    printf("Usage: bluet %s\n\n%s\n\nOptions:\n", usage->synopsis, usage->summary);
    fflush(stdout);
    /* popt writes its own usage line first, which lacks the arguments' names: it is printed into memory and cut off. */
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (!memory)
        return CLI_FAILED;
    poptPrintHelp(context, memory, 0);
    fclose(memory);
    const char *body = text ? strchr(text, '\n') : NULL;
    if (body)
        fputs(body + 1 + strspn(body + 1, "\n"), stdout);
    free(text);
    if (usage->details)
        printf("\n%s\n", usage->details);
    return CLI_OK;
}

int cli_parse(const struct cli_usage *usage, const char **out_arguments, int argc, const char **argv)
{
    poptFreeContext(context);
    context = poptGetContext("bluet", argc, argv, usage->options, 0);
    if (!context)
        return CLI_FAILED;

    int option;
    while ((option = poptGetNextOpt(context)) >= 0)
        if (option == 'h')
            return show_help(usage);
    if (option < -1)
        return option_error(usage, option, argc, argv);

    size_t count = 0;
    const char *argument;
    while ((argument = poptGetArg(context))) {
        if (count == usage->argument_most)
            return usage_error(usage, "one argument too many", argument);
        out_arguments[count++] = argument;
    }
    if (count < usage->argument_least)
        return usage_error(usage, "an argument is missing", NULL);
    while (count < usage->argument_most)
        out_arguments[count++] = NULL;
    return CLI_GO_ON;
}

void cli_parse_end(void)
{
    context = poptFreeContext(context);
}
