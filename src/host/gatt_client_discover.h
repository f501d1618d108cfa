/* What discoveries say and hear. Of each kind: its next request; its response, whose results are raised at once. */
#ifndef BLUET_HOST_GATT_CLIENT_DISCOVER_H
#define BLUET_HOST_GATT_CLIENT_DISCOVER_H

#include "host/gatt_procedure.h"

BLUET_INTERNAL int gatt_ask_services(struct gatt_client *client, struct gatt_procedure *procedure);
BLUET_INTERNAL enum gatt_step gatt_hear_services(struct gatt_client *client, struct link *link,
                                                 struct gatt_procedure *procedure, struct reader *response);

BLUET_INTERNAL int gatt_ask_services_by_uuid(struct gatt_client *client, struct gatt_procedure *procedure);
BLUET_INTERNAL enum gatt_step gatt_hear_services_by_uuid(struct gatt_client *client, struct link *link,
                                                         struct gatt_procedure *procedure, struct reader *response);

BLUET_INTERNAL int gatt_ask_included(struct gatt_client *client, struct gatt_procedure *procedure);
BLUET_INTERNAL enum gatt_step gatt_hear_included(struct gatt_client *client, struct link *link,
                                                 struct gatt_procedure *procedure, struct reader *response);

BLUET_INTERNAL int gatt_ask_read_by_uuid(struct gatt_client *client, struct gatt_procedure *procedure);
BLUET_INTERNAL enum gatt_step gatt_hear_read_by_uuid(struct gatt_client *client, struct link *link,
                                                     struct gatt_procedure *procedure, struct reader *response);

BLUET_INTERNAL int gatt_ask_characteristics(struct gatt_client *client, struct gatt_procedure *procedure);
BLUET_INTERNAL enum gatt_step gatt_hear_characteristics(struct gatt_client *client, struct link *link,
                                                        struct gatt_procedure *procedure, struct reader *response);

BLUET_INTERNAL int gatt_ask_descriptors(struct gatt_client *client, struct gatt_procedure *procedure);
BLUET_INTERNAL enum gatt_step gatt_hear_descriptors(struct gatt_client *client, struct link *link,
                                                    struct gatt_procedure *procedure, struct reader *response);

/* The error that ends every discovery is that there is no more (Vol 3 Part G, 4.4.1). */
BLUET_INTERNAL enum gatt_step gatt_discovery_refused(struct gatt_client *client, struct link *link,
                                                     struct gatt_procedure *procedure, uint8_t error);

#endif
