package perl

import "github.com/anyfpm/anyfpm/internal/procmem"

// anonymous is what perl calls a subroutine without a name.
const anonymous = "__ANON__"

// value checks that an SV is of one of two types and returns its body.
func value(r *procmem.Reader, sv uint64, a, b uint32) (body uint64) {
	if kind := r.U32(sv+svFlags) & typeMask; kind != a && kind != b {
		r.Fail("a value of type %d at %#x, not %d", kind, sv, a)
	}
	return r.U64(sv + svBody)
}

// code is the name of a subroutine or format with its package.
func (s *sampler) code(r *procmem.Reader, cv uint64) string {
	body := value(r, cv, typeCode, typeForm)
	glob := r.U64(body + codeGlob)
	switch {
	case r.Err() != nil:
		return ""
	case r.U32(body+codeFlags)&codeNamed != 0:
		return s.stash(r, r.U64(body+codeStash)) + "::" + key(r, glob)
	case glob == 0:
		return anonymous
	}
	glob = value(r, glob, typeGlob, typeGlob)
	return s.stash(r, r.U64(glob+globStash)) + "::" + key(r, r.U64(glob+globName))
}

// stash is the name of a package.
func (s *sampler) stash(r *procmem.Reader, hv uint64) string {
	if hv == 0 {
		return anonymous
	}
	body := value(r, hv, typeHash, typeHash)
	if r.U32(hv+svFlags)&flagAux == 0 || r.Err() != nil {
		return anonymous
	}
	aux := body + s.hashAux
	if s.hashAux == 0 {
		aux = r.U64(hv+svValue) + (r.U64(body+hashMax)+1)*8
	}
	name := r.U64(aux + auxName)
	switch count := int32(r.U32(aux + auxNameCount)); {
	case count < -1: // the first name was taken away, the second holds
		name = r.U64(name + 8)
	case count != 0:
		name = r.U64(name)
	}
	if name == 0 {
		return anonymous
	}
	return key(r, name)
}

// key reads the text of a hash key.
func key(r *procmem.Reader, hek uint64) string {
	length := r.U32(hek + keyLength)
	if length > maxString {
		r.Fail("a name of %d bytes at %#x", length, hek)
	}
	return string(r.Bytes(hek+keyText, uint64(length)))
}

// filePrefix is what perl puts before a file's name to name its glob.
const filePrefix = "_<"

// file is the name of the file of a statement.
func (s *sampler) file(r *procmem.Reader, cop uint64) string {
	file := r.U64(cop + s.copFile)
	if s.threads || file == 0 {
		return r.CString(file, maxString)
	}
	glob := value(r, file, typeGlob, typeGlob)
	name := key(r, r.U64(glob+globName))
	return name[min(len(filePrefix), len(name)):]
}
