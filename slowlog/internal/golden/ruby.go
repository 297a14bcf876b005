package golden

import "strings"

var ruby = Language{
	Name: "ruby",
	Ext:  "rb",
	write: func(b *builder, n int) {
		b.line("$stdout.sync = true")
		for i := range n + 1 {
			rubyFunction(b, i, i == n)
		}
		b.line("call0(1)")
	},
	expect: func(said []Call) []Call {
		out := make([]Call, len(said))
		for i, c := range said {
			// From 3.4 on a label has its class, and a backtrace shows methods
			// like Array#map, though written in Ruby, as if they were in C.
			prefix, name, ok := strings.Cut(c.Func, " in ")
			if !ok {
				prefix, name = "", c.Func
			} else {
				prefix += " in "
			}
			name = name[strings.LastIndexAny(name, "#.")+1:]
			out[i] = Call{prefix + name, c.Line}
		}
		return out
	},
	find: func(found, want []Call) []Call {
		for len(found) > 0 && found[0].Func == "<cfunc>" { // what prints or sleeps
			found = found[1:]
		}
		var out []Call
		for i := 0; i < len(found); i++ {
			c := found[i]
			if len(out) < len(want) {
				said := want[len(out)].Func
				switch {
				case c.Func == "<cfunc>" && isRubyC(said):
					c.Func = said
				case c.Func == "rescue in "+said: // one frame in a backtrace of 3.4
					c.Func = said
					i++
				}
			}
			out = append(out, c)
		}
		return out
	},
}

// isRubyC reports whether a method of a program is written in C.
func isRubyC(name string) bool { return name == "map" || name == "each" || name == "send" }

func rubyFunction(b *builder, i int, last bool) {
	method := b.chance(0.4)
	if method {
		b.line("class C%d", i)
	}
	name := pick(b, "f%d", "f%d_ünïcode", "f%d_a_name_that_is_longer_than_what_ruby_embeds_in_a_string")
	b.line("def "+name+"(n)", i)
	b.junk("  n = n + %d")
	switch kind := b.IntN(4); {
	case last:
		b.line("  puts caller_locations(0).map { |x| \"#{x.label}:#{x.lineno}\" }, \"%s\"; sleep 100", End)
	case kind == 0:
		b.line("  call%d(n)", i+1)
	case kind == 1:
		b.line("  [1].each do |z|")
		b.line("    call%d(z)", i+1)
		b.line("  end")
	case kind == 2:
		b.line("  begin")
		b.line("    call%d(n)", i+1)
		b.line("  ensure")
		b.line("    n")
		b.line("  end")
	default:
		b.line("  raise 'x'")
		b.line("rescue => e")
		b.line("  call%d(n)", i+1)
	}
	b.line("end")
	if method {
		b.line("end")
		b.line("def call%d(n)\n  C%d.new."+name+"(n)\nend", i, i, i)
	} else {
		b.line("def call%d(n)\n  "+name+"(n)\nend", i, i)
	}
}
