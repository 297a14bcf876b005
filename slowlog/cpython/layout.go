package cpython

// A layout is where CPython keeps what a stack needs, in bytes from the start
// of each structure. A field that a version does not have is 0.
type layout struct {
	interpretersHead uint64 // _PyRuntimeState
	gilCurrent       uint64 // _PyRuntimeState, up to 3.11

	interpNext  uint64 // PyInterpreterState
	threadsHead uint64
	gilLocked   uint64 // from 3.13
	gilHolder   uint64

	threadNext   uint64 // PyThreadState
	threadNative uint64 // the thread's kernel id, from 3.11
	threadFrame  uint64 // the current frame, or what leads to it
	cframe       uint64 // the current frame in what threadFrame leads to, in 3.11 and 3.12

	frameCode     uint64 // PyFrameObject, _PyInterpreterFrame from 3.11
	framePrevious uint64
	frameInstr    uint64 // an index up to 3.10, then a pointer
	frameOwner    uint64 // from 3.11

	codeFile      uint64 // PyCodeObject
	codeName      uint64
	codeQualname  uint64 // from 3.11
	codeFirstLine uint64
	codeLines     uint64
	codeStart     uint64 // the instructions, from 3.11

	strState uint64 // PyASCIIObject
	strASCII uint64 // its size: where the characters of an ASCII string are
	strWide  uint64 // PyCompactUnicodeObject's size: where those of others are

	bytesData uint64 // PyBytesObject
}

// What has not changed since 3.7.
const (
	objectType = 8  // PyObject.ob_type
	varSize    = 16 // PyVarObject.ob_size
	strLength  = 16 // PyASCIIObject.length
)

// A dialect is a layout and how to read what lies there.
type dialect struct {
	layout
	line func(table []byte, firstLine, offset int) int
	// instrScale turns f_lasti into a byte offset (up to 3.10).
	instrScale int
	// indirectFrame says that a thread leads to its frame through a _PyCFrame.
	indirectFrame bool
	// pointerMask takes the tag off a reference in a frame.
	pointerMask uint64
}

// dialectOf returns how a version of 3.minor is read, given its layout.
func dialectOf(minor int, l layout) dialect {
	d := dialect{layout: l, line: lineLocations, instrScale: 1, pointerMask: ^uint64(0)}
	switch {
	case minor < 10:
		d.line = lineLnotab
	case minor == 10:
		d.line, d.instrScale = linePEP626, 2
	case minor < 13:
		d.indirectFrame = true
	case minor > 13:
		d.pointerMask = ^uint64(3)
	}
	return d
}
