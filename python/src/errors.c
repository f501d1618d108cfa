/* From enum bluet_error to OSError: the platform's errno, and the words that `bluet explain` uses. */
#include "extension.h"

#include <errno.h>
#include <stdio.h>

/* The host numbers its errors like Linux; elsewhere the same names have other numbers. */
static int platform_errno(int error)
{
    switch (error) {
    case BLUET_ENOMEM:
        return ENOMEM;
    case BLUET_EBUSY:
        return EBUSY;
    case BLUET_ENODEV:
        return ENODEV;
    case BLUET_EINVAL:
        return EINVAL;
    case BLUET_ENOTSUP:
        return EOPNOTSUPP;
    case BLUET_EISCONN:
        return EISCONN;
    case BLUET_ENOTCONN:
        return ENOTCONN;
    case BLUET_ETIMEDOUT:
        return ETIMEDOUT;
    case BLUET_EALREADY:
        return EALREADY;
    case BLUET_ECANCELED:
        return ECANCELED;
    case BLUET_ENOKEY:
        return ENOKEY;
    default:
        return EIO;
    }
}

static PyObject *raise_words(int error, const char *words)
{
    PyObject *exception = PyObject_CallFunction(PyExc_OSError, "is", platform_errno(error), words);
    if (exception) {
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
        Py_DECREF(exception);
    }
    return NULL;
}

PyObject *raise_error(int error, uint8_t hci_status)
{
    const struct bluet_explanation *general = bluet_explain(BLUET_CODE_ERROR, error);
    const char *words = general ? general->words : "the radio failed";
    if (hci_status == 0)
        return raise_words(error, words);

    const struct bluet_explanation *reason = bluet_explain(BLUET_CODE_HCI, hci_status);
    char text[512];
    snprintf(text, sizeof text, "%s: %s (0x%02x)", words, reason ? reason->name : "HCI error", hci_status);
    return raise_words(error, text);
}

PyObject *raise_message(int error)
{
    const char *message = bluet_runtime_message();
    return message[0] ? raise_words(error, message) : raise_error(error, 0);
}
