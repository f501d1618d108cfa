/* The simulation passes packets round as what they mean; here they are written down as octets. */
#include "air/observation.h"

#include "air/channel.h"
#include "air/fault.h"
#include "spec/writer.h"

#define ADVERTISING_ACCESS_ADDRESS UINT32_C(0x8e89bed6) /* Vol 6 Part B, 2.1.2 */
#define ADVERTISING_CRC_INITIAL UINT32_C(0x555555)

enum {
    TYPE_EXTENDED = 7,
    PATH_DB = 50,
    OFFSET_UNIT_US = 30,
    OFFSETS_MOST = 0x1fff,
    LONG_UNITS = 10, /* of 300 us, when 30 us do not suffice */
    HOP = 5,
    PDU_HEADER = 2
};

static uint32_t crc_initial_of(uint32_t access_address)
{
    return access_address & 0xffffff;
}

static uint8_t phy_of(uint8_t phy)
{
    return phy == AIR_PHY_CODED_S2 ? 4 : air_phy_number(phy);
}

static void tell(const struct bluet_air *air, const struct bluet_air_observation *observation)
{
    air->observe(air->observe_context, observation);
}

BLUET_INTERNAL void air_observe_hci(const struct bluet_air_controller *controller, enum bluet_air_place place,
                                    const uint8_t *packet, size_t length)
{
    const struct bluet_air_observation observation = {
        .place = place, .time = air_now(controller), .controller = controller, .packet = packet, .length = length};
    tell(controller->air, &observation);
}

/* ---- Links ---- */

BLUET_INTERNAL void air_observe_link(const struct air_link *link, enum bluet_air_fate fate)
{
    const struct bluet_air_controller *controller = link->controller;
    const struct air_flight *flight = &link->flight;
    uint8_t octets[PDU_HEADER + AIR_OCTETS_MOST];
    struct writer pdu = writer_of(octets, sizeof octets);
    write_u8(&pdu, (uint8_t)(flight->llid | link->expected << 2 | link->sequence << 3 | link->sent_more << 4));
    write_u8(&pdu, flight->length);
    write_octets(&pdu, flight->octets, flight->length);
    struct bluet_air_observation observation = {
        .place = BLUET_AIR_ON_AIR,
        .time = air_now(controller) - air_flight_airtime(link),
        .controller = controller,
        .packet = octets,
        .length = pdu.length,
        .link = true,
        .from_central = link->central,
        .encrypted = flight->encrypted,
        .channel = air_channel(link->access_address, link->channel_map, link->event_counter),
        .phy = phy_of(link->transmit_phy),
        .rssi = (int8_t)(controller->config.transmit_power - PATH_DB),
        .access_address = link->access_address,
        .crc_initial = crc_initial_of(link->access_address),
        .fate = fate,
    };
    if (link->peer)
        observation.rssi = air_rssi(controller, link->peer->controller, controller->config.transmit_power);
    if (!air_fault_acted(controller->air, &observation) && flight->fault) {
        observation.fate = BLUET_AIR_FAULTY;
        observation.fault = flight->fault_number;
        observation.action = (enum bluet_air_action)flight->fault;
    }
    tell(controller->air, &observation);
}

/* ---- Advertising ---- */

static void write_connect(struct writer *pdu, const struct air_connect *connect)
{
    write_u32(pdu, connect->access_address);
    write_u24(pdu, crc_initial_of(connect->access_address));
    write_u8(pdu, connect->window_size);
    write_u16(pdu, connect->window_offset);
    write_u16(pdu, connect->interval);
    write_u16(pdu, connect->latency);
    write_u16(pdu, connect->timeout);
    write_octets(pdu, connect->channel_map, sizeof connect->channel_map);
    write_u8(pdu, HOP);
}

/* An offset of 13 bits, and above it the bit that says that its unit is ten times as long. */
static uint16_t offset_of(uint64_t from, uint64_t to)
{
    uint64_t units = to > from ? (to - from) / OFFSET_UNIT_US : 0;
    if (units <= OFFSETS_MOST)
        return (uint16_t)units;
    units /= LONG_UNITS;
    return (uint16_t)((units < OFFSETS_MOST ? units : OFFSETS_MOST) | 1u << 13);
}

/* AuxPtr: 2.3.4.5 */
static void write_auxiliary(struct writer *pdu, const struct air_transmission *packet)
{
    const struct air_auxiliary *next = &packet->extended.auxiliary;
    uint16_t offset = offset_of(packet->start, next->start);
    write_u8(pdu, (uint8_t)(next->channel | offset >> 13 << 7));
    write_u16(pdu, (uint16_t)((offset & OFFSETS_MOST) | (air_phy_number(next->phy) - 1) << 13));
}

