/* Numbers stand in little-endian order, as the section says; every part is padded to four octets. */
#include "runtime/pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "bluet/bluet.h"
#include "runtime/message.h"
#include "spec/writer.h"

enum {
    SECTION = 0x0a0d0d0a,
    INTERFACE = 0x00000001,
    ENHANCED_PACKET = 0x00000006,
    ORDER_MAGIC = 0x1a2b3c4d,
    OPTION_END = 0,
    OPTION_COMMENT = 1,
    OPTION_NAME = 2,
    OPTION_APPLICATION = 4,
    BLOCK_FRAME = 12, /* type, and length twice */
    BLOCK_MOST = PCAPNG_PACKET_MOST + PCAPNG_TEXT_MOST + 64
};

static void write_padding(struct writer *block, size_t length)
{
    write_zeros(block, (4 - length % 4) % 4);
}

static void write_text(struct writer *block, uint16_t option, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    if (length > PCAPNG_TEXT_MOST)
        length = PCAPNG_TEXT_MOST;
    if (!length)
        return;
    write_u16(block, option);
    write_u16(block, (uint16_t)length);
    write_octets(block, text, length);
    write_padding(block, length);
    write_u32(block, OPTION_END);
}

static bool put(struct pcapng *file, uint32_t type, const struct writer *body)
{
    uint8_t octets[BLOCK_MOST + BLOCK_FRAME];
    struct writer block = writer_of(octets, sizeof octets);
    uint32_t length = (uint32_t)body->length + BLOCK_FRAME;
    write_u32(&block, type);
    write_u32(&block, length);
    write_octets(&block, body->start, body->length);
    write_u32(&block, length);
    if (file->fd >= 0 && writer_ok(body) && write(file->fd, octets, block.length) == (ssize_t)block.length)
        return true;
    pcapng_close(file);
    return false;
}

BLUET_INTERNAL int pcapng_open(struct pcapng *file, const char *path)
{
    uint8_t octets[BLOCK_MOST];
    struct writer section = writer_of(octets, sizeof octets);
    write_u32(&section, ORDER_MAGIC);
    write_u16(&section, 1);
    write_u16(&section, 0);
    write_u64(&section, UINT64_MAX); /* no length: it grows */
    write_text(&section, OPTION_APPLICATION, "bluet");
    file->interface_count = 0;
    file->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file->fd >= 0 && put(file, SECTION, &section))
        return 0;
    message_set("cannot write the capture %s: %s", path, strerror(errno));
    return BLUET_EIO;
}

BLUET_INTERNAL void pcapng_close(struct pcapng *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

BLUET_INTERNAL uint32_t pcapng_add_interface(struct pcapng *file, enum pcapng_link_type type, const char *name)
{
    uint8_t octets[BLOCK_MOST];
    struct writer interface = writer_of(octets, sizeof octets);
    write_u16(&interface, (uint16_t)type);
    write_u16(&interface, 0);
    write_u32(&interface, 0); /* packets are never cut */
    write_text(&interface, OPTION_NAME, name);
    put(file, INTERFACE, &interface);
    return file->interface_count++;
}

BLUET_INTERNAL void pcapng_add_packet(struct pcapng *file, uint32_t interface, uint64_t unix_us, const uint8_t *packet,
                                      size_t length, const char *comment)
{
    uint8_t octets[BLOCK_MOST];
    struct writer block = writer_of(octets, sizeof octets);
    if (file->fd < 0 || length > PCAPNG_PACKET_MOST)
        return;
    write_u32(&block, interface);
    write_u32(&block, (uint32_t)(unix_us >> 32));
    write_u32(&block, (uint32_t)unix_us);
    write_u32(&block, (uint32_t)length);
    write_u32(&block, (uint32_t)length);
    write_octets(&block, packet, length);
    write_padding(&block, length);
    write_text(&block, OPTION_COMMENT, comment);
    put(file, ENHANCED_PACKET, &block);
}
