/*
 * What the controller can do, asked when it is started, and how it is set up (Vol 4 Part E, 7.3, 7.4, 7.8). What it
 * does not support, the host does without, as far as that can be.
 */
#ifndef BLUET_HOST_HCI_CONTROLLER_H
#define BLUET_HOST_HCI_CONTROLLER_H

#include "bluet/bluet.h"
#include "host/hci.h"
#include "spec/internal.h"

/* Bit numbers of the LE features (Vol 6 Part B, 4.6). */
enum hci_feature {
    HCI_FEATURE_CONNECTION_PARAMETERS_REQUEST = 1,
    HCI_FEATURE_DATA_LENGTH_EXTENSION = 5,
    HCI_FEATURE_LL_PRIVACY = 6,
    HCI_FEATURE_EXTENDED_SCANNER_FILTER = 7,
    HCI_FEATURE_LE_2M_PHY = 8,
    HCI_FEATURE_LE_CODED_PHY = 11
};

/* Octet and bit of the supported commands that one may do without (Vol 4 Part E, 6.27). */
enum hci_supported_command {
    HCI_SUPPORTS_LE_SET_DATA_LENGTH = 33 << 3 | 6,
    HCI_SUPPORTS_LE_WRITE_SUGGESTED_DEFAULT_DATA_LENGTH = 34 << 3 | 0,
    HCI_SUPPORTS_LE_ADD_DEVICE_TO_RESOLVING_LIST = 34 << 3 | 3,
    HCI_SUPPORTS_LE_SET_PRIVACY_MODE = 39 << 3 | 2
};

enum { HCI_COMMANDS_BEGIN = 33, HCI_COMMANDS_END = 40 };

enum { HCI_VERSION_5_0 = 9, HCI_DATA_LENGTH_OCTETS = 251, HCI_DATA_LENGTH_US = 2120 };

/* Who starts a controller, and what he is asked and told. */
struct hci_controller_owner {
    /* The address to use, now that it is known whether the controller has one of its own. */
    struct bluet_address (*choose_address)(void *context);
    /* The start has ended; with BLUET_OK or BLUET_EIO. */
    void (*started)(void *context, int error, uint8_t status);
};

struct hci_controller {
    struct hci *hci;
    const struct hci_controller_owner *owner;
    void *context; /* the owner's */
    uint8_t version;
    uint8_t public_octets[6];
    bool has_public;
    bool stopped;
    struct bluet_address address;
    uint8_t commands[HCI_COMMANDS_END - HCI_COMMANDS_BEGIN]; /* of the octets, those that are asked about */
    uint32_t features;                                       /* of the bits, those that are asked about */
};

/* Begins with a Reset, and ends by telling the owner. */
BLUET_INTERNAL void hci_controller_start(struct hci_controller *controller, struct hci *hci,
                                         const struct hci_controller_owner *owner, void *context);

/* The answer under way leads to no further step. */
static inline void hci_controller_stop(struct hci_controller *controller)
{
    controller->stopped = true;
}

static inline bool hci_has_feature(const struct hci_controller *controller, enum hci_feature feature)
{
    return controller->features >> feature & 1;
}

static inline bool hci_has_command(const struct hci_controller *controller, enum hci_supported_command command)
{
    return controller->commands[(command >> 3) - HCI_COMMANDS_BEGIN] >> (command & 7) & 1;
}

/*
 * Whether it can resolve private addresses. Without privacy modes it would ignore peers that use their identity address
 * all the same (Vol 6 Part B, 4.7): better to resolve here.
 */
static inline bool hci_can_resolve(const struct hci_controller *controller)
{
    return hci_has_feature(controller, HCI_FEATURE_LL_PRIVACY) &&
           hci_has_command(controller, HCI_SUPPORTS_LE_ADD_DEVICE_TO_RESOLVING_LIST) &&
           hci_has_command(controller, HCI_SUPPORTS_LE_SET_PRIVACY_MODE);
}

#endif
