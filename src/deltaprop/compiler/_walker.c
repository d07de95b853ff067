/* The walker in C: it runs the rows of a table.
 *
 * A row is an inner loop of a NumPy ufunc with its pointers, counts and strides, or a Python
 * callable with its arguments. NumPy's own loops do all the arithmetic (np.matmul's calls BLAS), so
 * every bit is what NumPy gives. table.py says what a table is; native.py fills in the rows.
 */
#define PY_SSIZE_T_CLEAN
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#include <Python.h>
#include <numpy/ndarraytypes.h>
#include <numpy/ufuncobject.h>
#include <stdint.h>
#include <string.h>

#define OPERANDS 4 /* the most that an inner loop here has */

enum { LOOP, CALL, TILES };

typedef struct {
    int64_t kind;
    PyUFuncGenericFunction loop;
    void *data;                          /* what NumPy hands to the loop */
    int64_t release;                     /* whether the work is worth letting other threads run */
    int64_t count;                       /* operands */
    npy_intp dims[4];                    /* how often the loop runs, then its core dimensions */
    npy_intp steps[9];                   /* bytes from entry to entry, then those of the core */
    int64_t outer[2];                    /* how often two loops around it run */
    npy_intp outer_steps[2][OPERANDS];   /* and their strides */
    int64_t slot[OPERANDS];              /* 0: at an address; k > 0: in the k-th late array; */
    intptr_t at[OPERANDS];               /* -1: in the scratch memory of a tile; and where there */
    npy_intp tile[OPERANDS];             /* bytes from an entry (or row) of a tile to the next */
    int64_t unit;                        /* entries of the loop in each of these; 0: an outer loop */
} Row;

/* The kernels that NumPy has no inner loop for: copies, also to another dtype or of some entries. */

#define KERNEL(name, from, to)                                                                  \
    static void name(char **args, npy_intp const *dims, npy_intp const *steps, void *data)      \
    {                                                                                           \
        (void)data;                                                                             \
        for (npy_intp i = 0; i < dims[0]; i++)                                                  \
            *(to *)(args[1] + i * steps[1]) = (to)*(from *)(args[0] + i * steps[0]);            \
    }

KERNEL(copy1, uint8_t, uint8_t)
KERNEL(copy4, uint32_t, uint32_t)
KERNEL(copy8, uint64_t, uint64_t)
KERNEL(narrowed, double, float)
KERNEL(widened, float, double)
KERNEL(truth4, npy_bool, float)
KERNEL(truth8, npy_bool, double)

/* Copies an entry where a flag is set. */
#define SELECT(name, type)                                                                      \
    static void name(char **args, npy_intp const *dims, npy_intp const *steps, void *data)      \
    {                                                                                           \
        (void)data;                                                                             \
        for (npy_intp i = 0; i < dims[0]; i++)                                                  \
            if (*(npy_bool *)(args[0] + i * steps[0]))                                          \
                *(type *)(args[2] + i * steps[2]) = *(type *)(args[1] + i * steps[1]);          \
    }

/* Gathers numbers: `data` is where they lie, args[0] holds their places. */
static void take(char **args, npy_intp const *dims, npy_intp const *steps, void *data)
{
    for (npy_intp i = 0; i < dims[0]; i++)
        *(double *)(args[1] + i * steps[1]) = ((double *)data)[*(npy_intp *)(args[0] + i * steps[0])];
}

/* The power of a positive float and another, as Python computes it. */
static void power(char **args, npy_intp const *dims, npy_intp const *steps, void *data)
{
    PyObject *a = PyFloat_FromDouble(*(double *)args[0]), *b = PyFloat_FromDouble(*(double *)args[1]);
    PyObject *y = a && b ? PyNumber_Power(a, b, Py_None) : NULL;

    (void)dims, (void)steps, (void)data;
    *(double *)args[2] = y ? PyFloat_AsDouble(y) : Py_HUGE_VAL; /* where Python has an error */
    PyErr_Clear();
    Py_XDECREF(a);
    Py_XDECREF(b);
    Py_XDECREF(y);
}

SELECT(select4, uint32_t)
SELECT(select8, uint64_t)

