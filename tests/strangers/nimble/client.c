/* What a GATT client does. */
#include "stranger.h"

static const char *uuid(const ble_uuid_any_t *it)
{
    static char made[BLE_UUID_STR_LEN];
    return ble_uuid_to_str(&it->u, made);
}

static int on_mtu(uint16_t connection, const struct ble_gatt_error *error, uint16_t mtu, void *unused)
{
    say("\"exchanged\", %d, %d, %d", connection, error->status, mtu);
    return 0;
}

static int on_service(uint16_t connection, const struct ble_gatt_error *error, const struct ble_gatt_svc *it,
                      void *unused)
{
    if (error->status)
        say("\"services\", %d, %d", connection, error->status);
    else
        say("\"service\", %d, %d, %d, \"%s\"", connection, it->start_handle, it->end_handle, uuid(&it->uuid));
    return 0;
}

static int on_characteristic(uint16_t connection, const struct ble_gatt_error *error, const struct ble_gatt_chr *it,
                             void *unused)
{
    if (error->status)
        say("\"characteristics\", %d, %d", connection, error->status);
    else
        say("\"characteristic\", %d, %d, %d, %d, \"%s\"", connection, it->def_handle, it->val_handle, it->properties,
            uuid(&it->uuid));
    return 0;
}

static int on_descriptor(uint16_t connection, const struct ble_gatt_error *error, uint16_t value,
                         const struct ble_gatt_dsc *it, void *unused)
{
    if (error->status)
        say("\"descriptors\", %d, %d", connection, error->status);
    else
        say("\"descriptor\", %d, %d, \"%s\"", connection, it->handle, uuid(&it->uuid));
    return 0;
}

/* A long value comes in parts; the last call has no more than a status. */
static int on_value(uint16_t connection, const struct ble_gatt_error *error, struct ble_gatt_attr *it, void *unused)
{
    say("\"read\", %d, %d, %d, \"%s\"", connection, error->status, it ? it->offset : 0,
        hexadecimal_of(it ? it->om : NULL));
    return 0;
}

static int on_written(uint16_t connection, const struct ble_gatt_error *error, struct ble_gatt_attr *it, void *unused)
{
    say("\"wrote\", %d, %d", connection, error->status);
    return 0;
}

/* ---- Commands: the connection first ---- */

/* prefer MTU: for connections that are not there yet, and the exchanges of all */
static int prefer(const struct words *words)
{
    return ble_att_set_preferred_mtu(number16(words, 1));
}

static int exchange_mtu(const struct words *words)
{
    return ble_gattc_exchange_mtu(number16(words, 1), on_mtu, NULL);
}

static int discover_services(const struct words *words)
{
    return ble_gattc_disc_all_svcs(number16(words, 1), on_service, NULL);
}

/* service-by CONNECTION UUID16 */
static int discover_service(const struct words *words)
{
    return ble_gattc_disc_svc_by_uuid(number16(words, 1), BLE_UUID16_DECLARE(number16(words, 2)), on_service, NULL);
}

static int discover_included(const struct words *words)
{
    return ble_gattc_find_inc_svcs(number16(words, 1), number16(words, 2), number16(words, 3), on_service, NULL);
}

static int discover_characteristics(const struct words *words)
{
    return ble_gattc_disc_all_chrs(number16(words, 1), number16(words, 2), number16(words, 3), on_characteristic, NULL);
}

static int discover_descriptors(const struct words *words)
{
    return ble_gattc_disc_all_dscs(number16(words, 1), number16(words, 2), number16(words, 3), on_descriptor, NULL);
}

static int read_value(const struct words *words)
{
    return ble_gattc_read(number16(words, 1), number16(words, 2), on_value, NULL);
}

static int read_long(const struct words *words)
{
    return ble_gattc_read_long(number16(words, 1), number16(words, 2), number16(words, 3), on_value, NULL);
}

/* read-by CONNECTION FIRST LAST UUID16 */
static int read_by_uuid(const struct words *words)
{
    return ble_gattc_read_by_uuid(number16(words, 1), number16(words, 2), number16(words, 3),
                                  BLE_UUID16_DECLARE(number16(words, 4)), on_value, NULL);
}

static int read_several(const struct words *words)
{
    uint16_t handles[2] = {number16(words, 2), number16(words, 3)};
    return ble_gattc_read_mult(number16(words, 1), handles, 2, on_value, NULL);
}

static int write_value(const struct words *words)
{
    return ble_gattc_write(number16(words, 1), number16(words, 2), octets_in_buffer(words, 3), on_written, NULL);
}

static int write_long(const struct words *words)
{
    return ble_gattc_write_long(number16(words, 1), number16(words, 2), number16(words, 4), octets_in_buffer(words, 3),
                                on_written, NULL);
}

static int write_command(const struct words *words)
{
    return ble_gattc_write_no_rsp(number16(words, 1), number16(words, 2), octets_in_buffer(words, 3));
}

const struct command client_commands[] = {{"prefer", prefer},
                                          {"mtu", exchange_mtu},
                                          {"services", discover_services},
                                          {"service-by", discover_service},
                                          {"included", discover_included},
                                          {"characteristics", discover_characteristics},
                                          {"descriptors", discover_descriptors},
                                          {"read", read_value},
                                          {"read-long", read_long},
                                          {"read-by", read_by_uuid},
                                          {"read-several", read_several},
                                          {"write", write_value},
                                          {"write-long", write_long},
                                          {"command", write_command},
                                          {NULL, NULL}};
