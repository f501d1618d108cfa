/* class VirtualAir: a runtime that holds an air in virtual time. bluet/air.py makes bluet.Air of it. */
#include "extension.h"

struct air {
    PyObject ob_base;
    struct runner *runner; /* NULL: closed */
};

static PyObject *air_type_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"seed", "loss", NULL};
    unsigned long long seed = 0;
    double loss = 0;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "|Kd:VirtualAir", names, &seed, &loss))
        return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    struct air *self = (struct air *)allocate(type, 0);
    if (!self)
        return NULL;
    struct runner_air air = {.seed = seed, .loss = loss};
    self->runner = runner_new(PyType_GetModuleState(type), &air);
    if (!self->runner) {
        Py_DECREF((PyObject *)self);
        return NULL;
    }
    return (PyObject *)self;
}

static void air_dealloc(PyObject *object)
{
    struct air *self = (struct air *)object;
    PyTypeObject *type = Py_TYPE(object);
    if (self->runner)
        runner_free(self->runner);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

static struct runner *open_runner(PyObject *object)
{
    struct runner *runner = ((struct air *)object)->runner;
    if (!runner)
        PyErr_SetString(PyExc_ValueError, "this air is closed");
    return runner && runner_enter(runner) ? runner : NULL;
}

/* The same, where time is to pass: not from a handler, which time waits for. */
static struct runner *idle_runner(PyObject *object)
{
    struct runner *runner = open_runner(object);
    if (!runner || !runner_in_handler(runner))
        return runner;
    PyErr_SetString(PyExc_RuntimeError, "time does not pass inside a handler");
    return NULL;
}

static PyObject *air_ble(PyObject *object, PyObject *arguments)
{
    PyObject *store = Py_None;
    if (!PyArg_ParseTuple(arguments, "|O:ble", &store))
        return NULL;
    struct runner *runner = open_runner(object);
    PyObject *ble = runner ? ble_new(state_of(object), runner, object, NULL) : NULL;
    if (ble && store != Py_None && !ble_set_store((struct ble *)ble, store))
        Py_CLEAR(ble);
    return ble;
}

static PyObject *air_now(PyObject *object, PyObject *unused)
{
    (void)unused;
    struct runner *runner = open_runner(object);
    return runner ? PyLong_FromUnsignedLongLong(bluet_runtime_now(runner_runtime(runner))) : NULL;
}

static PyObject *air_run(PyObject *object, PyObject *arguments)
{
    unsigned long long until;
    int stop_at_event = 0;
    if (!PyArg_ParseTuple(arguments, "K|p:run", &until, &stop_at_event))
        return NULL;
    struct runner *runner = idle_runner(object);
    if (!runner || runner_run(runner, until, stop_at_event) < 0)
        return NULL;
    return Py_NewRef(Py_None);
}

static PyObject *air_set_loss(PyObject *object, PyObject *loss)
{
    double probability = PyFloat_AsDouble(loss);
    if (probability == -1.0 && PyErr_Occurred())
        return NULL;
    struct runner *runner = open_runner(object);
    if (!runner)
        return NULL;
    bluet_runtime_lock(runner_runtime(runner));
    int error = bluet_air_set_loss(bluet_runtime_air(runner_runtime(runner)), probability);
    bluet_runtime_unlock(runner_runtime(runner));
    return error ? raise_error(error, 0) : Py_NewRef(Py_None);
}

static PyObject *air_capture(PyObject *object, PyObject *path)
{
    struct runner *runner = open_runner(object);
    PyObject *octets;
    if (!runner || !PyUnicode_FSConverter(path, &octets))
        return NULL;
    int error = bluet_runtime_capture(runner_runtime(runner), PyBytes_AsString(octets));
    Py_DECREF(octets);
    return error ? raise_error(error, 0) : Py_NewRef(Py_None);
}

static PyObject *air_control(PyObject *object, PyObject *line)
{
    char out[4096];
    struct runner *runner = open_runner(object);
    const char *text = runner ? PyUnicode_AsUTF8AndSize(line, NULL) : NULL;
    if (!text)
        return NULL;
    int error = bluet_runtime_control(runner_runtime(runner), text, out, sizeof out);
    if (error == BLUET_EINVAL) {
        PyErr_SetString(PyExc_ValueError, out);
        return NULL;
    }
    return error ? raise_error(error, 0) : PyUnicode_FromString(out);
}

static PyObject *air_close(PyObject *object, PyObject *unused)
{
    (void)unused;
    struct air *self = (struct air *)object;
    if (!self->runner)
        return Py_NewRef(Py_None);
    struct runner *runner = idle_runner(object);
    if (!runner)
        return NULL;
    runner_deactivate(runner);
    self->runner = NULL;
    runner_free(runner);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef air_methods[] = {
    {"ble", air_ble, METH_VARARGS, "ble($self, store=None, /)\n--\n\nA further radio on this air."},
    {"now", air_now, METH_NOARGS, "now($self, /)\n--\n\nMicroseconds since it began."},
    {"run", air_run, METH_VARARGS,
     "run($self, until, stop_at_event=False, /)\n--\n\nLet time pass until a moment in microseconds, or until an "
     "event."},
    {"set_loss", air_set_loss, METH_O, "set_loss($self, loss, /)\n--\n\nProbability that a packet is lost."},
    {"capture", air_capture, METH_O, "capture($self, path, /)\n--\n\nWrite a pcapng file of all that passes."},
    {"control", air_control, METH_O, "control($self, line, /)\n--\n\nA command; returns its answer."},
    {"close", air_close, METH_NOARGS, "close($self, /)\n--\n\nEnd every radio on it."},
    {0},
};

static PyType_Slot air_slots[] = {
    {Py_tp_doc, "VirtualAir(seed=0, loss=0.0)\n--\n\nSee bluet.Air."},
    {Py_tp_new, air_type_new},
    {Py_tp_dealloc, air_dealloc},
    {Py_tp_methods, air_methods},
    {0, NULL},
};

PyType_Spec air_spec = {
    .name = "bluet._bluetooth.VirtualAir",
    .basicsize = sizeof(struct air),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = air_slots,
};