static const struct { const char *name; PyUFuncGenericFunction loop; } kernels[] = {
    {"1", copy1}, {"4", copy4}, {"8", copy8}, {"df", narrowed}, {"fd", widened},
    {"take", take}, {"**", power},
    {"?f", truth4}, {"?d", truth8}, {"?4", select4}, {"?8", select8},
};

static void run_loop(const Row *row, char **late, char *scratch, int64_t first, int64_t n)
{
    char *start[OPERANDS];
    npy_intp dims[4];
    int64_t outer = row->outer[0];

    for (int64_t k = 0; k < row->count; k++) {
        int64_t slot = row->slot[k];
        char *base = slot == 0 ? (char *)row->at[k]
                   : slot < 0 ? scratch + row->at[k] : late[slot - 1] + row->at[k];
        start[k] = base + first * row->tile[k];
    }
    memcpy(dims, row->dims, sizeof dims);
    if (n >= 0) {
        if (row->unit) dims[0] = n * row->unit;
        else outer = n;
    }
    if (outer == 1 && row->outer[1] == 1) {
        row->loop(start, dims, row->steps, row->data);
        return;
    }
    for (int64_t i = 0; i < outer; i++)
        for (int64_t j = 0; j < row->outer[1]; j++) {
            char *args[OPERANDS];
            for (int64_t k = 0; k < row->count; k++)
                args[k] = start[k] + i * row->outer_steps[0][k] + j * row->outer_steps[1][k];
            row->loop(args, dims, row->steps, row->data);
        }
}

/* The rows of a region, for tiles from first to last: all rows for a tile before the next. */
static void run_tiles(const Row *head, char **late, char *scratch, int64_t first, int64_t last)
{
    int64_t rows = head->dims[0], step = head->dims[2];

    for (int64_t i = first; i < last; i += step)
        for (int64_t k = 1; k <= rows; k++)
            run_loop(head + k, late, scratch, i, last - i < step ? last - i : step);
}

static int run_rows(const char *bytes, Py_ssize_t nbytes, PyObject *calls, char **late)
{
    const Row *row = (const Row *)bytes, *end = (const Row *)(bytes + nbytes);
    PyThreadState *thread = NULL;

    for (; row < end; row++) {
        if (thread && !row->release) {
            PyEval_RestoreThread(thread);
            thread = NULL;
        }
        if (!thread && row->release)
            thread = PyEval_SaveThread();
        if (row->kind == LOOP)
            run_loop(row, late, NULL, 0, -1);
        else if (row->kind == TILES) {
            run_tiles(row, late, (char *)row->at[0], 0, row->dims[1]);
            row += row->dims[0];
        }
        else {
            PyObject *pair = PyTuple_GetItem(calls, row->dims[0]), *result;
            result = PyObject_Call(PyTuple_GetItem(pair, 0), PyTuple_GetItem(pair, 1), NULL);
            if (!result)
                return -1;
            Py_DECREF(result);
        }
    }
    if (thread)
        PyEval_RestoreThread(thread);
    return 0;
}

/* Where the late arrays lie. */
static char **addresses(PyObject *now, char **few, Py_ssize_t room)
{
    Py_ssize_t n = PyList_Size(now);
    char **late = n <= room ? few : PyMem_Malloc(n * sizeof *late);

    if (!late)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; late && i < n; i++)
        late[i] = PyArray_BYTES((PyArrayObject *)PyList_GetItem(now, i));
    return late;
}

/* What is stored or handed out: an object, a float at an address, or what a call gives. */
static PyObject *given(PyObject *get, PyObject *args)
{
    if (get == Py_None)
        return Py_NewRef(args);
    if (PyLong_CheckExact(get))
        return PyFloat_FromDouble(*(double *)PyLong_AsVoidPtr(get));
    return PyObject_Call(get, args, NULL);
}

/* Does what a row says at the end: (owner, name, get, args), or (None, wrap, get, args). */
static int end(PyObject *row, PyObject *results)
{
    PyObject *owner = PyTuple_GetItem(row, 0), *name = PyTuple_GetItem(row, 1), *wrapped = NULL;
    PyObject *x = given(PyTuple_GetItem(row, 2), PyTuple_GetItem(row, 3));
    int failed = !x;

    if (x && owner != Py_None)
        failed = (PyUnicode_Check(name) ? PyObject_SetAttr : PyObject_SetItem)(owner, name, x);
    else if (x && name == Py_None)
        failed = PyList_Append(results, x);
    else if (x) {
        wrapped = PyObject_CallFunctionObjArgs(name, x, NULL);
        failed = !wrapped || PyList_Append(results, wrapped);
    }
    Py_XDECREF(x);
    Py_XDECREF(wrapped);
    return failed;
}

