/* A libusb that is not there: three devices, one of them with a controller of an air behind it. */
#ifndef BLUET_TESTS_RUNTIME_FAKE_USB_H
#define BLUET_TESTS_RUNTIME_FAKE_USB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the bus does next, and what has been done with it. */
struct fake_usb_state {
    int open_error, claim_error; /* of libusb */
    unsigned transfers_left;     /* that can be had */
    unsigned contexts, handles, claims, transfers;
    bool auto_detach;
    int refused_endpoint; /* its transfers fail; -1: none */
    size_t data_sent;     /* octets of ACL data that came */
};
extern struct fake_usb_state fake_usb;

void fake_usb_start(void);
void fake_usb_stop(void);
void fake_usb_unplug(bool unplugged);
/* A packet from its indicator on, from the controller. */
void fake_usb_inject(const uint8_t *packet, size_t length);

#endif