/* SyncInfo: 2.3.4.6 */
static void write_synchronization(struct writer *pdu, const struct air_transmission *packet)
{
    const struct air_synchronization *train = &packet->extended.synchronization;
    write_u16(pdu, offset_of(packet->start, train->start));
    write_u16(pdu, train->interval);
    write_octets(pdu, train->channel_map, sizeof train->channel_map);
    write_u32(pdu, train->access_address);
    write_u24(pdu, crc_initial_of(train->access_address));
    write_u16(pdu, train->event);
}

/* 2.3.4 */
static void write_extended(struct writer *pdu, const struct air_transmission *packet)
{
    const struct air_extended *extended = &packet->extended;
    size_t header = air_extended_header(extended) - 1;
    write_u8(pdu, (uint8_t)(header | (extended->connectable ? 1u : 0) << 6 | (extended->scannable ? 1u : 0) << 7));
    if (!header)
        return;
    write_u8(pdu, (uint8_t)((extended->has_from ? 0x01 : 0) | (extended->has_to ? 0x02 : 0) |
                            (extended->has_identifier ? 0x08 : 0) | (extended->auxiliary.present ? 0x10 : 0) |
                            (extended->synchronization.present ? 0x20 : 0) | (extended->has_power ? 0x40 : 0)));
    write_octets(pdu, packet->from.octets, extended->has_from ? 6 : 0);
    write_octets(pdu, packet->to.octets, extended->has_to ? 6 : 0);
    if (extended->has_identifier)
        write_u16(pdu, (uint16_t)(extended->data_identifier | extended->set_identifier << 12));
    if (extended->auxiliary.present)
        write_auxiliary(pdu, packet);
    if (extended->synchronization.present)
        write_synchronization(pdu, packet);
    if (extended->has_power)
        write_u8(pdu, (uint8_t)extended->power);
}

/* 2.3.1 to 2.3.3: requests begin with who asks; what advertises, with the advertiser. */
static void write_payload(struct writer *pdu, const struct air_transmission *packet)
{
    if (packet->type >= AIR_ADV_EXT_IND)
        write_extended(pdu, packet);
    else
        write_octets(pdu, packet->from.octets, 6);
    if (packet->type == AIR_SCAN_REQ || packet->type == AIR_CONNECT_IND || packet->type == AIR_ADV_DIRECT_IND)
        write_octets(pdu, packet->to.octets, 6);
    if (packet->type == AIR_CONNECT_IND)
        write_connect(pdu, &packet->connect);
    write_octets(pdu, packet->data, packet->length);
}

static uint8_t header_of(const struct air_transmission *packet)
{
    bool extended = packet->type >= AIR_ADV_EXT_IND;
    bool to = extended ? packet->extended.has_to
                       : packet->type == AIR_ADV_DIRECT_IND || packet->type == AIR_SCAN_REQ ||
                             packet->type == AIR_CONNECT_IND;
    bool from = !extended || packet->extended.has_from;
    bool selects = packet->type == AIR_ADV_IND || packet->type == AIR_ADV_DIRECT_IND || packet->type == AIR_CONNECT_IND;
    return (uint8_t)((extended ? TYPE_EXTENDED : packet->type) | (selects ? 0x20 : 0) |
                     (from && packet->from.type ? 0x40 : 0) | (to && packet->to.type ? 0x80 : 0));
}

BLUET_INTERNAL void air_observe_advertising(const struct air_transmission *packet, bool collided)
{
    uint8_t octets[PDU_HEADER + AIR_PDU_MOST];
    struct writer payload = writer_of(octets + PDU_HEADER, AIR_PDU_MOST);
    write_payload(&payload, packet);
    octets[0] = header_of(packet);
    octets[1] = (uint8_t)payload.length;
    uint32_t train = packet->access_address;
    struct bluet_air_observation observation = {
        .place = BLUET_AIR_ON_AIR,
        .time = packet->start,
        .controller = packet->sender,
        .packet = octets,
        .length = PDU_HEADER + payload.length,
        .channel = packet->channel,
        .phy = phy_of(packet->phy),
        .rssi = (int8_t)(packet->power - PATH_DB),
        .access_address = train ? train : ADVERTISING_ACCESS_ADDRESS,
        .crc_initial = train ? crc_initial_of(train) : ADVERTISING_CRC_INITIAL,
        .fate = collided ? BLUET_AIR_COLLIDED : BLUET_AIR_RECEIVED,
    };
    air_fault_acted(packet->sender->air, &observation);
    tell(packet->sender->air, &observation);
}

void bluet_air_observe(struct bluet_air *air,
                       void (*observe)(void *context, const struct bluet_air_observation *observation), void *context)
{
    air->observe = observe;
    air->observe_context = context;
}
