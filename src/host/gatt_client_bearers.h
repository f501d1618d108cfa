/* Whether the peer has enhanced bearers, asked of our own accord: nothing of it is raised. */
#ifndef BLUET_HOST_GATT_CLIENT_BEARERS_H
#define BLUET_HOST_GATT_CLIENT_BEARERS_H

#include "host/gatt_procedure.h"

BLUET_INTERNAL int gatt_ask_bearers(struct gatt_client *client, struct gatt_procedure *procedure);
BLUET_INTERNAL enum gatt_step gatt_hear_bearers(struct gatt_client *client, struct link *link,
                                                struct gatt_procedure *procedure, struct reader *response);
BLUET_INTERNAL enum gatt_step gatt_bearers_refused(struct gatt_client *client, struct link *link,
                                                   struct gatt_procedure *procedure, uint8_t error);

#endif
