puts ENV.sort.inspect
system "env | sort"
puts Dir.pwd, File.umask, ARGV.inspect, $LOAD_PATH.inspect, $0, __FILE__
puts STDIN.read.inspect, [STDIN, STDOUT, STDERR].map(&:fileno).inspect
puts [$stdin.equal?(STDIN), $stdout.equal?(STDOUT), $stderr.equal?(STDERR), STDOUT.sync, STDOUT.external_encoding].inspect
puts [$,, $/, $;, $\, $VERBOSE, Encoding.default_external, Encoding.default_internal].inspect
puts File.readlines("/proc/self/status").grep(/^Sig(Blk|Ign|Cgt)/).map { |line| line[-9..] }.inspect
puts Dir.children("/proc/self/fd").map(&:to_i).sort.inspect
puts [0, 1, 2].map { |fd| File.readlink("/proc/self/fd/#{fd}")[/\w+/] }.inspect
puts Thread.list.size, Object.constants(false).grep(/Probe|Leak/).inspect, $leak.inspect
puts Object.private_instance_methods(false).grep(/leak/).inspect
puts %w[TERM ALRM CHLD].map { |name| old = trap(name, "DEFAULT"); trap(name, old || "DEFAULT"); old }.inspect
