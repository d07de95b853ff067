/* A trial: one function, to see that the build works. */
#include <Python.h>
#include <string.h>
#include <numpy/arrayobject.h>
#include <numpy/ufuncobject.h>

static PyObject *one(PyObject *self, PyObject *ufunc) {
    (void)self;
    if (Py_TYPE(ufunc) != &PyUFunc_Type) {
        PyErr_SetString(PyExc_TypeError, "not a ufunc");
        return NULL;
    }
    PyUFuncObject *f = (PyUFuncObject *)ufunc;
    return Py_BuildValue("ii", f->functions[0] != NULL, (int)strlen(f->name));
}

static PyMethodDef methods[] = {{"one", one, METH_O, "1, and the length of a ufunc's name."}, {0}};

static int executed(PyObject *module) {
    (void)module;
    import_array1(-1);
    import_umath1(-1);
    return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, executed}, {0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_walker", .m_methods = methods, .m_slots = slots};

PyMODINIT_FUNC PyInit__walker(void) { return PyModuleDef_Init(&definition); }
