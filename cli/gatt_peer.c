/* Keeps what was found at a peer, and shows it: as a tree (Vol 3 Part G, 2.6), or as JSON. */
#include "gatt_peer.h"

#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "gatt_value.h"
#include "output.h"
#include "wrap.h"

/* Bits of a characteristic's properties (Vol 3 Part G, 3.3.1.1). */
static const char *const property_names[] = {
    "broadcast", "read", "write-without-response", "write", "notify", "indicate", "signed-write", "extended",
};

enum { PROPERTY_COUNT = sizeof property_names / sizeof property_names[0] };

struct gatt_attribute *gatt_peer_add(struct gatt_peer *peer, enum gatt_kind kind, uint16_t handle,
                                     const struct bluet_uuid *uuid)
{
    if (peer->count == 0x10000)
        return NULL;
    if (peer->count == peer->capacity) {
        size_t capacity = peer->capacity ? 2 * peer->capacity : 64;
        struct gatt_attribute *attributes = realloc(peer->attributes, capacity * sizeof *attributes);
        if (!attributes)
            return NULL;
        peer->attributes = attributes;
        peer->capacity = capacity;
    }
    struct gatt_attribute *attribute = &peer->attributes[peer->count++];
    *attribute = (struct gatt_attribute){.kind = kind, .handle = handle, .value_handle = handle, .uuid = *uuid};
    return attribute;
}

bool gatt_attribute_append(struct gatt_attribute *attribute, const uint8_t *data, size_t length)
{
    if (length > (size_t)GATT_VALUE_LARGEST - attribute->length)
        length = (size_t)GATT_VALUE_LARGEST - attribute->length;
    if (length == 0)
        return true;
    uint8_t *value = realloc(attribute->value, attribute->length + length);
    if (!value)
        return false;
    memcpy(value + attribute->length, data, length);
    attribute->value = value;
    attribute->length = (uint16_t)(attribute->length + length);
    return true;
}

void gatt_peer_free(struct gatt_peer *peer)
{
    for (size_t i = 0; i < peer->count; i++)
        free(peer->attributes[i].value);
    free(peer->attributes);
    *peer = (struct gatt_peer){0};
}

static int compare(const void *left, const void *right)
{
    const struct gatt_attribute *a = left, *b = right;
    return a->handle != b->handle ? a->handle - b->handle : (int)a->kind - (int)b->kind;
}

void gatt_peer_sort(struct gatt_peer *peer)
{
    if (peer->count)
        qsort(peer->attributes, peer->count, sizeof *peer->attributes, compare);
}

static const struct numbers *names_of(const struct gatt_attribute *attribute)
{
    return attribute->kind == PEER_SERVICE || attribute->kind == PEER_INCLUDED ? &numbers_services
           : attribute->kind == PEER_CHARACTERISTIC                            ? &numbers_characteristics
                                                                               : &numbers_descriptors;
}

/* ---- As a tree ---- */

enum { COLUMN_ATTRIBUTE, COLUMN_HANDLE, COLUMN_PROPERTIES, COLUMN_VALUE };

static struct libscols_table *new_tree(void)
{
    struct libscols_table *tree = scols_new_table();
    if (!tree)
        return NULL;
    scols_table_enable_colors(tree, cli_wants_color());
    scols_table_enable_noencoding(tree, 1); /* output_text() has done it */
    scols_table_new_column(tree, "ATTRIBUTE", 9, SCOLS_FL_TREE);
    scols_table_new_column(tree, "HANDLE", 6, 0);
    struct libscols_column *properties = scols_table_new_column(tree, "PROPERTIES", 10, 0);
    struct libscols_column *values = scols_table_new_column(tree, "VALUE", 0.3, 0);
    if (properties && values && cli_is_terminal()) {
        wrap_between_words(properties);
        wrap_between_words(values);
    }
    return tree;
}

static void write_properties(FILE *stream, const struct gatt_attribute *attribute)
{
    const char *separator = "";
    for (size_t i = 0; i < PROPERTY_COUNT; i++) {
        if (attribute->properties & 1u << i) {
            fprintf(stream, "%s%s", separator, property_names[i]);
            separator = ", ";
        }
    }
}

/* A terminal on which things have to be left out: such a tree is some 110 characters wide. */
static bool is_narrow(void)
{
    size_t columns, rows;
    cli_terminal_size(&columns, &rows);
    return cli_is_terminal() && columns < 100;
}

