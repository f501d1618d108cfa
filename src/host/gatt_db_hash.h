/* The Database Hash (Vol 3 Part G, 7.3.1). */
#ifndef BLUET_HOST_GATT_DB_HASH_H
#define BLUET_HOST_GATT_DB_HASH_H

#include "host/gatt_db.h"

/* Computes db->hash. */
BLUET_INTERNAL void gatt_db_hash(struct gatt_db *db);

#endif
