/* GATT clients, as the Bluetooth SIG's test suite tries them (GATT/CL): see replay.h. */
#include "replay.h"

/* clang-format off */
static const struct replay_case cases[] = {
    {"GATT/CL/GAC/BV-01-C",
     "= mtu; < 02 0001; > 03 4000; ! mtu 64; = read 000c; < 0a 0c00; "
     "> 0b 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2"
     "f303132333435363738393a3b3c3d3e3f; "
     "! read 000c 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b"
     "2c2d2e2f303132333435363738393a3b3c3d3e3f; ! read-done 000c 000"},
    {"GATT/CL/GAD/BV-01-C",
     "= services; < 10 0100 ffff 0028; > 11 06 0100 0500 0018 0600 0900 0118; ! service 0001-0005 1800; "
     "! service 0006-0009 1801; < 10 0a00 ffff 0028; > 11 14 0a00 1000 c59cc09c1d3b48843847c48a5c50db50; "
     "! service 000a-0010 50db505c8ac4473884483b1d9cc09cc5; < 10 1100 ffff 0028; > 01 10 1100 0a; "
     "! service-done 0000 000"},
    {"GATT/CL/GAD/BV-02-C",
     "= services 180f; < 06 0100 ffff 0028 0f18; > 07 1000 1f00 3000 ffff; ! service 0010-001f 180f; "
     "! service 0030-ffff 180f; ! service-done 0000 000; = services 50db505c8ac4473884483b1d9cc09cc5; "
     "< 06 0100 ffff 0028 c59cc09c1d3b48843847c48a5c50db50; > 01 06 0100 0a; ! service-done 0000 000"},
    {"GATT/CL/GAD/BV-03-C",
     "= included 0010 001f; < 08 1000 1f00 0228; > 09 08 1100 0100 0500 0018; ! service 0001-0005 1800; "
     "< 08 1200 1f00 0228; > 09 06 1200 2000 2500; < 0a 2000; > 0b c59cc09c1d3b48843847c48a5c50db50; "
     "! service 0020-0025 50db505c8ac4473884483b1d9cc09cc5; < 08 1300 1f00 0228; > 01 08 1300 0a; "
     "! service-done 0000 000"},
    {"GATT/CL/GAD/BV-04-C",
     "= characteristics 0010 001f; < 08 1000 1f00 0328; > 09 07 1100 02 1200 002a 1300 0a 1400 012a; "
     "! characteristic 0011 0012-0012 02 2a00; < 08 1400 1f00 0328; "
     "> 09 15 1600 12 1700 c59cc09c1d3b48843847c48a5d50db50; ! characteristic 0013 0014-0015 0a 2a01; "
     "< 08 1700 1f00 0328; > 01 08 1700 0a; "
     "! characteristic 0016 0017-001f 12 50db505d8ac4473884483b1d9cc09cc5; ! characteristic-done 0000 000"},
    {"GATT/CL/GAD/BV-05-C",
     "= characteristics 0010 001f 2a01; < 08 1000 1f00 0328; > 09 07 1100 02 1200 002a 1300 0a 1400 012a; "
     "< 08 1400 1f00 0328; > 01 08 1400 0a; ! characteristic 0013 0014-001f 0a 2a01; "
     "! characteristic-done 0000 000"},
    {"GATT/CL/GAD/BV-06-C",
     "= descriptors 0012 0016; < 04 1300 1600; > 05 01 1300 0129 1400 0229; ! descriptor 0013 2901; "
     "! descriptor 0014 2902; < 04 1500 1600; > 05 02 1500 c59cc09c1d3b48843847c48a5d50db50; "
     "! descriptor 0015 50db505d8ac4473884483b1d9cc09cc5; < 04 1600 1600; > 01 04 1600 0a; "
     "! descriptor-done 0000 000"},
    {"GATT/CL/GAR/BV-01-C",
     "= read 000c; < 0a 0c00; > 0b 616263; ! read 000c 616263; ! read-done 000c 000"},
    {"GATT/CL/GAR/BI-01-C",
     "= read 000c; < 0a 0c00; > 01 0a 0c00 01; ! read-done 000c 001"},
    {"GATT/CL/GAR/BI-02-C",
     "= read 000c; < 0a 0c00; > 01 0a 0c00 02; ! read-done 000c 002"},
    {"GATT/CL/GAR/BI-03-C",
     "= read 000c; < 0a 0c00; > 01 0a 0c00 08; ! read-done 000c 008"},
    {"GATT/CL/GAR/BI-04-C",
     "= read 000c; < 0a 0c00; > 01 0a 0c00 05; ! read-done 000c 005"},
    {"GATT/CL/GAR/BI-05-C",
     "= read 000c; < 0a 0c00; > 01 0a 0c00 0c; ! read-done 000c 00c"},
    {"GATT/CL/GAR/BV-03-C",
     "= read-by-uuid 0001 ffff 2a00; < 08 0100 ffff 002a; > 09 05 0c00 616263; ! read 000c 616263; "
     "< 08 0d00 ffff 002a; > 01 08 0d00 0a; ! read-done 0000 000; "
     "= read-by-uuid 0001 000c 50db505d8ac4473884483b1d9cc09cc5; "
     "< 08 0100 0c00 c59cc09c1d3b48843847c48a5d50db50; > 09 03 0c00 61; ! read 000c 61; "
     "! read-done 0000 000"},
    {"GATT/CL/GAR/BI-06-C",
     "= read-by-uuid 0001 ffff 2a00; < 08 0100 ffff 002a; > 01 08 0c00 02; ! read-done 0000 002"},
    {"GATT/CL/GAR/BI-09-C",
     "= read-by-uuid 0001 ffff 2a00; < 08 0100 ffff 002a; > 01 08 0c00 08; ! read-done 0000 008"},
    {"GATT/CL/GAR/BI-10-C",
     "= read-by-uuid 0001 ffff 2a00; < 08 0100 ffff 002a; > 01 08 0c00 05; ! read-done 0000 005"},
    {"GATT/CL/GAR/BI-11-C",
     "= read-by-uuid 0001 ffff 2a00; < 08 0100 ffff 002a; > 01 08 0c00 0c; ! read-done 0000 00c"},
    {"GATT/CL/GAR/BI-07-C",
     "= read-by-uuid 0001 ffff 2a00; < 08 0100 ffff 002a; > 01 08 0100 0a; ! read-done 0000 000"},
    {"GATT/CL/GAR/BV-04-C",
     "= read-long 000c; < 0a 0c00; > 0b 0102030405060708090a0b0c0d0e0f10111213141516; "
     "! read 000c 0102030405060708090a0b0c0d0e0f10111213141516; < 0c 0c00 1600; "
     "> 0d 1718191a1b1c1d1e1f202122232425262728292a2b2c; "
     "! read 000c 1718191a1b1c1d1e1f202122232425262728292a2b2c; < 0c 0c00 2c00; > 0d 61; ! read 000c 61; "
     "! read-done 000c 000"},
    {"GATT/CL/GAR/BI-12-C",
     "= read-long 000c; < 0a 0c00; > 01 0a 0c00 02; ! read-done 000c 002; = read 000c 0016; "
     "< 0c 0c00 1600; > 01 0c 0c00 02; ! read-done 000c 002"},
    {"GATT/CL/GAR/BI-14-C",
     "= read-long 000c; < 0a 0c00; > 01 0a 0c00 01; ! read-done 000c 001; = read 000c 0016; "
     "< 0c 0c00 1600; > 01 0c 0c00 01; ! read-done 000c 001"},
    {"GATT/CL/GAR/BI-15-C",
     "= read-long 000c; < 0a 0c00; > 01 0a 0c00 08; ! read-done 000c 008; = read 000c 0016; "
     "< 0c 0c00 1600; > 01 0c 0c00 08; ! read-done 000c 008"},
    {"GATT/CL/GAR/BI-16-C",
     "= read-long 000c; < 0a 0c00; > 01 0a 0c00 05; ! read-done 000c 005; = read 000c 0016; "
     "< 0c 0c00 1600; > 01 0c 0c00 05; ! read-done 000c 005"},
    {"GATT/CL/GAR/BI-17-C",
     "= read-long 000c; < 0a 0c00; > 01 0a 0c00 0c; ! read-done 000c 00c; = read 000c 0016; "
     "< 0c 0c00 1600; > 01 0c 0c00 0c; ! read-done 000c 00c"},
    {"GATT/CL/GAR/BI-13-C",
     "= read 000c 0016; < 0c 0c00 1600; > 01 0c 0c00 07; ! read-done 000c 007"},
    {"GATT/CL/GAR/BV-05-C",
     "= read-multiple 000c 000d; < 0e 0c00 0d00; > 0f 616263; ! read 0000 616263; ! read-done 0000 000"},
    {"GATT/CL/GAR/BI-18-C",
     "= read-multiple 000c 000d; < 0e 0c00 0d00; > 01 0e 0d00 02; ! read-done 0000 002"},
    {"GATT/CL/GAR/BI-19-C",
     "= read-multiple 000c 000d; < 0e 0c00 0d00; > 01 0e 0d00 01; ! read-done 0000 001"},
    {"GATT/CL/GAR/BI-20-C",
     "= read-multiple 000c 000d; < 0e 0c00 0d00; > 01 0e 0d00 08; ! read-done 0000 008"},
    {"GATT/CL/GAR/BI-21-C",
     "= read-multiple 000c 000d; < 0e 0c00 0d00; > 01 0e 0d00 05; ! read-done 0000 005"},
    {"GATT/CL/GAR/BI-22-C",
     "= read-multiple 000c 000d; < 0e 0c00 0d00; > 01 0e 0d00 0c; ! read-done 0000 00c"},
    {"GATT/CL/GAR/BV-06-C",
     "= read 000d; < 0a 0d00; > 0b 0100; ! read 000d 0100; ! read-done 000d 000"},
    {"GATT/CL/GAR/BV-07-C",
     "= read-long 000d; < 0a 0d00; > 0b 0102030405060708090a0b0c0d0e0f10111213141516; "
     "! read 000d 0102030405060708090a0b0c0d0e0f10111213141516; < 0c 0d00 1600; > 0d; ! read-done 000d 000"},
    {"GATT/CL/GAR/BI-35-C",
     "= read 000c; < 0a 0c00; > 01 0a 0c00 80; ! read-done 000c 080"},
    {"GATT/CL/GAW/BV-01-C",
     "= command 000c 616263; < 52 0c00 616263"},
    {"GATT/CL/GAW/BV-03-C",
     "= write 000c 616263; < 12 0c00 616263; > 13; ! write-done 000c 000"},
    {"GATT/CL/GAW/BI-02-C",
     "= write 000c 61; < 12 0c00 61; > 01 12 0c00 01; ! write-done 000c 001"},
    {"GATT/CL/GAW/BI-03-C",
     "= write 000c 61; < 12 0c00 61; > 01 12 0c00 03; ! write-done 000c 003"},
    {"GATT/CL/GAW/BI-04-C",
     "= write 000c 61; < 12 0c00 61; > 01 12 0c00 08; ! write-done 000c 008"},
    {"GATT/CL/GAW/BI-05-C",
     "= write 000c 61; < 12 0c00 61; > 01 12 0c00 05; ! write-done 000c 005"},
    {"GATT/CL/GAW/BI-06-C",
     "= write 000c 61; < 12 0c00 61; > 01 12 0c00 0c; ! write-done 000c 00c"},
    {"GATT/CL/GAW/BI-33-C",
     "= write 000c 61; < 12 0c00 61; > 01 12 0c00 0d; ! write-done 000c 00d"},
    {"GATT/CL/GAW/BV-05-C",
     "= write-long 000c 0102030405060708090a0b0c0d0e0f1011121314; "
     "< 16 0c00 0000 0102030405060708090a0b0c0d0e0f101112; "
     "> 17 0c00 0000 0102030405060708090a0b0c0d0e0f101112; < 16 0c00 1200 1314; > 17 0c00 1200 1314; "
     "< 18 01; > 19; ! write-done 000c 000"},
    {"GATT/CL/GAW/BI-07-C",
     "= write-long 000c 61; < 16 0c00 0000 61; > 01 16 0c00 01; ! write-done 000c 001"},
    {"GATT/CL/GAW/BI-08-C",
     "= write-long 000c 61; < 16 0c00 0000 61; > 01 16 0c00 03; ! write-done 000c 003"},
    {"GATT/CL/GAW/BI-11-C",
     "= write-long 000c 61; < 16 0c00 0000 61; > 01 16 0c00 08; ! write-done 000c 008"},
    {"GATT/CL/GAW/BI-12-C",
     "= write-long 000c 61; < 16 0c00 0000 61; > 01 16 0c00 05; ! write-done 000c 005"},
    {"GATT/CL/GAW/BI-13-C",
     "= write-long 000c 61; < 16 0c00 0000 61; > 01 16 0c00 0c; ! write-done 000c 00c"},
    {"GATT/CL/GAW/BI-09-C",
     "= write-long 000c 61; < 16 0c00 0000 61; > 17 0c00 0000 61; < 18 01; > 01 18 0c00 07; "
     "! write-done 000c 007"},
    {"GATT/CL/GAW/BI-34-C",
     "= write-long 000c 61; < 16 0c00 0000 61; > 17 0c00 0000 61; < 18 01; > 01 18 0c00 0d; "
     "! write-done 000c 00d"},
    {"GATT/CL/GAW/BV-06-C",
     "= reliable 000c 6162 000d 63; < 16 0c00 0000 6162; > 17 0c00 0000 6162; < 16 0d00 0000 63; "
     "> 17 0d00 0000 63; < 18 01; > 19; ! write-done 000d 000"},
    {"GATT/CL/GAW/BI-32-C",
     "= reliable 000c 6162 000d 63; < 16 0c00 0000 6162; > 17 0c00 0000 6163; < 18 00; > 19; "
     "! write-done 000c 102"},
    {"GATT/CL/GAW/BV-08-C",
     "= write 000d 0100; < 12 0d00 0100; > 13; ! write-done 000d 000"},
    {"GATT/CL/GAW/BV-09-C",
     "= write-long 000d 0102030405060708090a0b0c0d0e0f10111213; "
     "< 16 0d00 0000 0102030405060708090a0b0c0d0e0f101112; "
     "> 17 0d00 0000 0102030405060708090a0b0c0d0e0f101112; < 16 0d00 1200 13; > 17 0d00 1200 13; < 18 01; "
     "> 19; ! write-done 000d 000"},
    {"GATT/CL/GAN/BV-01-C",
     "= write 000d 0100; < 12 0d00 0100; > 13; ! write-done 000d 000; > 1b 0c00 616263; "
     "! notified 000c 616263"},
    {"GATT/CL/GAN/BV-02-C",
     "> 23 0c00 0200 6162 0e00 0100 63; ! notified 000c 6162; ! notified 000e 63"},
    {"GATT/CL/GAI/BV-01-C",
     "= write 000d 0200; < 12 0d00 0200; > 13; ! write-done 000d 000; > 1d 0c00 616263; < 1e; "
     "! indicated 000c 616263"},
    {"GATT/CL/GAI/BI-01-C",
     "> 1d 0c00 61; > 1d 0c00 62; < 1e; < 1e; ! indicated 000c 61; ! indicated 000c 62"},
    {"GATT/CL/GAS/BV-01-C",
     "= write 000d 0200; < 12 0d00 0200; > 13; ! write-done 000d 000; > 1d 0c00 0100 ffff; < 1e; "
     "! indicated 000c 0100ffff"},
    {"GATT/CL/GAS/BV-02-C",
     "= read-by-uuid 0001 ffff 2b2a; < 08 0100 ffff 2a2b; > 09 12 0c00 0102030405060708090a0b0c0d0e0f10; "
     "! read 000c 0102030405060708090a0b0c0d0e0f10; < 08 0d00 ffff 2a2b; > 01 08 0d00 0a; "
     "! read-done 0000 000"},
    {"GATT/CL/GAS/BV-03-C",
     "= write 000c 01; < 12 0c00 01; > 13; ! write-done 000c 000"},
    {"GATT/CL/GAT/BV-01-C",
     "= read 000c; < 0a 0c00; = wait 31; ! read-done 000c 101; > 0b 61"},
    {"GATT/CL/GAT/BV-02-C",
     "= write 000c 61; < 12 0c00 61; = wait 31; ! write-done 000c 101; > 13"},
};
/* clang-format on */

int main(void)
{
    return replay_all(cases, sizeof cases / sizeof *cases, replay_gatt);
}