static void write_title(FILE *stream, const struct gatt_attribute *attribute)
{
    const char *name = numbers_uuid(names_of(attribute), &attribute->uuid);
    if (name && is_narrow())
        fputs(name, stream);
    else
        output_named_uuid(stream, names_of(attribute), &attribute->uuid);
}

/* As many octets of a value as there is room for. */
static size_t octet_limit(void)
{
    return is_narrow() ? 16 : cli_is_terminal() ? 48 : SIZE_MAX;
}

static void write_value(FILE *stream, const struct gatt_attribute *attribute)
{
    const struct bluet_explanation *explanation = bluet_explain(BLUET_CODE_ATT, attribute->status);
    char words[512];
    if (attribute->kind == PEER_INCLUDED)
        fprintf(stream, "included: 0x%04x to 0x%04x", attribute->value_handle, attribute->end_handle);
    switch (attribute->reading) {
    case PEER_READ:
        gatt_value_write(stream, attribute, octet_limit());
        break;
    case PEER_REFUSED:
        cli_describe(words, sizeof words, BLUET_CODE_ATT, attribute->status);
        /* On a terminal the rest stands under the tree. */
        fprintf(stream, "not read: %s", explanation && cli_is_terminal() ? explanation->name : words);
        break;
    case PEER_NOT_READ:
        break;
    }
}

/* Says once for each reason why values were not read. */
static void print_reasons(const struct gatt_peer *peer)
{
    char words[512];
    for (size_t i = 0; i < peer->count; i++) {
        bool said = peer->attributes[i].reading != PEER_REFUSED;
        for (size_t earlier = 0; earlier < i && !said; earlier++)
            said = peer->attributes[earlier].reading == PEER_REFUSED &&
                   peer->attributes[earlier].status == peer->attributes[i].status;
        if (said)
            continue;
        cli_describe(words, sizeof words, BLUET_CODE_ATT, peer->attributes[i].status);
        printf("%s (bluet explain 0x%02x)\n", words, peer->attributes[i].status);
    }
}

static void set_written(struct libscols_line *line, size_t column, const struct gatt_attribute *attribute,
                        void (*write)(FILE *stream, const struct gatt_attribute *attribute))
{
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (!memory)
        return;
    write(memory, attribute);
    fclose(memory);
    scols_line_refer_data(line, column, text);
}

static struct libscols_line *add_line(struct libscols_table *tree, struct libscols_line *parent,
                                      const struct gatt_attribute *attribute)
{
    struct libscols_line *line = scols_table_new_line(tree, parent);
    if (!line)
        return NULL;
    char handle[8];
    snprintf(handle, sizeof handle, "0x%04x",
             attribute->kind == PEER_INCLUDED ? attribute->handle : attribute->value_handle);
    set_written(line, COLUMN_ATTRIBUTE, attribute, write_title);
    scols_line_set_data(line, COLUMN_HANDLE, handle);
    set_written(line, COLUMN_PROPERTIES, attribute, write_properties);
    set_written(line, COLUMN_VALUE, attribute, write_value);
    if (attribute->kind == PEER_SERVICE)
        scols_cell_set_color(scols_line_get_cell(line, COLUMN_ATTRIBUTE), "bold");
    if (attribute->reading == PEER_REFUSED)
        scols_cell_set_color(scols_line_get_cell(line, COLUMN_VALUE), "halfbright");
    return line;
}

void gatt_peer_draw(const struct gatt_peer *peer)
{
    char address[OUTPUT_ADDRESS_SIZE];
    output_address(address, &peer->address);
    printf("%s  %s  ATT MTU %u\n", address, output_address_kind(&peer->address), peer->mtu);
    struct libscols_table *tree = new_tree();
    if (!tree)
        return;
    /* The line of the latest attribute of each kind; a lone one hangs on what stands above it. */
    struct libscols_line *latest[PEER_KINDS] = {NULL};
    for (size_t i = 0; i < peer->count; i++) {
        const struct gatt_attribute *attribute = &peer->attributes[i];
        struct libscols_line *parent = NULL;
        for (int kind = 0; kind < (int)attribute->kind; kind++)
            parent = latest[kind] ? latest[kind] : parent;
        latest[attribute->kind] = add_line(tree, parent, attribute);
        for (int kind = (int)attribute->kind + 1; kind < PEER_KINDS; kind++)
            latest[kind] = NULL;
    }
    if (peer->count)
        scols_print_table(tree);
    scols_unref_table(tree);
    if (cli_is_terminal())
        print_reasons(peer);
}

