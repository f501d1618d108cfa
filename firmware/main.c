/*
 * A heart rate sensor on bare metal: the services Heart Rate and Battery, the Nordic UART service, which sends back
 * what is written to it, and an L2CAP channel that does the same. The battery's level is for those who have paired;
 * bonds are kept as long as there is power.
 */
#include "port.h"

#include <string.h>

enum { PSM = 0x80, SDU_LENGTH = 256, ECHO_LENGTH = 512, SECOND_US = 1000000, INTERVAL_US = 50000 };
enum { SECRETS = 5, KEY_LENGTH = 8, SECRET_LENGTH = 160 };

enum value { HEART_RATE, SENSOR_LOCATION, BATTERY, UART_RECEIVE, UART_SEND, VALUES };

struct secret {
    uint8_t type; /* 0: this place is free */
    uint8_t key_length, length;
    uint8_t key[KEY_LENGTH];
    uint8_t value[SECRET_LENGTH];
};

static struct {
    uint16_t handles[VALUES];
    uint8_t echo[ECHO_LENGTH]; /* what the UART has still to send back */
    size_t echo_length;
    uint16_t echo_to;
    bool must_advertise;
    uint8_t beats;
    struct secret secrets[SECRETS];
} sensor = {.must_advertise = true, .beats = 60};

/* Nordic's 6e40xxxx-b5a3-f393-e0a9-e50e24dcca9e */
#define NORDIC(number)                                                                                       \
    {                                                                                                        \
        16,                                                                                                  \
        {                                                                                                    \
            0x9e, 0xca, 0xdc, 0x24, 0x0e, 0xe5, 0xa9, 0xe0, 0x93, 0xf3, 0xa3, 0xb5, number, 0x00, 0x40, 0x6e \
        }                                                                                                    \
    }

static const struct bluet_characteristic heart_rate[] = {
    {.uuid = {2, {0x37, 0x2a}}, .flags = BLUET_FLAG_NOTIFY},
    {.uuid = {2, {0x38, 0x2a}}, .flags = BLUET_FLAG_READ},
};
static const struct bluet_characteristic battery[] = {
    {.uuid = {2, {0x19, 0x2a}}, .flags = BLUET_FLAG_READ | BLUET_FLAG_READ_ENCRYPTED},
};
static const struct bluet_characteristic nordic_uart[] = {
    {.uuid = NORDIC(0x02), .flags = BLUET_FLAG_WRITE | BLUET_FLAG_WRITE_NO_RESPONSE},
    {.uuid = NORDIC(0x03), .flags = BLUET_FLAG_NOTIFY},
};
static const struct bluet_service services[] = {
    {.uuid = {2, {0x0d, 0x18}}, .characteristics = heart_rate, .characteristic_count = 2},
    {.uuid = {2, {0x0f, 0x18}}, .characteristics = battery, .characteristic_count = 1},
    {.uuid = NORDIC(0x01), .characteristics = nordic_uart, .characteristic_count = 2},
};

/* Flags; the service Heart Rate; the name. */
static const char advertisement[] = "\x02\x01\x06\x03\x03\x0d\x18\x0c\x09"
                                    "Bluet heart";

/* ---- Echoes ---- */

/* The rest goes on with BLUET_EVENT_SEND_READY. */
static void send_echo(struct bluet *host)
{
    struct bluet_connection connection;
    size_t sent = 0;
    while (sent < sensor.echo_length && bluet_connection(host, &connection, sensor.echo_to) == BLUET_OK) {
        size_t part = sensor.echo_length - sent;
        if (part > connection.mtu - 3u)
            part = connection.mtu - 3u;
        if (bluet_gatts_notify(host, sensor.echo_to, sensor.handles[UART_SEND], sensor.echo + sent, part) != BLUET_OK)
            break;
        sent += part;
    }
    sensor.echo_length -= sent;
    memmove(sensor.echo, sensor.echo + sent, sensor.echo_length);
}

static void receive_uart(struct bluet *host, uint16_t conn_handle)
{
    const void *value;
    size_t length;
    if (bluet_gatts_read(host, &value, &length, sensor.handles[UART_RECEIVE]) != BLUET_OK)
        return;
    if (conn_handle != sensor.echo_to)
        sensor.echo_length = 0;
    sensor.echo_to = conn_handle;
    if (length > ECHO_LENGTH - sensor.echo_length)
        length = ECHO_LENGTH - sensor.echo_length; /* written faster than it can be sent back */
    memcpy(sensor.echo + sensor.echo_length, value, length);
    sensor.echo_length += length;
    send_echo(host);
}

/* Until nothing is left, or the peer has to make room: then BLUET_EVENT_L2CAP_SEND_READY comes. */
static void echo_channel(struct bluet *host, uint16_t conn_handle, uint16_t cid)
{
    uint8_t sdu[SDU_LENGTH];
    int length, sent = 1;
    while (sent > 0 && (length = bluet_l2cap_receive(host, conn_handle, cid, sdu, sizeof sdu)) > 0)
        sent = bluet_l2cap_send(host, conn_handle, cid, sdu, (size_t)length);
}

/* ---- Secrets ---- */

static struct secret *find_secret(uint8_t type, const uint8_t *key, size_t key_length)
{
    for (struct secret *secret = sensor.secrets; secret < sensor.secrets + SECRETS; secret++) {
        if (secret->type == type && secret->key_length == key_length && memcmp(secret->key, key, key_length) == 0)
            return secret;
    }
    return NULL;
}