PyDoc_STRVAR(walk_doc, "walk(rows, calls, now, ends)\n--\n\n"
             "Run the rows; then store what is left outside, and return a list of results.");

static PyObject *walk(PyObject *self, PyObject *args)
{
    const char *bytes;
    Py_ssize_t nbytes;
    PyObject *calls, *now, *ends;
    char *few[32];

    (void)self;
    if (!PyArg_ParseTuple(args, "y#O!O!O!", &bytes, &nbytes, &PyTuple_Type, &calls, &PyList_Type,
                          &now, &PyTuple_Type, &ends))
        return NULL;
    char **late = addresses(now, few, 32);
    if (!late)
        return NULL;
    int failed = run_rows(bytes, nbytes, calls, late);
    if (late != few)
        PyMem_Free(late);
    PyObject *results = failed ? NULL : PyList_New(0);
    for (Py_ssize_t i = 0; results && i < PyTuple_Size(ends); i++)
        if (end(PyTuple_GetItem(ends, i), results))
            Py_CLEAR(results);
    return results;
}

/* Puts what is read into an array or under a key; `nbytes` of it lie in a row, or it is a float. */
static int put(PyObject *into, PyObject *key, PyObject *x, PyObject *bytes)
{
    PyArrayObject *array = (PyArrayObject *)into, *from = (PyArrayObject *)x;
    Py_ssize_t nbytes = PyLong_AsSsize_t(bytes);

    if (nbytes < 0 && PyFloat_CheckExact(x))
        *(double *)PyArray_BYTES(array) = PyFloat_AsDouble(x);
    else if (nbytes > 0 && Py_TYPE(x) == Py_TYPE(into) && PyArray_IS_C_CONTIGUOUS(from)
             && PyArray_DESCR(from) == PyArray_DESCR(array)
             && PyArray_NDIM(from) == PyArray_NDIM(array)
             && !memcmp(PyArray_DIMS(from), PyArray_DIMS(array),
                        PyArray_NDIM(from) * sizeof(npy_intp)))
        memmove(PyArray_BYTES(array), PyArray_BYTES(from), nbytes);
    else
        return PyObject_SetItem(into, key, x);
    return 0;
}

PyDoc_STRVAR(fetch_doc, "fetch(rows, inputs)\n--\n\nPut what a program reads where it reads it, as rows "
             "say: (source, name, into, key, nbytes). Return whether each place that has nowhere to "
             "put it (None) holds its key.");

static PyObject *fetch(PyObject *self, PyObject *args)
{
    PyObject *rows, *inputs;

    (void)self;
    if (!PyArg_ParseTuple(args, "O!O", &PyTuple_Type, &rows, &inputs))
        return NULL;
    for (Py_ssize_t i = 0; i < PyTuple_Size(rows); i++) {
        PyObject *row = PyTuple_GetItem(rows, i), *source = PyTuple_GetItem(row, 0);
        PyObject *into = PyTuple_GetItem(row, 2), *key = PyTuple_GetItem(row, 3);
        PyObject *x = PyLong_CheckExact(source) ? PySequence_GetItem(inputs, PyLong_AsSsize_t(source))
                                                : PyObject_GetAttr(source, PyTuple_GetItem(row, 1));
        int failed = !x || (into != Py_None && put(into, key, x, PyTuple_GetItem(row, 4)));
        Py_XDECREF(x);
        if (failed)
            return NULL;
        if (into == Py_None && x != key)
            Py_RETURN_FALSE;
    }
    Py_RETURN_TRUE;
}

PyDoc_STRVAR(tiles_doc, "tiles(rows, now, scratch, first, last)\n--\n\n"
             "Run the rows of a region, the first of `rows` being its head, for some tiles.");