/* ---- As JSON ---- */

static json_t *properties_json(const struct gatt_attribute *attribute)
{
    json_t *names = json_array();
    for (size_t i = 0; i < PROPERTY_COUNT; i++)
        if (attribute->properties & 1u << i)
            json_array_append_new(names, json_string(property_names[i]));
    return names;
}

static json_t *refusal_json(uint16_t status)
{
    const struct bluet_explanation *explanation = bluet_explain(BLUET_CODE_ATT, status);
    json_t *object = json_object();
    json_object_set_new(object, "status", json_integer(status));
    if (explanation) {
        json_object_set_new(object, "name", json_string(explanation->name));
        json_object_set_new(object, "words", json_string(explanation->words));
    }
    return object;
}

static void add_value_json(json_t *object, const struct gatt_attribute *attribute)
{
    if (attribute->reading == PEER_READ) {
        char *text = NULL;
        size_t length = 0;
        FILE *memory = open_memstream(&text, &length);
        json_object_set_new(object, "value", output_json_hex(attribute->value, attribute->length));
        if (!memory)
            return;
        gatt_value_write(memory, attribute, SIZE_MAX);
        fclose(memory);
        json_object_set_new(object, "value_text", json_stringn(text, length));
        free(text);
    } else if (attribute->reading == PEER_REFUSED) {
        json_object_set_new(object, "error", refusal_json(attribute->status));
    }
}

static json_t *attribute_json(const struct gatt_attribute *attribute)
{
    json_t *object = json_object();
    json_object_set_new(object, "uuid", output_json_uuid(&attribute->uuid));
    output_json_name(object, numbers_uuid(names_of(attribute), &attribute->uuid));
    json_object_set_new(object, "handle", json_integer(attribute->handle));
    if (attribute->kind == PEER_INCLUDED)
        json_object_set_new(object, "start_handle", json_integer(attribute->value_handle));
    if (attribute->kind != PEER_DESCRIPTOR)
        json_object_set_new(object, "end_handle", json_integer(attribute->end_handle));
    if (attribute->kind == PEER_CHARACTERISTIC) {
        json_object_set_new(object, "value_handle", json_integer(attribute->value_handle));
        json_object_set_new(object, "properties", properties_json(attribute));
    }
    add_value_json(object, attribute);
    static const char *const children[] = {"characteristics", "descriptors"};
    if (attribute->kind == PEER_SERVICE)
        json_object_set_new(object, "included", json_array());
    if (attribute->kind == PEER_SERVICE || attribute->kind == PEER_CHARACTERISTIC)
        json_object_set_new(object, children[attribute->kind], json_array());
    return object;
}

bool gatt_peer_write_json(const struct gatt_peer *peer)
{
    json_t *root = json_object();
    json_t *services = json_array(), *included = NULL, *characteristics = NULL, *descriptors = NULL;
    json_object_set_new(root, "address", output_json_address(&peer->address));
    json_object_set_new(root, "address_type", json_string(peer->address.type ? "random" : "public"));
    json_object_set_new(root, "mtu", json_integer(peer->mtu));
    json_object_set_new(root, "complete", json_boolean(!peer->problem));
    if (peer->problem)
        json_object_set_new(root, "problem", json_string(peer->problem));
    json_object_set_new(root, "services", services);
    for (size_t i = 0; i < peer->count; i++) {
        const struct gatt_attribute *attribute = &peer->attributes[i];
        json_t *object = attribute_json(attribute);
        if (attribute->kind == PEER_SERVICE) {
            json_array_append_new(services, object);
            included = json_object_get(object, "included");
            characteristics = json_object_get(object, "characteristics");
            descriptors = NULL;
        } else if (attribute->kind == PEER_INCLUDED && included) {
            json_array_append_new(included, object);
        } else if (attribute->kind == PEER_CHARACTERISTIC && characteristics) {
            json_array_append_new(characteristics, object);
            descriptors = json_object_get(object, "descriptors");
        } else if (attribute->kind == PEER_DESCRIPTOR && descriptors) {
            json_array_append_new(descriptors, object);
        } else {
            json_decref(object); /* found in no service: a peer that contradicts itself */
        }
    }
    return output_json(root, JSON_INDENT(2));
}
