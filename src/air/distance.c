/* Free space at 2.4 GHz: 40 dB for the first metre, 20 dB for ten times as far. */
#include "air/distance.h"

enum { PATH_DEFAULT_DB = 50, PATH_MOST_DB = 200, FIRST_METRE_DB = 40, SENSITIVITY_DBM = -100, RSSI_LEAST = -127 };

#define ONE_DB 1.2589254117941673 /* as a ratio of power */

static struct air_path *find(struct bluet_air *air, const struct bluet_air_controller *one,
                             const struct bluet_air_controller *other)
{
    struct air_path *path = air->paths;
    while (path && !(path->one == one && path->other == other) && !(path->one == other && path->other == one))
        path = path->next;
    return path;
}

static int loss_of(const struct bluet_air_controller *one, const struct bluet_air_controller *other)
{
    const struct air_path *path = find(one->air, one, other);
    if (path)
        return path->loss;
    if (!one->has_position || !other->has_position)
        return PATH_DEFAULT_DB;
    double square = 0;
    for (size_t i = 0; i < 3; i++)
        square += (one->position[i] - other->position[i]) * (one->position[i] - other->position[i]);
    int loss = FIRST_METRE_DB;
    while (square >= ONE_DB && loss < PATH_MOST_DB) {
        square /= ONE_DB;
        loss++;
    }
    return loss;
}

BLUET_INTERNAL int8_t air_rssi(const struct bluet_air_controller *sender, const struct bluet_air_controller *receiver,
                               int power)
{
    int rssi = power - loss_of(sender, receiver);
    return (int8_t)(rssi < RSSI_LEAST ? RSSI_LEAST : rssi);
}

BLUET_INTERNAL bool air_is_near(const struct bluet_air_controller *sender, const struct bluet_air_controller *receiver,
                                int power)
{
    return power - loss_of(sender, receiver) >= SENSITIVITY_DBM;
}

int bluet_air_set_path_loss(struct bluet_air_controller *one, struct bluet_air_controller *other, int loss)
{
    if (!one || !other || one == other || one->air != other->air || loss < 0 || loss > PATH_MOST_DB)
        return BLUET_EINVAL;
    struct bluet_air *air = one->air;
    struct air_path *path = find(air, one, other);
    if (!path) {
        path = air_memory_take(&air->memory, sizeof *path);
        if (!path)
            return BLUET_ENOMEM;
        path->one = one;
        path->other = other;
        path->next = air->paths;
        air->paths = path;
    }
    path->loss = loss;
    return BLUET_OK;
}

void bluet_air_set_position(struct bluet_air_controller *controller, double x, double y, double z)
{
    controller->has_position = true;
    controller->position[0] = x;
    controller->position[1] = y;
    controller->position[2] = z;
}

BLUET_INTERNAL void air_distance_forget(struct bluet_air *air, const struct bluet_air_controller *controller)
{
    struct air_path **at = &air->paths;
    while (*at) {
        struct air_path *path = *at;
        if (controller && path->one != controller && path->other != controller) {
            at = &path->next;
            continue;
        }
        *at = path->next;
        air_memory_give(&air->memory, path, sizeof *path);
    }
}
