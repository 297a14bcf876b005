package golden

var php = Language{
	Name: "php",
	Ext:  "php",
	write: func(b *builder, n int) {
		b.line("<?php")
		for i := range n + 1 {
			phpFunction(b, i, i == n)
		}
		b.line("call0(1);")
	},
	expect: func(said []Call) []Call { return said },
	find: func(found, want []Call) []Call {
		for len(found) > 0 && isPHPOutput(found[0].Func) { // what prints or sleeps
			found = found[1:]
		}
		// debug_backtrace gives the line of the call, which is where the next
		// frame is, and none to what an internal function called.
		var out []Call
		for i := 0; i+1 < len(found); i++ {
			c := Call{found[i].Func, found[i+1].Line}
			if len(out) < len(want) && want[len(out)].Line == 0 {
				c.Line = 0
			}
			out = append(out, c)
		}
		return out
	},
}

func isPHPOutput(function string) bool {
	return function == "sleep" || function == "flush" || function == "fwrite" || function == "ob_flush"
}

func phpFunction(b *builder, i int, last bool) {
	method := b.chance(0.4)
	static := method && b.chance(0.5)
	switch {
	case static:
		b.line("class C%d { static function f%d($n) {", i, i)
	case method:
		b.line("class C%d { function f%d($n) {", i, i)
	default:
		b.line("function f%d($n) {", i)
	}
	b.junk("  $n = $n + %d;")
	switch kind := b.IntN(4); {
	case last:
		b.line("  $t = ''; foreach (debug_backtrace() as $x) $t .= $x['function'].':'.($x['line'] ?? 0).\"\\n\"; echo $t.\"%s\\n\"; @ob_flush(); flush(); sleep(100);", End)
	case kind == 0:
		b.line("  return call%d($n);", i+1)
	case kind == 1:
		b.line("  return array_map(function($z) {")
		b.line("     return call%d($z);", i+1)
		b.line("  }, [1]);")
	case kind == 2:
		b.line("  return call_user_func(\"call%d\",", i+1)
		b.line("    $n);")
	default:
		b.line("  foreach ((function() use ($n) {")
		b.line("    yield call%d($n);", i+1)
		b.line("  })() as $v) return $v;")
	}
	b.line("%s", map[bool]string{true: "}}", false: "}"}[method])
	call := map[bool]string{true: "C%d::f%d", false: "(new C%d)->f%d"}[static]
	if method {
		b.line("function call%d($n) { return "+call+"($n); }", i, i, i)
	} else {
		b.line("function call%d($n) { return f%d($n); }", i, i)
	}
}
