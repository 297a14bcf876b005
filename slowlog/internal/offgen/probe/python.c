/* Prints where CPython keeps what a Python stack needs. Compile against the
   headers of the version in question:
   -I include/python3.X -I include/python3.X/internal */
#define Py_BUILD_CORE 1
#include <Python.h>
#include <stddef.h>
#include <stdio.h>
#if PY_VERSION_HEX < 0x03080000
#include "internal/pystate.h"
#elif PY_VERSION_HEX < 0x03090000
#include "internal/pycore_pystate.h"
#else
#include "internal/pycore_runtime.h"
#include "internal/pycore_interp.h"
#endif
#include "frameobject.h"
#if PY_VERSION_HEX >= 0x030b0000
#include "internal/pycore_frame.h"
#endif

#define FIELD(type, field) printf("%s.%s %zu\n", #type, #field, offsetof(type, field))
#define SIZE(type) printf("sizeof(%s) %zu\n", #type, sizeof(type))

int main(void) {
	FIELD(_PyRuntimeState, interpreters.head);
#if PY_VERSION_HEX < 0x030c0000
	FIELD(_PyRuntimeState, gilstate.tstate_current);
#endif
	FIELD(PyInterpreterState, next);
#if PY_VERSION_HEX >= 0x030b0000
	FIELD(PyInterpreterState, threads.head);
#else
	FIELD(PyInterpreterState, tstate_head);
#endif
	FIELD(PyThreadState, next);
#if PY_VERSION_HEX >= 0x030b0000
	FIELD(PyThreadState, native_thread_id);
#endif
#if PY_VERSION_HEX >= 0x030d0000
	FIELD(PyThreadState, current_frame);
#elif PY_VERSION_HEX >= 0x030b0000
	FIELD(PyThreadState, cframe);
	FIELD(_PyCFrame, current_frame);
#else
	FIELD(PyThreadState, frame);
#endif
#if PY_VERSION_HEX >= 0x030b0000
#if PY_VERSION_HEX >= 0x030d0000
	FIELD(_PyInterpreterFrame, f_executable);
	FIELD(_PyInterpreterFrame, instr_ptr);
#else
	FIELD(_PyInterpreterFrame, f_code);
	FIELD(_PyInterpreterFrame, prev_instr);
#endif
	FIELD(_PyInterpreterFrame, previous);
	FIELD(_PyInterpreterFrame, owner);
#else
	FIELD(PyFrameObject, f_code);
	FIELD(PyFrameObject, f_back);
	FIELD(PyFrameObject, f_lasti);
#endif
	FIELD(PyCodeObject, co_filename);
	FIELD(PyCodeObject, co_name);
	FIELD(PyCodeObject, co_firstlineno);
#if PY_VERSION_HEX >= 0x030b0000
	FIELD(PyCodeObject, co_qualname);
	FIELD(PyCodeObject, co_code_adaptive);
#endif
#if PY_VERSION_HEX >= 0x030a0000
	FIELD(PyCodeObject, co_linetable);
#else
	FIELD(PyCodeObject, co_lnotab);
#endif
	FIELD(PyASCIIObject, state);
	FIELD(PyASCIIObject, length);
	SIZE(PyASCIIObject);
	SIZE(PyCompactUnicodeObject);
	FIELD(PyBytesObject, ob_sval);
	FIELD(PyVarObject, ob_size);
	FIELD(PyObject, ob_type);
	return 0;
}
