/* How services become attributes; gatt_db_register() itself is declared in gatt_db.h. */
#ifndef BLUET_HOST_GATT_DB_REGISTER_H
#define BLUET_HOST_GATT_DB_REGISTER_H

#include "host/gatt_db.h"

/* Gives back all that services took. */
BLUET_INTERNAL void gatt_db_forget(struct gatt_db *db);

#endif
