/*
 * HCI commands (Vol 4 Part E, 7.1 to 7.8): tables of what is implemented, from which both the dispatch and the answer
 * to Read Local Supported Commands are made.
 */
#ifndef BLUET_AIR_HCI_COMMAND_H
#define BLUET_AIR_HCI_COMMAND_H

#include "air/hci_event.h"
#include "spec/reader.h"
#include "spec/writer.h"

enum air_answer { AIR_ANSWER_COMPLETE, AIR_ANSWER_STATUS, AIR_ANSWER_NONE };

enum { AIR_ANY_LENGTH = 0xff };

struct air_command {
    uint16_t opcode;
    uint8_t length;     /* of the parameters */
    uint8_t octet, bit; /* in the supported commands: Vol 4 Part E, 6.27 */
    enum air_answer answer;
    uint8_t return_length; /* of the return parameters after the status; zeros where a handler leaves off */
    /* An HCI error code. All parameters of the right length: reads cannot fail. */
    uint8_t (*handle)(struct bluet_air_controller *controller, struct reader *in, struct writer *out);
};

struct air_command_table {
    const struct air_command *commands;
    size_t count;
};

/* hci_controller.c, hci_gap.c, hci_lists.c, hci_link.c, hci_advertising.c, hci_scanning.c, hci_periodic.c */
BLUET_INTERNAL struct air_command_table air_controller_commands(void);
BLUET_INTERNAL struct air_command_table air_gap_commands(void);
BLUET_INTERNAL struct air_command_table air_list_commands(void);
BLUET_INTERNAL struct air_command_table air_link_commands(void);
BLUET_INTERNAL struct air_command_table air_advertising_commands(void);
BLUET_INTERNAL struct air_command_table air_scanning_commands(void);
BLUET_INTERNAL struct air_command_table air_periodic_commands(void);

/* Connection parameters that go together: Vol 4 Part E, 7.8.12. Data lengths that there are: 7.8.33. */
BLUET_INTERNAL bool air_parameters_are_valid(uint16_t interval_min, uint16_t interval_max, uint16_t latency,
                                             uint16_t timeout);
BLUET_INTERNAL bool air_lengths_are_valid(uint16_t octets, uint16_t time);

/*
 * A fragment of data, the rest of the command (Vol 4 Part E, 7.8.54 and 7.8.62, Operation), of `most` octets in all. An
 * HCI error code.
 */
BLUET_INTERNAL uint8_t air_data_add(struct air_data *data, uint8_t operation, struct reader *in, uint16_t most);

/* One command, after its packet indicator. False: its length lies. */
BLUET_INTERNAL bool air_command_receive(struct bluet_air_controller *controller, struct reader *packet);

#endif
