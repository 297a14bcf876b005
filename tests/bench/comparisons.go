package main

// comparisons are the rows of design.md, section 8, and of the issues.
func comparisons(o options) []comparison {
	all := []comparison{
		cgi("cgi C", cHello, 1.2),
		cgi("cgi sh", shHello, 1.05),
		cgi("cgi perl", perlHello, 1.0),
		{
			name:    "fastcgi libfcgi",
			peers:   []contender{spawnFCGI(false)},
			own:     ownProgram("libfcgi", libfcgiC, true, "-lfcgi"),
			atLeast: []float64{0},
		},
		{
			name:    "php",
			peers:   []contender{phpFPM(false)},
			own:     ownScript(phpHello, false, "runner = php"),
			atLeast: []float64{0.75},
		},
		{
			name:    "php keepalive",
			peers:   []contender{phpFPM(false)},
			own:     ownScript(phpHello, true, "runner = php"),
			atLeast: []float64{1.25},
		},
		{
			name:    "wsgi keepalive",
			peers:   []contender{gunicorn(), uwsgi()},
			own:     ownWSGI(),
			atLeast: []float64{1.7, 1.0},
		},
		interpreter("python fork", imports, 12, "runner = python", "runner.isolation = fork",
			"runner.preload[] = datetime", "runner.preload[] = hashlib", "runner.preload[] = json", "runner.preload[] = re", "runner.preload[] = urllib.parse"),
		interpreter("python persistent", imports, 150, "runner = python", "runner.isolation = persistent"),
		interpreter("perl fork", modules, 15, "runner = perl", "runner.isolation = fork",
			"runner.preload[] = Data::Dumper", "runner.preload[] = File::Spec", "runner.preload[] = POSIX", "runner.preload[] = Time::HiRes"),
		interpreter("perl persistent", modules, 100, "runner = perl", "runner.isolation = persistent"),
		observed("observation", serveResident),
		observed("observation php", servePHP),
	}
	if o.prototype != "" {
		all = append(all, relay("relay", false), relay("relay keepalive", true))
	}
	return all
}

// cgi sets the cgi runner against fcgiwrap.
func cgi(name string, s script, atLeast float64) comparison {
	return comparison{
		name:    name,
		peers:   []contender{fcgiwrap(s)},
		own:     ownScript(s, false),
		atLeast: []float64{atLeast},
		tail:    true,
	}
}

// interpreter sets a runner whose interpreter stays against fcgiwrap, which
// starts one for each request.
func interpreter(name string, s script, atLeast float64, lines ...string) comparison {
	return comparison{
		name:    name,
		peers:   []contender{fcgiwrap(s)},
		own:     ownScript(s, true, lines...),
		atLeast: []float64{atLeast},
	}
}

// relay sets what anyfpm puts between nginx and a worker against the
// prototype, before a worker that costs next to nothing.
func relay(name string, keepAlive bool) comparison {
	return comparison{
		name:    name,
		peers:   []contender{prototypeRelay(keepAlive)},
		own:     ownProgram("resident", residentC, keepAlive),
		atLeast: []float64{0.9},
	}
}
