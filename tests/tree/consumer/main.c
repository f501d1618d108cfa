/*
 * A program outside the tree: a host on a virtual air. It has functions of its own with names that Bluet uses inside,
 * which must not meet.
 */
#include <bluet/air.h>
#include <bluet/bluet.h>
#include <bluet/runtime.h>
#include <stdio.h>

int link_find(void);
int buffer_free(void);

int link_find(void)
{
    return 1;
}

int buffer_free(void)
{
    return 2;
}

static int handle(void *context, struct bluet *host, const struct bluet_event *event)
{
    (void)context;
    (void)host;
    (void)event;
    return 0;
}

int main(void)
{
    struct bluet_runtime *runtime;
    if (bluet_runtime_create(&runtime, &(struct bluet_runtime_config){.virtual_air = true, .seed = 1}))
        return 1;
    struct bluet_radio *radio;
    struct bluet_radio_config config = {.host = {.handler = handle}};
    if (bluet_radio_create(&radio, runtime, &config))
        return 1;
    int ticket = bluet_radio_activate(radio);
    if (ticket > 0)
        ticket = bluet_radio_wait(radio, ticket, NULL, NULL);
    struct bluet_address address;
    if (ticket || bluet_own_address(bluet_radio_host(radio), &address) || link_find() + buffer_free() != 3)
        return 1;
    printf("active as %02x:...:%02x\n", address.octets[0], address.octets[5]);
    bluet_runtime_destroy(runtime);
    return 0;
}
