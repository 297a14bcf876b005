package perl

// A layout is what differs between the versions, in bytes from the start of
// each structure.
type layout struct {
	curcop       uint64 // PerlInterpreter, with threads
	curstackinfo uint64

	stackType uint64 // PERL_SI

	contextSize uint64 // PERL_CONTEXT
	subCV       uint64
	evalName    uint64

	copLine uint64 // COP
	copFile uint64 // a string with threads, else a glob

	hashAux uint64 // in the body of a hash from 5.36, else 0: after its array
}

// What has not changed since 5.26 (slowlog/internal/offgen checks it).
const (
	stackContexts = 8 // PERL_SI
	stackPrev     = 16
	stackIndex    = 32
	stackMax      = 36
	stackMain     = 1 // PERLSI_MAIN

	contextOldCop  = 16
	contextMask    = 15   // of the type
	contextBlock   = 0x40 // eval { } and not require or eval ""
	contextSub     = 9
	contextFormat  = 10
	contextEval    = 11
	maxContextSize = 1 << 20 // contexts of a stack

	svBody  = 0 // SV, and CV, GV, HV
	svFlags = 12
	svValue = 16

	typeMask = 0xff
	typeGlob = 9
	typeHash = 12
	typeCode = 13
	typeForm = 14
	flagAux  = 1 << 25 // the hash has a name (SVf_OOK, SVphv_HasAUX)

	codeStash = 32 // XPVCV
	codeGlob  = 56
	codeFlags = 92
	codeNamed = 0x8000 // CVf_NAMED: a name and not a glob

	globName  = 32 // XPVGV
	globStash = 40

	hashMax      = 24 // XPVHV
	auxName      = 0  // struct xpvhv_aux
	auxNameCount = 28

	keyLength = 4 // HEK
	keyText   = 8
)
