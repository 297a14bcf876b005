package cpython

// lineLnotab is the line of a byte offset in co_lnotab, up to 3.9: pairs of
// how far the code and the line advance.
func lineLnotab(table []byte, line, offset int) int {
	addr := 0
	for i := 0; i+1 < len(table); i += 2 {
		addr += int(table[i])
		if addr > offset {
			break
		}
		line += int(int8(table[i+1]))
	}
	return line
}

// linePEP626 is the line in 3.10's co_linetable: pairs of the length of a
// range and its line relative to the range before, -128 for no line.
func linePEP626(table []byte, line, offset int) int {
	end := 0
	for i := 0; i+1 < len(table); i += 2 {
		if delta := int8(table[i+1]); delta != -128 {
			line += int(delta)
		}
		end += int(table[i])
		if offset < end {
			break
		}
	}
	return line
}

// The codes of an entry in the location table that change the line; all
// others keep it.
const (
	codeOneLine0  = 10 // to 12: the line advances by 0, 1 or 2
	codeOneLine2  = 12
	codeNoColumns = 13 // a signed number follows
	codeLong      = 14 // a signed number follows, then the columns
)

// lineLocations is the line in the location table of 3.11 and later
// (CPython's Objects/locations.md). Each entry begins with a byte that has
// its top bit set: a code and how many instructions it is for.
func lineLocations(table []byte, line, offset int) int {
	end := 0
	for i := 0; i < len(table); {
		first := table[i]
		i++
		body := i
		for i < len(table) && table[i]&0x80 == 0 {
			i++
		}
		switch code := int(first >> 3 & 15); {
		case code >= codeOneLine0 && code <= codeOneLine2:
			line += code - codeOneLine0
		case code == codeNoColumns || code == codeLong:
			line += signedVarint(table[body:i])
		}
		end += (int(first&7) + 1) * 2
		if offset < end {
			break
		}
	}
	return line
}

// signedVarint decodes six bits a byte, lowest first, the sign in the lowest
// bit of all.
func signedVarint(p []byte) int {
	var v uint32
	for i, b := range p {
		if i == 6 {
			break
		}
		v |= uint32(b&63) << (6 * i)
		if b&64 == 0 {
			break
		}
	}
	if v&1 != 0 {
		return -int(v >> 1)
	}
	return int(v >> 1)
}
