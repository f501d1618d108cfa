/* The services, each value of which is octets that are kept; who writes one is told of. */
#include "stranger.h"

#include <stdlib.h>
#include <string.h>

enum { VALUE_MAX = 512 };

struct value {
    uint16_t handle, length;
    uint8_t octets[VALUE_MAX];
};

static struct value plain, news, secret, guarded, words_about;

static int on_access(uint16_t connection, uint16_t handle, struct ble_gatt_access_ctxt *what, void *argument)
{
    struct value *value = argument;
    if (what->op == BLE_GATT_ACCESS_OP_READ_CHR || what->op == BLE_GATT_ACCESS_OP_READ_DSC)
        return os_mbuf_append(what->om, value->octets, value->length) ? BLE_ATT_ERR_INSUFFICIENT_RES : 0;
    if (ble_hs_mbuf_to_flat(what->om, value->octets, sizeof value->octets, &value->length))
        return BLE_ATT_ERR_INVALID_ATTR_VALUE_LEN;
    say("\"written\", %d, %d, \"%s\"", connection, handle, hexadecimal(value->octets, value->length));
    return 0;
}

/* 50db505c-8ac4-4738-8448-3b1d9cc09cc5, and those that follow it */
#define UUID(OCTET) \
    BLE_UUID128_DECLARE(0xc5, 0x9c, 0xc0, 0x9c, 0x1d, 0x3b, 0x48, 0x84, 0x38, 0x47, 0xc4, 0x8a, OCTET, 0x50, 0xdb, 0x50)

static const struct ble_gatt_svc_def services[] = {
    {.type = BLE_GATT_SVC_TYPE_PRIMARY,
     .uuid = UUID(0x5c),
     .characteristics =
         (struct ble_gatt_chr_def[]){
             {.uuid = UUID(0x5d),
              .access_cb = on_access,
              .arg = &plain,
              .val_handle = &plain.handle,
              .flags = BLE_GATT_CHR_F_READ | BLE_GATT_CHR_F_WRITE | BLE_GATT_CHR_F_WRITE_NO_RSP,
              .descriptors = (struct ble_gatt_dsc_def[]){{.uuid = BLE_UUID16_DECLARE(0x2901),
                                                          .att_flags = BLE_ATT_F_READ | BLE_ATT_F_WRITE,
                                                          .access_cb = on_access,
                                                          .arg = &words_about},
                                                         {0}}},
             {.uuid = UUID(0x5e),
              .access_cb = on_access,
              .arg = &secret,
              .val_handle = &secret.handle,
              .flags = BLE_GATT_CHR_F_READ | BLE_GATT_CHR_F_READ_ENC | BLE_GATT_CHR_F_WRITE | BLE_GATT_CHR_F_WRITE_ENC},
             {.uuid = UUID(0x5f),
              .access_cb = on_access,
              .arg = &guarded,
              .val_handle = &guarded.handle,
              .flags = BLE_GATT_CHR_F_READ | BLE_GATT_CHR_F_READ_AUTHEN},
             {0},
         }},
    {.type = BLE_GATT_SVC_TYPE_PRIMARY,
     .uuid = BLE_UUID16_DECLARE(0xfff0),
     .characteristics =
         (struct ble_gatt_chr_def[]){
             {.uuid = BLE_UUID16_DECLARE(0xfff1),
              .access_cb = on_access,
              .arg = &news,
              .val_handle = &news.handle,
              .flags = BLE_GATT_CHR_F_READ | BLE_GATT_CHR_F_NOTIFY | BLE_GATT_CHR_F_INDICATE},
             {0},
         }},
    {0},
};

void server_init(void)
{
    struct value *values[] = {&plain, &news, &secret, &guarded, &words_about};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        values[i]->length = 11;
        memcpy(values[i]->octets, "from nimble", values[i]->length);
    }
    ble_gatts_count_cfg(services);
    ble_gatts_add_svcs(services);
}

/* ---- Commands ---- */

static int say_handles(const struct words *words)
{
    say("\"handles\", %d, %d, %d, %d", plain.handle, secret.handle, guarded.handle, news.handle);
    return 0;
}

/* value HANDLE OCTETS: what is read from now on; who has subscribed is sent it */
static int set_value(const struct words *words)
{
    struct value *values[] = {&plain, &news, &secret, &guarded};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (values[i]->handle != number16(words, 1))
            continue;
        size_t length;
        const uint8_t *given = octets(words, 2, &length);
        values[i]->length = (uint16_t)(length < VALUE_MAX ? length : VALUE_MAX);
        memcpy(values[i]->octets, given, values[i]->length);
        ble_gatts_chr_updated(values[i]->handle);
        return 0;
    }
    return BLE_HS_ENOENT;
}

/* notify CONNECTION HANDLE OCTETS */
static int notify(const struct words *words)
{
    return ble_gattc_notify_custom(number16(words, 1), number16(words, 2), octets_in_buffer(words, 3));
}

static int indicate(const struct words *words)
{
    return ble_gattc_indicate_custom(number16(words, 1), number16(words, 2), octets_in_buffer(words, 3));
}

/* hide HANDLE: a service from there on; the peer is told that services have changed */
static int changed(const struct words *words)
{
    return ble_gatts_svc_set_visibility(number16(words, 1), number(words, 2));
}

const struct command server_commands[] = {{"handles", say_handles}, {"value", set_value}, {"notify", notify},
                                          {"indicate", indicate},   {"visible", changed}, {NULL, NULL}};
