/* What reads, writes and the MTU exchange say and hear. Of each kind: its next request; its response; its refusal. */
#ifndef BLUET_HOST_GATT_CLIENT_ACCESS_H
#define BLUET_HOST_GATT_CLIENT_ACCESS_H

#include "host/gatt_procedure.h"

BLUET_INTERNAL int gatt_ask_read(struct gatt_client *client, struct link *link, struct gatt_procedure *procedure);
BLUET_INTERNAL enum gatt_step gatt_hear_read(struct gatt_client *client, struct link *link,
                                             struct gatt_procedure *procedure, struct reader *response);

BLUET_INTERNAL int gatt_ask_write(struct gatt_client *client, struct link *link, struct gatt_procedure *procedure);
BLUET_INTERNAL enum gatt_step gatt_hear_write(struct gatt_client *client, struct link *link,
                                              struct gatt_procedure *procedure, struct reader *response);

BLUET_INTERNAL int gatt_command_write(struct gatt_client *client, struct link *link, struct gatt_procedure *procedure);

BLUET_INTERNAL int gatt_ask_write_long(struct gatt_client *client, struct link *link, struct gatt_procedure *procedure);
BLUET_INTERNAL enum gatt_step gatt_hear_write_long(struct gatt_client *client, struct link *link,
                                                   struct gatt_procedure *procedure, struct reader *response);
BLUET_INTERNAL enum gatt_step gatt_write_long_refused(struct gatt_client *client, struct link *link,
                                                      struct gatt_procedure *procedure, uint8_t error);

BLUET_INTERNAL int gatt_ask_mtu(struct gatt_client *client, struct link *link, struct gatt_procedure *procedure);
BLUET_INTERNAL enum gatt_step gatt_hear_mtu(struct gatt_client *client, struct link *link,
                                            struct gatt_procedure *procedure, struct reader *response);
BLUET_INTERNAL enum gatt_step gatt_mtu_refused(struct gatt_client *client, struct link *link,
                                               struct gatt_procedure *procedure, uint8_t error);

#endif
