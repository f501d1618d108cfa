/* class UUID: 16, 32 or 128 bits, kept least significant octet first (Core Specification Vol 3 Part B, 2.5.1). */
#include "extension.h"

#include <stdio.h>
#include <string.h>

struct uuid_object {
    PyObject ob_base;
    struct bluet_uuid value;
};

static PyObject *uuid_allocate(PyTypeObject *type, const struct bluet_uuid *value)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    PyObject *object = allocate(type, 0);
    if (object)
        ((struct uuid_object *)object)->value = *value;
    return object;
}

PyObject *uuid_new(struct state *state, const struct bluet_uuid *uuid)
{
    return uuid_allocate(state->uuid_type, uuid);
}

const struct bluet_uuid *uuid_value(struct state *state, PyObject *object)
{
    return Py_TYPE(object) == state->uuid_type ? &((struct uuid_object *)object)->value : NULL;
}

static bool from_integer(PyObject *integer, struct bluet_uuid *out)
{
    long long value;
    if (!argument_integer(integer, &value))
        return false;
    if (value < 0 || value > 0xffff) {
        PyErr_SetString(PyExc_ValueError, "invalid UUID");
        return false;
    }
    *out = (struct bluet_uuid){.length = 2, .octets = {(uint8_t)(value & 0xff), (uint8_t)(value >> 8)}};
    return true;
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* 32 hexadecimal digits, most significant first. Returns what is wrong, or NULL. */
static const char *from_digits(const char *text, size_t length, struct bluet_uuid *out)
{
    *out = (struct bluet_uuid){.length = 16};
    size_t left = 32;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '-')
            continue;
        int value = digit_value(text[i]);
        if (value < 0)
            return "invalid char in UUID";
        if (left == 0)
            return "UUID too long";
        left--;
        out->octets[left / 2] |= (uint8_t)(left % 2 ? value << 4 : value);
    }
    return left ? "UUID too short" : NULL;
}

static bool from_buffer(PyObject *object, struct bluet_uuid *out)
{
    struct buffer buffer;
    if (!argument_buffer(object, &buffer)) {
        buffer_release(&buffer);
        return false;
    }
    const char *mistake = NULL;
    if (buffer.length == 2 || buffer.length == 4 || buffer.length == 16) {
        *out = (struct bluet_uuid){.length = (uint8_t)buffer.length};
        memcpy(out->octets, buffer.data, buffer.length);
    } else {
        mistake = from_digits(buffer.data, buffer.length, out);
    }
    buffer_release(&buffer);
    if (mistake)
        PyErr_SetString(PyExc_ValueError, mistake);
    return !mistake;
}

static PyObject *uuid_type_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    if (keywords && PyDict_Size(keywords) > 0) {
        PyErr_SetString(PyExc_TypeError, "UUID() takes no keyword arguments");
        return NULL;
    }
    PyObject *source;
    if (!PyArg_ParseTuple(arguments, "O:UUID", &source))
        return NULL;
    struct bluet_uuid value;
    if (PyLong_Check(source) ? !from_integer(source, &value) : !from_buffer(source, &value))
        return NULL;
    return uuid_allocate(type, &value);
}

static void uuid_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyObject *uuid_repr(PyObject *self)
{
    const struct bluet_uuid *uuid = &((struct uuid_object *)self)->value;
    char digits[40];
    size_t length = 0;
    for (size_t i = 0; i < uuid->length; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            digits[length++] = '-';
        length += (size_t)snprintf(digits + length, 3, "%02x", uuid->octets[uuid->length - 1 - i]);
    }
    return PyUnicode_FromFormat(uuid->length == 16 ? "UUID('%s')" : "UUID(0x%s)", digits);
}

/* FNV-1a over the octets; the length is in it because each octet turns the sum. */
static Py_hash_t uuid_hash(PyObject *self)
{
    const struct bluet_uuid *uuid = &((struct uuid_object *)self)->value;
    uint64_t sum = 0xcbf29ce484222325;
    for (size_t i = 0; i < uuid->length; i++)
        sum = (sum ^ uuid->octets[i]) * 0x100000001b3;
    Py_hash_t hash = (Py_hash_t)sum;
    return hash == -1 ? -2 : hash;
}

/* By size first, then by the octets as they stand on the air. */
static PyObject *uuid_compare(PyObject *self, PyObject *other, int operation)
{
    if (Py_TYPE(other) != Py_TYPE(self))
        return Py_NewRef(Py_NotImplemented);
    const struct bluet_uuid *left = &((struct uuid_object *)self)->value;
    const struct bluet_uuid *right = &((struct uuid_object *)other)->value;
    int order = left->length - right->length;
    if (order == 0)
        order = memcmp(left->octets, right->octets, left->length);
    bool holds = false;
    switch (operation) {
    case Py_LT:
        holds = order < 0;
        break;
    case Py_LE:
        holds = order <= 0;
        break;
    case Py_EQ:
        holds = order == 0;
        break;
    case Py_NE:
        holds = order != 0;
        break;
    case Py_GT:
        holds = order > 0;
        break;
    case Py_GE:
        holds = order >= 0;
        break;
    default:
        break;
    }
    return PyBool_FromLong(holds);
}

static int uuid_get_buffer(PyObject *self, Py_buffer *view, int flags)
{
    struct bluet_uuid *uuid = &((struct uuid_object *)self)->value;
    return PyBuffer_FillInfo(view, self, uuid->octets, uuid->length, 1, flags);
}

static PyObject *uuid_reduce(PyObject *self, PyObject *unused)
{
    (void)unused;
    const struct bluet_uuid *uuid = &((struct uuid_object *)self)->value;
    return Py_BuildValue("O(y#)", Py_TYPE(self), uuid->octets, (Py_ssize_t)uuid->length);
}

static PyMethodDef uuid_methods[] = {
    {"__reduce__", uuid_reduce, METH_NOARGS, NULL},
    {0},
};

static PyType_Slot uuid_slots[] = {
    {Py_tp_doc, "UUID(value, /)\n--\n\n"
                "A 16-bit UUID from an int; a UUID from its 2, 4 or 16 little-endian bytes; a 128-bit UUID from 32\n"
                "hexadecimal digits, dashes ignored."},
    {Py_tp_new, uuid_type_new},
    {Py_tp_dealloc, uuid_dealloc},
    {Py_tp_repr, uuid_repr},
    {Py_tp_hash, uuid_hash},
    {Py_tp_richcompare, uuid_compare},
    {Py_tp_methods, uuid_methods},
    {Py_bf_getbuffer, uuid_get_buffer},
    {0, NULL},
};

PyType_Spec uuid_spec = {
    .name = "bluet.bluetooth.UUID",
    .basicsize = sizeof(struct uuid_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = uuid_slots,
};
