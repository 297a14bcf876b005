package ruby

import "github.com/anyfpm/anyfpm/internal/procmem"

// flags reads what kind of object a value is, and fails if it is none.
func flags(r *procmem.Reader, value uint64) uint64 {
	if value&valueMask != 0 || value == 0 {
		r.Fail("value %#x is no object", value)
	}
	return r.U64(value)
}

// str reads a String.
func (s *sampler) str(r *procmem.Reader, value uint64) string {
	fl := flags(r, value)
	if fl&typeMask != typeString {
		r.Fail("no string at %#x", value)
	}
	data := value + objectData
	length := r.U64(value + objectData)
	switch {
	case fl&flagUser1 != 0:
		data = r.U64(value + stringPtr)
	case s.stringsHaveLength:
		data = value + stringEmbed
	default:
		length = fl >> embedShift & embedMask
	}
	if length > maxString {
		r.Fail("a string of %d bytes at %#x", length, value)
	}
	return string(r.Bytes(data, length))
}

// path reads the path of an instruction sequence: a String, or an Array with
// the path as given and the real one, which is nil for evaluated text.
func (s *sampler) path(r *procmem.Reader, value uint64) string {
	fl := flags(r, value)
	if fl&typeMask != typeArray {
		return s.str(r, value)
	}
	data := value + objectData
	if fl&flagUser1 == 0 {
		data = r.U64(value + arrayPtr)
	}
	given, absolute := r.U64(data), r.U64(data+8)
	if absolute&valueMask == 0 && absolute != 0 && absolute != valueNil {
		return s.str(r, absolute)
	}
	return s.str(r, given)
}
