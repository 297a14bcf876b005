package golden

import "strings"

var python = Language{
	Name: "python",
	Ext:  "py",
	write: func(b *builder, n int) {
		b.line("import functools, sys, time, traceback")
		for i := range n {
			pythonFunction(b, i)
		}
		b.line("def f%d_call(n):", n)
		b.junk("  n = n + %d")
		b.line("  print('\\n'.join('%%s:%%d' %% (x.name, x.lineno) for x in reversed(traceback.extract_stack())), '%s', sep='\\n', flush=True); time.sleep(100)", End)
		b.line("f0_call(1)")
	},
	expect: func(said []Call) []Call { return said },
	find: func(found, _ []Call) []Call {
		out := make([]Call, len(found))
		for i, c := range found { // a traceback has the last part of a qualified name
			out[i] = Call{c.Func[strings.LastIndexByte(c.Func, '.')+1:], c.Line}
		}
		return out
	},
}

// pythonFunction writes a function that calls the next one in one of the ways
// there are.
func pythonFunction(b *builder, i int) {
	kind := pick(b, "plain", "method", "generator", "list", "except", "lambda", "ünïcode", "漢字", "async", "decorated")
	indent, callee := "  ", "f%d_call"
	name := callee
	switch kind {
	case "method":
		b.line("class C%d:", i)
		b.line("  def f%d(self, n):", i)
		indent = "    "
		defer b.line("f%d_call = C%d().f%d", i, i, i)
	case "ünïcode", "漢字":
		name = "f%d_" + kind
		b.line("def "+name+"(n):", i)
		defer b.line("f%d_call = "+name, i, i)
	case "async":
		b.line("async def a%d(n):", i)
		defer b.line("def f%d_call(n):\n  try:\n    a%d(n).send(None)\n  except StopIteration:\n    pass", i, i)
	case "decorated":
		b.line("@functools.lru_cache()\ndef f%d_call(n):", i)
	default:
		b.line("def "+name+"(n):", i)
	}
	b.junk(indent + "n = n + %d")
	call := func(format string) { b.line(indent+format, i+1) }
	switch kind {
	case "generator":
		call("return sum(f%d_call(n)")
		b.raw(indent + "    for k in range(1)")
		b.raw(indent + ")")
	case "list":
		b.raw(indent + "x = [")
		call("  1, f%d_call(n),")
		b.raw(indent + "  2]")
		b.raw(indent + "return x")
	case "except":
		b.raw(indent + "try:")
		b.raw(indent + "  1/0")
		b.raw(indent + "except ZeroDivisionError:")
		call("  return f%d_call(n)")
	case "lambda":
		b.raw(indent + "return functools.reduce(lambda a, b:")
		call("   f%d_call(n), [1, 2])")
	default:
		call("return f%d_call(n)")
	}
}
