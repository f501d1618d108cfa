/*
 * Requests that read: what is there, and what it holds. Each puts the response together, and returns 0, or an ATT error
 * code with response->error_handle.
 */
#ifndef BLUET_HOST_GATT_SERVER_READ_H
#define BLUET_HOST_GATT_SERVER_READ_H

#include "host/gatt_server_state.h"

BLUET_INTERNAL int gatt_find_information(struct gatt_server *server, struct link *link, struct reader *request,
                                         struct gatt_response *response);
BLUET_INTERNAL int gatt_find_by_type_value(struct gatt_server *server, struct link *link, struct reader *request,
                                           struct gatt_response *response);
BLUET_INTERNAL int gatt_read_by_type(struct gatt_server *server, struct link *link, struct reader *request,
                                     struct gatt_response *response);
BLUET_INTERNAL int gatt_read_by_group_type(struct gatt_server *server, struct link *link, struct reader *request,
                                           struct gatt_response *response);
BLUET_INTERNAL int gatt_read(struct gatt_server *server, struct link *link, struct reader *request,
                             struct gatt_response *response);
BLUET_INTERNAL int gatt_read_blob(struct gatt_server *server, struct link *link, struct reader *request,
                                  struct gatt_response *response);
BLUET_INTERNAL int gatt_read_multiple(struct gatt_server *server, struct link *link, struct reader *request,
                                      struct gatt_response *response);
BLUET_INTERNAL int gatt_read_multiple_variable(struct gatt_server *server, struct link *link, struct reader *request,
                                               struct gatt_response *response);

#endif
