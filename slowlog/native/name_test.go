package native

import (
	"strings"
	"testing"
)

func TestPlain(t *testing.T) {
	tests := map[string]string{
		"main":                                "main",
		"_Zebra":                              "_Zebra",
		"__read":                              "__read",
		"_ZN4site2db5queryEPKci":              "site::db::query",
		"_ZNSt6vectorIiSaIiEE9push_backERKi":  "std::vector<int, std::allocator<int> >::push_back",
		"_ZN3app7handler17h0123456789abcdefE": "app::handler",
		"_RNvCs1234_7mycrate3foo":             "mycrate::foo",
		"_ZN" + strings.Repeat("1a", maxMangled) + "E": "_ZN" + strings.Repeat("1a", maxMangled) + "E",
	}
	for symbol, want := range tests {
		if got := plain(symbol); got != want {
			t.Errorf("%.60q is %.60q, want %.60q", symbol, got, want)
		}
	}
}

// A name comes from the file of a process that nobody trusts.
func FuzzPlain(f *testing.F) {
	f.Add("_ZN4site2db5queryEPKci")
	f.Add("_RNvCs1234_7mycrate3foo")
	f.Add("_ZN3app7handler17h0123456789abcdefE")
	f.Add("_Z1fI" + strings.Repeat("S_", 200) + "EvT_")
	f.Fuzz(func(t *testing.T, symbol string) {
		if got := plain(symbol); len(got) > max(len(symbol), 1<<maxDemangled) {
			t.Errorf("%d bytes of %d", len(got), len(symbol))
		}
	})
}
