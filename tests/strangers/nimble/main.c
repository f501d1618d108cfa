/* Life of the program: NimBLE's two tasks, commands from the standard input, and what they are made of. */
#include "stranger.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <host/util/util.h>
#include <nimble/ble_hci_trans.h>
#include <nimble/nimble_port.h>
#include <services/gap/ble_svc_gap.h>
#include <services/gatt/ble_svc_gatt.h>

/* These have no header. */
void ble_hci_sock_init(void);
void ble_hci_sock_set_device(int port);
void ble_hci_sock_ack_handler(void *unused);
void ble_store_ram_init(void);
int ble_hs_hci_rx_evt(uint8_t *event, void *unused);
int ble_hs_hci_evt_acl_process(struct os_mbuf *data);

static char *line;
static struct ble_npl_event told;
static struct ble_npl_sem done;

/* ---- Words ---- */

int number(const struct words *words, int place)
{
    return (int)strtol(text(words, place), NULL, 0);
}

uint16_t number16(const struct words *words, int place)
{
    return (uint16_t)number(words, place);
}

const char *text(const struct words *words, int place)
{
    return place < words->count ? words->word[place] : "";
}

const uint8_t *octets(const struct words *words, int place, size_t *out_length)
{
    static uint8_t made[OCTETS_MAX];
    const char *digits = text(words, place);
    size_t length = 0;
    unsigned octet;
    while (length < sizeof made && sscanf(digits + 2 * length, "%2x", &octet) == 1)
        made[length++] = (uint8_t)octet;
    *out_length = length;
    return made;
}

struct os_mbuf *octets_in_buffer(const struct words *words, int place)
{
    size_t length;
    const uint8_t *made = octets(words, place, &length);
    return ble_hs_mbuf_from_flat(made, (uint16_t)length);
}

ble_addr_t address(const struct words *words, int place)
{
    ble_addr_t made = {.type = (uint8_t)number(words, place)};
    size_t length;
    const uint8_t *written = octets(words, place + 1, &length);
    for (size_t i = 0; i < sizeof made.val && i < length; i++)
        made.val[sizeof made.val - 1 - i] = written[i];
    return made;
}

/* ---- What is said ---- */

void say(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    putchar('[');
    vprintf(format, values);
    puts("]");
    fflush(stdout);
    va_end(values);
}

static char *room(void)
{
    static char rooms[4][2 * OCTETS_MAX + 1];
    static unsigned turn;
    char *given = rooms[turn++ % 4];
    given[0] = 0;
    return given;
}

const char *hexadecimal(const uint8_t *octets, size_t length)
{
    char *made = room();
    for (size_t i = 0; i < length && i < OCTETS_MAX; i++)
        snprintf(made + 2 * i, 3, "%02x", octets[i]);
    return made;
}

const char *hexadecimal_of(const struct os_mbuf *buffer)
{
    static uint8_t flat[OCTETS_MAX];
    uint16_t length = 0;
    if (buffer)
        ble_hs_mbuf_to_flat(buffer, flat, sizeof flat, &length);
    return hexadecimal(flat, length);
}

const char *hexadecimal_address(const ble_addr_t *address)
{
    char *made = room();
    for (size_t i = 0; i < sizeof address->val; i++)
        snprintf(made + 2 * i, 3, "%02x", address->val[sizeof address->val - 1 - i]);
    return made;
}

/*
 * ---- Data and events ----
 *
 * By itself NimBLE looks at all data that there is when it looks at any. When it is late it so sees data before an
 * event that came earlier: keys before Encryption Change, and pairing fails. Here data waits in one queue with events.
 */

static void process_data(struct ble_npl_event *event)
{
    struct os_mbuf *data = ble_npl_event_get_arg(event);
    free(event);
    ble_hs_hci_evt_acl_process(data);
}

static int take_data(struct os_mbuf *data, void *unused)
{
    struct ble_npl_event *event = calloc(1, sizeof *event);
    if (!event)
        abort();
    ble_npl_event_init(event, process_data, data);
    ble_npl_eventq_put(nimble_port_get_dflt_eventq(), event);
    return 0;
}

/* ---- Life ---- */

static void obey(struct ble_npl_event *event)
{
    static const struct command *const tables[] = {gap_commands, server_commands, client_commands, channel_commands};
    struct words words = {.count = 0};
    for (char *rest = line, *word; words.count < WORDS_MAX && (word = strsep(&rest, " \n")) && *word;)
        words.word[words.count++] = word;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && words.count; i++)
        for (const struct command *command = tables[i]; command->name; command++)
            if (!strcmp(command->name, words.word[0])) {
                say("\"did\", \"%s\", %d", command->name, command->run(&words));
                words.count = 0;
                break;
            }
    if (words.count)
        say("\"unknown\", \"%s\"", words.word[0]);
    ble_npl_sem_release(&done);
}

static void on_sync(void)
{
    ble_addr_t own = {0};
    ble_hs_util_ensure_addr(0);
    ble_hs_id_copy_addr(BLE_ADDR_PUBLIC, own.val, NULL);
    say("\"ready\", \"%s\"", hexadecimal_address(&own));
}

static void on_reset(int reason)
{
    say("\"reset\", %d", reason);
}

static void *run_transport(void *unused)
{
    ble_hci_sock_ack_handler(unused);
    return NULL;
}

static void *run_host(void *unused)
{
    nimble_port_run();
    return NULL;
}

int main(int argc, char **argv)
{
    static struct ble_npl_task transport, host;
    size_t room = 0;
    if (argc != 2) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        return 2;
    }
    ble_hci_sock_set_device((int)strtol(argv[1], NULL, 10));
    ble_hci_sock_init();
    nimble_port_init();
    ble_hci_trans_cfg_hs(ble_hs_hci_rx_evt, NULL, take_data, NULL);
    ble_svc_gap_init();
    ble_svc_gatt_init();
    ble_store_ram_init();
    server_init();
    ble_hs_cfg.sync_cb = on_sync;
    ble_hs_cfg.reset_cb = on_reset;
    ble_hs_cfg.store_status_cb = ble_store_util_status_rr;
    ble_npl_event_init(&told, obey, NULL);
    ble_npl_sem_init(&done, 0);
    ble_npl_task_init(&transport, "transport", run_transport, NULL, 1, BLE_NPL_TIME_FOREVER, NULL, 0);
    ble_npl_task_init(&host, "host", run_host, NULL, 1, BLE_NPL_TIME_FOREVER, NULL, 0);
    while (getline(&line, &room, stdin) > 0) {
        ble_npl_eventq_put(nimble_port_get_dflt_eventq(), &told);
        ble_npl_sem_pend(&done, BLE_NPL_TIME_FOREVER);
    }
    _exit(0);
}
