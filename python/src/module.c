/* The module `bluet._bluetooth`: its types, its constants, and its clean end when the interpreter exits. */
#include "extension.h"

struct constant {
    const char *name;
    int value;
};

/* Every constant of the document, under its name without the leading underscore. */
static const struct constant constants[] = {
    {"IRQ_CENTRAL_CONNECT", 1},
    {"IRQ_CENTRAL_DISCONNECT", 2},
    {"IRQ_GATTS_WRITE", 3},
    {"IRQ_GATTS_READ_REQUEST", 4},
    {"IRQ_SCAN_RESULT", 5},
    {"IRQ_SCAN_DONE", 6},
    {"IRQ_PERIPHERAL_CONNECT", 7},
    {"IRQ_PERIPHERAL_DISCONNECT", 8},
    {"IRQ_GATTC_SERVICE_RESULT", 9},
    {"IRQ_GATTC_SERVICE_DONE", 10},
    {"IRQ_GATTC_CHARACTERISTIC_RESULT", 11},
    {"IRQ_GATTC_CHARACTERISTIC_DONE", 12},
    {"IRQ_GATTC_DESCRIPTOR_RESULT", 13},
    {"IRQ_GATTC_DESCRIPTOR_DONE", 14},
    {"IRQ_GATTC_READ_RESULT", 15},
    {"IRQ_GATTC_READ_DONE", 16},
    {"IRQ_GATTC_WRITE_DONE", 17},
    {"IRQ_GATTC_NOTIFY", 18},
    {"IRQ_GATTC_INDICATE", 19},
    {"IRQ_GATTS_INDICATE_DONE", 20},
    {"IRQ_MTU_EXCHANGED", 21},
    {"IRQ_L2CAP_ACCEPT", 22},
    {"IRQ_L2CAP_CONNECT", 23},
    {"IRQ_L2CAP_DISCONNECT", 24},
    {"IRQ_L2CAP_RECV", 25},
    {"IRQ_L2CAP_SEND_READY", 26},
    {"IRQ_CONNECTION_UPDATE", 27},
    {"IRQ_ENCRYPTION_UPDATE", 28},
    {"IRQ_GET_SECRET", 29},
    {"IRQ_SET_SECRET", 30},
    {"IRQ_PASSKEY_ACTION", 31},
    {"IRQ_GATTS_WRITE_REQUEST", 32},
    {"IRQ_GATTS_SUBSCRIPTION", 33},
    {"IRQ_L2CAP_RECONFIGURE_DONE", 34},
    {"FLAG_BROADCAST", 0x0001},
    {"FLAG_READ", 0x0002},
    {"FLAG_WRITE_NO_RESPONSE", 0x0004},
    {"FLAG_WRITE", 0x0008},
    {"FLAG_NOTIFY", 0x0010},
    {"FLAG_INDICATE", 0x0020},
    {"FLAG_AUTHENTICATED_SIGNED_WRITE", 0x0040},
    {"FLAG_AUX_WRITE", 0x0100},
    {"FLAG_READ_ENCRYPTED", 0x0200},
    {"FLAG_READ_AUTHENTICATED", 0x0400},
    {"FLAG_READ_AUTHORIZED", 0x0800},
    {"FLAG_WRITE_ENCRYPTED", 0x1000},
    {"FLAG_WRITE_AUTHENTICATED", 0x2000},
    {"FLAG_WRITE_AUTHORIZED", 0x4000},
    {"FLAG_RELIABLE_WRITE", 0x0080},
    {"FLAG_ASK_WRITE", 0x8000},
    {"ADDR_MODE_PUBLIC", 0},
    {"ADDR_MODE_RANDOM", 1},
    {"ADDR_MODE_RPA", 2},
    {"ADDR_MODE_NRPA", 3},
    {"IO_CAPABILITY_DISPLAY_ONLY", 0},
    {"IO_CAPABILITY_DISPLAY_YESNO", 1},
    {"IO_CAPABILITY_KEYBOARD_ONLY", 2},
    {"IO_CAPABILITY_NO_INPUT_OUTPUT", 3},
    {"IO_CAPABILITY_KEYBOARD_DISPLAY", 4},
    {"GATTS_NO_ERROR", 0x00},
    {"GATTS_ERROR_READ_NOT_PERMITTED", 0x02},
    {"GATTS_ERROR_WRITE_NOT_PERMITTED", 0x03},
    {"GATTS_ERROR_INSUFFICIENT_AUTHENTICATION", 0x05},
    {"GATTS_ERROR_INSUFFICIENT_AUTHORIZATION", 0x08},
    {"GATTS_ERROR_INSUFFICIENT_ENCRYPTION", 0x0f},
    {"PASSKEY_ACTION_NONE", 0},
    {"PASSKEY_ACTION_INPUT", 2},
    {"PASSKEY_ACTION_DISPLAY", 3},
    {"PASSKEY_ACTION_NUMERIC_COMPARISON", 4},
};
#define CONSTANT_COUNT (sizeof constants / sizeof constants[0])

static PyObject *explain(PyObject *module, PyObject *arguments)
{
    (void)module;
    const char *space_name;
    int code;
    if (!PyArg_ParseTuple(arguments, "si:explain", &space_name, &code))
        return NULL;
    for (int space = 0; space < BLUET_CODE_SPACES; space++) {
        if (PyOS_stricmp(space_name, bluet_code_space_name((enum bluet_code_space)space)) != 0)
            continue;
        const struct bluet_explanation *found = bluet_explain((enum bluet_code_space)space, code);
        if (!found)
            return Py_NewRef(Py_None);
        return Py_BuildValue("(ssss)", found->name, found->words, found->causes, found->remedy);
    }
    return PyErr_Format(PyExc_ValueError, "no such space of codes: %s", space_name);
}

