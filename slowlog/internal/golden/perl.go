package golden

import "strings"

var perl = Language{
	Name: "perl",
	Ext:  "pl",
	write: func(b *builder, n int) {
		b.line("$| = 1;")
		for i := range n + 1 {
			perlFunction(b, i, i == n)
		}
		b.line("package main;")
		b.line("main::f0x(1);")
	},
	expect: func(said []Call) []Call { return said },
	find: func(found, _ []Call) []Call {
		// caller gives the line of the call, which is where the next frame is.
		var out []Call
		for i := 0; i+1 < len(found); i++ {
			name := found[i].Func
			if strings.HasPrefix(name, "require ") {
				name = "(eval)"
			}
			out = append(out, Call{name, found[i+1].Line})
		}
		return out
	},
}

func perlFunction(b *builder, i int, last bool) {
	if b.chance(0.4) {
		b.line("package P%d;", i)
	}
	b.line("sub f%d { my $n = shift;", i)
	b.junk("  $n = $n + %d;")
	b.line("*main::call%d = \\&f%d;", i, i)
	switch kind := b.IntN(6); {
	case last:
		b.line("  my $k = 0; while (my @c = caller($k++)) { print \"$c[3]:$c[2]\\n\" } print \"%s\\n\"; sleep 100;", End)
	case kind == 0:
		b.line("  return main::f%dx($n);", i+1)
	case kind == 1:
		b.line("  return map { ")
		b.line("    main::f%dx($_)", i+1)
		b.line("  } (1);")
	case kind == 2:
		b.line("  eval {")
		b.line("    main::f%dx($n);", i+1)
		b.line("  };")
	case kind == 3:
		b.line("  return eval \"\\n\\nmain::f%dx(\\$n)\";", i+1)
	case kind == 4:
		b.line("  my $c = sub {")
		b.line("    main::f%dx($n)", i+1)
		b.line("  }; return $c->();")
	default:
		b.line("  my @sorted = sort { main::f%dx($a);", i+1)
		b.line("    $a <=> $b } (2, 1);")
	}
	b.line("}")
	b.line("*main::f%dx = \\&f%d;", i, i)
}
