/* A radio that keeps the secrets of its host in a file, in the place of the application's handler. */
#include "runtime/radio.h"

#include <stdlib.h>
#include <string.h>

int bluet_radio_set_store(struct bluet_radio *radio, const char *path)
{
    message_clear();
    char *name = path ? strdup(path) : NULL;
    if (path && !name)
        return BLUET_ENOMEM;
    loop_lock(radio->runtime);
    bool same = name && radio->store_name && strcmp(name, radio->store_name) == 0;
    int error = !same && (radio->open || radio->opening) ? BLUET_EBUSY : 0;
    if (!error && !same) {
        free(radio->store_name);
        radio->store_name = name;
        name = NULL;
    }
    loop_unlock(radio->runtime);
    free(name);
    if (error)
        message_set("the store of a radio has to be named before it is activated");
    return error;
}

const char *bluet_radio_store(const struct bluet_radio *radio)
{
    const char *name = radio->store_name;
    if (!name && !radio->runtime->air)
        name = getenv("BLUET_STORE");
    return name && *name ? name : NULL;
}

/*
 * An air has a new public address for everybody who comes, and peers know each other by their addresses: a radio keeps
 * the one that it had first, as if its controller had it, and with a store also from one process to the next. Not a
 * secret of the host's.
 */
static const struct store_secret address_name = {.sec_type = 0, .key = (const uint8_t *)"address", .key_length = 7};

static void find_address(struct bluet_radio *radio)
{
    uint8_t octets[sizeof radio->transport.address];
    struct store_secret address = address_name;
    if (!store_find(radio->store, &address, address.sec_type, 0, address_name.key, address_name.key_length) ||
        address.value_length != sizeof octets) {
        radio_random(radio, octets, sizeof octets);
        address = address_name;
        address.value = octets;
        address.value_length = sizeof octets;
        store_keep(radio->store, &address);
    }
    memcpy(radio->transport.address, address.value, sizeof octets);
    radio->transport.has_address = true;
}

BLUET_INTERNAL int radio_store_open(struct bluet_radio *radio)
{
    const char *name = bluet_radio_store(radio);
    int error = name ? store_open(&radio->store, name) : 0;
    if (!error && radio->store)
        find_address(radio);
    return error;
}

BLUET_INTERNAL void radio_store_close(struct bluet_radio *radio)
{
    store_close(radio->store);
    radio->store = NULL;
}

static void get_secret(const struct store *store, const struct bluet_event *event)
{
    struct store_secret secret;
    if (!store_find(store, &secret, event->get_secret.sec_type, event->get_secret.index, event->get_secret.key,
                    event->get_secret.key_length) ||
        secret.value_length > event->get_secret.capacity)
        return;
    memcpy(event->get_secret.out_value, secret.value, secret.value_length);
    *event->get_secret.out_length = secret.value_length;
}

/* A disk may be slow: others go on meanwhile. Nobody closes the store before this event has ended. */
static int set_secret(struct bluet_radio *radio, const struct bluet_event *event)
{
    struct store *store = radio->store;
    const struct store_secret secret = {event->set_secret.sec_type, event->set_secret.key, event->set_secret.key_length,
                                        event->set_secret.value, event->set_secret.length};
    unsigned depth = loop_release(radio->runtime);
    int error = store_keep(store, &secret);
    loop_restore(radio->runtime, depth);
    bool news = error && !store->failing;
    store->failing = error != 0;
    if (news && radio->store_failed)
        radio->store_failed(radio->handler_context, bluet_runtime_message());
    return error == 0;
}

BLUET_INTERNAL int radio_store_answer(struct bluet_radio *radio, const struct bluet_event *event)
{
    if (event->code == BLUET_EVENT_SET_SECRET)
        return set_secret(radio, event);
    get_secret(radio->store, event);
    return 0;
}