static PyObject *tiles(PyObject *self, PyObject *args)
{
    const char *bytes;
    Py_ssize_t nbytes, first, last;
    PyObject *now, *scratch;
    char *few[32];

    (void)self;
    if (!PyArg_ParseTuple(args, "y#O!Onn", &bytes, &nbytes, &PyList_Type, &now, &scratch, &first,
                          &last))
        return NULL;
    char **late = addresses(now, few, 32);
    if (!late)
        return NULL;
    char *memory = PyArray_BYTES((PyArrayObject *)scratch);
    Py_BEGIN_ALLOW_THREADS
    run_tiles((const Row *)bytes, late, memory, first, last);
    Py_END_ALLOW_THREADS
    if (late != few)
        PyMem_Free(late);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(loop_doc, "loop(ufunc, types)\n--\n\n"
             "Return the addresses of the inner loop for operands of these type numbers, and of its data; "
             "None if there is none. Without a ufunc, `types` names a kernel of the walker's own.");

static PyObject *loop(PyObject *self, PyObject *args)
{
    PyObject *object;
    const char *types;
    Py_ssize_t n;

    (void)self;
    if (!PyArg_ParseTuple(args, "Oy#", &object, &types, &n))
        return NULL;
    if (object == Py_None) {
        for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
            if (!strcmp(kernels[i].name, types))
                return Py_BuildValue("nn", (Py_ssize_t)(intptr_t)kernels[i].loop, (Py_ssize_t)0);
        Py_RETURN_NONE;
    }
    const PyUFuncObject *ufunc = (const PyUFuncObject *)object;
    for (int i = 0; i < ufunc->ntypes && n == ufunc->nargs; i++)
        if (!memcmp(ufunc->types + i * n, types, n))
            return Py_BuildValue("nn", (Py_ssize_t)(intptr_t)ufunc->functions[i],
                                 (Py_ssize_t)(intptr_t)(ufunc->data ? ufunc->data[i] : NULL));
    Py_RETURN_NONE;
}

PyDoc_STRVAR(signature_doc, "signature(ndarray, xs)\n--\n\nReturn something equal for arrays of equal "
             "dtypes, shapes and strides alone; None if not all are arrays of plain numbers.");

static PyObject *signature(PyObject *self, PyObject *args)
{
    PyObject *ndarray, *xs;
    npy_intp key[64], n = 0;

    (void)self;
    if (!PyArg_ParseTuple(args, "OO!", &ndarray, &PyTuple_Type, &xs))
        return NULL;
    for (Py_ssize_t i = 0; i < PyTuple_Size(xs); i++) {
        PyArrayObject *x = (PyArrayObject *)PyTuple_GetItem(xs, i);
        if ((PyObject *)Py_TYPE((PyObject *)x) != ndarray)
            Py_RETURN_NONE;
        PyArray_Descr *dtype = PyArray_DESCR(x);
        int axes = PyArray_NDIM(x);
        if (dtype->type_num >= NPY_OBJECT || !PyArray_ISNBO(dtype->byteorder) || n + 2 * axes > 63)
            Py_RETURN_NONE;
        key[n++] = dtype->type_num * 128 + axes;
        memcpy(key + n, PyArray_DIMS(x), axes * sizeof *key);
        memcpy(key + n + axes, PyArray_STRIDES(x), axes * sizeof *key);
        n += 2 * axes;
    }
    return PyBytes_FromStringAndSize((char *)key, n * sizeof *key);
}

PyDoc_STRVAR(address_doc, "address(array)\n--\n\nReturn where the entries of an array begin.");

static PyObject *address(PyObject *self, PyObject *array)
{
    (void)self;
    return PyLong_FromSsize_t((Py_ssize_t)(intptr_t)PyArray_BYTES((PyArrayObject *)array));
}

static PyMethodDef methods[] = {
    {"address", address, METH_O, address_doc},
    {"fetch", fetch, METH_VARARGS, fetch_doc},
    {"walk", walk, METH_VARARGS, walk_doc},
    {"signature", signature, METH_VARARGS, signature_doc},
    {"tiles", tiles, METH_VARARGS, tiles_doc},
    {"loop", loop, METH_VARARGS, loop_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_walker", "The walker in C.", 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__walker(void) { return PyModuleDef_Init(&module); }
