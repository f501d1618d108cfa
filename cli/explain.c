/* `bluet explain`: what a code means, its likely causes, and what to do, in the words that every error message uses. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli.h"
#include "output.h"

static struct {
    char *space;
    int list, json;
} options;

static const struct poptOption table[] = {
    {"space", 's', POPT_ARG_STRING, &options.space, 0, "only codes of this kind: hci, att, smp, l2cap, error", "SPACE"},
    {"list", 'l', POPT_ARG_NONE, &options.list, 0, "every code that there is", NULL},
    {"json", 'j', POPT_ARG_NONE, &options.json, 0, "a JSON array of all that was found", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, cli_help_options, 0, NULL, NULL},
    POPT_TABLEEND,
};

static const struct cli_usage usage = {
    .synopsis = "explain [OPTION...] [CODE]",
    .summary = "Says what a code means, its likely causes, and what to do. CODE is an HCI, ATT,\n"
               "SMP or L2CAP code or the status of an event, in hexadecimal (0x3e) or decimal\n"
               "(62), an error (-19, ENODEV), or part of a name.",
    .details = "Exits with 0 if something was found, with 1 if there is no such code.\n\n"
               "Examples:\n"
               "  bluet explain 0x3e\n"
               "  bluet explain 0x05 --space att\n"
               "  bluet explain -19\n"
               "  bluet explain \"mic failure\"\n"
               "  bluet explain --list --space smp",
    .options = table,
    .argument_most = 1,
};

/* What each space's codes are found in. */
static const char *const space_titles[BLUET_CODE_SPACES] = {
    [BLUET_CODE_HCI] = "HCI error code (status of a command, reason of a disconnection)",
    [BLUET_CODE_ATT] = "ATT error code, or status of a GATT event",
    [BLUET_CODE_SMP] = "SMP: reason of a failed pairing",
    [BLUET_CODE_L2CAP] = "L2CAP: result of a channel's connection",
    [BLUET_CODE_ERROR] = "error of a call",
};

/* The codes that are looked through when searching by name. */
enum { CODE_FIRST = -200, CODE_LAST = 0x1ff };

struct findings {
    size_t count;
    json_t *array; /* NULL: print as text */
};

static int parse_space(const char *name)
{
    for (int space = 0; space < BLUET_CODE_SPACES; space++)
        if (strcasecmp(name, bluet_code_space_name((enum bluet_code_space)space)) == 0)
            return space;
    return -1;
}

static void format_code(char *out, size_t size, enum bluet_code_space space, int code)
{
    if (space == BLUET_CODE_ERROR)
        snprintf(out, size, "%d", code);
    else
        snprintf(out, size, space == BLUET_CODE_L2CAP ? "0x%04x" : "0x%02x", (unsigned)code);
}

static void print_found(enum bluet_code_space space, const char *code, const struct bluet_explanation *found)
{
    bool color = cli_wants_color();
    printf("%s%s %s: %s%s\n", color ? "\033[1m" : "", bluet_code_space_name(space), code, found->name,
           color ? "\033[0m" : "");
    printf("  %s\n", found->words);
    printf("  where:  %s\n", space_titles[space]);
    printf("  causes: %s\n", found->causes);
    printf("  to do:  %s\n", found->remedy);
}

static void add_found(struct findings *findings, enum bluet_code_space space, int code,
                      const struct bluet_explanation *found)
{
    char text[16];
    format_code(text, sizeof text, space, code);
    if (findings->array) {
        json_array_append_new(findings->array,
                              json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s}", "space", bluet_code_space_name(space),
                                        "code", code, "text", text, "name", found->name, "words", found->words,
                                        "causes", found->causes, "remedy", found->remedy));
    } else {
        if (findings->count)
            putchar('\n');
        print_found(space, text, found);
    }
    findings->count++;
}

/* Python and C programs say ENODEV as 19, this library as -19: an error is found by either. */
static void find_code(struct findings *findings, enum bluet_code_space space, long number)
{
    if (number < INT_MIN || number > INT_MAX)
        return;
    int code = space == BLUET_CODE_ERROR && number > 0 ? -(int)number : (int)number;
    const struct bluet_explanation *found = bluet_explain(space, code);
    if (found)
        add_found(findings, space, code, found);
}

static bool contains(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}

static void find_text(struct findings *findings, enum bluet_code_space space, const char *text)
{
    if (strncasecmp(text, "BLUET_", 6) == 0)
        text += 6;
    const struct bluet_explanation *last = NULL;
    for (int code = CODE_FIRST; code <= CODE_LAST; code++) {
        const struct bluet_explanation *found = bluet_explain(space, code);
        if (found && found != last && contains(found->name, text))
            add_found(findings, space, code, found);
        last = found;
    }
}

static bool parse_number(const char *text, long *out_number)
{
    bool negative = text[0] == '-';
    const char *digits = text + negative;
    if (!isdigit((unsigned char)digits[0]))
        return false;
    bool hexadecimal = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    char *end;
    errno = 0;
    *out_number = strtol(text, &end, hexadecimal ? 16 : 10);
    return *end == '\0' && errno == 0;
}

static void find(struct findings *findings, enum bluet_code_space space, const char *text)
{
    long number;
    if (parse_number(text, &number))
        find_code(findings, space, number);
    else
        find_text(findings, space, text);
}

/* popt would take the minus of -19 for options: such an argument is put at the end, behind a "--". */
static int parse(const char **out_text, int argc, const char **argv)
{
    enum { ARGUMENT_LIMIT = 16 };
    const char *arguments[ARGUMENT_LIMIT + 2] = {NULL};
    const char *negative = NULL;
    int count = 0;
    long number;
    for (int i = 0; i < argc && count < ARGUMENT_LIMIT; i++) {
        if (!negative && argv[i][0] == '-' && parse_number(argv[i], &number))
            negative = argv[i];
        else if (strcmp(argv[i], "--") != 0)
            arguments[count++] = argv[i];
    }
    if (!negative)
        return cli_parse(&usage, out_text, argc, argv);
    arguments[count++] = "--";
    arguments[count++] = negative;
    return cli_parse(&usage, out_text, count, arguments);
}

/* False: what is asked for makes no sense; it has been said. */
static bool check(const char *text, int only)
{
    if (options.space && only < 0)
        cli_error("%s: no such space of codes (hci, att, smp, l2cap, error)", options.space);
    else if (!text && !options.list)
        cli_error("a code is missing (try: bluet explain --help)");
    else if (text && options.list)
        cli_error("either a code, or --list");
    else if (text && text[0] == '\0')
        cli_error("an empty code cannot be explained");
    else
        return true;
    return false;
}

int cli_explain(int argc, const char **argv)
{
    const char *text = NULL;
    int code = parse(&text, argc, argv);
    if (code != CLI_GO_ON)
        return code;
    int only = options.space ? parse_space(options.space) : -1;
    if (!check(text, only))
        return CLI_USAGE;

    struct findings findings = {.array = options.json ? json_array() : NULL};
    for (int space = 0; space < BLUET_CODE_SPACES; space++)
        if (only < 0 || space == only)
            find(&findings, (enum bluet_code_space)space, text ? text : "");
    if (findings.array && !output_json(findings.array, JSON_INDENT(2)))
        return CLI_FAILED;
    if (findings.count == 0) {
        cli_error("%s: no such code%s%s", text, only < 0 ? "" : " of ",
                  only < 0 ? "" : bluet_code_space_name((enum bluet_code_space)only));
        return CLI_FAILED;
    }
    return CLI_OK;
}
