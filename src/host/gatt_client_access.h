/* What reads, writes and the MTU exchange say and hear. Of each kind: its next request; its response; its refusal. */
#ifndef BLUET_HOST_GATT_CLIENT_ACCESS_H
#define BLUET_HOST_GATT_CLIENT_ACCESS_H

#include "host/gatt_procedure.h"

BLUET_INTERNAL int gatt_ask_read(struct gatt_client *client, struct gatt_procedure *procedure);
BLUET_INTERNAL enum gatt_step gatt_hear_read(struct gatt_client *client, struct link *link,
                                             struct gatt_procedure *procedure, struct reader *response);

/* Long reads begin as any read does. */
BLUET_INTERNAL enum gatt_step gatt_hear_read_long(struct gatt_client *client, struct link *link,
                                                  struct gatt_procedure *procedure, struct reader *response);
BLUET_INTERNAL enum gatt_step gatt_read_long_refused(struct gatt_client *client, struct link *link,
                                                     struct gatt_procedure *procedure, uint8_t error);

/* Of both kinds. */
BLUET_INTERNAL int gatt_ask_read_multiple(struct gatt_client *client, struct gatt_procedure *procedure);
BLUET_INTERNAL enum gatt_step gatt_hear_read_multiple(struct gatt_client *client, struct link *link,
                                                      struct gatt_procedure *procedure, struct reader *response);
BLUET_INTERNAL enum gatt_step gatt_hear_read_multiple_variable(struct gatt_client *client, struct link *link,
                                                               struct gatt_procedure *procedure,
                                                               struct reader *response);

BLUET_INTERNAL int gatt_ask_write(struct gatt_client *client, struct gatt_procedure *procedure);
BLUET_INTERNAL enum gatt_step gatt_hear_write(struct gatt_client *client, struct link *link,
                                              struct gatt_procedure *procedure, struct reader *response);

BLUET_INTERNAL int gatt_command_signed_write(struct gatt_client *client, struct gatt_procedure *procedure);
BLUET_INTERNAL int gatt_command_write(struct gatt_client *client, struct gatt_procedure *procedure);

/* Long and reliable writes. Of the latter, turns to the next value; false: there is none. */
BLUET_INTERNAL bool gatt_next_record(struct gatt_procedure *procedure);
BLUET_INTERNAL int gatt_ask_write_long(struct gatt_client *client, struct gatt_procedure *procedure);
BLUET_INTERNAL enum gatt_step gatt_hear_write_long(struct gatt_client *client, struct link *link,
                                                   struct gatt_procedure *procedure, struct reader *response);
BLUET_INTERNAL enum gatt_step gatt_write_long_refused(struct gatt_client *client, struct link *link,
                                                      struct gatt_procedure *procedure, uint8_t error);

BLUET_INTERNAL int gatt_ask_mtu(struct gatt_client *client, struct gatt_procedure *procedure);
BLUET_INTERNAL enum gatt_step gatt_hear_mtu(struct gatt_client *client, struct link *link,
                                            struct gatt_procedure *procedure, struct reader *response);
BLUET_INTERNAL enum gatt_step gatt_mtu_refused(struct gatt_client *client, struct link *link,
                                               struct gatt_procedure *procedure, uint8_t error);

#endif
