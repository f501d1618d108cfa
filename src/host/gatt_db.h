/*
 * The attributes of the server: a pure data structure, that sends and raises nothing (Vol 3 Part F, 3.2; Part G, 3).
 * Handles are dense, so that a handle is an index. All that services take is one block of memory; only values that
 * outgrow their first size have one of their own.
 */
#ifndef BLUET_HOST_GATT_DB_H
#define BLUET_HOST_GATT_DB_H

#include "bluet/bluet.h"
#include "host/features.h"
#include "host/gatt_type.h"
#include "spec/att.h"
#include "spec/internal.h"
#include "spec/writer.h"

enum {
    GATT_VALUE_SIZE = 20,           /* of a value's buffer, until something changes it */
    GATT_DEVICE_NAME_LARGEST = 248, /* Vol 3 Part C, 12.1 */
    GATT_DECLARATION_LARGEST = 19   /* Characteristic declaration with a UUID of 16 octets */
};

/* In an order in which those that have something in common stand together. */
enum gatt_attribute_kind {
    GATT_SERVICE,       /* `uuid` is the service's, `flags` its type, `last` its last handle */
    GATT_INCLUDED,      /* of the service that is declared at `included` */
    GATT_DECLARATION,   /* of the characteristic whose value is the next attribute; `flags` are its properties */
    GATT_CONFIGURATION, /* Client Characteristic Configuration of the value just before; `slot` */
    GATT_BROADCAST,     /* Server Characteristic Configuration; `bits` */
    GATT_FEATURES,      /* Client Supported Features; `slot` */
    GATT_PROPERTIES,    /* Characteristic Extended Properties; `bits` */
    GATT_CONSTANT,      /* a value of our own, read only; `slot` */
    GATT_NAME,          /* the device name */
    GATT_VALUE,         /* of a characteristic, the application's; `slot` */
    GATT_DESCRIPTOR     /* the application's; `slot` */
};

struct gatt_attribute {
    uint16_t uuid;  /* of the type, 16 bits of it; or, with `wide`, its index among the 128-bit ones */
    uint16_t flags; /* enum bluet_flag */
    union {
        uint16_t last;     /* GATT_SERVICE: handle of its last attribute */
        uint16_t included; /* GATT_INCLUDED */
        uint16_t slot;     /* its place among the configurations, or the values, or that of a constant */
        uint16_t bits;
    };
    uint8_t kind; /* enum gatt_attribute_kind */
    bool wide : 1;
    bool grown : 1; /* the value's octets are a block of their own */
    bool append : 1;
};

struct gatt_value {
    uint8_t *octets;
    uint16_t length;
    uint16_t size; /* room for octets */
};

/* Bits of a configuration: the two of the specification (Vol 3 Part G, 3.3.3.3), and our own. */
enum {
    GATT_NOTIFICATIONS = 0x01,
    GATT_INDICATIONS = 0x02,
    GATT_BROADCASTS = 0x01,          /* of a Server Characteristic Configuration (3.3.3.4) */
    GATT_SUBSCRIPTION_UNTOLD = 0x40, /* it has changed, and the application has yet to hear of it */
    GATT_UPDATE_OWED = 0x80,         /* the value has changed, and there was no buffer to say so */
    GATT_BITS_OF_OURS = GATT_SUBSCRIPTION_UNTOLD | GATT_UPDATE_OWED
};

/* Client Supported Features (Vol 3 Part G, 7.2) */
enum { GATT_SERVICE_CHANGED_SLOT = 0, GATT_FEATURES_SLOT = 1, GATT_BUILT_IN_SLOTS = 2 };
enum { GATT_SERVER_HAS_BEARERS = 0x01 }; /* Server Supported Features (7.4) */
enum { GATT_ROBUST_CACHING = 0x01, GATT_ENHANCED_BEARER = 0x02, GATT_MULTIPLE_NOTIFICATIONS = 0x04 };

struct gatt_db {
    uint8_t link_limit;
    bool name_writable;
    bool hashed;                /* there is cryptography: a Database Hash, and with it robust caching */
    uint8_t address_resolution; /* 1: by our controller, so that peers may send us directed advertisements */
    uint8_t server_features;    /* Server Supported Features */
    uint8_t appearance[2];
    uint16_t count;
    uint16_t configuration_count;
    uint16_t users_handle; /* the first of the application's; the services from there on come and go */
    uint16_t generation;   /* goes up when services are replaced */
    const struct bluet_port *port;
    struct gatt_attribute *attributes; /* [handle - 1] */
    struct gatt_value *values;         /* where the block begins that holds all */
    uint8_t (*uuids)[16];
    uint8_t *configurations; /* [slot * link_limit + index of the link] */
    size_t block_size;
    struct gatt_value name; /* its octets are a block of their own */
    uint8_t preferred_parameters[8];
    uint8_t hash[16]; /* of the database, as it goes on the air */
};

/* The handles whose attributes registration has made others of; `first` 0: none. */
struct gatt_change {
    uint16_t first, last;
};

/* Once, before all else. */
BLUET_INTERNAL void gatt_db_init(struct gatt_db *db, const struct bluet_port *port);
BLUET_INTERNAL void gatt_db_destroy(struct gatt_db *db);

/* At activation: the built-in services; the Database Hash is one of them where there is cryptography. -ENOMEM */
BLUET_INTERNAL int gatt_db_open(struct gatt_db *db, uint8_t link_limit);
BLUET_INTERNAL void gatt_db_close(struct gatt_db *db);

