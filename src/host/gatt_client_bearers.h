/* Enhanced bearers from the client's side: finding them, of our own accord, and asking on several side by side. */
#ifndef BLUET_HOST_GATT_CLIENT_BEARERS_H
#define BLUET_HOST_GATT_CLIENT_BEARERS_H

#include "host/gatt_client_ask.h"

/* What GATT_FIND_BEARERS hears: as gatt_hear() and gatt_refused(). */
BLUET_INTERNAL int gatt_hear_bearers(const struct gatt_client *client, struct gatt_procedure *procedure,
                                     struct reader *response);
BLUET_INTERNAL int gatt_bearers_refused(const struct gatt_client *client, const struct gatt_procedure *procedure,
                                        uint8_t error);

/* The procedure that awaits a response there, or NULL. */
static inline struct gatt_procedure *gatt_procedure_on(const struct gatt_client *client,
                                                       const struct att_bearer *bearer)
{
    struct gatt_procedure *procedure = gatt_client_link(client, bearer->link)->first;
    while (procedure && procedure->bearer != bearer)
        procedure = procedure->next;
    return procedure;
}

/* An enhanced bearer that is free and of use to the procedure, or NULL. */
BLUET_INTERNAL struct att_bearer *gatt_free_bearer(const struct gatt_client *client, const struct link *link,
                                                   const struct gatt_procedure *procedure);
/* A bearer for the first, where others that have begun early have them all; or NULL. */
BLUET_INTERNAL struct att_bearer *gatt_take_bearer(const struct gatt_client *client,
                                                   const struct gatt_procedure *first);
/* It is asked again when its turn has come. */
BLUET_INTERNAL void gatt_put_off(const struct gatt_client *client, struct gatt_procedure *procedure);
/* Keeps the response of one that has begun early. Without a buffer for it, it is asked again in its turn. */
BLUET_INTERNAL void gatt_hold(const struct gatt_client *client, struct gatt_procedure *procedure, const uint8_t *pdu,
                              size_t length);
/* Where procedures wait for one another, enhanced bearers are worth looking for, before the next: once. */
BLUET_INTERNAL void gatt_seek_bearers(struct gatt_client *client, const struct link *link);

#endif
