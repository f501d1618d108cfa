/* The Database Hash (Vol 3 Part G, 7.3.1). */
#ifndef BLUET_HOST_GATT_DB_HASH_H
#define BLUET_HOST_GATT_DB_HASH_H

#include "host/gatt_db.h"

/* Whether there is cryptography to compute it with. */
BLUET_INTERNAL bool gatt_db_can_hash(void);
/* Computes db->hash. False: the cryptography has failed. */
BLUET_INTERNAL bool gatt_db_hash(struct gatt_db *db);

#endif
