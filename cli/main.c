/*
 * `bluet`, the command-line program: finds the subcommand and hands over to it.
 */
#include "cli.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#ifndef BLUET_VERSION
#define BLUET_VERSION "0.1.0"
#endif

struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, const char **argv);
};

static const struct command commands[] = {
    {"air", "run the virtual radio for other processes", cli_air},
    {"scan", "list who advertises, with decoded advertising data", cli_scan},
    {"gatt", "draw the services, characteristics and descriptors of a peer", cli_gatt},
    {"pair", "pair with a peer, step by step, and keep its keys", cli_pair},
    {"bonds", "list the peers whose keys are kept, and forget them", cli_bonds},
    {"controllers", "list the radios that there are, and the word for each", cli_controllers},
    {"snoop", "show what passes between a host and its controller, line by line", cli_snoop},
    {"explain", "say what a Bluetooth code means, its likely causes, and what to do", cli_explain},
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static int show_overview(FILE *stream)
{
    fputs("Usage: bluet COMMAND [OPTION...]\n\n"
          "A Bluetooth Low Energy host, and the virtual radio under it.\n\n"
          "Commands:\n",
          stream);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(stream, "  %-13s%s\n", commands[i].name, commands[i].summary);
    fputs("\n"
          "bluet COMMAND --help says more about one of them; bluet --version says which\n"
          "version this is. Where a command needs a radio, --transport or the environment's\n"
          "BLUET_TRANSPORT says which: air (the default), air:NAME, unix:PATH, tcp:HOST:PORT,\n"
          "hci:N, serial:DEVICE[,BAUD][,rtscts], usb:N, usb:VID:PID.\n"
          "\n"
          "Exit codes: 0 done; 1 failed or not found, and a message on stderr says why;\n"
          "2 wrong usage; 130 interrupted.\n",
          stream);
    return stream == stdout ? CLI_OK : CLI_USAGE;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int run_named(int argc, const char **argv)
{
    const struct command *command = find_command(argv[0]);
    if (command)
        return command->run(argc, argv);
    cli_error("there is no command '%s' (try: bluet --help)", argv[0]);
    return CLI_USAGE;
}

static int run_help(int argc, const char **argv)
{
    if (argc < 2)
        return show_overview(stdout);
    const char *help[] = {argv[1], "--help", NULL};
    return run_named(2, help);
}

static int run(int argc, const char **argv)
{
    if (argc < 2)
        return show_overview(stderr);
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return show_overview(stdout);
    if (strcmp(name, "--version") == 0) {
        puts("bluet " BLUET_VERSION);
        return CLI_OK;
    }
    if (strcmp(name, "help") == 0)
        return run_help(argc - 1, argv + 1);
    return run_named(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    int code = run(argc, (const char **)argv);
    cli_parse_end();
    if (fflush(stdout) != 0 || ferror(stdout)) {
        cli_error("cannot write to the standard output");
        return code == CLI_OK ? CLI_FAILED : code;
    }
    return code;
}
