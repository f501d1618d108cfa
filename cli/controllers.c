/* `bluet controllers`: lists the radios that a transport could be asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libsmartcols.h>

#include "cli.h"
#include "output.h"

static struct {
    int json;
} options;

static const struct poptOption table[] = {
    {"json", 'j', POPT_ARG_NONE, &options.json, 0, "JSON instead of a table", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, cli_help_options, 0, NULL, NULL},
    POPT_TABLEEND,
};

static const struct cli_usage usage = {
    .synopsis = "controllers [OPTION...]",
    .summary = "Lists the radios that there are, with the word for --transport or BLUET_TRANSPORT,\n"
               "and what stands in the way of using them.",
    .details = "It looks for airs of this user, the kernel's interfaces (hci), devices on USB of\n"
               "the class for Bluetooth, and adapters for serial lines. A controller may be there\n"
               "in two ways: as the kernel's, and by USB without it. What listens at other unix\n"
               "sockets (unix:PATH) or on the network (tcp:HOST:PORT) is not looked for.\n\n"
               "Examples:\n"
               "  bluet controllers\n"
               "  BLUET_TRANSPORT=usb:0 bluet scan",
    .options = table,
};

static void add_json(void *context, const struct bluet_controller *controller)
{
    json_t *object = json_object();
    json_object_set_new(object, "transport",
                        output_json_text((const uint8_t *)controller->transport, strlen(controller->transport)));
    json_object_set_new(object, "name", output_json_text((const uint8_t *)controller->name, strlen(controller->name)));
    json_object_set_new(object, "problem", controller->problem ? json_string(controller->problem) : json_null());
    json_array_append_new(context, object);
}

static int print_json(void)
{
    json_t *array = json_array();
    bluet_controllers(add_json, array);
    return output_json(array, JSON_INDENT(2)) ? CLI_OK : CLI_FAILED;
}

enum { COLUMN_TRANSPORT, COLUMN_NAME, COLUMN_PROBLEM };

/* A device says of itself what it likes. */
static void set_text(struct libscols_line *line, size_t column, const char *text)
{
    char *clean = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&clean, &length);
    if (!memory)
        return;
    output_text(memory, (const uint8_t *)text, strlen(text));
    fclose(memory);
    scols_line_refer_data(line, column, clean);
}

static void add_row(void *context, const struct bluet_controller *controller)
{
    struct libscols_line *line = scols_table_new_line(context, NULL);
    if (!line)
        return;
    set_text(line, COLUMN_TRANSPORT, controller->transport);
    set_text(line, COLUMN_NAME, controller->name);
    set_text(line, COLUMN_PROBLEM, controller->problem ? controller->problem : "");
}

static int print_table(void)
{
    static const char *const titles[] = {"TRANSPORT", "WHAT", "PROBLEM"};
    struct libscols_table *rows = scols_new_table();
    for (size_t i = 0; rows && i < sizeof titles / sizeof titles[0]; i++)
        scols_table_new_column(rows, titles[i], 0, 0);
    if (!rows)
        return CLI_FAILED;
    bluet_controllers(add_row, rows);
    int error = scols_print_table(rows);
    scols_unref_table(rows);
    return error ? CLI_FAILED : CLI_OK;
}

int cli_controllers(int argc, const char **argv)
{
    int code = cli_parse(&usage, NULL, argc, argv);
    if (code != CLI_GO_ON)
        return code;
    return options.json ? print_json() : print_table();
}
