/*
 * Requests and commands that write. The requests put the response together, and return 0, or an ATT error code with
 * response->error_handle.
 */
#ifndef BLUET_HOST_GATT_SERVER_WRITE_H
#define BLUET_HOST_GATT_SERVER_WRITE_H

#include "host/gatt_server_access.h"

BLUET_INTERNAL int gatt_write(struct gatt_server *server, struct link *link, struct reader *request,
                              struct gatt_response *response);
BLUET_INTERNAL int gatt_prepare_write(struct gatt_server *server, struct link *link, struct reader *request,
                                      struct gatt_response *response);
BLUET_INTERNAL int gatt_execute_write(struct gatt_server *server, struct link *link, struct reader *request,
                                      struct gatt_response *response);

/* Raises. Whatever is wrong with it, there is no answer. */
BLUET_INTERNAL void gatt_write_command(struct gatt_server *server, struct link *link, struct reader *request,
                                       enum gatt_signature signature);

#endif
