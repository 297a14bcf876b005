package ruby

// A layout is what differs between the versions, in bytes from the start of
// each structure.
type layout struct {
	mainThread uint64 // rb_vm_t
	mainRactor uint64 // rb_vm_t from 3.0, else 0
	threads    uint64 // the list of threads: of the ractor, before 3.0 of the virtual machine

	threadVM uint64 // rb_thread_t
	threadEC uint64
	ecThread uint64 // rb_execution_context_t

	frameSize uint64 // rb_control_frame_t

	lines      uint64 // rb_iseq_constant_body
	lineCount  uint64
	lineIndex  uint64 // from 2.6: the line table is indexed by a succinct bit vector
	lineSize   uint64 // struct iseq_insn_info_entry
	lineNumber uint64
}

// forkGen is the size of a field that 2.5.4 has put before the list of threads.
const forkGen = 8

// layoutOf is the layout of a version, which is given in its three parts.
func layoutOf(part []string) (layout, bool) {
	l, known := layouts[part[0]+"."+part[1]]
	l = l.here()
	if part[0] == "2" && part[1] == "5" && part[2] < "4" {
		l.threads -= forkGen
	}
	return l, known
}

// What has not changed since 2.5 (slowlog/internal/offgen checks it).
const (
	ecStack     = 0 // rb_execution_context_t
	ecStackSize = 8 // in words
	ecFrame     = 16

	framePC   = 0 // rb_control_frame_t
	frameISeq = 16
	frameEP   = 32

	iseqBody = 16 // rb_iseq_t

	bodySize  = 4 // rb_iseq_constant_body
	bodyCode  = 8
	bodyPath  = 64
	bodyLabel = 80

	linePosition = 0 // struct iseq_insn_info_entry, before 2.6
)

// The marks in the environment of a frame (vm_core.h).
const (
	markMask = 0x7fff0001
	markC    = 0x55550001
)

// Values (ruby/internal/core).
const (
	valueMask   = 7 // an object's address has none of these bits
	typeMask    = 31
	typeString  = 5
	typeArray   = 7
	flagUser1   = 1 << 13 // a string is not embedded; an array is
	embedShift  = 14      // of an embedded string's length, up to 3.1
	embedMask   = 31
	objectData  = 16 // after flags and class
	stringPtr   = 24
	stringEmbed = 24 // from 3.2
	arrayPtr    = 32
	valueNil    = 8 // up to 3.1; then its bits are not an object's
)
