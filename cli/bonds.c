/* `bluet bonds`: lists the peers whose keys are kept, and forgets them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libsmartcols.h>

#include "cli.h"
#include "output.h"

static struct {
    char *store, *remove;
    int json;
} options;

static const struct poptOption table[] = {
    {"remove", 'd', POPT_ARG_STRING, &options.remove, 0, "forget that peer, or all", "ADDRESS|all"},
    {"json", 'j', POPT_ARG_NONE, &options.json, 0, "JSON instead of a table", NULL},
    {"store", 'S', POPT_ARG_STRING, &options.store, 0, "the file with the keys of bonded peers", "FILE"},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, cli_help_options, 0, NULL, NULL},
    POPT_TABLEEND,
};

static const struct cli_usage usage = {
    .synopsis = "bonds [OPTION...]",
    .summary = "Lists the peers whose keys are kept, by the addresses that they always have.",
    .details = "Without --store the file is that of the environment's BLUET_STORE, or\n"
               "bluet/bonds in XDG_STATE_HOME (~/.local/state). An application's own store can\n"
               "be looked at while it runs, and changed when it does not.\n\n"
               "Forgetting a peer here does not make it forget: pair again, and if the peer\n"
               "refuses, remove the bond there too.\n\n"
               "Exits with 0, also if there are none; with 1 if the store cannot be read or the\n"
               "peer to be removed is not in it.\n\n"
               "Examples:\n"
               "  bluet bonds\n"
               "  bluet bonds --remove C0:FF:EE:00:00:01",
    .options = table,
};

static const char *method(const struct bluet_bond *bond)
{
    return bond->secure ? "LE Secure Connections" : "Legacy Pairing";
}

static int print_json(const struct bluet_bond *bonds, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *object = json_object();
        json_object_set_new(object, "address", output_json_address(&bonds[i].peer));
        json_object_set_new(object, "address_type", json_string(bonds[i].peer.type ? "random" : "public"));
        json_object_set_new(object, "secure_connections", json_boolean(bonds[i].secure));
        json_object_set_new(object, "authenticated", json_boolean(bonds[i].authenticated));
        json_object_set_new(object, "key_size", json_integer(bonds[i].key_size));
        json_array_append_new(array, object);
    }
    return output_json(array, JSON_INDENT(2)) ? CLI_OK : CLI_FAILED;
}

enum { COLUMN_ADDRESS, COLUMN_KIND, COLUMN_METHOD, COLUMN_PROTECTED, COLUMN_KEY };

static int print_table(const struct bluet_bond *bonds, size_t count)
{
    static const char *const titles[] = {"ADDRESS", "KIND", "PAIRED BY", "AUTHENTICATED", "KEY"};
    struct libscols_table *rows = scols_new_table();
    for (size_t i = 0; rows && i < sizeof titles / sizeof titles[0]; i++)
        scols_table_new_column(rows, titles[i], 0, 0);
    for (size_t i = 0; rows && i < count; i++) {
        struct libscols_line *line = scols_table_new_line(rows, NULL);
        char address[OUTPUT_ADDRESS_SIZE], bits[16];
        if (!line)
            break;
        output_address(address, &bonds[i].peer);
        snprintf(bits, sizeof bits, "%u bits", bonds[i].key_size * 8u);
        scols_line_set_data(line, COLUMN_ADDRESS, address);
        scols_line_set_data(line, COLUMN_KIND, output_address_kind(&bonds[i].peer));
        scols_line_set_data(line, COLUMN_METHOD, method(&bonds[i]));
        scols_line_set_data(line, COLUMN_PROTECTED, bonds[i].authenticated ? "yes" : "no");
        scols_line_set_data(line, COLUMN_KEY, bits);
    }
    int error = rows ? scols_print_table(rows) : -1;
    scols_unref_table(rows);
    return error ? CLI_FAILED : CLI_OK;
}

static int forget(const char *store, const struct bluet_bond *bond)
{
    char address[OUTPUT_ADDRESS_SIZE];
    output_address(address, &bond->peer);
    int error = bluet_store_forget(store, &bond->peer);
    if (error)
        return cli_fail(address, error);
    printf("%s is forgotten\n", address);
    return CLI_OK;
}

/* By its address alone: hardly anybody knows of what type it is. */
static int remove_bonds(const char *store, const struct bluet_bond *bonds, size_t count)
{
    bool all = strcmp(options.remove, "all") == 0, found = all;
    struct bluet_address address;
    if (!all && !output_parse_address(&address, options.remove)) {
        cli_error("--remove %s: neither an address (they look like C0:FF:EE:00:00:01) nor 'all'", options.remove);
        return CLI_USAGE;
    }
    int code = CLI_OK;
    for (size_t i = 0; i < count && code == CLI_OK; i++) {
        if (!all && memcmp(address.octets, bonds[i].peer.octets, 6) != 0)
            continue;
        found = true;
        code = forget(store, &bonds[i]);
    }
    if (!found)
        cli_error("%s: there is no bond with it in %s", options.remove, store);
    return found ? code : CLI_FAILED;
}

int cli_bonds(int argc, const char **argv)
{
    static struct bluet_bond bonds[CLI_MOST_BONDS];
    int code = cli_parse(&usage, NULL, argc, argv);
    if (code != CLI_GO_ON)
        return code;
    const char *store = cli_store(options.store, true);
    int count = bluet_store_bonds(store, bonds, CLI_MOST_BONDS);
    if (count < 0)
        return cli_fail("cannot list bonds", count);
    if (options.remove)
        return remove_bonds(store, bonds, (size_t)count);
    if (options.json)
        return print_json(bonds, (size_t)count);
    if (count)
        return print_table(bonds, (size_t)count);
    printf("no bonds in %s\n", store);
    return CLI_OK;
}
