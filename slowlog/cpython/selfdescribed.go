package cpython

import (
	"slices"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// From 3.13 on _PyRuntime begins with a _Py_DebugOffsets, which states where
// everything is. Only the order of its own fields changes with the minor
// version: these are the names of the uint64 fields after the cookie, up to
// the last one used.
var (
	described13 = []string{ // Include/internal/pycore_runtime.h of 3.13.0
		"version", "free_threaded",
		"runtime.size", "runtime.finalizing", "runtime.interpreters_head",
		"interp.size", "interp.id", "interp.next", "interp.threads_head", "interp.gc", "interp.imports_modules",
		"interp.sysdict", "interp.builtins", "interp.ceval_gil", "interp.gil", "interp.gil_enabled", "interp.gil_locked", "interp.gil_holder",
		"thread.size", "thread.prev", "thread.next", "thread.interp", "thread.current_frame", "thread.thread_id",
		"thread.native_thread_id", "thread.datastack_chunk", "thread.status",
		"frame.size", "frame.previous", "frame.executable", "frame.instr_ptr", "frame.localsplus", "frame.owner",
		"code.size", "code.filename", "code.name", "code.qualname", "code.linetable", "code.firstlineno", "code.argcount",
		"code.localsplusnames", "code.localspluskinds", "code.co_code_adaptive",
		"object.size", "object.ob_type",
		"type.size", "type.tp_name", "type.tp_repr", "type.tp_flags",
		"tuple.size", "tuple.ob_item", "tuple.ob_size",
		"list.size", "list.ob_item", "list.ob_size",
		"dict.size", "dict.ma_keys", "dict.ma_values",
		"float.size", "float.ob_fval",
		"long.size", "long.lv_tag", "long.ob_digit",
		"bytes.size", "bytes.ob_size", "bytes.ob_sval",
		"str.size", "str.state", "str.length", "str.asciiobject_size",
	}
	described14 = []string{ // Include/internal/pycore_debug_offsets.h of 3.14.10
		"version", "free_threaded",
		"runtime.size", "runtime.finalizing", "runtime.interpreters_head",
		"interp.size", "interp.id", "interp.next", "interp.threads_head", "interp.threads_main", "interp.gc", "interp.imports_modules",
		"interp.sysdict", "interp.builtins", "interp.ceval_gil", "interp.gil", "interp.gil_enabled", "interp.gil_locked", "interp.gil_holder",
		"interp.code_object_generation", "interp.tlbc_generation",
		"thread.size", "thread.prev", "thread.next", "thread.interp", "thread.current_frame", "thread.thread_id",
		"thread.native_thread_id", "thread.datastack_chunk", "thread.status",
		"frame.size", "frame.previous", "frame.executable", "frame.instr_ptr", "frame.localsplus", "frame.owner",
		"frame.stackpointer", "frame.tlbc_index",
		"code.size", "code.filename", "code.name", "code.qualname", "code.linetable", "code.firstlineno", "code.argcount",
		"code.localsplusnames", "code.localspluskinds", "code.co_code_adaptive", "code.co_tlbc",
		"object.size", "object.ob_type",
		"type.size", "type.tp_name", "type.tp_repr", "type.tp_flags",
		"tuple.size", "tuple.ob_item", "tuple.ob_size",
		"list.size", "list.ob_item", "list.ob_size",
		"set.size", "set.used", "set.table", "set.mask",
		"dict.size", "dict.ma_keys", "dict.ma_values",
		"float.size", "float.ob_fval",
		"long.size", "long.lv_tag", "long.ob_digit",
		"bytes.size", "bytes.ob_size", "bytes.ob_sval",
		"str.size", "str.state", "str.length", "str.asciiobject_size",
	}
)

// cookie is what a _Py_DebugOffsets begins with.
const cookie = "xdebugpy"

// maxOffset is more than the size of any structure of CPython (that of an
// interpreter's state is about 200 KiB).
const maxOffset = 1 << 22

// selfDescribed reads the layout that the process states of itself.
func selfDescribed(r *procmem.Reader, runtime uint64, v version) (layout, error) {
	names := described13
	switch v.minor {
	case 13:
	case 14:
		names = described14
	default:
		return layout{}, &stack.UnsupportedError{Runtime: name, Version: v.String()}
	}
	if r.String(runtime, uint64(len(cookie)), 16) != cookie {
		r.Fail("_PyRuntime does not begin with %q", cookie)
	}
	field := func(name string) uint64 {
		return r.U64(runtime + uint64(len(cookie)) + uint64(slices.Index(names, name))*8)
	}
	if field("free_threaded") != 0 && r.Err() == nil {
		return layout{}, &stack.UnsupportedError{Runtime: name, Version: v.String(), Reason: "free-threaded builds cannot be read"}
	}
	if hex := field("version"); hex != uint64(v.hex) {
		r.Fail("debug offsets are of version %#x, the interpreter is %#x", hex, v.hex)
	}
	l := layout{
		interpretersHead: field("runtime.interpreters_head"),
		interpNext:       field("interp.next"),
		threadsHead:      field("interp.threads_head"),
		gilLocked:        field("interp.gil_locked"),
		gilHolder:        field("interp.gil_holder"),
		threadNext:       field("thread.next"),
		threadNative:     field("thread.native_thread_id"),
		threadFrame:      field("thread.current_frame"),
		frameCode:        field("frame.executable"),
		framePrevious:    field("frame.previous"),
		frameInstr:       field("frame.instr_ptr"),
		frameOwner:       field("frame.owner"),
		codeFile:         field("code.filename"),
		codeName:         field("code.name"),
		codeQualname:     field("code.qualname"),
		codeFirstLine:    field("code.firstlineno"),
		codeLines:        field("code.linetable"),
		codeStart:        field("code.co_code_adaptive"),
		strState:         field("str.state"),
		strASCII:         field("str.asciiobject_size"),
		strWide:          field("str.asciiobject_size") + 16, // utf8_length and utf8
		bytesData:        field("bytes.ob_sval"),
	}
	if field("str.length") != strLength || field("object.ob_type") != objectType {
		r.Fail("str.length or ob_type is where no CPython has it")
	}
	for _, size := range []string{"runtime.size", "interp.size", "thread.size", "frame.size", "code.size", "str.size"} {
		if n := field(size); n == 0 || n > maxOffset {
			r.Fail("%s is %d", size, n)
		}
	}
	return l, r.Err()
}