static void get_secret(const struct bluet_event *event)
{
    struct secret *found = NULL;
    uint8_t index = event->get_secret.index;
    if (event->get_secret.key)
        found = find_secret(event->get_secret.sec_type, event->get_secret.key, event->get_secret.key_length);
    for (struct secret *secret = sensor.secrets; !event->get_secret.key && secret < sensor.secrets + SECRETS;
         secret++) {
        if (secret->type == event->get_secret.sec_type && index-- == 0) {
            found = secret;
            break;
        }
    }
    if (found && found->length <= event->get_secret.capacity) {
        memcpy(event->get_secret.out_value, found->value, found->length);
        *event->get_secret.out_length = found->length;
    }
}

/* Returns 1 if it is kept. */
static int set_secret(const struct bluet_event *event)
{
    size_t key_length = event->set_secret.key_length, length = event->set_secret.length;
    struct secret *secret = find_secret(event->set_secret.sec_type, event->set_secret.key, key_length);
    if (!event->set_secret.value) {
        if (secret)
            *secret = (struct secret){0};
        return 1;
    }
    if (!secret)
        secret = find_secret(0, NULL, 0);
    if (!secret || key_length > KEY_LENGTH || length > SECRET_LENGTH)
        return 0;
    secret->type = event->set_secret.sec_type;
    secret->key_length = (uint8_t)key_length;
    secret->length = (uint8_t)length;
    memcpy(secret->key, event->set_secret.key, key_length);
    memcpy(secret->value, event->set_secret.value, length);
    return 1;
}

/* ---- The application ---- */

static int handle_event(void *context, struct bluet *host, const struct bluet_event *event)
{
    (void)context;
    switch (event->code) {
    case BLUET_EVENT_CENTRAL_CONNECT:
    case BLUET_EVENT_CENTRAL_DISCONNECT:
        sensor.must_advertise = true;
        break;
    case BLUET_EVENT_GATTS_WRITE:
        if (event->attribute.attr_handle == sensor.handles[UART_RECEIVE])
            receive_uart(host, event->conn_handle);
        break;
    case BLUET_EVENT_SEND_READY:
        send_echo(host);
        break;
    case BLUET_EVENT_L2CAP_RECV:
    case BLUET_EVENT_L2CAP_SEND_READY:
        echo_channel(host, event->conn_handle, event->channel_data.cid);
        break;
    case BLUET_EVENT_GET_SECRET:
        get_secret(event);
        break;
    case BLUET_EVENT_SET_SECRET:
        return set_secret(event);
    default:
        break;
    }
    return 0;
}

static bool begin(struct bluet *host)
{
    static const uint8_t location = 2 /* wrist */, level = 87;
    const struct bluet_security security = {.bond = true, .le_secure = true, .io = BLUET_IO_NO_INPUT_OUTPUT};
    if (bluet_set_gap_name(host, "Bluet heart", 11) != BLUET_OK || bluet_set_security(host, &security) != BLUET_OK ||
        bluet_activate(host) < 0)
        return false;
    while (bluet_deadline(host) != BLUET_NEVER && !bluet_is_active(host))
        port_run(host);
    return bluet_gatts_register_services(host, sensor.handles, VALUES, services, 3) == VALUES &&
           bluet_gatts_set_buffer(host, sensor.handles[UART_RECEIVE], ECHO_LENGTH, true) == BLUET_OK &&
           bluet_gatts_write(host, sensor.handles[SENSOR_LOCATION], &location, 1, false) == 1 &&
           bluet_gatts_write(host, sensor.handles[BATTERY], &level, 1, false) == 1 &&
           bluet_l2cap_listen(host, PSM, SDU_LENGTH) == BLUET_OK;
}

static void beat(struct bluet *host)
{
    const uint8_t measurement[] = {0, sensor.beats};
    sensor.beats = sensor.beats < 180 ? sensor.beats + 1 : 60;
    bluet_gatts_write(host, sensor.handles[HEART_RATE], measurement, sizeof measurement, true);
}

static void run(struct bluet *host, const struct bluet_port *port)
{
    uint64_t next = port->now(NULL);
    while (bluet_is_active(host)) {
        if (sensor.must_advertise) {
            const struct bluet_span data = {advertisement, sizeof advertisement - 1};
            sensor.must_advertise = bluet_gap_advertise(host, INTERVAL_US, &data, NULL, true) < 0;
        }
        if (port->now(NULL) >= next) {
            next += SECOND_US;
            beat(host);
        }
        port_run(host);
    }
}

int main(void)
{
    const struct bluet_config config = {
        .port = port_start(),
        .handler = handle_event,
        .connection_count = 2,
        .mtu_limit = 247,
        .buffer_count = 12,
        .buffer_size = 128,
        .procedure_count = 2,
        .channel_count = 2,
        .channel_size = 1024,
        .bond_count = 2,
        .pairing_count = 1,
    };
    struct bluet *host;
    while (bluet_create(&host, &config) == BLUET_OK) {
        sensor.must_advertise = true;
        if (begin(host))
            run(host, &config.port);
        bluet_destroy(host); /* the controller was lost: once more from the beginning */
    }
    return 1;
}