/*
 * Replaces the user's services. How many handles there are, -EINVAL or -ENOMEM (and then nothing has changed). What
 * clients have configured stays, as far as attributes are what they were.
 */
BLUET_INTERNAL int gatt_db_register(struct gatt_db *db, struct gatt_change *out_change, uint16_t *out_handles,
                                    size_t handle_capacity, const struct bluet_service *services, size_t service_count);

/* The GAP service's values; they may be set while closed. -EINVAL, -ENOMEM */
BLUET_INTERNAL int gatt_db_set_device_name(struct gatt_db *db, const void *name, size_t length);
BLUET_INTERNAL const void *gatt_db_device_name(const struct gatt_db *db, size_t *out_length);
/* Whether clients may write it. While closed. -ENOMEM */
BLUET_INTERNAL int gatt_db_set_name_writable(struct gatt_db *db, bool writable);
BLUET_INTERNAL void gatt_db_set_appearance(struct gatt_db *db, uint16_t appearance);
BLUET_INTERNAL uint16_t gatt_db_appearance(const struct gatt_db *db);

/* NULL: no such handle. */
BLUET_INTERNAL struct gatt_attribute *gatt_db_find(const struct gatt_db *db, uint16_t handle);

static inline uint16_t gatt_db_handle(const struct gatt_db *db, const struct gatt_attribute *attribute)
{
    return (uint16_t)(attribute - db->attributes + 1);
}

static inline bool gatt_is_users(const struct gatt_attribute *attribute)
{
    return attribute->kind >= GATT_VALUE;
}

/* A value or descriptor of the application, or NULL. */
BLUET_INTERNAL struct gatt_attribute *gatt_db_find_users(const struct gatt_db *db, uint16_t handle);

/* Where its value is kept; of the application's, and of the device name. */
BLUET_INTERNAL struct gatt_value *gatt_db_buffer(struct gatt_db *db, const struct gatt_attribute *attribute);

/* Of the value of Service Changed. */
enum { GATT_SERVICE_CHANGED_HANDLE = 12 };

/* The attribute's type, as it goes on the air: 2 or 16 octets. */
BLUET_INTERNAL void gatt_db_write_type(const struct gatt_db *db, const struct gatt_attribute *attribute,
                                       struct writer *out);
BLUET_INTERNAL bool gatt_db_has_type(const struct gatt_db *db, const struct gatt_attribute *attribute,
                                     const struct gatt_type *type);

/*
 * What a read by that link yields. Declarations are put together in `scratch`, of GATT_DECLARATION_LARGEST octets;
 * other values are pointed at.
 */
BLUET_INTERNAL void gatt_db_value(struct gatt_db *db, const struct gatt_attribute *attribute, uint8_t link_index,
                                  uint8_t *scratch, struct bluet_span *out_value);

/* The configuration of a value, or NULL: it has none. */
BLUET_INTERNAL const struct gatt_attribute *gatt_db_configuration_of(const struct gatt_db *db,
                                                                     const struct gatt_attribute *value);

/* And the value of a configuration. */
static inline const struct gatt_attribute *gatt_db_configured_value(const struct gatt_attribute *configuration)
{
    return configuration - 1;
}

/* Whether it is one for a value of the application. */
static inline bool gatt_is_subscribed_to(const struct gatt_attribute *configuration)
{
    return configuration->kind == GATT_CONFIGURATION && gatt_db_configured_value(configuration)->kind == GATT_VALUE;
}

/* Whether each client has its own. */
static inline bool gatt_is_kept(const struct gatt_attribute *attribute)
{
    return attribute->kind == GATT_CONFIGURATION || attribute->kind == GATT_FEATURES;
}

BLUET_INTERNAL uint8_t *gatt_db_configuration(const struct gatt_db *db, uint16_t slot, uint8_t link_index);

/*
 * What that client has configured of the next attribute behind `handle`, which then becomes that one's; or NULL. 0 is
 * before the first.
 */
BLUET_INTERNAL uint8_t *gatt_db_next_configuration(const struct gatt_db *db, uint8_t link_index, uint16_t *handle);

/* Of a new link all are zero. */
BLUET_INTERNAL void gatt_db_clear_configurations(struct gatt_db *db, uint8_t link_index);

/*
 * A write from the air, in one piece or several: the first call keeps `offset` octets of the old value, all of it where
 * writes are joined, and returns where the new octets begin; the second puts them there, cut to the buffer.
 */
BLUET_INTERNAL size_t gatt_db_begin_write(struct gatt_db *db, const struct gatt_attribute *attribute, size_t offset);
BLUET_INTERNAL void gatt_db_put(struct gatt_db *db, const struct gatt_attribute *attribute, size_t position,
                                const struct bluet_span *data);

/* A block of that size for the value. -EINVAL: over 65535. -ENOMEM */
BLUET_INTERNAL int gatt_db_resize(struct gatt_db *db, struct gatt_attribute *attribute, size_t size);
/* One that is joined from writes is empty then. */
BLUET_INTERNAL void gatt_db_read_local(struct gatt_db *db, const struct gatt_attribute *attribute,
                                       const void **out_value, size_t *out_length);
BLUET_INTERNAL void gatt_db_write_local(struct gatt_value *value, const void *data, size_t length);
/* Empties the value. -EINVAL, -ENOMEM */
BLUET_INTERNAL int gatt_db_set_buffer(struct gatt_db *db, struct gatt_attribute *attribute, size_t size, bool append);
/* Gives its block back. */
BLUET_INTERNAL void gatt_db_give_value(const struct gatt_db *db, const struct gatt_value *value);

#endif
