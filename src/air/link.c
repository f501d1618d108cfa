/* What an end of a connection has to send, and the order in which it sends it: control PDUs, data, empty PDUs. */
#include "air/controller.h"
#include "spec/writer.h"

BLUET_INTERNAL struct air_link *air_link_create(struct bluet_air_controller *controller)
{
    struct bluet_air *air = controller->air;
    if (!air_clock_reserve(&air->clock, AIR_LINK_TIMERS))
        return NULL;
    struct air_link *link = air_memory_take(&air->memory, sizeof *link);
    if (!link)
        air_clock_release(&air->clock, AIR_LINK_TIMERS);
    else
        link->controller = controller;
    return link;
}

static void free_buffer(struct bluet_air_controller *controller, struct air_buffer *buffer)
{
    buffer->next = controller->free_buffers;
    controller->free_buffers = buffer;
}

BLUET_INTERNAL void air_link_destroy(struct air_link *link)
{
    struct bluet_air_controller *controller = link->controller;
    air_stop(controller, &link->timer);
    air_stop(controller, &link->supervision);
    air_stop(controller, &link->response);
    air_stop(controller, &link->authentication);
    while (link->buffers) {
        struct air_buffer *buffer = link->buffers;
        link->buffers = buffer->next;
        free_buffer(controller, buffer);
    }
    struct bluet_air *air = controller->air;
    air_memory_give(&air->memory, link, sizeof *link);
    air_clock_release(&air->clock, AIR_LINK_TIMERS);
}

BLUET_INTERNAL struct air_link *air_link_find(const struct bluet_air_controller *controller, uint16_t handle)
{
    struct air_link *link = controller->links;
    while (link && link->handle != handle)
        link = link->next;
    return link;
}

/* The octets and the time on the air of the next PDU's payload may not exceed the effective lengths. */
static uint16_t most_octets(const struct air_link *link)
{
    uint32_t overhead = air_airtime(link->transmit_phy, AIR_MIC);
    uint32_t least = link->transmit_phy & AIR_PHY_CODED ? AIR_TIME_LEAST_CODED_US : AIR_TIME_LEAST_US;
    uint32_t time = link->effective.transmit_time > least ? link->effective.transmit_time : least;
    uint32_t fitting = (time - overhead) / air_octet_us(link->transmit_phy);
    return (uint16_t)(fitting < link->effective.transmit_octets ? fitting : link->effective.transmit_octets);
}

static bool belongs_to_encryption(uint8_t opcode)
{
    return (opcode >= AIR_LL_ENC_REQ && opcode <= AIR_LL_START_ENC_RSP) || opcode == AIR_LL_PAUSE_ENC_REQ ||
           opcode == AIR_LL_PAUSE_ENC_RSP || opcode == AIR_LL_REJECT_IND || opcode == AIR_LL_REJECT_EXT_IND ||
           opcode == AIR_LL_TERMINATE_IND;
}

/* While encryption is being started or paused, nothing else may be sent: Vol 6 Part B, 5.1.3.1 */
static size_t next_control(const struct air_link *link)
{
    size_t i = 0;
    while (i < link->control_count && link->encryption.state != AIR_ENCRYPTION_IDLE &&
           !belongs_to_encryption(link->control[i].octets[0]))
        i++;
    return i;
}

static const struct air_buffer *next_buffer(const struct air_link *link)
{
    if (link->encryption.state != AIR_ENCRYPTION_IDLE || link->terminating)
        return NULL;
    return link->buffers;
}

static uint8_t fragment_length(const struct air_link *link, const struct air_buffer *buffer)
{
    uint16_t rest = (uint16_t)(buffer->length - buffer->offset);
    uint16_t most = most_octets(link);
    return (uint8_t)(rest < most ? rest : most);
}

BLUET_INTERNAL bool air_link_has_more(const struct air_link *link)
{
    const struct air_flight *flight = &link->flight;
    if (next_control(link) < link->control_count)
        return true;
    const struct air_buffer *buffer = next_buffer(link);
    if (!buffer)
        return false;
    if (!flight->present || flight->buffer != buffer)
        return true;
    return buffer->offset + flight->length < buffer->length || buffer->next;
}

static size_t on_air_length(const struct air_link *link, size_t length)
{
    return length && link->encryption.transmit ? length + AIR_MIC : length;
}

BLUET_INTERNAL uint32_t air_flight_airtime(const struct air_link *link)
{
    const struct air_flight *flight = &link->flight;
    size_t length = flight->length;
    return air_airtime(link->transmit_phy, length && flight->encrypted ? length + AIR_MIC : length);
}

BLUET_INTERNAL uint32_t air_link_next_airtime(const struct air_link *link)
{
    if (link->flight.present)
        return air_flight_airtime(link);
    size_t length = 0;
    size_t control = next_control(link);
    const struct air_buffer *buffer = next_buffer(link);
    if (control < link->control_count)
        length = link->control[control].length;
    else if (buffer)
        length = fragment_length(link, buffer);
    return air_airtime(link->transmit_phy, on_air_length(link, length));
}

static void load_control(struct air_link *link, size_t index)
{
    struct air_flight *flight = &link->flight;
    struct air_control_pdu *pdu = &link->control[index];
    flight->llid = AIR_LLID_CONTROL;
    flight->length = pdu->length;
    memcpy(flight->control, pdu->octets, pdu->length);
    flight->octets = flight->control;
    link->control_count--;
    memmove(pdu, pdu + 1, (link->control_count - index) * sizeof *pdu);
}

static void load_data(struct air_link *link, struct air_buffer *buffer)
{
    struct air_flight *flight = &link->flight;
    flight->llid = buffer->offset ? AIR_LLID_CONTINUE : buffer->first_llid;
    flight->length = fragment_length(link, buffer);
    flight->octets = buffer->octets + buffer->offset;
    flight->buffer = buffer;
}

BLUET_INTERNAL bool air_link_load(struct air_link *link, uint64_t budget)
{
    struct air_flight *flight = &link->flight;
    if (flight->present)
        return false;
    bool fits = air_link_next_airtime(link) <= budget;
    flight->present = true;
    flight->llid = AIR_LLID_CONTINUE;
    flight->length = 0;
    flight->octets = NULL;
    flight->buffer = NULL;
    size_t control = next_control(link);
    if (fits && control < link->control_count)
        load_control(link, control);
    else if (fits && next_buffer(link))
        load_data(link, link->buffers);
    flight->encrypted = link->encryption.transmit && flight->length;
    flight->tag = flight->encrypted ? link->encryption.tag : 0;
    return true;
}

BLUET_INTERNAL void air_link_put_control(struct air_link *link, const void *octets, size_t length)
{
    if (link->control_count == AIR_CONTROL_QUEUE)
        return;
    struct air_control_pdu *pdu = &link->control[link->control_count++];
    struct writer writer = writer_of(pdu->octets, sizeof pdu->octets);
    write_octets(&writer, octets, length);
    pdu->length = (uint8_t)writer.length;
}

BLUET_INTERNAL void air_link_terminate(struct air_link *link, uint8_t reason)
{
    if (link->terminating)
        return;
    const uint8_t pdu[] = {AIR_LL_TERMINATE_IND, reason};
    air_link_put_control(link, pdu, sizeof pdu);
    link->terminating = true;
}

BLUET_INTERNAL bool air_link_procedure_end(struct air_link *link)
{
    uint16_t bit = (uint16_t)(1u << link->running);
    bool asked = link->asked & bit;
    link->asked &= (uint16_t)~bit;
    link->running = AIR_PROCEDURE_NONE;
    air_stop(link->controller, &link->response);
    return asked;
}