/* Links are terminated as the specification wants it, and the thread ends, while there is still an interpreter. */
static PyObject *shut_down(PyObject *module, PyObject *unused)
{
    (void)unused;
    struct state *state = PyModule_GetState(module);
    state->closed = true;
    struct runner *runner = state->runner;
    if (!runner || runner_in_handler(runner))
        return Py_NewRef(Py_None);
    runner_deactivate(runner);
    PyErr_Clear(); /* a second Ctrl-C: out without waiting any longer */
    state->runner = NULL;
    runner_free(runner);
    return Py_NewRef(Py_None);
}

/* os.fork() copies neither the runtime's thread nor the controller: the radios are the parent's, the child has none. */
static PyObject *after_fork(PyObject *module, PyObject *unused)
{
    (void)unused;
    struct state *state = PyModule_GetState(module);
    struct runner *runner = state->runner;
    state->runner = NULL;
    if (runner)
        runner_disinherit(runner);
    Py_CLEAR(state->ble);
    return Py_NewRef(Py_None);
}

static int register_shut_down(PyObject *module)
{
    PyObject *function = PyObject_GetAttrString(module, "_shut_down");
    PyObject *atexit = function ? PyImport_ImportModule("atexit") : NULL;
    PyObject *result = atexit ? PyObject_CallMethod(atexit, "register", "(O)", function) : NULL;
    Py_XDECREF(function);
    Py_XDECREF(atexit);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static int register_after_fork(PyObject *module)
{
    PyObject *function = PyObject_GetAttrString(module, "_after_fork");
    PyObject *os = function ? PyImport_ImportModule("os") : NULL;
    PyObject *registrar = os ? PyObject_GetAttrString(os, "register_at_fork") : NULL;
    PyObject *nothing = registrar ? PyTuple_New(0) : NULL;
    PyObject *keywords = nothing ? Py_BuildValue("{sO}", "after_in_child", function) : NULL;
    PyObject *result = keywords ? PyObject_Call(registrar, nothing, keywords) : NULL;
    Py_XDECREF(function);
    Py_XDECREF(os);
    Py_XDECREF(registrar);
    Py_XDECREF(nothing);
    Py_XDECREF(keywords);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static PyTypeObject *add_type(PyObject *module, PyType_Spec *spec)
{
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    if (type && PyModule_AddType(module, type) < 0)
        Py_CLEAR(type);
    return type;
}

/* __all__: what the specification's module has, and no more. */
static int add_constants(PyObject *module)
{
    PyObject *all = Py_BuildValue("[ss]", "BLE", "UUID");
    if (!all)
        return -1;
    for (size_t i = 0; i < CONSTANT_COUNT; i++) {
        PyObject *name = PyUnicode_FromString(constants[i].name);
        if (!name || PyList_Append(all, name) < 0 ||
            PyModule_AddIntConstant(module, constants[i].name, constants[i].value) < 0) {
            Py_XDECREF(name);
            Py_DECREF(all);
            return -1;
        }
        Py_DECREF(name);
    }
    int error = PyModule_AddObjectRef(module, "__all__", all);
    Py_DECREF(all);
    return error;
}

static int module_exec(PyObject *module)
{
    struct state *state = PyModule_GetState(module);
    state->uuid_type = add_type(module, &uuid_spec);
    state->ble_type = state->uuid_type ? add_type(module, &ble_spec) : NULL;
    state->air_type = state->ble_type ? add_type(module, &air_spec) : NULL;
    if (!state->air_type || add_constants(module) < 0 || events_initialise(module, state) < 0)
        return -1;
    return register_shut_down(module) < 0 || register_after_fork(module) < 0 ? -1 : 0;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct state *state = PyModule_GetState(module);
    Py_VISIT(state->uuid_type);
    Py_VISIT(state->ble_type);
    Py_VISIT(state->air_type);
    for (size_t code = 0; code < EVENT_CODES; code++)
        Py_VISIT(state->event_types[code]);
    Py_VISIT(state->ble);
    return 0;
}

static int module_clear(PyObject *module)
{
    struct state *state = PyModule_GetState(module);
    Py_CLEAR(state->ble);
    Py_CLEAR(state->uuid_type);
    Py_CLEAR(state->ble_type);
    Py_CLEAR(state->air_type);
    for (size_t code = 0; code < EVENT_CODES; code++)
        Py_CLEAR(state->event_types[code]);
    Py_CLEAR(state->no_data);
    Py_CLEAR(state->release);
    return 0;
}

static void module_free(void *module)
{
    module_clear(module);
}

static PyMethodDef module_methods[] = {
    {"explain", explain, METH_VARARGS,
     "explain($module, space, code, /)\n--\n\n(name, words, causes, remedy) of a code of 'hci', 'att', ... or None."},
    {"_shut_down", shut_down, METH_NOARGS, NULL},
    {"_after_fork", after_fork, METH_NOARGS, NULL},
    {0},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

static struct PyModuleDef module_definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "bluet._bluetooth",
    .m_doc = "Bluetooth Low Energy: the C part of bluet.",
    .m_size = sizeof(struct state),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__bluetooth(void);

PyMODINIT_FUNC PyInit__bluetooth(void)
{
    return PyModuleDef_Init(&module_definition);
}
