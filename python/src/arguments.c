/* Arguments of Python methods: counts, integers, handles, buffers; the exceptions are those of MicroPython. */
#include "extension.h"

#include <limits.h>
#include <stdlib.h>

bool argument_count(const char *function, Py_ssize_t count, Py_ssize_t least, Py_ssize_t most)
{
    if (count >= least && count <= most)
        return true;
    if (least == most)
        PyErr_Format(PyExc_TypeError, "%s() takes %zd positional arguments but %zd were given", function, least, count);
    else
        PyErr_Format(PyExc_TypeError, "%s() takes %zd to %zd positional arguments but %zd were given", function, least,
                     most, count);
    return false;
}

bool argument_integer(PyObject *object, long long *out)
{
    PyObject *number = PyNumber_Index(object);
    if (!number)
        return false;
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
    Py_DECREF(number);
    if (value == -1 && PyErr_Occurred())
        return false;
    if (overflow)
        value = overflow > 0 ? LLONG_MAX : LLONG_MIN;
    *out = value;
    return true;
}

bool argument_in_range(PyObject *object, long long least, long long most, long long *out)
{
    if (!argument_integer(object, out))
        return false;
    if (*out >= least && *out <= most)
        return true;
    raise_error(BLUET_EINVAL, 0);
    return false;
}

bool argument_connection(PyObject *object, uint16_t *out)
{
    long long value;
    if (!argument_integer(object, &value))
        return false;
    *out = value < 0 || value > 0xffff ? 0xffff : (uint16_t)value;
    return true;
}

bool argument_handle(PyObject *object, uint16_t *out)
{
    long long value;
    if (!argument_integer(object, &value))
        return false;
    *out = value < 0 || value > 0xffff ? 0 : (uint16_t)value;
    return true;
}

bool argument_handles(PyObject *object, uint16_t **out_handles, size_t *out_count)
{
    PyObject *tuple = PyObject_Size(object) < 0 ? NULL : PySequence_Tuple(object);
    if (!tuple)
        return false;
    Py_ssize_t count = PyTuple_Size(tuple);
    uint16_t *handles = malloc(((size_t)count + 1) * sizeof *handles);
    bool good = handles != NULL;
    if (!good)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; good && i < count; i++)
        good = argument_handle(PyTuple_GetItem(tuple, i), &handles[i]);
    Py_DECREF(tuple);
    *out_handles = handles;
    *out_count = (size_t)count;
    if (!good)
        free(handles);
    return good;
}

bool argument_buffer(PyObject *object, struct buffer *out)
{
    *out = (struct buffer){0};
    if (PyUnicode_Check(object)) {
        Py_ssize_t length;
        out->data = PyUnicode_AsUTF8AndSize(object, &length);
        out->length = (size_t)length;
        return out->data != NULL;
    }
    if (PyObject_GetBuffer(object, &out->view, PyBUF_SIMPLE) < 0)
        return false;
    /* An empty buffer may be at NULL, which elsewhere means that none was given. */
    out->data = out->view.buf ? out->view.buf : "";
    out->length = (size_t)out->view.len;
    return true;
}

void buffer_release(struct buffer *buffer)
{
    if (buffer->view.obj)
        PyBuffer_Release(&buffer->view);
}
